import { argumentError, checkInteger } from '../arguments.js';
import {
  virDomainCreateFlags,
  virDomainDestroyFlagsValues,
  virDomainRebootFlagValues,
  virDomainSaveRestoreFlags,
  virDomainShutdownFlagValues,
  virKeycodeSet,
} from '../enums/domain.js';

/** How a guest is asked to reboot; `default` leaves it to the hypervisor. */
export type RebootMode = keyof typeof rebootModes;

export const rebootModes = {
  default: virDomainRebootFlagValues.VIR_DOMAIN_REBOOT_DEFAULT,
  acpi: virDomainRebootFlagValues.VIR_DOMAIN_REBOOT_ACPI_POWER_BTN,
  agent: virDomainRebootFlagValues.VIR_DOMAIN_REBOOT_GUEST_AGENT,
} as const;

export const shutdownModes = {
  default: virDomainShutdownFlagValues.VIR_DOMAIN_SHUTDOWN_DEFAULT,
  acpi: virDomainShutdownFlagValues.VIR_DOMAIN_SHUTDOWN_ACPI_POWER_BTN,
  agent: virDomainShutdownFlagValues.VIR_DOMAIN_SHUTDOWN_GUEST_AGENT,
} as const;

export const createFlags = { paused: virDomainCreateFlags.VIR_DOMAIN_START_PAUSED };

export const destroyFlags = { graceful: virDomainDestroyFlagsValues.VIR_DOMAIN_DESTROY_GRACEFUL };

/** How `managedSave` saves. */
export interface ManagedSaveOptions {
  /** Write around the host's cache. */
  bypassCache?: boolean | undefined;
  /** Let it run after the restore, even if it is paused now. */
  running?: boolean | undefined;
  /** Let it be paused after the restore, even if it runs now. */
  paused?: boolean | undefined;
}

export const managedSaveFlags = {
  bypassCache: virDomainSaveRestoreFlags.VIR_DOMAIN_SAVE_BYPASS_CACHE,
  running: virDomainSaveRestoreFlags.VIR_DOMAIN_SAVE_RUNNING,
  paused: virDomainSaveRestoreFlags.VIR_DOMAIN_SAVE_PAUSED,
};

/** What the numbers given to `sendKey` mean. */
export type KeyCodeSet = keyof typeof codeSets;

export const codeSets = {
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

export function checkKeyCodes(codes: unknown): void {
  if (!Array.isArray(codes) || codes.length === 0 || codes.length > maxKeys)
    throw argumentError('codes', `an array of 1 to ${maxKeys} numbers`, codes);
  for (const [index, code] of codes.entries())
    checkInteger(`codes[${index}]`, code, 'a key code from 0 to 65535', { maximum: 0xffff });
}
