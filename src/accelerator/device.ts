import { open, stat } from 'node:fs/promises';
import { codeOf, messageOf } from '../errors.js';

/** Opens /dev/kvm and closes it. @returns why that is impossible, in one sentence, or undefined */
export async function whyKvmCannotBeOpened(device = '/dev/kvm'): Promise<string | undefined> {
  try {
    await (await open(device, 'r+')).close();
    return undefined;
  } catch (error) {
    return explainOpenFailure(device, error);
  }
}

/** The only user whose programs may open the device, by its mode; undefined where there are more, or no device. */
export async function onlyUserOf(device = '/dev/kvm'): Promise<number | undefined> {
  const found = await stat(device).catch(() => undefined);
  return found === undefined || (found.mode & 0o066) !== 0 ? undefined : found.uid;
}

/** The sentence for an error that opening the device gave. */
export function explainOpenFailure(device: string, error: unknown): string {
  switch (codeOf(error)) {
    case 'ENOENT':
      return `This host has no ${device}: virtualization is switched off in its firmware, it is a virtual machine without nested virtualization, or the kvm module is not loaded`;
    case 'EACCES':
    case 'EPERM':
      return `You may not use ${device}: become a member of the group kvm (sudo usermod -aG kvm $USER) and log in again`;
    default:
      return `${device} cannot be opened (${messageOf(error)})`;
  }
}
