import { Option, type Command } from 'commander';
import { progressKinds } from '../output/terminal.js';
import { allOptions, podmanOption, userOption, withoutDashes, type AddCommand } from './shared.js';
import { parseCount, parseSeconds, parseSizeOption, repeated } from './values.js';

/** Declares the commands that make VMs, for `createProgram`. */
export function addMakingCommands(command: AddCommand): void {
  const makingCommand = (specification: string, description: string): Command =>
    command(specification, description)
      .addOption(userOption())
      .option(
        '--cloudinit <directory>',
        'attach a cloud-init data source made of its user-data and meta-data',
      )
      .option(
        '--filesystem <type>',
        'root file system: xfs, ext4 or btrfs (default: what the image asks for)',
      )
      .option('--quiet', 'say nothing but errors')
      .addOption(
        new Option(
          '--progress <kind>',
          'how progress is shown: live on a terminal, a line per stage, or JSON',
        )
          .choices(progressKinds)
          .default('auto'),
      )
      .option(
        '--root-size-max <size>',
        'upper limit of the root file system, such as 8G',
        parseSizeOption('--root-size-max'),
      )
      .option(
        '--disk-size <size>',
        'size of the disk, such as 20G (default: 10G, or twice the image)',
        parseSizeOption('--disk-size'),
      )
      .addOption(
        new Option(
          '--disk-format <format>',
          "an overlay of the image's base disk (qcow2, auto), or a copy (raw)",
        )
          .choices(['auto', 'qcow2', 'raw'])
          .default('auto'),
      )
      .option('--name <name>', 'name of the VM, for more than one per image')
      .option('--replace', 'remove the VM of that name, with its disk, and make it anew')
      .option('--label <name=value>', 'label the VM, to find it again (repeatable)', repeated)
      .option('--cpus <count>', 'number of CPUs (default: 2)', parseCount('--cpus'))
      .option('--memory <size>', 'memory, such as 4G (default: 2G)', parseSizeOption('--memory'))
      .addOption(
        new Option('--accel <accelerator>', 'hardware virtualization: kvm stands for hvf on macOS')
          .choices(['auto', 'kvm', 'tcg'])
          .default('auto'),
      )
      .addOption(
        new Option(
          '--firmware <firmware>',
          'firmware of the VM (default: efi where the host has it)',
        ).choices(['efi', 'bios']),
      )
      .option(
        '-p, --publish <[address:]host:guest[/tcp|udp]>',
        "lead a port of the host (on 127.0.0.1 unless told otherwise) to one of the VM's (repeatable)",
        repeated,
      )
      .option('--karg <argument>', "kernel argument besides the image's own (repeatable)", repeated)
      .option(
        '--composefs-backend',
        "install by bootc's composefs backend (default: where the image is made for it)",
      )
      .option('--no-composefs-backend', "install by bootc's ostree backend")
      .addOption(
        new Option('--bootloader <loader>', 'boot loader (default: what bootc takes for the image)').choices([
          'grub',
          'grub-cc',
          'systemd',
          'none',
        ]),
      )
      .option(
        '--bootc-arg <argument>',
        'another option of bootc install to-disk, as in --bootc-arg=--stateroot=x (repeatable)',
        repeated,
      )
      .option(
        '--password-file <file>',
        "file with root's password, which is set when the VM is logged in to for the first time",
      )
      .option('--hostname <name>', 'host name of the VM (default: what the image has)')
      .option(
        '--ssh-key <file>',
        'public key of yours that may log in, besides the one that is made for the VM (repeatable)',
        repeated,
      )
      .addOption(
        new Option(
          '--pull <when>',
          'when to pull the image; newer takes the one at hand if there is no registry',
        )
          .choices(['always', 'missing', 'never', 'newer'])
          .default('missing'),
      )
      .addOption(podmanOption())
      .option('--start-machine', 'start the podman machine without asking when it does not run')
      .option('--copy', "copy the image from another podman's store when it is only there")
      .option(
        '--scratch <directory>',
        'install in this directory, which the podman machine shares, then move the disk home',
      );

  makingCommand('run', 'make a VM of an image, boot it and open an SSH session')
    .argument('<image>', 'image reference, or the ID of a VM')
    .argument('[command...]', 'run this instead of a login shell')
    .option('-B, --background', 'print the ID and return when the VM has started')
    .option('--rm', 'remove the VM and its disk when the session or command ends')
    .option('--transient', 'the VM and its disk are gone when it stops, however that comes about')
    .addOption(
      new Option(
        '--wait <what>',
        'until SSH lets in, systemd has started everything, or not at all (default: ssh; with -B: none)',
      ).choices(['ssh', 'systemd', 'none']),
    )
    .option(
      '--boot-timeout <seconds>',
      'give a boot up after so long (default: 300, emulated 900); a failed one is noticed at once',
      parseSeconds('--boot-timeout'),
    )
    .option('--console', "show the guest's console while it boots")
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Options come before the image; what follows it is the command.
A command of one word is a shell command line; of several, each word arrives as it is.
The VM goes on running when the session ends, and keeps its disk until \`podman-bootc rm\`.
The image is installed once; each VM's disk is an overlay of that base disk.
An image may say what its VMs need, by the labels io.podman-bootc.cpus, memory, disk-size,
filesystem, ports (8080:80,5353:53/udp), firmware, composefs-backend (true or false), bootloader
and bootc-args; options win over labels.

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
      await run(image, withoutDashes(words), allOptions(self));
    });

  makingCommand('create', 'make a VM of an image without booting it')
    .argument('<image>', 'image reference')
    .addHelpText(
      'after',
      '\nPrints the ID of the VM.\n\nExamples:\n  podman-bootc create --name web localhost/my-os && podman-bootc start web',
    )
    .action(async (image: string, _options: unknown, self: Command) => {
      const { create } = await import('../actions/create.js');
      await create(image, allOptions(self));
    });
}
