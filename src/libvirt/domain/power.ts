import {
  argumentError,
  checkBoolean,
  checkInteger,
  checkOptions,
  checkString,
  flagsOf,
  oneOf,
  type CallOptions,
} from '../arguments.js';
import {
  virDomainMessageType,
  virDomainRebootFlagValues,
  virDomainSaveRestoreFlags,
  virKeycodeSet,
} from '../enums/domain.js';
import { DomainReference } from './reference.js';

/** How a guest is asked to reboot; `default` leaves it to the hypervisor. */
export type RebootMode = keyof typeof rebootModes;

const rebootModes = {
  default: virDomainRebootFlagValues.VIR_DOMAIN_REBOOT_DEFAULT,
  acpi: virDomainRebootFlagValues.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN,
  agent: virDomainRebootFlagValues.VIR_DOMAIN_REBOOT_GUEST_AGENT,
} as const;

/** What the numbers given to `sendKey` mean. */
export type KeyCodeSet = keyof typeof codeSets;

const codeSets = {
  linux: virKeycodeSet.VIR_KEYCODE_SET_LINUX,
  xt: virKeycodeSet.VIR_KEYCODE_SET_XT,
  atset1: virKeycodeSet.VIR_KEYCODE_SET_ATSET1,
  atset2: virKeycodeSet.VIR_KEYCODE_SET_ATSET2,
  atset3: virKeycodeSet.VIR_KEYCODE_SET_ATSET3,
  osx: virKeycodeSet.VIR_KEYCODE_SET_OSX,
  'xt-kbd': virKeycodeSet.VIR_KEYCODE_SET_XT_KBD,
  usb: virKeycodeSet.VIR_KEYCODE_SET_USB,
  win32: virKeycodeSet.VIR_KEYCODE_SET_WIN32,
  qnum: virKeycodeSet.VIR_KEYCODE_SET_QNUM,
} as const;

/** VIR_DOMAIN_SEND_KEY_MAX_KEYS */
const maxKeys = 16;

/** How `managedSave` saves. */
export interface ManagedSaveOptions {
  /** Write around the host's cache. */
  bypassCache?: boolean | undefined;
  /** Let it run after the restore, even if it is paused now. */
  running?: boolean | undefined;
  /** Let it be paused after the restore, even if it runs now. */
  paused?: boolean | undefined;
}

/** What runs a domain and what stops it. */
export abstract class DomainPower extends DomainReference {
  /** Asks the guest to reboot, and does not wait for it. */
  async reboot(options: CallOptions & { mode?: RebootMode | undefined } = {}): Promise<void> {
    checkOptions(options);
    const flags = oneOf('mode', options.mode ?? 'default', rebootModes);
    await this.call(options, (addon, handle, id) => addon.domainReboot(handle, flags, id));
  }

  /** Resets it like the button on a machine: the guest is not asked. */
  async reset(options: CallOptions = {}): Promise<void> {
    await this.call(options, (addon, handle, id) => addon.domainReset(handle, 0, id));
  }

  /** Pauses its processors; its memory stays where it is. */
  async suspend(options: CallOptions = {}): Promise<void> {
    await this.call(options, (addon, handle, id) => addon.domainSuspend(handle, id));
  }

  async resume(options: CallOptions = {}): Promise<void> {
    await this.call(options, (addon, handle, id) => addon.domainResume(handle, id));
  }

  /**
   * Writes its memory to a file that libvirt keeps, and stops it; the next start continues from there.
   * `abortJob` stops the saving, and an aborted signal does not.
   */
  async managedSave(options: CallOptions & ManagedSaveOptions = {}): Promise<void> {
    checkOptions(options);
    const flags = flagsOf(options, {
      bypassCache: virDomainSaveRestoreFlags.VIR_DOMAIN_SAVE_BYPASS_CACHE,
      running: virDomainSaveRestoreFlags.VIR_DOMAIN_SAVE_RUNNING,
      paused: virDomainSaveRestoreFlags.VIR_DOMAIN_SAVE_PAUSED,
    });
    await this.call(options, (addon, handle, id) => addon.domainManagedSave(handle, flags, id));
  }

  async hasManagedSave(options: CallOptions = {}): Promise<boolean> {
    return this.call(options, (addon, handle, id) => addon.domainHasManagedSave(handle, 0, id));
  }

  /** Throws the saved memory away: the next start boots. */
  async removeManagedSave(options: CallOptions = {}): Promise<void> {
    await this.call(options, (addon, handle, id) => addon.domainRemoveManagedSave(handle, 0, id));
  }

  /**
   * Gives a domain that does not run another name.
   * @throws LibvirtError `VIR_ERR_OPERATION_INVALID` while it runs
   */
  async rename(name: string, options: CallOptions = {}): Promise<void> {
    checkString('name', name);
    await this.call(options, (addon, handle, id) => addon.domainRename(handle, name, 0, id));
    this.name = name;
  }

  /** Whether it starts when the host, or libvirt, does. */
  async getAutostart(options: CallOptions = {}): Promise<boolean> {
    return this.call(options, (addon, handle, id) => addon.domainGetAutostart(handle, id));
  }

  async setAutostart(autostart: boolean, options: CallOptions = {}): Promise<void> {
    checkBoolean('autostart', autostart);
    await this.call(options, (addon, handle, id) => addon.domainSetAutostart(handle, Number(autostart), id));
  }

  /**
   * Presses keys together, and releases them after `holdTime` in milliseconds (by default the hypervisor's
   * choice). `codes` are up to 16 numbers from the set of codes named, `linux` by default (`KEY_A` is 30).
   */
  async sendKey(
    codes: readonly number[],
    options: CallOptions & { codeSet?: KeyCodeSet | undefined; holdTime?: number | undefined } = {},
  ): Promise<void> {
    if (!Array.isArray(codes) || codes.length === 0 || codes.length > maxKeys)
      throw argumentError('codes', `an array of 1 to ${maxKeys} numbers`, codes);
    for (const [index, code] of codes.entries())
      checkInteger(`codes[${index}]`, code, 'a key code from 0 to 65535', { maximum: 0xffff });
    checkOptions(options);
    const codeSet = oneOf('codeSet', options.codeSet ?? 'linux', codeSets);
    const { holdTime = 0 } = options;
    checkInteger('holdTime', holdTime, 'a number of milliseconds below 2^31', { maximum: 0x7fff_ffff });
    await this.call(options, (addon, handle, id) =>
      addon.domainSendKey(handle, codeSet, holdTime, codes, 0, id),
    );
  }

  /**
   * What libvirt has to say about it: what taints the running domain (a custom command line, say), and what in
   * its definition is deprecated. Sentences for people; both kinds unless one is named.
   */
  async getMessages(
    options: CallOptions & { taints?: boolean | undefined; deprecations?: boolean | undefined } = {},
  ): Promise<string[]> {
    checkOptions(options);
    const flags = flagsOf(options, {
      taints: virDomainMessageType.VIR_DOMAIN_MESSAGE_TAINTING,
      deprecations: virDomainMessageType.VIR_DOMAIN_MESSAGE_DEPRECATION,
    });
    return this.call(options, (addon, handle, id) => addon.domainGetMessages(handle, flags, id));
  }
}
