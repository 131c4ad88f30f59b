import { readdir, readlink, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Where containers/image keeps what it has fetched of an image until all is there: `storage123`, newer with a prefix. */
const temporaryFile = /\/(?:container_images_)?storage\d+\/\d+$/;

/**
 * How much a podman on this Linux host has fetched of the image that it is pulling.
 * @param pid of podman, which we may look into: our own user's, or any if we are root
 * @returns bytes, compressed as the registry has them; undefined where it has none of their files open
 * @throws the system's errors, when podman or its files are gone meanwhile
 */
export async function pulledBytes(pid: number): Promise<number | undefined> {
  const descriptors = `/proc/${pid}/fd`;
  for (const descriptor of await readdir(descriptors)) {
    // One may be closed meanwhile.
    const path = await readlink(join(descriptors, descriptor)).catch(() => '');
    if (!temporaryFile.test(path)) continue;
    // As podman sees it, which may have mounts of its own.
    const directory = join(`/proc/${pid}/root`, dirname(path));
    const files = await readdir(directory);
    const sizes = await Promise.all(files.map(async (file) => (await stat(join(directory, file))).size));
    return sizes.reduce((sum, size) => sum + size, 0);
  }
  return undefined;
}
