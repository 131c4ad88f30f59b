import { Option, type Command } from 'commander';
import { rebootWays } from '../../vm/update/ways.js';
import { newVmOption } from './new-vm-options.js';
import {
  allOptions,
  bootTimeoutOption,
  consoleOption,
  progressOption,
  vmHelp,
  type AddCommand,
} from './shared.js';

/** Declares the commands that bring new versions of images into VMs, for `createProgram`. */
export function addUpdatingCommands(command: AddCommand): void {
  booting(command('upgrade', 'bring the present version of its image into a VM, and boot it'))
    .argument('<vm>', vmHelp.one)
    .argument('[image]', 'image reference (default: what the VM was made of, looked up anew)')
    .addOption(
      newVmOption('podman', 'which podman has the image (default: what the VM was installed by)').default(
        undefined,
      ),
    )
    .addOption(newVmOption('pull', 'when to pull the image (default: newer)').default(undefined))
    .addOption(
      new Option(
        '--reboot <way>',
        'soft reboot where the guest can, else a power cycle; or just one of these; none: at its next boot',
      )
        .choices(rebootWays)
        .default('auto'),
    )
    .addOption(
      new Option('--live', 'change the files of /usr and /etc while it runs, until its next boot').conflicts([
        'reboot',
        'keepFailed',
      ]),
    )
    .option('--health <command>', 'a command line that has to succeed in the updated guest')
    .option('--keep-failed', 'leave an update that fails as it is, to look at it')
    .addOption(newVmOption('quiet'))
    .addHelpText(
      'after',
      `
The guest's own bootc fetches what of the image it lacks, over the SSH connection, and stages it. /var and
what was changed in /etc stay, and so do keys and ports. A version that nobody can log in to, or in which
the command of --health fails, is undone: the VM runs again what it ran before, and its disk is as it was
before the reboot. \`logs --boot failed\` has what the failed version wrote to its console.

With --live nothing is rebooted: files of /usr and /etc that have changed go straight into the guest, and units whose
file, drop-in or program is among them are restarted. New units are not started. The next boot brings back what is
installed, unless a later \`upgrade\` has brought that version. From a live update of /etc on, whatever is changed
there, by whomever, is gone with the next boot. What somebody has changed in /etc before stays as it is. An image with
another kernel, initramfs or kernel arguments is refused, and what differs outside /usr and /etc is left out.

Examples:
  podman build -t localhost/my-os . && podman-bootc upgrade web
  podman-bootc upgrade --health 'systemctl is-active nginx' web
  podman build -t localhost/my-os . && podman-bootc upgrade --live web
  podman-bootc upgrade --reboot none web quay.io/fedora/fedora-bootc:43`,
    )
    .action(async (vm: string, image: string | undefined, _options: unknown, self: Command) => {
      const { upgrade } = await import('../actions/upgrade.js');
      await upgrade(vm, image, allOptions(self));
    });

  booting(command('watch', 'upgrade a VM to every new version of its image'))
    .argument('<vm>', vmHelp.one)
    .argument('[image]', 'image reference (default: what the VM was made of)')
    .option('--build <context>', 'build the image when files of this directory change')
    .option('--exec <command>', 'a command line to run in the guest after each update')
    .option('--live', 'change files while it runs, until its next boot: see upgrade --live')
    .option('--health <command>', 'a command line that has to succeed in the updated guest')
    .addOption(
      newVmOption('podman', 'which podman has the image (default: what the VM was installed by)').default(
        undefined,
      ),
    )
    .addHelpText(
      'after',
      `
One line on stdout for each version, with its seconds. A version that does not come up is undone, and the next one
is waited for. Of versions that come during an update, the newest counts. Files of .containerignore do not
count for --build. Ctrl-C ends it; the VM goes on running.

Examples:
  podman-bootc watch web
  podman-bootc watch --build . --exec 'systemctl --failed' web
  podman-bootc watch --build . --live web`,
    )
    .action(async (vm: string, image: string | undefined, _options: unknown, self: Command) => {
      const { watch } = await import('../actions/watch.js');
      await watch(vm, image, allOptions(self));
    });

  booting(command('rollback', 'boot what a VM ran before its last update'))
    .argument('<vm>', vmHelp.one)
    .addHelpText(
      'after',
      `
bootc keeps one version before the one that runs. /var is not taken back. An update that was left with
\`upgrade --keep-failed\` is undone.

Examples:
  podman-bootc rollback web`,
    )
    .action(async (vm: string, _options: unknown, self: Command) => {
      const { rollback } = await import('../actions/rollback.js');
      await rollback(vm, allOptions(self));
    });
}

function booting(command: Command): Command {
  return command.addOption(bootTimeoutOption()).addOption(consoleOption()).addOption(progressOption());
}
