import { rm } from 'node:fs/promises';
import { DamagedRecord, readRecord, writeDurably } from '../../durable-file.js';
import type { VmMetadata } from '../../domain/metadata.js';
import type { DomainDisk } from '../../domain/overlay.js';
import type { VmDirectory } from '../files/vm-directory.js';

/** The present version of an image, as a VM is to be made of it. */
export type UpdateImage = Omit<NonNullable<VmMetadata['image']>, 'updated'>;

/**
 * An update under way, written before each of its steps. Whoever is killed leaves it: the next command that changes the VM
 * finishes or undoes the step.
 *
 * - `checkpoint`: the overlay is being made, and nothing was booted. The guest goes on with what it ran.
 * - `boot`: the new version is being booted, and has to prove itself.
 * - `keep`: it has; the overlay is being merged into the disk.
 * - `undo`: it has not; the disk and the firmware's variables are being put back.
 * - `failed`: it has not, and was left as it is for somebody to look at.
 */
export interface UpdateJournal {
  version: 1;
  /** The libvirt that has the VM. */
  uri: string;
  phase: 'checkpoint' | 'boot' | 'keep' | 'undo' | 'failed';
  /** ISO 8601 time: what the guest wrote since then is lost when the update is undone. */
  since: string;
  image: UpdateImage;
  /** Digests by which the guest may call the new version. */
  digests: string[];
  /** Digest of what it ran before. */
  from?: string;
  /** The disk as the domain had it. */
  disk: DomainDisk & { path: string };
  overlay: string;
  /** The file with the firmware's variables, where there is one; a copy is in the VM's directory. */
  nvram?: string;
  /** A command line that has to succeed in the guest. */
  health?: string;
  keepFailed?: boolean;
  /** Why it is undone, as a sentence. */
  cause?: string;
}

/** What is known of an update under way; undefined when there is none. */
export async function readUpdate(directory: VmDirectory): Promise<UpdateJournal | DamagedRecord | undefined> {
  return readRecord(directory.update, async (value) => {
    const { checkRecord, updateSchema } = await import('../files/records.js');
    return checkRecord(updateSchema, value);
  });
}

export async function writeUpdate(directory: VmDirectory, journal: UpdateJournal): Promise<void> {
  await writeDurably(directory.update, JSON.stringify(journal));
}

/** Forgets an update, and what was kept for undoing it. */
export async function endUpdate(directory: VmDirectory): Promise<void> {
  await rm(directory.nvramBefore, { force: true });
  await rm(directory.update, { force: true });
}
