import {
  checkInteger,
  checkOptions,
  checkSize,
  checkString,
  flagsOf,
  type CallOptions,
} from '../arguments.js';
import { virDomainDeviceModifyFlags, virDomainMemoryModFlags, virDomainVcpuFlags } from '../enums/domain.js';
import { DomainPower } from './power.js';
import { affect, affectFlags, type AffectOptions } from './reference.js';

/** Which number of processors is meant. */
export interface VcpuOptions extends AffectOptions {
  /** The most it can have, instead of what it has. */
  maximum?: boolean | undefined;
  /** The processors that the guest uses, as its agent says. */
  guest?: boolean | undefined;
}

const vcpuFlags = {
  ...affect,
  maximum: virDomainVcpuFlags.VIR_DOMAIN_VCPU_MAXIMUM,
  guest: virDomainVcpuFlags.VIR_DOMAIN_VCPU_GUEST,
};

/** What a domain consists of: memory, processors, devices. */
export abstract class DomainDevices extends DomainPower {
  /**
   * Sets its memory in KiB: what the guest has, by its balloon, or with `maximum` the most it can have, which
   * mostly can't be changed while it runs.
   */
  async setMemory(
    memory: number | bigint,
    options: CallOptions & AffectOptions & { maximum?: boolean | undefined } = {},
  ): Promise<void> {
    const size = checkSize('memory', memory, 'a positive safe integer in KiB', 1);
    checkOptions(options);
    const flags = flagsOf(options, { ...affect, maximum: virDomainMemoryModFlags.VIR_DOMAIN_MEM_MAXIMUM });
    await this.call(options, (addon, handle, id) => addon.domainSetMemory(handle, size, flags, id));
  }

  async setVcpus(
    count: number,
    options: CallOptions & VcpuOptions & { hotpluggable?: boolean | undefined } = {},
  ): Promise<void> {
    // libvirt's own limit: it counts them in 16 bits on the wire.
    checkInteger('count', count, 'a number of processors from 1 to 65535', { minimum: 1, maximum: 0xffff });
    checkOptions(options);
    const flags = flagsOf(options, {
      ...vcpuFlags,
      hotpluggable: virDomainVcpuFlags.VIR_DOMAIN_VCPU_HOTPLUGGABLE,
    });
    await this.call(options, (addon, handle, id) => addon.domainSetVcpus(handle, count, flags, id));
  }

  async getVcpus(options: CallOptions & VcpuOptions = {}): Promise<number> {
    checkOptions(options);
    const flags = flagsOf(options, vcpuFlags);
    return this.call(options, (addon, handle, id) => addon.domainGetVcpus(handle, flags, id));
  }

  /** Adds the device that the XML describes. */
  async attachDevice(xml: string, options: CallOptions & AffectOptions = {}): Promise<void> {
    checkString('xml', xml);
    const flags = affectFlags(options);
    await this.call(options, (addon, handle, id) => addon.domainAttachDevice(handle, xml, flags, id));
  }

  /**
   * Removes the device that the XML describes. Of a running domain the hypervisor is only asked to: on QEMU,
   * libvirt waits up to 5 s for it, and resolves all the same. The device is gone, also from the domain's XML, when
   * the event `device-removed` says so. A guest takes part in the removal of PCI devices and ignores the request while
   * nothing in it listens, as during its boot; ask again then. Any other device may be held back by a processor that
   * is busy, for long where it is emulated.
   */
  async detachDevice(xml: string, options: CallOptions & AffectOptions = {}): Promise<void> {
    checkString('xml', xml);
    const flags = affectFlags(options);
    await this.call(options, (addon, handle, id) => addon.domainDetachDevice(handle, xml, flags, id));
  }

  /** Does the same by the alias of the device, such as `net0` or one that begins with `ua-`, and never waits. */
  async detachDeviceByAlias(alias: string, options: CallOptions & AffectOptions = {}): Promise<void> {
    checkString('alias', alias);
    const flags = affectFlags(options);
    await this.call(options, (addon, handle, id) => addon.domainDetachDeviceAlias(handle, alias, flags, id));
  }

  /** Changes a device to what the XML describes; `force` takes a medium from a guest that locks it. */
  async updateDevice(
    xml: string,
    options: CallOptions & AffectOptions & { force?: boolean | undefined } = {},
  ): Promise<void> {
    checkString('xml', xml);
    checkOptions(options);
    const flags = flagsOf(options, {
      ...affect,
      force: virDomainDeviceModifyFlags.VIR_DOMAIN_DEVICE_MODIFY_FORCE,
    });
    await this.call(options, (addon, handle, id) => addon.domainUpdateDevice(handle, xml, flags, id));
  }
}
