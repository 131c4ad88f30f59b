import { readFileSync } from 'node:fs';
import { Argument, Command, Option } from 'commander';
import { printable } from '../../boot/console-text.js';
import { addConsoleCommands } from './console-commands.js';
import { addLifecycleCommands } from './lifecycle-commands.js';
import { shells, type GlobalOptions, type Shell } from '../options.js';
import { logLevels, progressKinds, setLogLevel } from '../output/terminal.js';
import { allOptions, userOption, vmFormatOption } from './shared.js';
import { parseCount, parseSeconds, parseSizeOption, repeated } from './values.js';

const podmanOption = (): Option =>
  new Option(
    '--podman <which>',
    'where to install: auto, machine, local or the name of a podman machine or connection',
  ).default('auto');

const formatOption = (): Option =>
  new Option('--format <format>', 'output format').choices(['table', 'json']).default('table');

const filterOption = (): Option =>
  new Option('--filter <filter>', 'only VMs that match; may be given several times').argParser(repeated);

/** The version of the package. */
export function packageVersion(): string {
  const file = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

/** Declares the command line. Each action is imported when it runs: this is all that `--help` loads. */
export function createProgram(): Command {
  const program = new Command('podman-bootc')
    .description('Run bootable containers as persistent virtual machines')
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .helpCommand('help [command]', 'print help for a command')
    .enablePositionalOptions()
    .exitOverride()
    .configureOutput({
      outputError: (text, write) => {
        write(printable(text.replace(/^error: (.)/, (_, first: string) => `Error: ${first.toUpperCase()}`)));
      },
    })
    .showHelpAfterError('See the command with --help')
    .addHelpText(
      'after',
      `
Examples:
  podman-bootc run quay.io/fedora/fedora-bootc:42    install, boot and log in
  podman-bootc list                                  what there is
  podman-bootc ssh ID systemctl status               run a command in a VM
  podman-bootc rm -f ID                              remove a VM and its disk

Exit codes: 0 success, 1 failure, 2 wrong usage, 120 host, 121 image, 122 install,
123 definition, 124 boot, 255 SSH, 130 interrupted; a remote command's own passes through.`,
    );
  addGlobalOptions(program);

  const command = (specification: string, description: string): Command =>
    addGlobalOptions(program.command(specification).description(description));

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

  command('list', 'list the VMs, running or not')
    .alias('ls')
    .option('-a, --all', 'also what is left of VMs that libvirt has lost')
    .addOption(filterOption())
    .addOption(vmFormatOption(['table', 'json', 'yaml'], 'table'))
    .option('-q, --quiet', 'print IDs only')
    .option('--no-trunc', 'print whole uuids as IDs')
    .addHelpText(
      'after',
      `
Filters: name=NAME and image=IMAGE (with or without tag, or an image ID), where * and ? stand for any
text and any character; state=STATE in libvirt's words; label=NAME or label=NAME=VALUE. Of several
filters of one kind one must hold, of labels each, of several kinds each.

A VM that another podman-bootc is making or removing is listed as "creating" or "removing" below
RUNNING, one that a killed command left as "interrupted". With --all, a VM that libvirt has lost (virsh
undefine, a libvirt installed anew) and whose disk or keys are here is listed as "left behind": see adopt.

A template prints a line per VM. Its fields are the keys of the JSON, which schema/list.json in the
package describes: {{.Name}}, {{.SSH.Port}}, {{json .Image}}, {{index .Labels "stage"}}, {{json .}}.

Examples:
  podman-bootc list
  podman-bootc list --filter state=running --filter label=stage=test
  podman-bootc list --format '{{.Name}}\\t{{.State}}'
  podman-bootc list --format json | jq -r .[].name`,
    )
    .action(async (_options: unknown, self: Command) => {
      const { list } = await import('../actions/list.js');
      await list(allOptions(self));
    });

  command('ssh', 'open an SSH session in a VM, or run a command there')
    .argument('<vm>', 'name, ID or beginning of the ID')
    .argument('[command...]', 'run this instead of a login shell')
    .addOption(userOption())
    .passThroughOptions()
    .addHelpText(
      'after',
      `
Options come before the VM; what follows it is the command.
A command of one word is a shell command line; of several, each word arrives as it is.
The exit code is the command's, or 255 when SSH itself failed.

Examples:
  podman-bootc ssh 5d31f6c3a1b2
  podman-bootc ssh web 'journalctl -b | tail'
  tar c . | podman-bootc ssh web tar x -C /srv`,
    )
    .action(async (vm: string, words: string[], _options: unknown, self: Command) => {
      const { ssh } = await import('../actions/ssh.js');
      await ssh(vm, withoutDashes(words), allOptions(self));
    });

  addConsoleCommands(command);

  command('start', 'boot VMs that are not running')
    .argument('<vm...>', 'names, IDs or beginnings of IDs')
    .addHelpText('after', '\nExamples:\n  podman-bootc start web && podman-bootc ssh web')
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { start } = await import('../actions/start.js');
      await start(vms, allOptions(self));
    });

  addLifecycleCommands(command);

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

  command('images', 'list the bootc images where `run` would install from')
    .addOption(formatOption())
    .option('-q, --quiet', 'print IDs only')
    .addOption(podmanOption())
    .addHelpText(
      'after',
      '\nA bootc image has the label containers.bootc=1.\n\nExamples:\n  podman-bootc images --format json',
    )
    .action(async (_options: unknown, self: Command) => {
      const { images } = await import('../actions/images.js');
      await images(allOptions(self));
    });

  const disk = command('disk', 'show and remove the base disks that VMs are overlays of').addHelpText(
    'after',
    '\nExamples:\n  podman-bootc disk ls\n  podman-bootc disk prune --all',
  );
  const diskCommand = (specification: string, description: string): Command =>
    addGlobalOptions(disk.command(specification).description(description));

  diskCommand('ls', 'list the base disks, and which VMs need each')
    .addOption(formatOption())
    .option('-q, --quiet', 'print keys only')
    .addHelpText('after', '\nExamples:\n  podman-bootc disk ls --format json')
    .action(async (_options: unknown, self: Command) => {
      const { listDisks } = await import('../actions/disk.js');
      await listDisks(allOptions(self));
    });

  diskCommand('prune', 'remove base disks that no VM needs')
    .option('--all', 'every unused one, not only those that a newer one has replaced')
    .option('--dry-run', 'only say what would be removed')
    .option('-f, --force', 'do not ask')
    .addHelpText('after', '\nExamples:\n  podman-bootc disk prune --all --dry-run')
    .action(async (_options: unknown, self: Command) => {
      const { pruneDisks } = await import('../actions/disk.js');
      await pruneDisks(allOptions(self));
    });

  command('doctor', 'say what works on this host, what does not, and what to do')
    .addOption(formatOption())
    .addOption(podmanOption())
    .addHelpText(
      'after',
      `
Looks at everything that \`run\` needs, all at once, and changes nothing. Each line has a stable ID,
which other commands name when they fail. The exit code is 0 when \`run\` would work, warnings or not,
otherwise 120.

Examples:
  podman-bootc doctor
  podman-bootc doctor --format json | jq '.findings[] | select(.status != "ok")'`,
    )
    .action(async (_options: unknown, self: Command) => {
      const { doctor } = await import('../actions/doctor.js');
      await doctor(allOptions(self));
    });

  command('completion', 'print a completion script for a shell')
    .addArgument(new Argument('<shell>').choices(shells))
    .addHelpText(
      'after',
      `
Examples:
  podman-bootc completion bash > ~/.local/share/bash-completion/completions/podman-bootc
  podman-bootc completion zsh > "\${fpath[1]}/_podman-bootc"
  podman-bootc completion fish > ~/.config/fish/completions/podman-bootc.fish
  podman-bootc completion powershell | Out-String | Invoke-Expression`,
    )
    .action(async (shell: Shell) => {
      const { completionScript } = await import('../actions/completion-scripts.js');
      process.stdout.write(completionScript(shell));
    });

  program
    .command('__complete', { hidden: true })
    .argument('[words...]')
    .passThroughOptions()
    .allowUnknownOption()
    .action(async (words: string[]) => {
      const { printCandidates } = await import('../actions/complete.js');
      await printCandidates(program, withoutDashes(words));
    });

  return program;
}

function addGlobalOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--log-level <level>', 'how much is said on stderr (default: info)').choices(logLevels),
    )
    .option('--connect <uri>', 'libvirt URI (default: LIBVIRT_DEFAULT_URI, else qemu:///session)')
    .option('--no-wait', 'fail at once when another podman-bootc works on the same VM or disk')
    .hook('preAction', (_, action) => {
      const { logLevel } = action.optsWithGlobals<GlobalOptions>();
      if (logLevel !== undefined) setLogLevel(logLevel);
    });
}

/** Takes out the `--` that may separate a command from our own options. */
function withoutDashes(words: string[]): string[] {
  return words[0] === '--' ? words.slice(1) : words;
}
