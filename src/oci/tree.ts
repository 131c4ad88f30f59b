import { createHash } from 'node:crypto';
import { contentOf, readTar, type TarEntry } from './tar.js';

/*
 * What the layers of an image amount to: https://github.com/opencontainers/image-spec/blob/main/layer.md («Representing Changes»).
 */

const whiteout = '.wh.';
const opaque = '.wh..wh..opq';

interface Node {
  /** Which tree may change it; the others share it. */
  owner: object;
  /** Undefined of a directory that no layer describes. */
  entry: TarEntry | undefined;
  /** By names; of a directory only. */
  children: Map<string, Node> | undefined;
}

/** The files of an image, without their contents. Trees that begin with the same layers share what they have of those. */
export class ImageTree {
  private constructor(
    private readonly root: Node,
    private readonly owner: object,
  ) {}

  static empty(): ImageTree {
    const owner = {};
    return new ImageTree({ owner, entry: undefined, children: new Map() }, owner);
  }

  /**
   * The tree with more layers above it.
   * @param archives of the layers, lowest first
   * @throws TarError
   */
  async with(archives: readonly string[]): Promise<ImageTree> {
    const owner = {};
    const tree = new ImageTree(own(this.root, owner), owner);
    for (const archive of archives) tree.#apply(await readTar(archive));
    return tree;
  }

  /** What is at a path; undefined also of a directory that no layer describes. */
  get(path: string): TarEntry | undefined {
    return this.#find(path)?.entry;
  }

  has(path: string): boolean {
    return this.#find(path) !== undefined;
  }

  /** The paths at which another tree may have something else, in the order of their names. What is shared is left out. */
  *differing(other: ImageTree): Generator<string> {
    yield* differing(this.root, other.root, '');
  }

  #apply(entries: readonly TarEntry[]): void {
    // Whiteouts are of what lower layers have, wherever in the archive they stand.
    for (const { path } of entries) {
      const { directory, name } = split(path);
      if (name === opaque) this.#at(directory, false)?.children?.clear();
      else if (name.startsWith(whiteout))
        this.#at(directory, false)?.children?.delete(name.slice(whiteout.length));
    }
    const first = new Map<string, TarEntry>();
    for (const entry of entries) {
      const { directory, name } = split(entry.path);
      if (name === '' || name.startsWith(whiteout)) continue;
      const parent = this.#at(directory, true);
      const resolved = entry.type === 'link' ? this.#linked(entry, first) : entry;
      first.set(entry.path, resolved);
      const before = parent?.children?.get(name);
      const isDirectory = resolved.type === 'directory';
      // A directory over a directory keeps what is in it.
      const kept = isDirectory && before?.children ? own(before, this.owner).children : undefined;
      parent?.children?.set(name, {
        owner: this.owner,
        entry: resolved,
        children: isDirectory ? (kept ?? new Map<string, Node>()) : undefined,
      });
    }
  }

  /** What one more name of a file stands for: mostly of the same layer. */
  #linked(entry: TarEntry, first: ReadonlyMap<string, TarEntry>): TarEntry {
    const target = first.get(entry.target) ?? this.get(entry.target);
    // Nothing that can be unpacked; whoever compares sees a link.
    return target ? { ...target, path: entry.path } : entry;
  }

  /** The directory at a path, to be changed. @param make it, and those above it, where they are not there */
  #at(path: string, make: boolean): Node | undefined {
    let node = this.root;
    for (const name of path === '' ? [] : path.split('/')) {
      const child: Node | undefined = node.children?.get(name);
      if (!child?.children && !make) return undefined;
      const next = child?.children
        ? own(child, this.owner)
        : { owner: this.owner, entry: undefined, children: new Map<string, Node>() };
      node.children?.set(name, next);
      node = next;
    }
    return node;
  }

  #find(path: string): Node | undefined {
    let node: Node | undefined = this.root;
    for (const name of path.split('/')) node = node?.children?.get(name);
    return node;
  }
}

function own(node: Node, owner: object): Node {
  return node.owner === owner ? node : { ...node, owner, children: node.children && new Map(node.children) };
}

function split(path: string): { directory: string; name: string } {
  const slash = path.lastIndexOf('/');
  return { directory: path.slice(0, Math.max(slash, 0)), name: path.slice(slash + 1) };
}

function* differing(one: Node | undefined, other: Node | undefined, path: string): Generator<string> {
  if (one === other) return;
  if (path !== '' && one?.entry !== other?.entry) yield path;
  else if (path !== '' && (one === undefined) !== (other === undefined)) yield path;
  const names = new Set([...(one?.children?.keys() ?? []), ...(other?.children?.keys() ?? [])]);
  for (const name of [...names].sort())
    yield* differing(
      one?.children?.get(name),
      other?.children?.get(name),
      path === '' ? name : `${path}/${name}`,
    );
}

const hashes = new WeakMap<TarEntry, string>();

/** SHA-256 of a file's content, in hexadecimal digits. */
async function hashOf(entry: TarEntry): Promise<string> {
  const known = hashes.get(entry);
  if (known !== undefined) return known;
  const hash = createHash('sha256');
  for await (const piece of contentOf(entry)) hash.update(piece);
  const hex = hash.digest('hex');
  hashes.set(entry, hex);
  return hex;
}

/**
 * What makes a file another one, in one line: its kind, permissions, owner, and content or target; not its times, which every
 * build sets anew.
 * @param o.attributes also its extended attributes; default true
 */
export async function fingerprint(entry: TarEntry, o: { attributes?: boolean } = {}): Promise<string> {
  const { type, uid, gid, target, attributes } = entry;
  const owner = `${uid} ${gid}`;
  const mode = entry.mode.toString(8);
  const extended =
    o.attributes === false || attributes.size === 0
      ? ''
      : [...attributes]
          .sort(([a], [b]) => (a < b ? -1 : 1))
          .map(([name, value]) => ` ${name}=${value.toString('base64')}`)
          .join('');
  switch (type) {
    case 'directory':
      return `directory ${mode} ${owner}${extended}`;
    case 'symlink':
      return `symlink ${owner} ${target}${extended}`;
    case 'file':
      return `file ${mode} ${owner} ${await hashOf(entry)}${extended}`;
    case 'link':
    case 'other':
      // The numbers of a device.
      return `${type} ${mode} ${owner} ${entry.header.toString('latin1', 329, 345).replaceAll('\0', '')}${target}${extended}`;
  }
}

/** Of a directory that no layer describes: podman makes it so. */
export const undescribed = 'directory 755 0 0';

/** What a tree has at a path; null for nothing. */
export async function stateIn(tree: ImageTree, path: string): Promise<string | null> {
  const entry = tree.get(path);
  if (entry) return fingerprint(entry);
  return tree.has(path) ? undescribed : null;
}
