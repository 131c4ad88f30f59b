import type { Duplex } from 'node:stream';
import { since } from '../../boot/since.js';
import { codeOf, messageOf, PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { isLibvirtError } from '../../libvirt/index.js';
import { watchEnd } from '../end-of-vm.js';
import type { ConsoleBoot, ConsoleSource, WhichBoot } from '../host/console-source.js';
import type { Host } from '../host/host.js';
import { consoleOf, requireActive, sshCommand, type VirtualMachine } from '../virtual-machine.js';

/** Which part of a console's log is read. */
export interface ConsoleLogOptions {
  /** 0 (default) is the boot that runs or ran last, -1 the one before it; `failed` the one that an update failed with. */
  boot?: WhichBoot | undefined;
  /** Goes on until the VM stops; for boot 0 only. */
  follow?: boolean | undefined;
  /** Leaves out what was written before; see `since`. */
  since?: Date | undefined;
  signal?: AbortSignal | undefined;
}

/** Reads the console's log; see `PodmanBootc.consoleLog`. */
export async function* readConsoleLog(
  host: Host,
  vm: VirtualMachine,
  options: ConsoleLogOptions,
): AsyncGenerator<Buffer, void> {
  const source = consoleOf(host, vm);
  if (!source) throw unreadable(vm, 'its disk is not where podman-bootc keeps disks');
  try {
    await source.hold();
    if (options.follow) yield* follow(host, vm, source, options);
    else yield* selected(source, await source.boot(options.boot ?? 0), options.since);
  } catch (error) {
    if (codeOf(error) === 'EACCES') throw unreadable(vm, 'it belongs to another user');
    throw error;
  }
}

function selected(source: ConsoleSource, boot: ConsoleBoot, from: Date | undefined): AsyncIterable<Buffer> {
  const chunks = source.read(boot);
  return from === undefined ? chunks : since(chunks, from, boot);
}

async function* follow(
  host: Host,
  vm: VirtualMachine,
  source: ConsoleSource,
  { boot: which = 0, since: from, signal }: ConsoleLogOptions,
): AsyncGenerator<Buffer, void> {
  if (which !== 0) {
    throw new PodmanBootcError('usage', 'OPTIONS_CONFLICT', 'Only the latest boot can be followed', {
      remedy: `Leave out ${option('boot')} or ${option('follow')}`,
    });
  }
  await using watch = await watchEnd(host, vm);
  const end = signal ? AbortSignal.any([watch.signal, signal]) : watch.signal;
  const [latest] = await source.boots();
  if (latest) yield* selected(source, latest, from);
  yield* source.follow({ after: latest, end });
  signal?.throwIfAborted();
}

/** Opens the console; see `PodmanBootc.openConsole`. */
export async function openConsole(
  vm: VirtualMachine,
  options: { force?: boolean | undefined; signal?: AbortSignal | undefined },
): Promise<Duplex> {
  await requireActive(vm, `, or read what it wrote with \`podman-bootc logs ${vm.id}\``);
  try {
    return await vm.domain.openConsole(options);
  } catch (cause) {
    options.signal?.throwIfAborted();
    // "Active console session exists for this domain" (src/qemu/qemu_driver.c).
    const isBusy =
      isLibvirtError(cause, 'VIR_ERR_OPERATION_FAILED') && messageOf(cause).includes('session exists');
    throw isBusy
      ? new PodmanBootcError('failure', 'CONSOLE_BUSY', `Somebody else has the console of ${vm.name}`, {
          remedy: `Take it with \`podman-bootc console --force ${vm.id}\`, read it with \`podman-bootc logs -f ${vm.id}\`, or use \`${sshCommand(vm)}\``,
          cause,
        })
      : new PodmanBootcError(
          'failure',
          'CONSOLE_UNAVAILABLE',
          `libvirt could not open the console of ${vm.name}: ${messageOf(cause)}`,
          { cause },
        );
  }
}

function unreadable(vm: VirtualMachine, why: string): PodmanBootcError {
  return new PodmanBootcError(
    'failure',
    'CONSOLE_LOG_UNREADABLE',
    `The console log of ${vm.name} cannot be read: ${why}`,
    { remedy: `Its console can be: \`podman-bootc console ${vm.id}\`` },
  );
}
