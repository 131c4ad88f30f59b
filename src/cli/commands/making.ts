import { Option, type Command } from 'commander';
import type { OptionName } from '../../vm/create/options.js';
import { addNewVmOptions, headings, labelsHelp, newVmWords } from './new-vm-options.js';
import {
  allOptions,
  bootTimeoutOption,
  consoleOption,
  progressOption,
  withoutDashes,
  type AddCommand,
} from './shared.js';

/** Declares the commands that make VMs, for `createProgram`. */
export function addMakingCommands(command: AddCommand): void {
  const makingCommand = (
    specification: string,
    description: string,
    except: readonly OptionName[] = [],
  ): Command =>
    addNewVmOptions(command(specification, description), except)
      .optionsGroup(headings.output)
      .addOption(progressOption());

  makingCommand('run', 'make a VM of an image, boot it and open an SSH session')
    .argument('<image>', 'image reference, or the ID of a VM')
    .argument('[command...]', 'run this instead of a login shell')
    .optionsGroup(headings.vm)
    .option('--rm', 'remove the VM and its disk when the session or command ends')
    .optionsGroup(headings.boot)
    .option('-B, --background', 'print the ID and return when the VM has started')
    .addOption(
      new Option(
        '--wait <what>',
        'until SSH lets in, systemd has started everything, or not at all (default: ssh; with -B: none)',
      ).choices(['ssh', 'systemd', 'none']),
    )
    .addOption(bootTimeoutOption())
    .addOption(consoleOption())
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Options come before the image; what follows it is the command.
A command of one word is a shell command line; of several, each word arrives as it is.
The VM goes on running when the session ends, and keeps its disk until \`podman-bootc rm\`.
The image is installed once; each VM's disk is an overlay of that base disk.
${labelsHelp()}

Examples:
  podman-bootc run quay.io/centos-bootc/centos-bootc:stream9
  podman-bootc run --name web --cpus 4 --memory 4G --disk-size 40G localhost/my-os
  podman-bootc run -B localhost/my-os
  podman-bootc run -B --transient localhost/my-os
  podman-bootc run -B -p 8080:80 --hostname web-1 --label stage=test localhost/my-os
  podman-bootc run -B --wait systemd --progress plain localhost/my-os
  podman-bootc run --rm localhost/my-os systemctl is-system-running --wait`,
    )
    .action(async (image: string, words: string[], _options: unknown, self: Command) => {
      const { run } = await import('../actions/run.js');
      await run(image, withoutDashes(words), newVmWords(self), allOptions(self));
    });

  makingCommand('create', 'make a VM of an image without booting it', ['transient'])
    .argument('<image>', 'image reference')
    .addHelpText(
      'after',
      '\nPrints the ID of the VM.\n\nExamples:\n  podman-bootc create --name web localhost/my-os && podman-bootc start web',
    )
    .action(async (image: string, _options: unknown, self: Command) => {
      const { create } = await import('../actions/create.js');
      await create(image, newVmWords(self), allOptions(self));
    });
}
