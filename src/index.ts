/**
 * The library. Importing it loads neither libvirt nor podman's client; the first call does.
 * @module
 */
export { PodmanBootc } from './vm/client.js';
export { examineHost, type ExamineOptions } from './doctor/index.js';
export type { CheckStatus, Finding, HostReport } from './doctor/finding.js';
export type { CheckId } from './checks.js';
export { exitCodes, PodmanBootcError, type FailureClass, type FailureDetails } from './errors.js';
export type { DomainDescription } from './domain/edit.js';
export type { VmFilter } from './vm/filter.js';
export type { InspectedVirtualMachine } from './vm/inspect.js';
export type { LoginTarget } from './ssh/target.js';
export { silentReporter, type Progress, type ProgressStage, type Reporter } from './report.js';
export { ConsoleText, printable } from './boot/console-text.js';
export type { ConsoleLogOptions } from './vm/boot/console.js';
export type { BootStatus } from './vm/boot/status.js';
export type { Verdict } from './boot/verdict.js';
export type { BootStage } from './boot/stage.js';
export type { Copy } from './ssh/copy.js';
export type { AppliedChange, Effect, VmChanges } from './vm/change/set.js';
export type { AwaitedState, WaitForStateOptions } from './vm/boot/wait.js';
export type { HostOptions } from './vm/host/host.js';
export type { RunOptions } from './vm/create/options.js';
export type { ToDiskOptions, WrittenDisk } from './vm/create/to-disk.js';
export type { FileFormat } from './disk/file-formats.js';
export type { UpgradeOptions, UpgradeOutcome } from './vm/update/upgrade.js';
export type { LiveOptions, LiveOutcome } from './vm/update/live.js';
export type { WatchCycle } from './vm/update/watch.js';
export type { RollbackOutcome } from './vm/update/rollback.js';
export type { PublishedPort } from './domain/ports.js';
export type { Volume } from './domain/volumes.js';
export type { StopOptions, StopOutcome } from './vm/power/stop.js';
export type { Readiness, WaitOptions } from './vm/boot/wait-for-login.js';
export type { Labels } from './domain/labels.js';
export type { BaseDisk, ListedBaseDisk } from './vm/disks/base-store.js';
export type { LeftBehindVirtualMachine } from './vm/left-behind.js';
export type { ListedVirtualMachine, UnfinishedVirtualMachine, VirtualMachine } from './vm/virtual-machine.js';
export type { VmMetadata } from './domain/metadata.js';
export type { PodmanEngine } from './podman/engine.js';
export type { ListedImage } from './podman/images.js';
