import { codeOf, PodmanBootcError } from '../../errors.js';
import { requireOrigin, type RunOptions } from '../../vm/create/options.js';
import { sshCommand, type VirtualMachine } from '../../vm/virtual-machine.js';
import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import { askOnTerminal } from './ask.js';
import { asRunOptions } from './new-vm-options.js';
import type { GlobalOptions, NewVmWords } from '../options.js';
import { showProgress, type ProgressOptions } from '../output/progress.js';
import { setLogLevel, terminalReporter } from '../output/terminal.js';

interface RunCommandOptions extends GlobalOptions, ProgressOptions {
  background?: boolean;
  rm?: boolean;
  /** False is an old name of --no-wait-for-lock. */
  wait?: 'ssh' | 'systemd' | 'none' | boolean;
  bootTimeout?: number;
}

/** `podman-bootc run IMAGE [COMMAND…]`, or `--disk FILE [COMMAND…]` */
export async function run(
  image: string | undefined,
  command: string[],
  words: NewVmWords,
  options: RunCommandOptions,
): Promise<void> {
  const asked = asRunOptions(words);
  requireOrigin(image, asked);
  const isBackground = options.background === true || options.wait === 'none';
  if (isBackground && (options.rm || command.length > 0)) {
    const other = options.rm ? '--rm' : 'a command';
    throw new PodmanBootcError(
      'usage',
      'OPTIONS_CONFLICT',
      `${options.background ? '--background' : '--wait none'} cannot be combined with ${other}: it opens no session`,
      {
        remedy: 'Leave out one of them',
      },
    );
  }
  if (options.rm && asked.transient) {
    throw new PodmanBootcError(
      'usage',
      'OPTIONS_CONFLICT',
      '--rm cannot be combined with --transient: the one removes the VM with its session, the other when it stops',
      { remedy: 'Leave out one of them' },
    );
  }
  if (asked.quiet && options.logLevel === undefined) setLogLevel('error');
  const interrupt = listenForInterrupt();
  // Only a guest that was logged in to has the password.
  const otherwise = isBackground && asked.passwordFile === undefined ? 'none' : 'ssh';
  const wait = typeof options.wait === 'string' ? options.wait : otherwise;
  await using client = await openClient(options, interrupt.signal);
  const view = await showProgress(options);
  const vm = await client.run(image, { ...asked, confirm: askOnTerminal() }, interrupt.signal);
  try {
    if (wait !== 'none') {
      terminalReporter.info(`Booting ${vm.name}, SSH on 127.0.0.1:${vm.metadata.ssh.port}`);
      const { failedUnits } = await client.waitUntilReady(vm, {
        user: asked.user,
        until: wait === 'systemd' ? 'systemd' : 'ssh',
        timeout: options.bootTimeout,
        signal: interrupt.signal,
      });
      if (failedUnits.length > 0)
        terminalReporter.warn(`${vm.name} is up, but units failed: ${failedUnits.join(', ')}`);
    }
    view.close('done');
    if (isBackground) {
      terminalReporter.info(`Started ${vm.name}; get in with \`${sshCommand(vm)}\``);
      process.stdout.write(`${vm.id}\n`);
      return;
    }
    // From here on signals are ssh's own affair.
    interrupt.release();
    process.exitCode = await client.openSession(vm, command, { user: asked.user });
    if (!options.rm && command.length === 0) terminalReporter.info(whatIsLeft(vm, asked));
  } catch (error) {
    if (!options.rm && codeOf(error) === 'INTERRUPTED') terminalReporter.info(whatIsLeft(vm, asked));
    throw error;
  } finally {
    if (options.rm) await client.remove(vm, { force: true });
  }
}

function whatIsLeft(vm: VirtualMachine, { transient }: RunOptions): string {
  if (transient)
    return `${vm.name} goes on running until it is stopped, and is gone then: \`${sshCommand(vm)}\`, \`podman-bootc stop ${vm.id}\``;
  return `${vm.name} goes on running: \`${sshCommand(vm)}\`, \`podman-bootc stop ${vm.id}\`, \`podman-bootc rm -f ${vm.id}\``;
}
