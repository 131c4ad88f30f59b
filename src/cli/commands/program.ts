import { readFileSync } from 'node:fs';
import { Command, Option } from 'commander';
import { printable } from '../../boot/console-text.js';
import type { GlobalOptions } from '../options.js';
import { logLevels, setLogLevel } from '../output/terminal.js';
import { addAccessCommands } from './access.js';
import { addChangingCommands } from './changing.js';
import { addHostCommands } from './host.js';
import { addLookingCommands } from './looking.js';
import { addMakingCommands } from './making.js';
import { addPowerCommands } from './power.js';
import { addUpdatingCommands } from './updating.js';
import { withoutDashes, type AddCommand } from './shared.js';

/** The commands as `--help` groups them, by its headings. */
const groups: readonly [heading: string, add: (command: AddCommand) => void][] = [
  ['Making VMs:', addMakingCommands],
  ['Looking at VMs:', addLookingCommands],
  ['Getting into VMs:', addAccessCommands],
  ['Starting and stopping VMs:', addPowerCommands],
  ['Updating VMs:', addUpdatingCommands],
  ['Changing and removing VMs:', addChangingCommands],
  ['Images, disks and this host:', addHostCommands],
];

/** Above the options that every command takes. */
export const globalHeading = 'Global options:';

/** The version of the package. */
export function packageVersion(): string {
  const file = readFileSync(new URL('../../../../package.json', import.meta.url), 'utf8');
  return (JSON.parse(file) as { version: string }).version;
}

/** Declares the command line. Each action is imported when it runs: this is all that `--help` loads. */
export function createProgram(): Command {
  const program = new Command('podman-bootc')
    .description('Run bootable containers as persistent virtual machines')
    .optionsGroup(globalHeading)
    .version(packageVersion(), '--version', 'print the version')
    .helpOption('-h, --help', 'print help')
    .enablePositionalOptions()
    .hook('preAction', (_, action) => {
      const { logLevel } = action.optsWithGlobals<GlobalOptions>();
      if (logLevel !== undefined) setLogLevel(logLevel);
    })
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

Exit codes: 0 success, 1 failure, 2 wrong usage, 119 update, 120 host, 121 image, 122 install,
123 definition, 124 boot, 255 SSH, 130 interrupted; a remote command's own passes through.`,
    );
  for (const [heading, addCommands] of groups) {
    program.commandsGroup(heading);
    addCommands((specification, description) => program.command(specification).description(description));
  }
  program.helpCommand('help [command]', 'print help for a command');
  addGlobalOptions(program);

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

/** Gives a command and those below it the options that all take, behind their own. */
function addGlobalOptions(command: Command): void {
  command
    .optionsGroup(globalHeading)
    .addOption(
      new Option('--log-level <level>', 'how much is said on stderr (default: info)').choices(logLevels),
    )
    .option('--connect <uri>', 'libvirt URI (default: LIBVIRT_DEFAULT_URI, else qemu:///session)')
    .option('--no-wait-for-lock', 'fail at once when another podman-bootc works on the same VM or disk')
    // Its name until `run` got --wait, which is about something else.
    .addOption(new Option('--no-wait').implies({ waitForLock: false }).hideHelp());
  for (const each of command.commands) addGlobalOptions(each);
}
