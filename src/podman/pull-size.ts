import { readdir, readlink, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';

/** Where containers/image keeps what it has fetched of an image until all is there: `storage123`, newer with a prefix. */
const temporaryFile = /\/(?:container_images_)?storage\d+\/\d+$/;

/** How much a podman on this Linux host has fetched of the image that it is pulling. */
export class PullSize {
  #directory: string | undefined;

  /** @param pid of podman, which we may look into: our own user's, or any if we are root */
  constructor(private readonly pid: number) {}

  /** Bytes, compressed as the registry has them; undefined as long as, and wherever, that is not known. */
  async read(): Promise<number | undefined> {
    const directory = (this.#directory ??= await this.#find());
    if (directory === undefined) return undefined;
    try {
      const files = await readdir(directory);
      const sizes = await Promise.all(files.map(async (file) => (await stat(join(directory, file))).size));
      return sizes.reduce((sum, size) => sum + size, 0);
    } catch {
      // podman has all of it, or begins anew after a failure, with another directory.
      this.#directory = undefined;
      return undefined;
    }
  }

  async #find(): Promise<string | undefined> {
    const descriptors = `/proc/${this.pid}/fd`;
    for (const descriptor of await readdir(descriptors)) {
      // One may be closed meanwhile.
      const path = await readlink(join(descriptors, descriptor)).catch(() => '');
      // As podman sees it, which may have mounts of its own.
      if (temporaryFile.test(path)) return join(`/proc/${this.pid}/root`, dirname(path));
    }
    return undefined;
  }
}
