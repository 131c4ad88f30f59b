import { Option, type Command } from 'commander';
import { allOptions, userOption, vmFormatOption, vmHelp } from './shared.js';
import { parseCount, parseSeconds, parseSizeOption, repeated } from './values.js';

/** Declares the commands that act on VMs there are, for `createProgram`. */
export function addLifecycleCommands(command: (name: string, description: string) => Command): void {
  command('stop', 'shut VMs down; they keep their disks')
    .argument('<vm...>', 'names, IDs or beginnings of IDs (3 digits or more)')
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
      const { stop } = await import('../actions/stop.js');
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
      const { inspect } = await import('../actions/inspect.js');
      await inspect(vms, allOptions(self));
    });

  command('set', 'change VMs')
    .argument('<vm...>', vmHelp.several)
    .option('--cpus <count>', 'number of CPUs', parseCount('--cpus'))
    .option('--memory <size>', 'memory, such as 4G', parseSizeOption('--memory'))
    .addOption(
      new Option('--label <label>', 'add a label, NAME=VALUE; may be given several times').argParser(
        repeated,
      ),
    )
    .addOption(
      new Option('--remove-label <name>', 'take a label away; may be given several times').argParser(
        repeated,
      ),
    )
    .option('--autostart', 'start them with libvirt')
    .option('--no-autostart', 'start them only when asked to')
    .addHelpText(
      'after',
      `
CPUs and memory of a running VM are changed at once where libvirt can, which is up to what it was started
with; otherwise at its next start, for which \`restart\` is one way. It says which of the two.

Examples:
  podman-bootc set --cpus 4 --memory 8G web
  podman-bootc set --label stage=test --remove-label old web db`,
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { set } = await import('../actions/set.js');
      await set(vms, allOptions(self));
    });

  command('wait', 'wait until VMs run, can be logged in to, or have stopped')
    .argument('<vm...>', vmHelp.several)
    .addOption(
      new Option('--state <state>', 'what to wait for')
        .choices(['running', 'ssh', 'stopped'])
        .makeOptionMandatory(),
    )
    .option('--timeout <seconds>', 'give up after this time (default: never)', parseSeconds('--timeout'))
    .addHelpText(
      'after',
      `
ssh is when somebody can log in. A VM that does not run yet is waited for; one that ends while it boots
is a failure for ssh. A VM that is removed has stopped.

Exit codes: 0 when all have the state, 1 when the time has passed or a VM was removed, 2 when there is no
such VM, 124 when it ended before SSH answered.

Examples:
  podman-bootc start web && podman-bootc wait --state ssh --timeout 300 web
  podman-bootc ssh web poweroff; podman-bootc wait --state stopped web`,
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { wait } = await import('../actions/wait.js');
      await wait(vms, allOptions(self) as Parameters<typeof wait>[1]);
    });

  command('port', 'print the ports of a VM that ports of this host lead to')
    .argument('<vm>', vmHelp.one)
    .argument(
      '[port]',
      "only this port of the guest, such as 22 or 53/udp: print the host's address and port",
    )
    .addHelpText('after', '\nExamples:\n  podman-bootc port web\n  podman-bootc port web 22')
    .action(async (vm: string, guestPort: string | undefined, _options: unknown, self: Command) => {
      const { port } = await import('../actions/port.js');
      await port(vm, guestPort, allOptions(self));
    });

  command('ssh-config', 'print blocks for ~/.ssh/config')
    .argument('<vm...>', vmHelp.several)
    .addOption(userOption())
    .addHelpText(
      'after',
      `
With a block, ssh, scp, rsync and editors log in to the VM by its name or ID. Print it anew when a start
has moved the port, which it says.

Examples:
  podman-bootc ssh-config web > web.config && ssh -F web.config web
  podman-bootc ssh-config web >> ~/.ssh/config`,
    )
    .action(async (vms: string[], _options: unknown, self: Command) => {
      const { sshConfig } = await import('../actions/ssh-config.js');
      await sshConfig(vms, allOptions(self));
    });

  command('cp', 'copy a file or directory to or from a VM')
    .argument('<source>', 'path on this host, or VM:PATH')
    .argument('<destination>', 'VM:PATH, or path on this host')
    .addOption(userOption())
    .option('--quiet', 'show no progress')
    .addHelpText(
      'after',
      `
What has a colon before its first slash is in a VM; write ./a:b for a file a:b. A path in a VM is taken
literally, from the home of the user if it does not begin with a slash. Directories are copied with all
that is in them, into a directory that exists, else under the new name. Modes and times are kept.

Examples:
  podman-bootc cp site.conf web:/etc/nginx/conf.d/
  podman-bootc cp web:/var/log/journal ./journal`,
    )
    .action(async (source: string, destination: string, _options: unknown, self: Command) => {
      const { cp } = await import('../actions/cp.js');
      await cp(source, destination, allOptions(self));
    });
}
