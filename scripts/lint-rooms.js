/*
 * The rooms of src/, from the lowest up: what stands in one may import from its own and from those before it. A name
 * with .ts is a file that is a room by itself. DESIGN.md («The house») says what each is for.
 */
import { dirname, relative, resolve, sep } from 'node:path';

export const rooms = [
  'libvirt/enums',
  'libvirt/addon',
  'libvirt',
  'libvirt/streams',
  'libvirt/domain',
  'libvirt/storage',
  'libvirt/network',
  'libvirt/events',
  'libvirt/connection',
  'libvirt/index.ts',
  '.',
  'oci',
  'boot',
  'report.ts',
  'transfer.ts',
  'disk',
  'domain',
  'ssh',
  'podman',
  'bootc',
  'accelerator',
  'vm/host',
  'vm/files',
  'vm',
  'vm/disks',
  'vm/guest',
  'vm/boot',
  'vm/power',
  'vm/change',
  'vm/create',
  'vm/update',
  'vm/client.ts',
  'doctor',
  'index.ts',
  'cli/output',
  'cli/options.ts',
  'cli/actions',
  'cli/commands',
  'cli/main.ts',
];

/** The room of a file, by its path below src/: the file itself, or the nearest directory that is one. */
function roomOf(file) {
  for (let path = file.replace(/\.js$/, '.ts'); path !== '.'; path = dirname(path)) {
    if (rooms.includes(path)) return path;
  }
  return file.includes('/') ? undefined : '.';
}

/** An ESLint rule: arrows between rooms run down only, also those of dynamic imports and of types. */
export const arrowsRunDown = {
  meta: {
    type: 'problem',
    schema: [],
    messages: { up: '{{from}} must not import from {{to}}, which stands above it (scripts/lint-rooms.js)' },
  },
  create(context) {
    const sources = resolve(context.cwd, 'src');
    const below = (path) => relative(sources, path).split(sep).join('/');
    const from = roomOf(below(context.filename));
    const check = (node) => {
      const specifier = node.source?.value;
      if (typeof specifier !== 'string' || !specifier.startsWith('.')) return;
      const to = roomOf(below(resolve(dirname(context.filename), specifier)));
      if (to !== undefined && rooms.indexOf(to) > rooms.indexOf(from))
        context.report({ node, messageId: 'up', data: { from, to } });
    };
    return {
      ImportDeclaration: check,
      ImportExpression: check,
      ExportNamedDeclaration: check,
      ExportAllDeclaration: check,
    };
  },
};
