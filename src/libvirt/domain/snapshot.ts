import type { CallArguments, CallResult, Nouns } from '../addon/addon.js';
import { flagsOf, type CallOptions } from '../arguments.js';
import {
  virDomainSnapshotCreateFlags,
  virDomainSnapshotDeleteFlags,
  virDomainSnapshotListFlags,
  virDomainSnapshotRevertFlags,
} from '../enums/domain-snapshot.js';
import { virDomainXMLFlags } from '../enums/domain.js';
import { closedError } from '../error.js';

/** How a snapshot is made. */
export interface SnapshotCreateOptions {
  /** Of the disks alone, not of the memory. */
  diskOnly?: boolean | undefined;
  /** Have the agent write what the guest holds back and stop its writing meanwhile; needs `diskOnly`. */
  quiesce?: boolean | undefined;
  /** All disks or none. */
  atomic?: boolean | undefined;
  /** Let the guest run while its memory is written. */
  live?: boolean | undefined;
  /** Stop the domain afterwards. */
  halt?: boolean | undefined;
  /** Use the files that exist as the new images. */
  reuseExternal?: boolean | undefined;
  /** Let libvirt forget about it at once. */
  noMetadata?: boolean | undefined;
  /** Do not snapshot, only restore what libvirt knows of one; with `current` it becomes the current one. */
  redefine?: boolean | undefined;
  current?: boolean | undefined;
  /** Check the XML against libvirt's schema. Default true. */
  validate?: boolean | undefined;
}

export const snapshotCreateFlags = {
  diskOnly: virDomainSnapshotCreateFlags.VIR_DOMAIN_SNAPSHOT_CREATE_DISK_ONLY,
  quiesce: virDomainSnapshotCreateFlags.VIR_DOMAIN_SNAPSHOT_CREATE_QUIESCE,
  atomic: virDomainSnapshotCreateFlags.VIR_DOMAIN_SNAPSHOT_CREATE_ATOMIC,
  live: virDomainSnapshotCreateFlags.VIR_DOMAIN_SNAPSHOT_CREATE_LIVE,
  halt: virDomainSnapshotCreateFlags.VIR_DOMAIN_SNAPSHOT_CREATE_HALT,
  reuseExternal: virDomainSnapshotCreateFlags.VIR_DOMAIN_SNAPSHOT_CREATE_REUSE_EXT,
  noMetadata: virDomainSnapshotCreateFlags.VIR_DOMAIN_SNAPSHOT_CREATE_NO_METADATA,
  redefine: virDomainSnapshotCreateFlags.VIR_DOMAIN_SNAPSHOT_CREATE_REDEFINE,
  current: virDomainSnapshotCreateFlags.VIR_DOMAIN_SNAPSHOT_CREATE_CURRENT,
  validate: virDomainSnapshotCreateFlags.VIR_DOMAIN_SNAPSHOT_CREATE_VALIDATE,
};

/** Which snapshots are listed; all by default. */
export interface SnapshotListOptions {
  /** Only those without a parent. */
  roots?: boolean | undefined;
  /** Only those without children. */
  leaves?: boolean | undefined;
  /** Only those of a domain that did not run. */
  inactive?: boolean | undefined;
  /** Only those of a domain that ran, with its memory. */
  active?: boolean | undefined;
  diskOnly?: boolean | undefined;
  /** Only those inside of the images. */
  internal?: boolean | undefined;
  /** Only those in files of their own. */
  external?: boolean | undefined;
  /** Parents come before their children. */
  topological?: boolean | undefined;
}

export const snapshotListFlags = {
  roots: virDomainSnapshotListFlags.VIR_DOMAIN_SNAPSHOT_LIST_ROOTS,
  leaves: virDomainSnapshotListFlags.VIR_DOMAIN_SNAPSHOT_LIST_LEAVES,
  inactive: virDomainSnapshotListFlags.VIR_DOMAIN_SNAPSHOT_LIST_INACTIVE,
  active: virDomainSnapshotListFlags.VIR_DOMAIN_SNAPSHOT_LIST_ACTIVE,
  diskOnly: virDomainSnapshotListFlags.VIR_DOMAIN_SNAPSHOT_LIST_DISK_ONLY,
  internal: virDomainSnapshotListFlags.VIR_DOMAIN_SNAPSHOT_LIST_INTERNAL,
  external: virDomainSnapshotListFlags.VIR_DOMAIN_SNAPSHOT_LIST_EXTERNAL,
  topological: virDomainSnapshotListFlags.VIR_DOMAIN_SNAPSHOT_LIST_TOPOLOGICAL,
};

/** Makes a call on the domain of a snapshot. */
type DomainCaller = <Name extends keyof Nouns['domain']>(
  name: Name,
  options: CallOptions,
  ...args: CallArguments<'domain', Name>
) => Promise<CallResult<'domain', Name>>;

/**
 * A snapshot of a domain. It goes through the reference to the domain that it came from, and holds nothing
 * beyond: closing it is possible, like closing any other reference, and frees nothing.
 */
export class DomainSnapshot {
  readonly name: string;
  #call: DomainCaller | undefined;

  /** Snapshots come from a `Domain`. */
  constructor(name: string, call: DomainCaller) {
    this.name = name;
    this.#call = call;
  }

  /** The snapshot as XML; `secure` includes passwords. */
  async getXml(options: CallOptions & { secure?: boolean | undefined } = {}): Promise<string> {
    const flags = flagsOf(options, { secure: virDomainXMLFlags.VIR_DOMAIN_XML_SECURE });
    return this.#domain('domainSnapshotGetXml', options, this.name, flags);
  }

  /**
   * Makes the domain what it was: running if it ran then, unless `running` or `paused` ask for that. `force`
   * allows what may lose data or start another process of the hypervisor.
   */
  async revert(
    options: CallOptions & {
      running?: boolean | undefined;
      paused?: boolean | undefined;
      force?: boolean | undefined;
      resetNvram?: boolean | undefined;
    } = {},
  ): Promise<void> {
    const flags = flagsOf(options, {
      running: virDomainSnapshotRevertFlags.VIR_DOMAIN_SNAPSHOT_REVERT_RUNNING,
      paused: virDomainSnapshotRevertFlags.VIR_DOMAIN_SNAPSHOT_REVERT_PAUSED,
      force: virDomainSnapshotRevertFlags.VIR_DOMAIN_SNAPSHOT_REVERT_FORCE,
      resetNvram: virDomainSnapshotRevertFlags.VIR_DOMAIN_SNAPSHOT_REVERT_RESET_NVRAM,
    });
    await this.#domain('domainSnapshotRevert', options, this.name, flags);
  }

  /** Deletes it; its children become its parent's, unless they are named as well. */
  async delete(
    options: CallOptions & {
      /** Its children too. */
      children?: boolean | undefined;
      /** Its children, and not itself. */
      childrenOnly?: boolean | undefined;
      /** Only what libvirt knows of it, and not the data. */
      metadataOnly?: boolean | undefined;
    } = {},
  ): Promise<void> {
    const flags = flagsOf(options, {
      children: virDomainSnapshotDeleteFlags.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN,
      childrenOnly: virDomainSnapshotDeleteFlags.VIR_DOMAIN_SNAPSHOT_DELETE_CHILDREN_ONLY,
      metadataOnly: virDomainSnapshotDeleteFlags.VIR_DOMAIN_SNAPSHOT_DELETE_METADATA_ONLY,
    });
    await this.#domain('domainSnapshotDelete', options, this.name, flags);
  }

  /** Later calls are rejected with `VIR_ERR_INVALID_DOMAIN_SNAPSHOT`. */
  // eslint-disable-next-line @typescript-eslint/require-await -- rejects on a wrong receiver, like all others
  async close(): Promise<void> {
    this.#call = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }

  get #domain(): DomainCaller {
    if (!this.#call) throw closedError('domain snapshot');
    return this.#call;
  }
}
