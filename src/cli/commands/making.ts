import { Option, type Command } from 'commander';
import type { OptionName } from '../../vm/create/options.js';
import { fileFormats } from '../../disk/file-formats.js';
import {
  addNewVmOptions,
  headings,
  labelsHelp,
  newVmOption,
  newVmWords,
  optionNames,
  toDiskOptions,
} from './new-vm-options.js';
import {
  allOptions,
  bootTimeoutOption,
  consoleOption,
  progressOption,
  withoutDashes,
  type AddCommand,
} from './shared.js';
import { repeated } from './values.js';

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

  makingCommand('run', 'make a VM of an image or a disk, boot it and open an SSH session')
    .argument('[image]', 'image reference, or the ID of a VM; none with --disk')
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
With --disk no image stands there, and all words are the command. The disk below the overlay must stay as it
is; --in-place uses it up instead. A guest with systemd 252 or newer takes the key of the VM; others know a
key already, for --identity, or have cloud-init take one.
${labelsHelp()}

Examples:
  podman-bootc run quay.io/centos-bootc/centos-bootc:stream9
  podman-bootc run --name web --cpus 4 --memory 4G --disk-size 40G localhost/my-os
  podman-bootc run -B localhost/my-os
  podman-bootc run -B --transient localhost/my-os
  podman-bootc run -B -p 8080:80 --hostname web-1 --label stage=test localhost/my-os
  podman-bootc run -B --wait systemd --progress plain localhost/my-os
  podman-bootc run --rm localhost/my-os systemctl is-system-running --wait
  podman-bootc run --disk my-os.qcow2 --identity ~/.ssh/vm_key`,
    )
    .action(async (first: string | undefined, words: string[], _options: unknown, self: Command) => {
      const { run } = await import('../actions/run.js');
      const given = newVmWords(self);
      const [image, command] =
        given.disk === undefined ? [first, words] : [undefined, first === undefined ? [] : [first, ...words]];
      await run(image, withoutDashes(command), given, allOptions(self));
    });

  makingCommand('create', 'make a VM of an image or a disk without booting it', ['transient'])
    .argument('[image]', 'image reference; none with --disk')
    .addHelpText(
      'after',
      `
Prints the ID of the VM.

Examples:
  podman-bootc create --name web localhost/my-os && podman-bootc start web
  podman-bootc create --name cloud --disk debian-13-generic-amd64.qcow2 --in-place`,
    )
    .action(async (image: string | undefined, _options: unknown, self: Command) => {
      const { create } = await import('../actions/create.js');
      await create(image, newVmWords(self), allOptions(self));
    });

  const ofFile = toDiskOptions();
  const toDisk = command('to-disk', 'write an image to a file, as a disk that boots')
    .argument('<image>', 'image reference')
    .argument('<file>', 'the file, which must not be there yet')
    .optionsGroup('File:')
    .addOption(
      new Option('--format <format>', "format of the disk (default: by the file's name, else raw)").choices(
        fileFormats,
      ),
    )
    .option('--size <size>', 'size of the disk, such as 20G (default: 10G, or twice the image)')
    // What the library's sentences and the labels of images call it.
    .addOption(newVmOption('diskSize').hideHelp())
    .addOption(
      new Option(
        '--root-ssh-key <file>',
        'public key that may log in as root wherever the disk is booted (repeatable)',
      ).argParser(repeated),
    )
    .addOption(
      newVmOption(
        'firmware',
        'firmware that is to find a boot loader on it (default: efi where the host has it)',
      ),
    )
    .option('--overwrite', 'write over a file that is there');
  addNewVmOptions(
    toDisk,
    optionNames().filter((name) => !ofFile.includes(name)),
  )
    .optionsGroup(headings.output)
    .addOption(progressOption())
    .addHelpText(
      'after',
      `
Prints the path of the file, which appears when it is complete. It is the base disk that \`run\` would use: installed
if there is none of that size yet, kept for the next time, and converted by qemu-img, without what is empty. A
disk with --root-ssh-key is not kept. Which formats there are is for the host's qemu-img to say.

Examples:
  podman-bootc to-disk localhost/my-os my-os.qcow2
  podman-bootc to-disk --format vhdx --size 40G localhost/my-os my-os.disk
  podman-bootc to-disk --root-ssh-key ~/.ssh/id_ed25519.pub localhost/my-os my-os.raw`,
    )
    .action(async (image: string, file: string, _options: unknown, self: Command) => {
      const { toDisk: write } = await import('../actions/to-disk.js');
      const { size: diskSize, ...options } = allOptions(self) as ReturnType<typeof allOptions> & {
        size?: string;
      };
      await write(image, file, { ...newVmWords(self), ...(diskSize !== undefined && { diskSize }) }, options);
    });
}
