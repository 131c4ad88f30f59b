import { argumentError, checkOptions, checkString, flagsOf, type CallOptions } from '../arguments.js';
import { affectFlags, type AffectOptions } from './reference.js';
import { DomainStreams } from './streams.js';
import { stateAndReason, stateOf, type DomainState, type DomainStateAndReason } from './state.js';
import {
  virDomainCreateFlags,
  virDomainDestroyFlagsValues,
  virDomainMetadataType,
  virDomainShutdownFlagValues,
  virDomainUndefineFlagsValues,
  virDomainXMLFlags,
} from '../enums/domain.js';
import { isLibvirtError } from '../error.js';

/** What a domain uses. */
export interface DomainInfo {
  state: DomainState;
  /** In KiB. */
  maxMemory: bigint;
  /** In KiB. */
  memory: bigint;
  vcpus: number;
  /** In ns. */
  cpuTime: bigint;
}

/** What `undefine` removes, or keeps, besides the definition. The driver refuses flags that it does not know. */
export interface UndefineOptions {
  managedSave?: boolean | undefined;
  snapshotsMetadata?: boolean | undefined;
  checkpointsMetadata?: boolean | undefined;
  nvram?: boolean | undefined;
  keepNvram?: boolean | undefined;
  /** Since libvirt 8.9. */
  tpm?: boolean | undefined;
  /** Since libvirt 8.9. */
  keepTpm?: boolean | undefined;
}

/** A reference to a domain of an open connection. Closing it does nothing to the domain itself. */
export class Domain extends DomainStreams {
  /** The state, and the reason for it. */
  async getState(options: CallOptions = {}): Promise<DomainStateAndReason> {
    const [state, reason] = await this.call(options, (addon, handle, id) => addon.domainGetState(handle, id));
    return stateAndReason(state, reason);
  }

  async getInfo(options: CallOptions = {}): Promise<DomainInfo> {
    const info = await this.call(options, (addon, handle, id) => addon.domainGetInfo(handle, id));
    return { ...info, state: stateOf(info.state) };
  }

  async isActive(options: CallOptions = {}): Promise<boolean> {
    return this.call(options, (addon, handle, id) => addon.domainIsActive(handle, id));
  }

  /** Whether it stays defined when it stops. */
  async isPersistent(options: CallOptions = {}): Promise<boolean> {
    return this.call(options, (addon, handle, id) => addon.domainIsPersistent(handle, id));
  }

  /**
   * The definition as XML: of the running domain if it runs, unless `inactive` asks for the persistent one.
   * `secure` includes passwords, which a read-only connection may not ask for; `migratable` leaves out what an
   * older libvirt would not understand.
   */
  async getXml(
    options: CallOptions & {
      inactive?: boolean | undefined;
      secure?: boolean | undefined;
      migratable?: boolean | undefined;
    } = {},
  ): Promise<string> {
    checkOptions(options);
    const flags = flagsOf(options, {
      inactive: virDomainXMLFlags.VIR_DOMAIN_XML_INACTIVE,
      secure: virDomainXMLFlags.VIR_DOMAIN_XML_SECURE,
      migratable: virDomainXMLFlags.VIR_DOMAIN_XML_MIGRATABLE,
    });
    return this.call(options, (addon, handle, id) => addon.domainGetXml(handle, flags, id));
  }

  /** The metadata element of the namespace `uri`, as XML; null when the domain has none. */
  async getMetadata(uri: string, options: CallOptions & AffectOptions = {}): Promise<string | null> {
    checkString('uri', uri);
    const flags = affectFlags(options);
    try {
      return await this.call(options, (addon, handle, id) =>
        addon.domainGetMetadata(handle, virDomainMetadataType.VIR_DOMAIN_METADATA_ELEMENT, uri, flags, id),
      );
    } catch (error) {
      if (isLibvirtError(error, 'VIR_ERR_NO_DOMAIN_METADATA')) return null;
      throw error;
    }
  }

  /**
   * Sets the metadata element of the namespace `uri`, or removes it when `xml` is null. libvirt writes it with
   * the namespace prefix `key`.
   */
  async setMetadata(
    xml: string | null,
    options: CallOptions & AffectOptions & { key: string; uri: string },
  ): Promise<void> {
    if (xml !== null) checkString('xml', xml, 'a string or null');
    const flags = affectFlags(options);
    const { key, uri } = options;
    checkString('key', key);
    checkString('uri', uri);
    await this.call(options, (addon, handle, id) =>
      addon.domainSetMetadata(
        handle,
        virDomainMetadataType.VIR_DOMAIN_METADATA_ELEMENT,
        xml ?? undefined,
        // libvirt takes a prefix only with an element.
        xml === null ? undefined : key,
        uri,
        flags,
        id,
      ),
    );
  }

  /** Starts it. With `paused` its processors wait. */
  async create(options: CallOptions & { paused?: boolean | undefined } = {}): Promise<void> {
    checkOptions(options);
    const flags = flagsOf(options, { paused: virDomainCreateFlags.VIR_DOMAIN_START_PAUSED });
    await this.call(options, (addon, handle, id) => addon.domainCreate(handle, flags, id));
  }

  /** Asks the guest to shut down, and does not wait for it. The hypervisor chooses how unless `mode` says it. */
  async shutdown(
    options: CallOptions & { mode?: 'default' | 'acpi' | 'agent' | undefined } = {},
  ): Promise<void> {
    checkOptions(options);
    const flags = shutdownModes.get(options.mode ?? 'default');
    if (flags === undefined)
      throw argumentError('mode', "'default', 'acpi', 'agent' or undefined", options.mode);
    await this.call(options, (addon, handle, id) => addon.domainShutdown(handle, flags, id));
  }

  /**
   * Stops it at once, as if the power were cut. With `graceful` libvirt fails rather than send SIGKILL to a
   * hypervisor process that does not react to SIGTERM.
   */
  async destroy(options: CallOptions & { graceful?: boolean | undefined } = {}): Promise<void> {
    checkOptions(options);
    const flags = flagsOf(options, { graceful: virDomainDestroyFlagsValues.VIR_DOMAIN_DESTROY_GRACEFUL });
    await this.call(options, (addon, handle, id) => addon.domainDestroy(handle, flags, id));
  }

  /** Removes the definition, with exactly what the options name. A running domain becomes transient. */
  async undefine(options: CallOptions & UndefineOptions = {}): Promise<void> {
    checkOptions(options);
    const flags = flagsOf(options, {
      managedSave: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE,
      snapshotsMetadata: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
      checkpointsMetadata: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
      nvram: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_NVRAM,
      keepNvram: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM,
      tpm: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_TPM,
      keepTpm: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_KEEP_TPM,
    });
    await this.call(options, (addon, handle, id) => addon.domainUndefine(handle, flags, id));
  }
}

const shutdownModes = new Map<string, number>([
  ['default', virDomainShutdownFlagValues.VIR_DOMAIN_SHUTDOWN_DEFAULT],
  ['acpi', virDomainShutdownFlagValues.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN],
  ['agent', virDomainShutdownFlagValues.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT],
]);
