import { randomUUID } from 'node:crypto';
import { link, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { readRecord, writeDurably } from '../../durable-file.js';
import { codeOf } from '../../errors.js';
import { makeDirectory, type Directories } from './directories.js';

/*
 * A cache directory may be shared by hosts and containers, each with VMs of its own that the others cannot see. Each data
 * directory has a random name, by which it knows its own marks in the cache again. A path would not do: in two containers it is
 * the same.
 */

function fileOf({ data, root = data }: Directories): string {
  return join(root, 'place.json');
}

/** The name of this data directory; undefined while it has none, and so has marked nothing. */
export async function readPlace(directories: Directories): Promise<string | undefined> {
  const place = await readRecord(fileOf(directories), (value) => {
    if (typeof value !== 'string' || !/^[0-9a-f-]{36}$/.test(value)) throw new Error('expected a uuid');
    return value;
  });
  // Without its name nothing is taken for ours: what it has marked stays marked.
  return typeof place === 'string' ? place : undefined;
}

/** The name of this data directory, which gets one if it has none. */
export async function requirePlace(directories: Directories): Promise<string> {
  const known = await readPlace(directories);
  if (known !== undefined) return known;
  const file = fileOf(directories);
  const place = randomUUID();
  const proposal = `${file}.${place}`;
  await makeDirectory(directories.root ?? directories.data, directories);
  await writeDurably(proposal, JSON.stringify(place));
  try {
    // Of several at once, the first names it.
    await link(proposal, file);
    return place;
  } catch (error) {
    if (codeOf(error) !== 'EEXIST') throw error;
    return (await readPlace(directories)) ?? place;
  } finally {
    await rm(proposal, { force: true });
  }
}
