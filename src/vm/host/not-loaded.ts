import { PodmanBootcError } from '../../errors.js';
import { isLibvirtError } from '../../libvirt/index.js';

/** What was thrown; where there is no libvirt to call, as this project says it: `LIBVIRT_NOT_LOADED`. */
export function translateNotLoaded(error: unknown): unknown {
  if (!isLibvirtError(error, 'LIBVIRT_NOT_LOADED')) return error;
  const { message, remedy, cause } = error;
  return new PodmanBootcError('host', 'LIBVIRT_NOT_LOADED', message, { remedy, cause });
}
