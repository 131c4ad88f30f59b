import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NativeAddon } from './addon/addon.js';
import { notLoadedError } from './error.js';

let addon: NativeAddon | undefined;

/**
 * The addon, loaded at the first call: a host without libvirt can still print help.
 * @throws LibvirtError `LIBVIRT_NOT_LOADED`
 */
export function loadAddon(): NativeAddon {
  addon ??= load(packageRoot());
  return addon;
}

/** The directory with package.json: two levels up from src/libvirt, three from dist/src/libvirt. */
function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory)
    directory = dirname(directory);
  return directory;
}

/** What was built here, or else what the package brings along for this platform. */
function findAddon(root: string): string | undefined {
  const built = join(root, 'build', 'Release', 'libvirt.node');
  if (existsSync(built)) return built;
  if (!existsSync(join(root, 'prebuilds'))) return undefined;
  try {
    const prebuilds = createRequire(import.meta.url)('node-gyp-build') as { resolve(root: string): string };
    return prebuilds.resolve(root);
  } catch {
    // It throws when none fits.
    return undefined;
  }
}

/** Exported for its test. */
export function load(root: string): NativeAddon {
  const path = findAddon(root);
  const rebuild = root.includes(`${sep}node_modules${sep}`)
    ? 'Run: npm rebuild podman-bootc'
    : `Run: npm run install, in ${root}`;
  if (path === undefined)
    throw notLoadedError('The native libvirt binding of podman-bootc is not built', { remedy: rebuild });
  try {
    return createRequire(import.meta.url)(path) as NativeAddon;
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    // "libvirt.so.0: cannot open shared object file …"; macOS: "Library not loaded: …/libvirt.0.dylib".
    if (!/libvirt(-qemu)?[.\d]*\.(so|dylib)/.test(why))
      throw notLoadedError(`The native libvirt binding of podman-bootc does not load: ${why}`, {
        remedy: rebuild,
        cause: error,
      });
    throw notLoadedError('The libvirt client library is not installed', {
      remedy: 'Install libvirt0 (Debian, Ubuntu), libvirt-libs (Fedora) or, with brew, libvirt',
      cause: error,
    });
  }
}
