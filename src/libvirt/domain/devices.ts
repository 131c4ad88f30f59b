import {
  virDomainDeviceModifyFlags,
  virDomainMemoryModFlags,
  virDomainModificationImpact,
  virDomainVcpuFlags,
} from '../enums/domain.js';
/** Which definition is meant; neither means the one in effect, which is the running one of a running domain. */
export interface AffectOptions {
  /** The persistent definition. */
  config?: boolean | undefined;
  /** The running domain. */
  live?: boolean | undefined;
}

export const affect = {
  config: virDomainModificationImpact.VIR_DOMAIN_AFFECT_CONFIG,
  live: virDomainModificationImpact.VIR_DOMAIN_AFFECT_LIVE,
};

/** Which number of processors is meant. */
export interface VcpuOptions extends AffectOptions {
  /** The most it can have, instead of what it has. */
  maximum?: boolean | undefined;
  /** The processors that the guest uses, as its agent says. */
  guest?: boolean | undefined;
}

export const vcpuFlags = {
  ...affect,
  maximum: virDomainVcpuFlags.VIR_DOMAIN_VCPU_MAXIMUM,
  guest: virDomainVcpuFlags.VIR_DOMAIN_VCPU_GUEST,
};

export const vcpuSetFlags = {
  ...vcpuFlags,
  hotpluggable: virDomainVcpuFlags.VIR_DOMAIN_VCPU_HOTPLUGGABLE,
};

export const memoryFlags = { ...affect, maximum: virDomainMemoryModFlags.VIR_DOMAIN_MEM_MAXIMUM };

export const updateFlags = {
  ...affect,
  force: virDomainDeviceModifyFlags.VIR_DOMAIN_DEVICE_MODIFY_FORCE,
};
