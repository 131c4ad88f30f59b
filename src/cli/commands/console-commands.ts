import { Option, type Command } from 'commander';
import { allOptions, vmHelp } from './shared.js';
import { parseTime } from './times.js';
import { parseBoot } from './values.js';

/** Declares the commands that tell how a VM boots, for `createProgram`. */
export function addConsoleCommands(command: (name: string, description: string) => Command): void {
  command('status', 'tell how the boot of a VM stands, and what is wrong with it')
    .argument('<vm>', vmHelp.one)
    .addOption(new Option('--format <format>', 'output format').choices(['text', 'json']).default('text'))
    .addHelpText(
      'after',
      '\nExamples:\n  podman-bootc status web\n  podman-bootc status --format json web | jq .verdict',
    )
    .action(async (vm: string, _options: unknown, self: Command) => {
      const { status } = await import('../actions/status.js');
      await status(vm, allOptions(self));
    });

  command('logs', 'print what a VM wrote to its console')
    .argument('<vm>', vmHelp.one)
    .option('-f, --follow', 'go on until the VM stops')
    .option(
      '--since <time>',
      'leave out what is older, such as 10m or 2026-01-31T12:00',
      parseTime('--since'),
    )
    .option('--boot <n>', '0 is the boot that runs or ran last, -1 the one before', parseBoot)
    .addHelpText(
      'after',
      `
The log is kept in parts of 2 MiB, of which a boot has four at most, for the last boot and five before it.
Times are those of the kernel's lines. A terminal gets no control characters.

Examples:
  podman-bootc logs web
  podman-bootc logs -f web
  podman-bootc logs --boot -1 web > before.log`,
    )
    .action(async (vm: string, _options: unknown, self: Command) => {
      const { logs } = await import('../actions/logs.js');
      await logs(vm, allOptions(self));
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
}
