import type { Duplex } from 'node:stream';
import type { PodmanEngine } from '../podman/engine.js';
import type { ListedImage } from '../podman/images.js';
import { codeOf, PodmanBootcError } from '../errors.js';
import type { BootStatus } from './boot/status.js';
import type { ConsoleLogOptions } from './boot/console.js';
import { madeOf } from '../domain/metadata.js';
import type { PublishedPort } from '../domain/ports.js';
import type { Copy } from '../ssh/copy.js';
import type { LoginTarget } from '../ssh/target.js';
import { openHost, requireFeatures, type Host, type HostOperation, type HostOptions } from './host/host.js';
import { checkName } from './identity.js';
import { acquireLock } from './host/lock.js';
import type { ListedBaseDisk } from './disks/base-store.js';
import type { LeftBehindVirtualMachine } from './left-behind.js';
import type { VmFilter } from './filter.js';
import type { InspectedVirtualMachine } from './inspect.js';
import type { RunOptions } from './create/options.js';
import type { ToDiskOptions, WrittenDisk } from './create/to-disk.js';
import { isThere } from '../paths.js';
import type { BootPatience } from './update/judge.js';
import type { LiveOptions, LiveOutcome } from './update/live.js';
import type { RollbackOutcome } from './update/rollback.js';
import type { WatchCycle } from './update/watch.js';
import type { UpgradeOptions, UpgradeOutcome } from './update/upgrade.js';
import type { AppliedChange, VmChanges } from './change/set.js';
import type { StopOptions, StopOutcome } from './power/stop.js';
import {
  asVirtualMachine,
  digitsToEnd,
  findVirtualMachine,
  listUnfinished,
  listVirtualMachines,
  localDirectoryOf,
  loginTarget,
  lookupDomain,
  requireDigits,
  type ListedVirtualMachine,
  type UnfinishedVirtualMachine,
  type VirtualMachine,
} from './virtual-machine.js';
import type { Readiness, WaitOptions } from './boot/wait-for-login.js';
import type { AwaitedState, WaitForStateOptions } from './boot/wait.js';

/*
 * What an operation needs is imported when it is called: `list` and `--help` are typed often, and installing,
 * booting and logging in are most of the code.
 */

/** Why a start may fail so that a VM which was just made is not kept. */
const neverStarted = ['START_FAILED', 'PORT_TAKEN', 'PORT_UNUSABLE'];

/**
 * podman-bootc as a library: one libvirt connection and what can be done over it.
 *
 * ```ts
 * await using client = await PodmanBootc.open();
 * const vm = await client.run('quay.io/fedora/fedora-bootc:42', { name: 'web' });
 * await client.waitUntilReady(vm);
 * const exitCode = await client.openSession(vm, ['systemctl', '--failed']);
 * ```
 *
 * Every method rejects with a `PodmanBootcError`; a VM may be given as an object or by its name or ID. Over a libvirt of
 * another host, what needs files or ports of that host rejects with `LIBVIRT_REMOTE`, before anything is done.
 */
export class PodmanBootc implements AsyncDisposable {
  readonly #host: Host;

  private constructor(host: Host) {
    this.#host = host;
  }

  /** Connects to libvirt; see `HostOptions`. */
  static async open(options: HostOptions = {}): Promise<PodmanBootc> {
    return new PodmanBootc(await openHost(options));
  }

  /**
   * Refuses an operation, by its name, where it needs more than the host of libvirt lets us reach; the methods do so themselves.
   * @throws PodmanBootcError `LIBVIRT_REMOTE`
   */
  requireLocal(operation: HostOperation): void {
    requireFeatures(this.#host, operation);
  }

  /** Whether libvirt runs on this host. */
  get isLocal(): boolean {
    return this.#host.features.files;
  }

  async close(): Promise<void> {
    await this.#host[Symbol.asyncDispose]();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** All VMs, or those that a filter lets through, running or not, oldest first. */
  async list(filter?: VmFilter): Promise<ListedVirtualMachine[]> {
    const vms = await listVirtualMachines(this.#host);
    if (!filter) return vms;
    const { matchesFilter } = await import('./filter.js');
    return vms.filter((vm) =>
      matchesFilter(
        {
          ...vm,
          image: vm.metadata.image ?? { reference: madeOf(vm.metadata) },
          labels: vm.metadata.labels ?? {},
        },
        filter,
      ),
    );
  }

  /** The VMs that are being made or removed now, or were when a podman-bootc was killed. They have no labels. */
  async listUnfinished(filter?: VmFilter): Promise<UnfinishedVirtualMachine[]> {
    const vms = await listUnfinished(this.#host);
    if (!filter) return vms;
    const { matchesFilter } = await import('./filter.js');
    return vms.filter((vm) => matchesFilter({ ...vm, image: { reference: vm.image }, labels: {} }, filter));
  }

  /** The VMs that libvirt has lost and whose disk or keys are still here; see `adopt`. They have no labels. */
  async listLeftBehind(filter?: VmFilter): Promise<LeftBehindVirtualMachine[]> {
    const vms = await (await import('./left-behind.js')).listLeftBehind(this.#host);
    if (!filter) return vms;
    const { matchesFilter } = await import('./filter.js');
    return vms.filter((vm) =>
      matchesFilter({ ...vm, name: vm.name ?? '', image: { reference: vm.image ?? '' }, labels: {} }, filter),
    );
  }

  /**
   * Gives a VM that libvirt has lost (`virsh undefine`, a libvirt installed anew) its domain back, with the disk, keys, uuid and
   * ports that it had. It is not started.
   * @param which the name it had last, or the beginning of its ID
   * @param options.name to call it now
   * @throws PodmanBootcError `VM_NOT_FOUND`, `VM_EXISTS`, `VM_LEFT_BEHIND` (says why it cannot be), `NAME_TAKEN`,
   * `DISK_MISSING`, `DISK_DAMAGED`, `BASE_DAMAGED`, `ADOPT_FAILED`
   */
  async adopt(
    which: string,
    options: { name?: string | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<VirtualMachine> {
    this.requireLocal('adopt');
    const [{ recoverAbandoned }, { adoptVirtualMachine }] = await Promise.all([
      import('./disks/recover.js'),
      import('./change/adopt.js'),
    ]);
    if (options.name !== undefined) checkName(options.name);
    await recoverAbandoned(this.#host);
    return this.#withLeftBehind(
      which,
      async (left) => {
        const name = options.name ?? left.name;
        await using _name =
          name === undefined
            ? undefined
            : await acquireLock(this.#host, `name-${name}`, {
                what: `the name ${name}`,
                signal: options.signal,
              });
        return await adoptVirtualMachine(this.#host, left, options.name);
      },
      options.signal,
    );
  }

  /** All there is to know of a VM. */
  async inspect(which: string | VirtualMachine): Promise<InspectedVirtualMachine> {
    return (await import('./inspect.js')).inspectVirtualMachine(this.#host, which);
  }

  /**
   * The VM with this name, or whose ID begins so.
   * @param options.toEnd for what ends it: wants three digits of an ID at least; default false
   */
  find(nameOrId: string, options: { toEnd?: boolean } = {}): Promise<VirtualMachine> {
    return findVirtualMachine(this.#host, nameOrId, { digits: options.toEnd ? digitsToEnd : undefined });
  }

  /**
   * Makes the VM of an image, or of the disk of the options, unless there is one, and boots it. Does not wait for the guest:
   * see `waitUntilReady`. A VM that libvirt cannot start for the first time is removed again.
   */
  async run(
    imageOrId: string | undefined,
    options: RunOptions = {},
    signal?: AbortSignal,
  ): Promise<VirtualMachine> {
    this.requireLocal('run');
    const [{ provideVirtualMachine }, { startVirtualMachine }, { removeVirtualMachine }] = await Promise.all([
      import('./create/provide.js'),
      import('./power/start.js'),
      import('./change/remove.js'),
    ]);
    await using provided = await provideVirtualMachine(this.#host, imageOrId, options, signal);
    const { vm, created } = provided;
    // It runs already, and would not be there otherwise.
    if (created && options.transient) return vm;
    try {
      return (await this.#finishUpdate(vm, signal)) ?? (await startVirtualMachine(this.#host, vm)).vm;
    } catch (error) {
      if (created && neverStarted.includes(codeOf(error) ?? '')) {
        await removeVirtualMachine(this.#host, vm, { force: true });
      }
      throw error;
    }
  }

  /**
   * Makes a VM, of an image or of the disk of the options, and does not boot it. Where `run` would find one of that image, disk
   * or name, this refuses.
   * @throws PodmanBootcError `VM_EXISTS`
   */
  async create(
    image: string | undefined,
    options: RunOptions = {},
    signal?: AbortSignal,
  ): Promise<VirtualMachine> {
    this.requireLocal('create');
    const { provideVirtualMachine } = await import('./create/provide.js');
    const mustBeNew = true;
    await using made = await provideVirtualMachine(this.#host, image, { ...options, mustBeNew }, signal);
    return made.vm;
  }

  /**
   * Writes an image to a file, as a disk that boots. The file appears when it is complete; one that is there is refused unless it
   * is to be written over.
   * @throws PodmanBootcError `FILE_EXISTS` and what else `writeToDisk` throws
   */
  async toDisk(
    image: string,
    file: string,
    options: ToDiskOptions = {},
    signal?: AbortSignal,
  ): Promise<WrittenDisk> {
    this.requireLocal('to-disk');
    const { writeToDisk } = await import('./create/to-disk.js');
    return writeToDisk(this.#host, image, file, options, signal);
  }

  /** Boots a VM that is not running. */
  start(
    which: string | VirtualMachine,
    signal?: AbortSignal,
  ): Promise<{ vm: VirtualMachine; started: boolean }> {
    return this.#exclusively(
      which,
      async (vm) => {
        const updated = await this.#finishUpdate(vm, signal);
        if (updated) return { vm: updated, started: true };
        return (await import('./power/start.js')).startVirtualMachine(this.#host, vm);
      },
      signal,
    );
  }

  /**
   * Shuts a VM down; by force when it has not ended after `timeout` milliseconds (default 90,000). A transient one is
   * gone then.
   */
  async stop(which: string | VirtualMachine, options: StopOptions = {}): Promise<StopOutcome> {
    return this.#exclusively(
      await this.#resolve(which, { toEnd: true }),
      async (vm) => (await import('./power/stop.js')).stopVirtualMachine(this.#host, vm, options),
      options.signal,
    );
  }

  /**
   * Stops a VM as `stop` does and boots it anew, which also brings what `set` has changed "at next start". One that
   * is not running is only booted. A crash in between leaves it shut off. A transient one would be gone: its guest is
   * asked to reboot, and reset after the time-out.
   */
  restart(which: string | VirtualMachine, options: StopOptions = {}): Promise<VirtualMachine> {
    return this.#exclusively(
      which,
      async (vm) => {
        if (!(await vm.domain.isPersistent())) {
          await (await import('./power/reboot.js')).rebootVirtualMachine(this.#host, vm, options);
          return vm;
        }
        const [{ stopVirtualMachine }, { requireOwnVolumes, startVirtualMachine }] = await Promise.all([
          import('./power/stop.js'),
          import('./power/start.js'),
        ]);
        // One that could not be started again goes on.
        if (this.#host.features.files) await requireOwnVolumes(vm);
        await stopVirtualMachine(this.#host, vm, options);
        return (
          (await this.#finishUpdate(vm, options.signal)) ?? (await startVirtualMachine(this.#host, vm)).vm
        );
      },
      options.signal,
    );
  }

  /**
   * Brings the present version of its image, or of another, into a VM and boots it. /var and changes in /etc stay. One that does
   * not come up is undone.
   * @throws PodmanBootcError `UPDATE_UNDONE` and what else `upgradeVirtualMachine` throws
   */
  async upgrade(which: string | VirtualMachine, options: UpgradeOptions = {}): Promise<UpgradeOutcome> {
    this.requireLocal('upgrade');
    return this.#exclusively(
      which,
      async (vm) => (await import('./update/upgrade.js')).upgradeVirtualMachine(this.#host, vm, options),
      options.signal,
    );
  }

  /**
   * Brings the files of /usr and /etc of the present version of its image, or of another, into a VM that runs, without a reboot.
   * They are gone with the next boot, unless `upgrade` has brought that version.
   * @throws PodmanBootcError `LIVE_NEEDS_REBOOT` and what else `upgradeLive` of vm/update/live.ts throws
   */
  async upgradeLive(which: string | VirtualMachine, options: LiveOptions = {}): Promise<LiveOutcome> {
    this.requireLocal('upgrade');
    return this.#exclusively(
      which,
      async (vm) => (await import('./update/live.js')).upgradeLive(this.#host, vm, options),
      options.signal,
    );
  }

  /**
   * Upgrades a VM to every new version of its image, or of another, beginning with the present one; tells of each. An update that
   * fails is undone and told, and does not end this; of versions that come meanwhile, the newest counts. Ends when the signal
   * aborts, with its reason; the VM goes on running.
   * @param options.live brings only files, as `upgradeLive` does
   */
  async *watch(
    which: string | VirtualMachine,
    options: UpgradeOptions & { live?: boolean | undefined; signal: AbortSignal },
  ): AsyncGenerator<WatchCycle, void> {
    this.requireLocal('upgrade');
    const [{ newVersions }, { findVersion }, { isVerdict }] = await Promise.all([
      import('./update/watch.js'),
      import('./update/version.js'),
      import('./update/judge.js'),
    ]);
    const vm = await this.#resolve(which);
    const { engine, image } = await findVersion(this.#host, vm, options, options.signal);
    const { reference } = image;
    for await (const imageId of newVersions(engine, reference, undefined, options.signal)) {
      const begin = performance.now();
      const cycle = { imageId, outcome: undefined, error: undefined };
      const wanted = { ...options, image: reference, pull: 'missing' } as const;
      const upgrading = options.live === true ? this.upgradeLive(vm, wanted) : this.upgrade(vm, wanted);
      const told = await upgrading.then(
        (outcome: UpgradeOutcome | LiveOutcome) => ({ ...cycle, outcome }),
        (error: unknown) => {
          // It is the version's matter, and the next one may be better.
          if (!isVerdict(error)) throw error;
          return { ...cycle, error };
        },
      );
      yield { ...told, duration: performance.now() - begin };
    }
  }

  /**
   * Builds an image in the store that a VM is updated from: at once, and whenever files of the context change.
   * @param options.onBuilt called after each build, with podman's words when it failed
   */
  async buildOnChange(
    which: string | VirtualMachine,
    options: Pick<UpgradeOptions, 'image' | 'podman'> & {
      context: string;
      signal: AbortSignal;
      onBuilt?: (failure: string | undefined) => void;
    },
  ): Promise<never> {
    const [{ buildImage, contextChanges }, { selectEngine }, { recordedImage }] = await Promise.all([
      import('../podman/build.js'),
      import('../podman/select.js'),
      import('./update/version.js'),
    ]);
    const vm = await this.#resolve(which);
    const { context, signal, image: reference = recordedImage(vm) } = options;
    const { report } = this.#host;
    const podman = options.podman ?? vm.metadata.install?.podman ?? 'auto';
    const { engine } = await selectEngine(podman, { report, signal });
    const build = async (): Promise<void> => {
      const onOutput = (chunk: string): void => {
        report.output(chunk);
      };
      options.onBuilt?.(await buildImage(engine, { context, reference, onOutput, signal }));
    };
    const changes = contextChanges(context, signal);
    // Watched from before the first build on.
    let change = changes.next();
    for (;;) {
      await build();
      await change;
      change = changes.next();
    }
  }

  /**
   * Boots what a VM ran before its last update.
   * @throws PodmanBootcError `UPDATE_NOTHING_BEFORE` and what else `rollbackVirtualMachine` throws
   */
  async rollback(which: string | VirtualMachine, options: BootPatience = {}): Promise<RollbackOutcome> {
    this.requireLocal('rollback');
    return this.#exclusively(
      which,
      async (vm) => (await import('./update/rollback.js')).rollbackVirtualMachine(this.#host, vm, options),
      options.signal,
    );
  }

  /** Gives a VM that is shut off another name. @returns the VM with that name */
  async rename(which: string | VirtualMachine, name: string, signal?: AbortSignal): Promise<VirtualMachine> {
    checkName(name);
    const { renameVirtualMachine } = await import('./change/rename.js');
    // The name first, as for a new VM: whoever makes one of that name holds it until the domain is defined.
    await using _name = this.#host.features.files
      ? await acquireLock(this.#host, `name-${name}`, { what: `the name ${name}`, signal })
      : undefined;
    return await this.#exclusively(which, (vm) => renameVirtualMachine(this.#host, vm, name), signal);
  }

  /**
   * Changes a VM: in its definition, and where libvirt can, in the running VM.
   * @returns what was changed, and when it comes into effect
   */
  set(which: string | VirtualMachine, changes: VmChanges, signal?: AbortSignal): Promise<AppliedChange[]> {
    return this.#exclusively(
      which,
      async (vm) => (await import('./change/set.js')).setVirtualMachine(this.#host, vm, changes),
      signal,
    );
  }

  /** Waits until a VM runs, can be logged in to, or has stopped. Takes no lock. */
  async waitFor(
    which: string | VirtualMachine,
    state: AwaitedState,
    options?: WaitForStateOptions,
  ): Promise<void> {
    if (state === 'ssh') this.requireLocal('wait --state ssh');
    const { waitForState } = await import('./boot/wait.js');
    await waitForState(this.#host, await this.#resolve(which), state, options);
  }

  /** The ports of a VM that ports of this host lead to, SSH's first. */
  async ports(which: string | VirtualMachine): Promise<PublishedPort[]> {
    const { publishedPorts } = await import('./guest/ports.js');
    return publishedPorts(await this.#resolve(which));
  }

  /** Halts a VM where it is. @returns false when it was paused already */
  pause(which: string | VirtualMachine, signal?: AbortSignal): Promise<boolean> {
    return this.#exclusively(
      which,
      async (vm) => (await import('./power/pause.js')).pauseVirtualMachine(vm),
      signal,
    );
  }

  /** Lets a paused VM go on. @returns false when it was not paused */
  resume(which: string | VirtualMachine, signal?: AbortSignal): Promise<boolean> {
    return this.#exclusively(
      which,
      async (vm) => (await import('./power/pause.js')).resumeVirtualMachine(vm),
      signal,
    );
  }

  /**
   * Removes a VM with its disk; one that runs only with `force`. The base disk of its image stays, for the next VM, but
   * with `purge` goes too unless something else needs it. Of a VM that libvirt has lost, what is left is removed; with
   * `force` also where nothing says what it was.
   * @returns what it was called
   */
  async remove(
    which: string | VirtualMachine,
    options: { force?: boolean; purge?: boolean } = {},
  ): Promise<{ name: string; id: string; uuid: string }> {
    this.requireLocal('rm');
    const [{ recoverAbandoned }, { removeVirtualMachine }] = await Promise.all([
      import('./disks/recover.js'),
      import('./change/remove.js'),
    ]);
    await recoverAbandoned(this.#host);
    try {
      return await this.#exclusively(await this.#resolve(which, { toEnd: true }), async (vm) => {
        await removeVirtualMachine(this.#host, vm, options);
        return vm;
      });
    } catch (error) {
      if (codeOf(error) !== 'VM_LEFT_BEHIND' || typeof which !== 'string') throw error;
    }
    const { removeLeftBehind } = await import('./change/remove-left-behind.js');
    return this.#withLeftBehind(which, async (left) => {
      if (left.name !== which) requireDigits(which, digitsToEnd);
      await removeLeftBehind(this.#host, left, options);
      return { ...left, name: left.name ?? left.id };
    });
  }

  /** The base disks: what VMs' disks are overlays of, oldest first. */
  async bases(): Promise<ListedBaseDisk[]> {
    this.requireLocal('disk ls');
    return (await import('./disks/base-store.js')).listBases(this.#host);
  }

  /**
   * The base disks that `removeBase` would remove: with `all` every one that nothing needs, else those that a newer one
   * of the same image reference has replaced, and damaged or half made ones.
   */
  async unusedBases(options: { all?: boolean } = {}): Promise<ListedBaseDisk[]> {
    this.requireLocal('disk prune');
    const [{ recoverAbandoned }, { unusedBases }] = await Promise.all([
      import('./disks/recover.js'),
      import('./disks/base-store.js'),
    ]);
    await recoverAbandoned(this.#host);
    return unusedBases(this.#host, options.all === true);
  }

  /** Removes a base disk unless something needs it. @returns whether it is gone */
  async removeBase(base: { key: string }): Promise<boolean> {
    this.requireLocal('disk prune');
    return (await import('./disks/base-store.js')).removeBase(this.#host, base.key);
  }

  /**
   * What the guest wrote to its console: the boot that runs or ran last, or one before. The bytes are the guest's own and
   * may hold anything: see `ConsoleText` before a terminal gets them.
   * @throws PodmanBootcError `BOOT_NOT_KEPT`, `CONSOLE_LOG_UNREADABLE`
   */
  async *consoleLog(
    which: string | VirtualMachine,
    options: ConsoleLogOptions = {},
  ): AsyncGenerator<Buffer, void> {
    this.requireLocal('logs');
    const { readConsoleLog } = await import('./boot/console.js');
    yield* readConsoleLog(this.#host, await this.#resolve(which), options);
  }

  /**
   * The console itself, to read from and write to, until the VM stops or the stream is ended. One at a time has it.
   * @param options.force takes it from whoever has it
   * @throws PodmanBootcError `VM_NOT_RUNNING`, `CONSOLE_BUSY`
   */
  async openConsole(
    which: string | VirtualMachine,
    options: { force?: boolean | undefined; signal?: AbortSignal | undefined } = {},
  ): Promise<Duplex> {
    const { openConsole } = await import('./boot/console.js');
    return openConsole(await this.#resolve(which), options);
  }

  /** How its present boot, or its last, stands, and what is wrong with it. */
  async status(which: string | VirtualMachine, signal?: AbortSignal): Promise<BootStatus> {
    this.requireLocal('status');
    const { bootStatus } = await import('./boot/status.js');
    return bootStatus(this.#host, await this.#resolve(which), signal);
  }

  /** Waits until somebody can log in, or until it is known that nobody will; see `waitUntilReady`. */
  async waitUntilReady(which: string | VirtualMachine, options?: WaitOptions): Promise<Readiness> {
    this.requireLocal('wait --state ssh');
    const { waitUntilReady } = await import('./boot/wait-for-login.js');
    return waitUntilReady(this.#host, await this.#resolve(which), options);
  }

  /**
   * Opens a session with the system's ssh client on this process's terminal, or runs a command: one string is
   * a shell command line, several are arguments that arrive as given. Waits for a guest that still boots.
   * @returns the remote exit code
   * @throws PodmanBootcError `VM_NOT_RUNNING` and those of `waitUntilReady`
   */
  async openSession(
    which: string | VirtualMachine,
    command: readonly string[] = [],
    options: WaitOptions & { onReady?: () => void } = {},
  ): Promise<number> {
    this.requireLocal('ssh');
    const vm = await this.#resolve(which);
    const [target, { openSession }] = await Promise.all([
      this.#loginWhenReady(vm, options),
      import('../ssh/session.js'),
    ]);
    options.onReady?.();
    const exitCode = await openSession(target, command);
    // ssh's own failures. One that refused the host key has run nothing in the guest.
    if (exitCode !== 255 || !(await this.#learnHostKey(vm, target, options))) return exitCode;
    return openSession(target, command);
  }

  /**
   * Copies a file, or a directory with all that is in it, between this host and a VM. Waits for a guest that still
   * boots.
   * @throws PodmanBootcError `COPY_FAILED`, `VM_NOT_RUNNING` and those of `waitUntilReady`
   */
  async copy(
    which: string | VirtualMachine,
    what: Copy,
    options: WaitOptions & { progress?: boolean } = {},
  ): Promise<void> {
    this.requireLocal('cp');
    const vm = await this.#resolve(which);
    const target = await this.#loginWhenReady(vm, options);
    const { copy } = await import('../ssh/copy.js');
    try {
      await copy(target, what, options);
    } catch (error) {
      const isSshs = error instanceof PodmanBootcError && error.failureClass === 'ssh';
      if (!isSshs || !(await this.#learnHostKey(vm, target, options))) throw error;
      await copy(target, what, options);
    }
  }

  /** A block for ~/.ssh/config with which the system's ssh logs in to a VM by its name or ID. */
  async sshConfig(which: string | VirtualMachine, user?: string): Promise<string> {
    this.requireLocal('ssh-config');
    const vm = await this.#resolve(which);
    const [{ formatSshConfig }, { readPinnedKeys }] = await Promise.all([
      import('../ssh/config.js'),
      import('../ssh/pinning.js'),
    ]);
    const target = loginTarget(this.#host, vm, user);
    return formatSshConfig([vm.name, vm.id], target, {
      firstContact:
        vm.metadata.ssh.hostKey === 'first-contact' || (await readPinnedKeys(target)).length === 0,
    });
  }

  /** The bootc images where `run` would install from; see `selectEngine` for `podman`. */
  static async images(
    podman = 'auto',
    signal?: AbortSignal,
  ): Promise<{ engine: PodmanEngine; images: ListedImage[] }> {
    const [{ selectEngine }, { runPodmanClient }, { listBootcImages }] = await Promise.all([
      import('../podman/select.js'),
      import('../podman/engine.js'),
      import('../podman/images.js'),
    ]);
    const { engine } = await selectEngine(podman, { signal }).catch(async (error: unknown) => {
      // To look at images needs no rootful podman: without one, this user's own store is shown.
      if (codeOf(error) !== 'PODMAN_NONE_USABLE' || podman !== 'auto') throw error;
      await runPodmanClient(['--version'], { signal });
      return { engine: { kind: 'local' } satisfies PodmanEngine };
    });
    return { engine, images: await listBootcImages(engine, signal) };
  }

  async #loginWhenReady(vm: VirtualMachine, options: WaitOptions): Promise<LoginTarget> {
    const { loginWhenReady } = await import('./boot/login-when-ready.js');
    return loginWhenReady(this.#host, vm, options);
  }

  /**
   * Finds out whether ssh failed because the guest shows another host key than the pinned ones.
   * @returns whether that one is trusted by now, so that it is worth another attempt; false where it was no matter of keys
   * @throws PodmanBootcError `HOST_KEY_MISMATCH`, with what can be done
   */
  async #learnHostKey(vm: VirtualMachine, target: LoginTarget, options: WaitOptions): Promise<boolean> {
    const { showsUnknownKey } = await import('../ssh/readiness.js');
    const { signal } = options;
    if (!(await showsUnknownKey(target, { timeout: 5_000, signal }).catch(() => false))) return false;
    await this.waitUntilReady(vm, options);
    return true;
  }

  async #resolve(which: string | VirtualMachine, options: { toEnd?: boolean } = {}): Promise<VirtualMachine> {
    return typeof which === 'string' ? this.find(which, options) : which;
  }

  /** Does something with what is left of a VM, while nobody else does and libvirt still has no such domain. */
  async #withLeftBehind<T>(
    which: string,
    operation: (left: LeftBehindVirtualMachine) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const { findLeftBehind } = await import('./left-behind.js');
    const found = await findLeftBehind(this.#host, which);
    if (!found) {
      const vm = await this.find(which);
      throw new PodmanBootcError('usage', 'VM_EXISTS', `libvirt has the VM ${vm.name}; nothing was changed`, {
        remedy: `Start it with \`podman-bootc start ${vm.id}\``,
      });
    }
    const what = `what is left of the VM ${found.name ?? found.id}`;
    await using _lock = await acquireLock(this.#host, found.uuid, { what, signal });
    const current = await findLeftBehind(this.#host, found.uuid);
    if (!current) {
      throw new PodmanBootcError(
        'usage',
        'VM_NOT_FOUND',
        `There is no longer ${what}: somebody else was quicker`,
        {
          remedy: 'List the VMs with `podman-bootc list --all`',
        },
      );
    }
    return await operation(current);
  }

  async #exclusively<T>(
    which: string | VirtualMachine,
    operation: (vm: VirtualMachine) => Promise<T>,
    signal?: AbortSignal,
  ): Promise<T> {
    const vm = await this.#resolve(which);
    // A lock of this host would keep nobody on another one waiting: there libvirt alone decides.
    await using _lock = this.#host.features.files
      ? await acquireLock(this.#host, vm.uuid, { what: `the VM ${vm.name}`, signal })
      : undefined;
    // Whoever had the lock may have removed or renamed it.
    const domain = await lookupDomain(this.#host, { uuid: vm.uuid });
    const current = domain && (await asVirtualMachine(domain));
    if (!current) {
      throw new PodmanBootcError(
        'usage',
        'VM_NOT_FOUND',
        `The VM ${vm.name} is gone: somebody else removed it`,
        {
          remedy: 'List the VMs with `podman-bootc list`',
        },
      );
    }
    await this.#finishStep(current);
    return await operation(current);
  }

  /** Finishes what an interrupted update has left, if that needs no boot; see `finishStep`. The VM's lock is held. */
  async #finishStep(vm: VirtualMachine): Promise<void> {
    const directory = localDirectoryOf(this.#host, vm);
    if (!directory) return;
    if (await isThere(directory.updateDisk)) {
      const { removeUpdateDisk } = await import('./update/update-disk.js');
      // Not long: it may be this guest's end that the command is for.
      await removeUpdateDisk(this.#host, vm, directory, 10_000);
    }
    if (!(await isThere(directory.update))) return;
    await (await import('./update/finish.js')).finishStep(this.#host, vm, directory);
  }

  /** The same where it needs one. @returns the VM, which runs then; undefined where there was no such update */
  async #finishUpdate(vm: VirtualMachine, signal?: AbortSignal): Promise<VirtualMachine | undefined> {
    const directory = localDirectoryOf(this.#host, vm);
    if (!directory || !(await isThere(directory.update))) return undefined;
    const { finishUpdate } = await import('./update/finish.js');
    return (await finishUpdate(this.#host, vm, directory, { signal }))?.vm;
  }
}
