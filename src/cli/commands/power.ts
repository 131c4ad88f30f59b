import type { Command } from 'commander';
import { allOptions, vmHelp, type AddCommand } from './shared.js';
import { parseSeconds } from './values.js';

/** Declares the commands that start and stop VMs, for `createProgram`. */
export function addPowerCommands(command: AddCommand): void {
  command('start', 'boot VMs that are not running')
    .argument('<vm...>', 'names, IDs or beginnings of IDs')
    .addHelpText('after', '\nExamples:\n  podman-bootc start web && podman-bootc ssh web')
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { start } = await import('../actions/start.js');
      await start(vms, allOptions(self));
    });

  stopping(command('stop', 'shut VMs down; they keep their disks'))
    .argument('<vm...>', 'names, IDs or beginnings of IDs (3 digits or more)')
    .addHelpText(
      'after',
      '\nA paused VM goes on first, so that its guest can shut down.\n\nExamples:\n  podman-bootc stop web\n  podman-bootc stop --timeout 300 db',
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { stop } = await import('../actions/stop.js');
      await stop(vms, allOptions(self));
    });

  stopping(command('restart', 'shut VMs down and boot them again'))
    .argument('<vm...>', vmHelp.several)
    .addHelpText(
      'after',
      '\nOne that is not running is booted. What `set` has changed "at next start" comes into effect.\n\nExamples:\n  podman-bootc restart web',
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { restart } = await import('../actions/restart.js');
      await restart(vms, allOptions(self));
    });

  command('pause', 'halt VMs where they are')
    .argument('<vm...>', vmHelp.several)
    .addHelpText(
      'after',
      '\nA paused VM keeps its memory on this host, and is not stopped: `rm` refuses it.\n\nExamples:\n  podman-bootc pause web',
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { pause } = await import('../actions/pause.js');
      await pause(vms, allOptions(self));
    });

  command('resume', 'let paused VMs go on')
    .argument('<vm...>', vmHelp.several)
    .addHelpText('after', '\nExamples:\n  podman-bootc resume web')
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { resume } = await import('../actions/pause.js');
      await resume(vms, allOptions(self));
    });
}

function stopping(command: Command): Command {
  return command
    .option(
      '--timeout <seconds>',
      'how long the guest has before it is ended by force (default: 90)',
      parseSeconds('--timeout'),
    )
    .option('-f, --force', 'end them at once, as if the power were cut');
}
