import { Option, type Command } from 'commander';
import { allOptions, filterOption, vmFormatOption, vmHelp, type AddCommand } from './shared.js';
import { parseTime } from './times.js';
import { parseBoot, parseSeconds } from './values.js';

/** Declares the commands that show VMs, for `createProgram`. */
export function addLookingCommands(command: AddCommand): void {
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
    .option(
      '--boot <n>',
      '0 is the boot that runs or ran last, -1 the one before; failed: of the last failed update',
      parseBoot,
    )
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
}
