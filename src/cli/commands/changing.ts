import { Option, type Command } from 'commander';
import { allOptions, vmHelp, type AddCommand } from './shared.js';
import { newVmOption, newVmWords, writtenOptions } from './new-vm-options.js';
import { repeated } from './values.js';

/** Declares the commands that change and remove VMs, for `createProgram`. */
export function addChangingCommands(command: AddCommand): void {
  command('set', 'change VMs')
    .argument('<vm...>', vmHelp.several)
    .addOption(newVmOption('cpus', writtenOptions.cpus.help))
    .addOption(newVmOption('memory', writtenOptions.memory.help))
    .addOption(newVmOption('labels', 'add a label; may be given several times'))
    .addOption(
      new Option('--remove-label <name>', 'take a label away; may be given several times').argParser(
        repeated,
      ),
    )
    .addOption(newVmOption('volumes', 'give them another directory of this host; may be given several times'))
    .addOption(
      new Option(
        '--rm-volume <guest>',
        'take away the volume at this path; may be given several times',
      ).argParser(repeated),
    )
    .option('--autostart', 'start them with libvirt')
    .option('--no-autostart', 'start them only when asked to')
    .addHelpText(
      'after',
      `
CPUs and memory of a running VM are changed at once where libvirt can, which is up to what it was started
with; otherwise at its next start, for which \`restart\` is one way. It says which of the two. A volume is
mounted in a running VM, or unmounted, by way of SSH; one that is in use there stays until the next start.

Examples:
  podman-bootc set --cpus 4 --memory 8G web
  podman-bootc set --label stage=test --remove-label old web db
  podman-bootc set --volume ./src:/var/src:ro --rm-volume /var/old web`,
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { set } = await import('../actions/set.js');
      await set(vms, newVmWords(self), allOptions(self));
    });

  command('rename', 'give a VM that is shut off another name')
    .argument('<vm>', vmHelp.one)
    .argument('<name>', 'the new name')
    .addHelpText('after', '\nIts ID stays.\n\nExamples:\n  podman-bootc rename 5d31f6c3a1b2 web')
    .action(async (vm: string, name: string, _options: unknown, self: Command) => {
      const { rename } = await import('../actions/rename.js');
      await rename(vm, name, allOptions(self));
    });

  command('adopt', 'give a VM that libvirt has lost its domain back')
    .argument('<vm>', 'the name it had, its ID or the beginning of it')
    .option('--name <name>', 'call it this now')
    .addHelpText(
      'after',
      `
For VMs whose disk and keys are here and whose domain is not: somebody undefined it, or libvirt was
installed anew. The VM is as it was defined last; it is not started. \`list --all\` shows such VMs,
\`rm\` removes what is left of one.

Examples:
  podman-bootc list --all
  podman-bootc adopt web && podman-bootc start web`,
    )
    .action(async (vm: string, _options: unknown, self: Command) => {
      const { adopt } = await import('../actions/adopt.js');
      await adopt(vm, allOptions(self));
    });

  command('rm', 'remove VMs with their disks')
    .argument('[vm...]', 'names, IDs or beginnings of IDs (3 digits or more)')
    .option('-f, --force', 'also when they run, or nothing says whose the files are')
    .option('--all', 'all VMs')
    .addOption(
      new Option(
        '--label <label>',
        'all VMs with this label, NAME or NAME=VALUE; of several, with each',
      ).argParser(repeated),
    )
    .option('--purge', 'also the base disk of the image, unless another VM needs it')
    .addHelpText(
      'after',
      '\nOf a VM that libvirt has lost (list --all), what is left is removed.\n\nExamples:\n  podman-bootc rm web\n  podman-bootc rm -f --label stage=test\n  podman-bootc rm -f --all',
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { rm } = await import('../actions/rm.js');
      await rm(vms, allOptions(self));
    });
}
