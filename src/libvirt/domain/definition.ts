import { virDomainMessageType, virDomainUndefineFlagsValues, virDomainXMLFlags } from '../enums/domain.js';
import type { DomainState } from './state.js';

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

export const undefineFlags = {
  managedSave: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_MANAGED_SAVE,
  snapshotsMetadata: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_SNAPSHOTS_METADATA,
  checkpointsMetadata: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_CHECKPOINTS_METADATA,
  nvram: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_NVRAM,
  keepNvram: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_KEEP_NVRAM,
  tpm: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_TPM,
  keepTpm: virDomainUndefineFlagsValues.VIR_DOMAIN_UNDEFINE_KEEP_TPM,
};

export const xmlFlags = {
  inactive: virDomainXMLFlags.VIR_DOMAIN_XML_INACTIVE,
  secure: virDomainXMLFlags.VIR_DOMAIN_XML_SECURE,
  migratable: virDomainXMLFlags.VIR_DOMAIN_XML_MIGRATABLE,
};

export const messageFlags = {
  taints: virDomainMessageType.VIR_DOMAIN_MESSAGE_TAINTING,
  deprecations: virDomainMessageType.VIR_DOMAIN_MESSAGE_DEPRECATION,
};
