import type { Command } from 'commander';
import { newVmOption } from './new-vm-options.js';
import { allOptions, vmHelp, withoutDashes, type AddCommand } from './shared.js';

/** Declares the commands that lead into VMs, for `createProgram`. */
export function addAccessCommands(command: AddCommand): void {
  command('ssh', 'open an SSH session in a VM, or run a command there')
    .argument('<vm>', 'name, ID or beginning of the ID')
    .argument('[command...]', 'run this instead of a login shell')
    .addOption(newVmOption('user'))
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

  command('console', 'connect this terminal with the console of a VM')
    .argument('<vm>', vmHelp.one)
    .option('--force', 'take it from whoever has it')
    .addHelpText(
      'after',
      '\nThe escape is ^], Ctrl and ].\n\nExamples:\n  podman-bootc console web\n  podman-bootc console --force web',
    )
    .action(async (vm: string, _options: unknown, self: Command) => {
      const { console } = await import('../actions/console.js');
      await console(vm, allOptions(self));
    });

  command('cp', 'copy a file or directory to or from a VM')
    .argument('<source>', 'path on this host, or VM:PATH')
    .argument('<destination>', 'VM:PATH, or path on this host')
    .addOption(newVmOption('user'))
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
    .addOption(newVmOption('user'))
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
}
