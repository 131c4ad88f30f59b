import { chmod, mkdir, open, readdir, rm, rmdir } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { DamagedRecord, readRecord, writeDurably } from '../../durable-file.js';
import { isThere } from '../../paths.js';
import { isOutOfSpace } from '../../system-error.js';
import { makeDirectory, mendDirectory, vmsDirectory, type Directories } from '../host/directories.js';

/**
 * What is being done to a VM's directory, written before it is done and removed when it is complete. After a
 * crash the next command reads it and finishes or undoes (`recover.ts`). A directory without a journal
 * belongs to a complete VM and is never swept. A transient VM keeps its journal for as long as it lives: without a
 * domain it is a leftover at any time.
 */
export interface Journal {
  operation: 'create' | 'transient' | 'remove';
  /** The libvirt URI that has, or would have had, the domain. */
  uri: string;
  name: string;
  /** The image's reference, or the path of the disk that it is made of. */
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
  /** What a VM that libvirt has lost can be made anew of; see `kept-definition.ts`. */
  readonly keptDefinition: string;
  /** What is known of an update that is under way; see `update/journal.ts`. */
  readonly update: string;
  /** The UEFI variables as they were before it. */
  readonly nvramBefore: string;
  /** The disk by which a new version may come into the guest; see `update/update-disk.ts`. */
  readonly updateDisk: string;
  readonly #journal: string;

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
    this.keptDefinition = join(path, 'vm.json');
    this.update = join(path, 'update.json');
    this.nvramBefore = join(path, 'nvram.before');
    this.updateDisk = join(path, 'update-disk.tar');
    this.#journal = join(path, 'journal.json');
  }

  static of(directories: Directories, uuid: string): VmDirectory {
    return new VmDirectory(join(vmsDirectory(directories), uuid));
  }

  /** Where the disk is, by its format. */
  disk(format: DiskFormat): string {
    return join(dirname(dirname(this.path)), 'disks', `${basename(this.path)}.${format}`);
  }

  /** What lies above the disk while an update has not proved itself. */
  get updateOverlay(): string {
    return join(dirname(this.disk('qcow2')), `${basename(this.path)}.update.qcow2`);
  }

  /** The disk that is there; undefined without one. */
  async findDisk(): Promise<string | undefined> {
    for (const path of diskFormats.map((format) => this.disk(format))) {
      if (await isThere(path)) return path;
    }
    return undefined;
  }

  /** What of a VM is here already, so that none may be made: its disk, or its directory. */
  async whatIsThere(): Promise<string | undefined> {
    return (await this.findDisk()) ?? ((await isThere(this.path)) ? this.path : undefined);
  }

  /**
   * Makes the directory for a new VM, with its journal, and, unless its disk is the user's, an empty file where that will be. From then on both are ours
   * to delete.
   * @throws what mkdir(2) and open(2) do: `EEXIST` where one of them is there
   */
  async claim(directories: Directories, journal: Journal, format: DiskFormat | undefined): Promise<void> {
    const disk = this.disk(format ?? 'qcow2');
    await makeDirectory(dirname(this.path), directories);
    await makeDirectory(dirname(disk), directories);
    await mkdir(this.path, { mode: directories.mode });
    try {
      await chmod(this.path, directories.mode);
      await this.writeJournal(journal);
      if (format !== undefined) await (await open(disk, 'wx', 0o600)).close();
    } catch (error) {
      await this.removeJournal();
      await this.removeBlank();
      throw error;
    }
  }

  /** Opens what is there of it to QEMU, which a strange umask may have kept out. */
  async mend(directories: Directories): Promise<void> {
    // Also one of a VM that was made with another XDG_DATA_HOME.
    const data = dirname(dirname(this.path));
    const { root = directories.data } = directories;
    const there = data.startsWith(root) ? directories : { ...directories, data, root: data };
    await mendDirectory(this.path, there);
    await mendDirectory(dirname(this.disk('qcow2')), there);
  }

  /** What is being done to the VM; undefined when nothing is. */
  async readJournal(): Promise<Journal | DamagedRecord | undefined> {
    return readRecord(this.#journal, async (value) => {
      const { checkRecord, journalSchema } = await import('./records.js');
      return checkRecord(journalSchema, value);
    });
  }

  /** The same for those who take a damaged one for none. */
  async readableJournal(): Promise<Journal | undefined> {
    const journal = await this.readJournal();
    return journal instanceof DamagedRecord ? undefined : journal;
  }

  async writeJournal(journal: Journal): Promise<void> {
    await writeDurably(this.#journal, JSON.stringify(journal));
  }

  /** The same on a file system that may be full, which is when VMs are removed. Room is made of what nobody reads again. */
  async writeRemovalJournal(journal: Journal): Promise<void> {
    // Somebody may have deleted it: then the domain has to go all the same.
    await mkdir(this.path, { recursive: true, mode: 0o700 });
    try {
      await this.writeJournal(journal);
    } catch (error) {
      if (!isOutOfSpace(error)) throw error;
      for (const file of [`${this.identity}.pub`, `${this.hostKey}.pub`]) await rm(file, { force: true });
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
    return names?.every((name) => this.#isUnfinishedJournal(name)) === true;
  }

  /** Deletes a blank one. Its disk, if there is any, is another matter: it may be a VM's whose files somebody deleted. */
  async removeBlank(): Promise<void> {
    for (const name of await readdir(this.path)) {
      if (this.#isUnfinishedJournal(name)) await rm(join(this.path, name), { force: true });
    }
    await rmdir(this.path);
  }

  /** Deletes records that were being written when their writer was killed. The caller holds the VM's lock. */
  async removeUnfinished(): Promise<void> {
    for (const name of await readdir(this.path).catch(() => [])) {
      if (/\.(?:json|extra)\.[0-9a-f]{8}\.new$/.test(name)) await rm(join(this.path, name), { force: true });
    }
  }

  #isUnfinishedJournal(name: string): boolean {
    return name.startsWith(`${basename(this.#journal)}.`) && name.endsWith('.new');
  }

  async removeDisk(): Promise<void> {
    for (const path of [this.updateOverlay, ...diskFormats.map((format) => this.disk(format))])
      await rm(path, { force: true });
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
