import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
} from 'node:fs';
import { join } from 'node:path';
import { projectRoot } from '../../support/project.js';
import { host, succeed } from './cli.js';
import { bases } from './leftovers.js';

/** Where our code is that decides what a base disk is. */
const rooms = ['bootc', 'disk', 'vm/disks'];
const day = 24 * 60 * 60 * 1000;

/** Of what an install is made of: the image and our own code. */
function keyOf(image: string): string {
  const id = host('podman', 'image', 'inspect', '--format', '{{.Id}}', image);
  const hash = createHash('sha256').update(id);
  for (const room of rooms) {
    const directory = join(projectRoot, 'dist', 'src', room);
    for (const file of readdirSync(directory, { recursive: true, encoding: 'utf8' }).sort())
      if (file.endsWith('.js')) hash.update(readFileSync(join(directory, file)));
  }
  return hash.digest('hex').slice(0, 16);
}

/**
 * Has the base disk of an image where its first `create` would leave it, for tests that are not about installing. It is
 * installed once and kept in the test bed's cache, for all sessions; each gets a copy.
 */
export async function withoutInstalling(image: string): Promise<void> {
  const store = join(process.env.TESTBED_CACHE ?? '', 'base-disks');
  const kept = join(store, keyOf(image));
  if (existsSync(kept)) {
    mkdirSync(bases, { recursive: true });
    host('cp', '--archive', '--sparse=always', `${kept}/.`, bases);
    return;
  }
  await succeed('create', '--name', 'without-installing', image);
  await succeed('rm', 'without-installing');
  mkdirSync(store, { recursive: true });
  for (const other of readdirSync(store).map((name) => join(store, name)))
    if (statSync(other).ctimeMs < Date.now() - day) rmSync(other, { recursive: true });
  const copy = mkdtempSync(`${kept}.`);
  host('cp', '--archive', '--sparse=always', `${bases}/.`, copy);
  // Another session may have been quicker.
  if (existsSync(kept)) rmSync(copy, { recursive: true });
  else renameSync(copy, kept);
}
