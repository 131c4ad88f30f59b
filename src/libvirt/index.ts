/**
 * A typed API over libvirt's client library. It knows nothing of bootc, podman or SSH, and can be used by
 * itself as `podman-bootc/libvirt`.
 */
export type { CallOptions } from './arguments.js';
export type { CloseReason } from './connection/close-events.js';
export { connect, libraryVersion, type ConnectOptions } from './connection/connect.js';
export { Connection } from './connection/connection.js';
export type {
  CredentialAnswers,
  CredentialRequest,
  CredentialType,
  CredentialsCallback,
} from './connection/credentials.js';
export type { TypedParameters, TypedValue } from './addon/domain.js';
export type { DomainInfo, UndefineOptions } from './domain/definition.js';
export { Domain } from './domain/domain.js';
export type { BlockCommitOptions, BlockInfo, BlockJob, BlockJobType } from './domain/blocks.js';
export type { AffectOptions, VcpuOptions } from './domain/devices.js';
export {
  DomainEvents,
  type DomainEventFilter,
  type DomainEventsOptions,
  type LostEvents,
} from './events/domain-events.js';
export type { AddressSource, AgentCommand, DomainInterface, GuestInfoType } from './domain/guest.js';
export type { DomainJob, DomainJobType, JobOperation, JobProgress } from './domain/job.js';
export type { KeyCodeSet, ManagedSaveOptions, RebootMode } from './domain/power.js';
export { DomainSnapshot, type SnapshotCreateOptions, type SnapshotListOptions } from './domain/snapshot.js';
export type { DomainState, DomainStateAndReason, DomainStateReason } from './domain/state.js';
export type {
  DiskStatistics,
  DomainStatistics,
  NetworkTraffic,
  StatisticsType,
} from './domain/all-statistics.js';
export type { BlockStatistics, DiskOperations, MemoryStatistics } from './domain/statistics.js';
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
  StorageVolume,
  type CreateVolumeOptions,
  type StoragePoolInfo,
  type StoragePoolState,
  type StorageVolumeInfo,
  type StorageVolumeType,
  type TransferOptions,
} from './storage/storage.js';
