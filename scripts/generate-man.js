// Writes man/podman-bootc.1 from the command line's own declarations, so that the two cannot part.
// `--check` writes nothing and fails when the page is not up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { checkIds, checks } from '../dist/src/checks.js';
import { createProgram, globalHeading } from '../dist/src/cli/commands/program.js';

const file = new URL('../man/podman-bootc.1', import.meta.url);

/** Text as roff takes it: backslashes, dashes, and dots or quotes that begin a line. */
function roff(text) {
  return text
    .replaceAll('\\', '\\e')
    .replaceAll('-', '\\-')
    .replace(/^([.'])/gm, '\\&$1');
}

/** The options of a command as its help groups them, without the groups with these headings. */
function options(command, except = []) {
  const help = command.createHelp();
  const groups = help.groupItems(
    [...command.options],
    help.visibleOptions(command),
    (option) => option.helpGroupHeading ?? 'Options:',
  );
  return [...groups]
    .filter(([heading, visible]) => visible.length > 0 && !except.includes(heading))
    .map(([heading, visible]) => {
      const each = visible.map(
        (option) => `.TP\n\\fB${roff(option.flags)}\\fR\n${roff(help.optionDescription(option))}\n`,
      );
      return `${heading === 'Options:' || heading === globalHeading ? '' : `.PP\n\\fI${roff(heading)}\\fR\n`}${each.join('')}`;
    })
    .join('');
}

/** What a command's help says behind the list of options: notes and examples. */
function notes(command) {
  let text = '';
  command.emit('afterHelp', { error: false, command, write: (part) => (text += part) });
  return text.trim() === '' ? '' : `.PP\n.nf\n${roff(text.trim())}\n.fi\n`;
}

function page() {
  const program = createProgram();
  // A command that has commands is shown by these.
  const leaves = (parent, path) =>
    parent
      .createHelp()
      .visibleCommands(parent)
      .filter((command) => command.name() !== 'help')
      .flatMap((command) => {
        const name = `${path} ${command.name()}`;
        return command.commands.length > 0 ? leaves(command, name) : [{ command, name }];
      });
  return [
    `.TH PODMAN\\-BOOTC 1 "" "podman\\-bootc" "User Commands"\n`,
    `.SH NAME\npodman\\-bootc \\- ${roff(program.description().replace(/^./, (first) => first.toLowerCase()))}\n`,
    `.SH SYNOPSIS\n\\fBpodman\\-bootc\\fR [OPTIONS] COMMAND\n`,
    `.SH OPTIONS\n${options(program)}`,
    `.SH COMMANDS\n`,
    ...leaves(program, 'podman-bootc').map(({ command, name }) => {
      const usage = `${name} ${command.usage()}`;
      return `.SS ${roff(usage)}\n${roff(command.description())}\n${options(command, [globalHeading])}${notes(command)}`;
    }),
    `.SH CHECKS\nWhat \\fBpodman\\-bootc doctor\\fR looks at. Other commands name the ID that concerns them when they fail.\n`,
    ...checkIds.map((id) => `.TP\n\\fB${id}\\fR ${roff(checks[id].subject)}\n${roff(checks[id].about)}\n`),
    `.SH ENVIRONMENT\n`,
    `.TP\n\\fBLIBVIRT_DEFAULT_URI\\fR\nLibvirt URI when \\fB\\-\\-connect\\fR is not given.\n`,
    `.TP\n\\fBBOOTC_INSTALL_LOG\\fR\nLog filter of bootc during the install (its RUST_LOG).\n`,
    `.TP\n\\fBXDG_DATA_HOME\\fR, \\fBXDG_CACHE_HOME\\fR, \\fBXDG_RUNTIME_DIR\\fR\nWhere an ordinary user's VMs, caches and locks are.\n`,
    `.TP\n\\fBNO_COLOR\\fR\nWrite no colour.\n`,
    `.SH FILES\n`,
    `.TP\n\\fB~/.local/share/podman\\-bootc/vms\\fR, as root \\fB/var/lib/podman\\-bootc/vms\\fR\nOne directory per VM: keys, console log. The disks are beside it in \\fBdisks\\fR.\n`,
    `.TP\n\\fB~/.cache/podman\\-bootc/bases\\fR, as root \\fB/var/cache/podman\\-bootc/bases\\fR\nBase disks: what the disks of VMs are overlays of.\n`,
    `.SH EXIT STATUS\n.nf\n`,
    roff(
      [
        '0    success',
        '1    failure',
        '2    wrong usage, or no such VM',
        '119  an update failed; unless --keep-failed was given, the VM runs what it ran before',
        '120  the host lacks something (libvirt, podman, QEMU)',
        '121  the image cannot be found or used',
        '122  the install failed',
        '123  libvirt refused the definition',
        '124  the VM did not boot',
        '130  interrupted (128 + n for signal n)',
        '255  SSH failed',
        'A remote command run by run or ssh passes its own on.',
      ].join('\n'),
    ),
    `\n.fi\n.SH SEE ALSO\npodman(1), bootc(8), virsh(1), ssh(1)\n`,
  ].join('');
}

const text = page();
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error('man/podman-bootc.1 is not up to date: npm run build && node scripts/generate-man.js');
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, text);
}
