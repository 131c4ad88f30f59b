import { readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { checkGivenFile, GivenFileError } from '../../given-file.js';
import { formatSize, MiB } from '../../sizes.js';

/** Bytes of all files; cloud-init's data are kilobytes. */
const most = 64 * MiB;
const mostFiles = 1000;

/**
 * Checks that what a directory of cloud-init data holds are files that end, and few: all of it goes into the image that
 * the guest gets.
 * @param directory absolute path
 * @throws PodmanBootcError `CLOUD_INIT_INVALID`
 */
export async function checkCloudInitFiles(directory: string): Promise<void> {
  let bytes = 0;
  let files = 0;
  const look = async (path: string, depth: number): Promise<void> => {
    for (const entry of await readdir(path, { withFileTypes: true })) {
      const name = join(path, entry.name);
      files++;
      if (files > mostFiles || depth > 20) throw new GivenFileError(`holds more than ${mostFiles} files`);
      if (entry.isDirectory()) {
        await look(name, depth + 1);
        continue;
      }
      const status = await checkGivenFile(name).catch((error: unknown) => {
        throw invalid(name, messageOf(error));
      });
      if (!status.isFile()) throw invalid(name, 'is a pipe, not a file');
      bytes += status.size;
      if (bytes > most) throw new GivenFileError(`holds more than ${formatSize(most)}`);
    }
  };
  try {
    await look(directory, 0);
  } catch (error) {
    throw error instanceof PodmanBootcError ? error : invalid(directory, messageOf(error));
  }
}

function invalid(path: string, what: string): PodmanBootcError {
  return new PodmanBootcError('usage', 'CLOUD_INIT_INVALID', `${path} of ${option('cloudInit')} ${what}`, {
    remedy: 'Name a directory that holds nothing but the files user-data, meta-data and their like',
  });
}
