/**
 * A typed API over libvirt's client library. It knows nothing of bootc, podman or SSH, and can be used by
 * itself as `podman-bootc/libvirt`.
 */
export type { CallOptions } from './arguments.js';
export type { CloseReason } from './connection/close-events.js';
export { Connection, connect, libraryVersion, type ConnectOptions } from './connection/connection.js';
export type {
  CredentialAnswers,
  CredentialRequest,
  CredentialType,
  CredentialsCallback,
} from './connection/credentials.js';
export type { TypedParameters, TypedValue } from './addon/domain.js';
export { Domain, type DomainInfo, type UndefineOptions } from './domain/domain.js';
export type { BlockCommitOptions, BlockInfo, BlockJob, BlockJobType } from './domain/blocks.js';
export type { VcpuOptions } from './domain/devices.js';
export {
  DomainEvents,
  type DomainEventFilter,
  type DomainEventsOptions,
  type LostEvents,
} from './events/domain-events.js';
export type { AddressSource, AgentCommand, DomainInterface, GuestInfoType } from './domain/guest.js';
export type { DomainJob, DomainJobType, JobOperation, JobProgress } from './domain/job.js';
export type { KeyCodeSet, ManagedSaveOptions, RebootMode } from './domain/power.js';
export type { AffectOptions } from './domain/reference.js';
export { DomainSnapshot, type SnapshotCreateOptions, type SnapshotListOptions } from './domain/snapshots.js';
export type { DomainState, DomainStateAndReason, DomainStateReason } from './domain/state.js';
export type {
  BlockStatistics,
  DiskOperations,
  DiskStatistics,
  DomainStatistics,
  MemoryStatistics,
  NetworkTraffic,
  StatisticsType,
} from './domain/statistics.js';
export type { GuestInfo } from './domain/guest-info.js';
export { LibvirtError, isLibvirtError } from './error.js';
export type {
  DomainAgentLifecycleEvent,
  DomainBlockJobEvent,
  DomainDeviceRemovedEvent,
  DomainEvent,
  DomainEventOf,
  DomainEventType,
  DomainJobCompletedEvent,
  DomainLifecycleEvent,
  DomainRebootEvent,
  EventDomain,
} from './events/domain-event.js';
export { Network, type DhcpLease } from './network/network.js';
export {
  StoragePool,
  type CreateVolumeOptions,
  type StoragePoolInfo,
  type StoragePoolState,
} from './storage/storage-pool.js';
export {
  StorageVolume,
  type StorageVolumeInfo,
  type StorageVolumeType,
  type TransferOptions,
} from './storage/storage-volume.js';
