import { mkdir, readdir, readFile, rename, rm, rmdir, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { codeOf } from '../errors.js';
import { isOutOfSpace } from '../system-error.js';
import { makeDirectory, vmsDirectory, type Directories } from './directories.js';

/**
 * What is being done to a VM's directory, written before it is done and removed when it is complete. After a
 * crash the next command reads it and finishes or undoes (`recover.ts`). A directory without a journal
 * belongs to a complete VM and is never swept. A transient VM keeps its journal for as long as it lives: without a
 * domain it is a rest at any time.
 */
export interface Journal {
  operation: 'create' | 'transient' | 'remove';
  /** The libvirt URI that has, or would have had, the domain. */
  uri: string;
  name: string;
  /** The image's reference. */
  image: string;
  /** ISO 8601 time. */
  since: string;
  /** The key of the base disk that a VM which is being made, or is transient, needs. */
  base?: string;
}

/** The formats that a VM's disk may have. */
export const diskFormats = ['qcow2', 'raw'] as const;
export type DiskFormat = (typeof diskFormats)[number];

/**
 * The files of one VM. The directory is named by the uuid, which unlike the name never changes. The disk lies among
 * those of the other VMs, in a directory that libvirt shows as a storage pool.
 */
export class VmDirectory {
  /** The private key that logs in; `.pub` beside it. */
  readonly identity: string;
  /** The guest's SSH host key; `.pub` beside it. */
  readonly hostKey: string;
  readonly knownHosts: string;
  /** The systemd credential that holds the private host key, for fw_cfg. */
  readonly tmpfilesCredential: string;
  /** The hash of root's password, where one was given. */
  readonly password: string;
  /** Exists until the guest has that password. */
  readonly passwordPending: string;
  readonly cloudInitIso: string;
  readonly consoleLog: string;
  /** What boots before the present one wrote to the console; see `console-log.ts`. */
  readonly boots: string;
  /** UEFI variables: libvirt makes the file at the first start. */
  readonly nvram: string;
  /** Socket of the guest agent's channel, for a session daemon. */
  readonly agentSocket: string;
  readonly #journal: string;
  readonly #newJournal: string;

  constructor(readonly path: string) {
    this.identity = join(path, 'id_ed25519');
    this.hostKey = join(path, 'ssh_host_ed25519_key');
    this.knownHosts = join(path, 'known_hosts');
    this.tmpfilesCredential = join(path, 'tmpfiles.extra');
    this.password = join(path, 'passwd.hashed-password.root');
    this.passwordPending = join(path, 'password-pending');
    this.cloudInitIso = join(path, 'cloud-init.iso');
    this.consoleLog = join(path, 'console.log');
    this.boots = join(path, 'boots');
    this.nvram = join(path, 'nvram.fd');
    this.agentSocket = join(path, 'agent.sock');
    this.#journal = join(path, 'journal.json');
    this.#newJournal = `${this.#journal}.new`;
  }

  static of(directories: Directories, uuid: string): VmDirectory {
    return new VmDirectory(join(vmsDirectory(directories), uuid));
  }

  /** Where the disk is, by its format. */
  disk(format: DiskFormat): string {
    return join(dirname(dirname(this.path)), 'disks', `${basename(this.path)}.${format}`);
  }

  async make(directories: Directories): Promise<void> {
    await makeDirectory(this.path, directories);
    await makeDirectory(dirname(this.disk('qcow2')), directories);
  }

  /** Makes the directory for them, unless somebody removes the VM meanwhile. */
  async makeBoots(): Promise<void> {
    await mkdir(this.boots, { mode: 0o700 }).catch((error: unknown) => {
      if (codeOf(error) !== 'EEXIST') throw error;
    });
  }

  async readJournal(): Promise<Journal | undefined> {
    try {
      return JSON.parse(await readFile(this.#journal, 'utf8')) as Journal;
    } catch (error) {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw error;
    }
  }

  async writeJournal(journal: Journal): Promise<void> {
    await writeFile(this.#newJournal, JSON.stringify(journal), { mode: 0o600 });
    await rename(this.#newJournal, this.#journal);
  }

  /** The same on a file system that may be full, which is when VMs are removed. Room is made of what nobody reads again. */
  async writeRemovalJournal(journal: Journal): Promise<void> {
    // Somebody may have deleted it: then the domain has to go all the same.
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    try {
      await this.writeJournal(journal);
    } catch (error) {
      if (!isOutOfSpace(error)) throw error;
      for (const file of [`${this.identity}.pub`, `${this.hostKey}.pub`, this.#newJournal])
        await rm(file, { force: true });
      await this.writeJournal(journal);
    }
  }

  async removeJournal(): Promise<void> {
    await rm(this.#journal, { force: true });
  }

  /**
   * Whether nothing is in it yet, or any longer: a crash came before its journal was written or after that was deleted.
   * False for a directory that is not there.
   */
  async isBlank(): Promise<boolean> {
    const names = await readdir(this.path).catch(() => undefined);
    return names?.every((name) => name === basename(this.#newJournal)) === true;
  }

  /** Deletes a blank one. Its disk, if there is any, is another matter: it may be a VM's whose files somebody deleted. */
  async removeBlank(): Promise<void> {
    await rm(this.#newJournal, { force: true });
    await rmdir(this.path);
  }

  async removeDisk(): Promise<void> {
    for (const format of diskFormats) await rm(this.disk(format), { force: true });
  }

  /** Deletes the disk and the directory with all that is in it; the journal last, so that a crash meanwhile is understood. */
  async remove(): Promise<void> {
    await this.removeDisk();
    const names = await readdir(this.path).catch(() => []);
    for (const name of names) {
      const file = join(this.path, name);
      if (file !== this.#journal) await rm(file, { recursive: true, force: true });
    }
    await rm(this.path, { recursive: true, force: true });
  }
}
