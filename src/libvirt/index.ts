/**
 * A typed API over libvirt's client library. It knows nothing of bootc, podman or SSH, and can be used by
 * itself as `podman-bootc/libvirt`.
 */
export type { CallOptions } from './arguments.js';
export type { CloseReason } from './close-events.js';
export { Connection, connect, libraryVersion, type ConnectOptions } from './connection.js';
export {
  Domain,
  type AffectOptions,
  type DomainInfo,
  type DomainState,
  type UndefineOptions,
} from './domain.js';
export { LibvirtError, isLibvirtError } from './error.js';
export type { DomainLifecycleEvent } from './events.js';
