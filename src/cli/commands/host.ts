import { Argument, type Command } from 'commander';
import { shells, type Shell } from '../options.js';
import { newVmOption } from './new-vm-options.js';
import { allOptions, formatOption, type AddCommand } from './shared.js';

/** Declares the commands that are about this host, for `createProgram`. */
export function addHostCommands(command: AddCommand): void {
  command('images', 'list the bootc images where `run` would install from')
    .addOption(formatOption())
    .option('-q, --quiet', 'print IDs only')
    .addOption(newVmOption('podman'))
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
  disk
    .command('ls')
    .description('list the base disks, and which VMs need each')
    .addOption(formatOption())
    .option('-q, --quiet', 'print keys only')
    .addHelpText('after', '\nExamples:\n  podman-bootc disk ls --format json')
    .action(async (_options: unknown, self: Command) => {
      const { listDisks } = await import('../actions/disk.js');
      await listDisks(allOptions(self));
    });

  disk
    .command('prune')
    .description('remove base disks that no VM needs')
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
    .addOption(newVmOption('podman'))
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
}
