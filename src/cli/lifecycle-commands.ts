import type { Command } from 'commander';
import { allOptions, vmFormatOption, vmHelp } from './options.js';
import { parseSeconds } from './values.js';

/** Declares the commands that act on VMs there are, for `createProgram`. */
export function addLifecycleCommands(command: (name: string, description: string) => Command): void {
  command('stop', 'shut VMs down; they keep their disks')
    .argument('<vm...>', vmHelp.several)
    .option(
      '--timeout <seconds>',
      'how long the guest has before it is ended by force (default: 90)',
      parseSeconds('--timeout'),
    )
    .option('-f, --force', 'end them at once, as if the power were cut')
    .addHelpText(
      'after',
      '\nA paused VM goes on first, so that its guest can shut down.\n\nExamples:\n  podman-bootc stop web\n  podman-bootc stop --timeout 300 db',
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { stop } = await import('./stop.js');
      await stop(vms, allOptions(self));
    });

  command('restart', 'shut VMs down and boot them again')
    .argument('<vm...>', vmHelp.several)
    .option(
      '--timeout <seconds>',
      'how long the guest has before it is ended by force (default: 90)',
      parseSeconds('--timeout'),
    )
    .option('-f, --force', 'end them at once, as if the power were cut')
    .addHelpText(
      'after',
      '\nOne that is not running is booted. What `set` has changed "at next start" comes into effect.\n\nExamples:\n  podman-bootc restart web',
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { restart } = await import('./restart.js');
      await restart(vms, allOptions(self));
    });

  command('pause', 'halt VMs where they are')
    .argument('<vm...>', vmHelp.several)
    .addHelpText(
      'after',
      '\nA paused VM keeps its memory on this host, and is not stopped: `rm` refuses it.\n\nExamples:\n  podman-bootc pause web',
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { pause } = await import('./pause.js');
      await pause(vms, allOptions(self));
    });

  command('resume', 'let paused VMs go on')
    .argument('<vm...>', vmHelp.several)
    .addHelpText('after', '\nExamples:\n  podman-bootc resume web')
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { resume } = await import('./pause.js');
      await resume(vms, allOptions(self));
    });

  command('rename', 'give a VM that is shut off another name')
    .argument('<vm>', vmHelp.one)
    .argument('<name>', 'the new name')
    .addHelpText('after', '\nIts ID stays.\n\nExamples:\n  podman-bootc rename 5d31f6c3a1b2 web')
    .action(async (vm: string, name: string, _options: unknown, self: Command) => {
      const { rename } = await import('./rename.js');
      await rename(vm, name, allOptions(self));
    });

  command('inspect', 'print all there is to know of VMs')
    .argument('<vm...>', vmHelp.several)
    .addOption(vmFormatOption(['json', 'yaml', 'xml'], 'json'))
    .addHelpText(
      'after',
      `
JSON and YAML are lists, described by schema/inspect.json in the package; XML is libvirt's, of the domain
as it is now. A template prints a line per VM; its fields are the keys of the JSON.

Examples:
  podman-bootc inspect web
  podman-bootc inspect --format '{{.SSH.Port}}' web`,
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { inspect } = await import('./inspect.js');
      await inspect(vms, allOptions(self));
    });
}
