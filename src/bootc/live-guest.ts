import { failedUnitsCommand, parseFailedUnits } from '../boot/services.js';
import type { GuestResult } from '../ssh/connection.js';
import { quoteForShell } from '../ssh/session.js';
import type { GuestBootc } from './guest.js';
import type { BootcStatus } from './status.js';

/*
 * What is done in a guest whose files are changed while it runs: by scripts for any POSIX shell, GNU's tar and coreutils.
 */

/** Where a guest keeps what is about the present boot only. */
const directory = '/run/podman-bootc/live';

/** What the archive calls the record, which is the guest's when all else is done. */
export const incomingRecord = `${directory.slice(1)}/incoming`;

/** How a guest stands. */
export interface LiveState {
  /** Whether /usr can be written to. */
  usr: boolean;
  /** Whether there is an overlay of ours over /etc. */
  etc: boolean;
  tar: boolean;
  /** What the last live update left, as JSON; '' without one. */
  record: string;
  /** The same of one that was interrupted. */
  incoming: string;
  /** What that one removed. */
  removing: string[];
  /** Undefined where there is a record, which says what was booted. */
  status: BootcStatus | undefined;
}

/** The root may be another one, for tests. */
const preamble = `
root=\${PODMAN_BOOTC_ROOT:-}
d=$root${directory}
is_overlaid() {
  while read -r source place rest; do
    [ "$source $place" != "podman-bootc-live $root/etc" ] || return 0
  done </proc/mounts
  return 1
}
`;

const lookScript = `${preamble}
known=
if [ -w "$root/usr" ]; then echo usr; known=yes; fi
if is_overlaid; then echo etc; known=yes; fi
if command -v tar >/dev/null; then echo tar; fi
for name in record incoming removing; do
  # One that was cut short has no end of its last line.
  printf '\\n@@%s\\n' "$name"
  [ ! -e "$d/$name" ] || cat "$d/$name"
done
printf '\\n@@status\\n'
[ -n "$known" ] && [ -s "$d/record" ] || exec bootc status --format json
`;

/** From here on the record is true. Each program costs an emulated guest some hundredths of a second. */
const finish =
  'mv "$d/incoming" "$d/record" && rm -f "$d/removing" "$d/removing.new" "$d/written" "$d/units"';

/** The exit code of `apply` where files could not be made writable. */
export const nothingChanged = 90;

/**
 * Its input: a line for each path that goes, in the order in which they go, an empty one, and the archive. Before the first of
 * them goes, all are noted; the archive begins with the record of what is to come.
 */
export const applyScript = `${preamble}
set -eu
overlays=$1 tar_options=$2 last=$3
umask 022
[ -d "$d" ] || mkdir -p "$d"
case $overlays in *usr*)
  [ -w "$root/usr" ] || bootc usr-overlay >&2 || exit ${nothingChanged}
esac
case $overlays in *etc*)
  if ! is_overlaid; then
    # What an overlay before a soft reboot had.
    rm -rf "$d/etc"
    mkdir -p "$d/etc/upper" "$d/etc/work"
    chmod --reference="$root/etc" "$d/etc/upper"
    chcon --reference="$root/etc" "$d/etc/upper" 2>/dev/null || :
    mount -t overlay -o "lowerdir=$root/etc,upperdir=$d/etc/upper,workdir=$d/etc/work" podman-bootc-live "$root/etc" || exit ${nothingChanged}
  fi
esac
while IFS= read -r line && [ -n "$line" ]; do printf '%s\\n' "$line"; done >"$d/removing.new"
[ ! -s "$d/removing.new" ] || cat "$d/removing.new" >>"$d/removing"
cd "$root/"
set --
while IFS= read -r line; do
  case $line in
    etc/*)
      # In it may be what somebody has put there.
      if [ -d "$line" ] && [ ! -h "$line" ]; then rmdir -- "$line" 2>/dev/null || :; else rm -f -- "$line"; fi
      ;;
    usr/*)
      set -- "$@" "$line"
      if [ $# -ge 200 ]; then rm -rf -- "$@"; set --; fi
      ;;
  esac
done <"$d/removing.new"
[ $# -eq 0 ] || rm -rf -- "$@"
# shellcheck disable=SC2086 # none, or several words
tar -x -v -f - -C "$root/" -P -p --numeric-owner --quoting-style=literal --warning=no-timestamp $tar_options >"$d/written"
if command -v selinuxenabled >/dev/null && selinuxenabled; then
  sed 's,^,/,' "$d/written" | restorecon -f - || :
fi
if [ "$last" = last ]; then
  ${finish}
else
  ${failedUnitsCommand}
  echo @@units
  # Of those that run only: each costs an emulated guest a tenth of a second.
  set --
  systemctl list-units --plain --no-legend --no-pager --state=active,reloading --type=service,socket,timer,path >"$d/units"
  while read -r name others; do set -- "$@" "$name"; done <"$d/units"
  [ $# -eq 0 ] || systemctl show --property="$last" -- "$@"
fi
`;

/** What paths of its input are. */
const describeScript = `
cd "\${PODMAN_BOOTC_ROOT:-}/"
set --
while IFS= read -r line; do
  if [ -e "$line" ] || [ -h "$line" ]; then set -- "$@" "$line"; fi
done
[ $# -gt 0 ] || exit 0
stat -c '%f %u %g %n' -- "$@"
echo @@link
for name; do [ ! -h "$name" ] || printf '%s\\n%s\\n' "$name" "$(readlink -- "$name")"; done
echo @@sum
links=$#
for name; do
  if [ -f "$name" ] && [ ! -h "$name" ]; then set -- "$@" "$name"; fi
done
shift "$links"
[ $# -eq 0 ] || sha256sum -- "$@"
`;

/** The guest of a live update. */
export class LiveGuest {
  constructor(private readonly bootc: GuestBootc) {}

  /** @throws PodmanBootcError `BOOTC_STATUS_UNREADABLE`, `CONNECTION_FAILED` */
  async look(signal?: AbortSignal): Promise<LiveState> {
    const result = await this.#run(lookScript, [], { signal });
    const parts = sections(result.stdout);
    const part = (name: string): string => (parts.get(name) ?? '').trim();
    const facts = part('').split('\n');
    const status = part('status');
    return {
      usr: facts.includes('usr'),
      etc: facts.includes('etc'),
      tar: facts.includes('tar'),
      record: part('record'),
      incoming: part('incoming'),
      removing: part('removing')
        .split('\n')
        .filter((line) => line !== ''),
      status:
        status === '' && result.exitCode === 0
          ? undefined
          : await this.bootc.readStatus({ ...result, stdout: status }),
    };
  }

  /** What paths are, as `fingerprint` says it but without attributes; what is not there is left out. */
  async describe(paths: readonly string[], signal?: AbortSignal): Promise<Map<string, string>> {
    const input = paths.map((path) => `${path}\n`).join('');
    return parseDescriptions((await this.#run(describeScript, [], { input, signal })).stdout);
  }

  /**
   * Changes the files.
   * @param o.overlays what is to be made writable
   * @param o.show properties of units that are to be told; without them the update is done with this
   * @returns the units that run, and which have failed before they are told of it
   */
  async apply(
    removed: readonly string[],
    archive: AsyncIterable<Buffer>,
    o: {
      overlays: readonly ('usr' | 'etc')[];
      attributes: boolean;
      show: string | undefined;
      signal?: AbortSignal | undefined;
    },
  ): Promise<{ units: string; failedUnits: string[]; result: GuestResult }> {
    const words = [o.overlays.join(' '), o.attributes ? '--xattrs --xattrs-include=*' : '', o.show ?? 'last'];
    const input = withLines(removed, archive);
    const result = await this.#run(applyScript, words, { input, signal: o.signal });
    const parts = sections(result.stdout);
    return { units: parts.get('units') ?? '', failedUnits: parseFailedUnits(parts.get('') ?? ''), result };
  }

  /** Takes away the overlay over /etc, where there is one: what live updates have changed there is as it was booted. */
  async endEtcOverlay(signal?: AbortSignal): Promise<void> {
    await this.#run(`${preamble}is_overlaid && umount -l "$root/etc"`, [], { signal });
  }

  /** Lets systemd know, and ends the update. @returns units that have failed, and what was said */
  async activate(
    o: {
      reload: boolean;
      users: boolean;
      tmpfiles: readonly string[];
      restart: readonly string[];
      stop: readonly string[];
    },
    signal?: AbortSignal,
  ): Promise<{ failedUnits: string[]; result: GuestResult }> {
    const command = (...words: string[]): string => words.map(quoteForShell).join(' ');
    const lines = [
      preamble,
      ...(o.reload ? ['systemctl daemon-reload'] : []),
      ...(o.users ? ['systemd-sysusers'] : []),
      ...(o.tmpfiles.length > 0 ? [command('systemd-tmpfiles', '--create', '--', ...o.tmpfiles)] : []),
      ...(o.stop.length > 0 ? [command('systemctl', 'stop', '--', ...o.stop)] : []),
      // A unit that fails is among those that have failed.
      ...(o.restart.length > 0 ? [command('systemctl', 'try-restart', '--', ...o.restart)] : []),
      finish,
      'done=$?',
      'echo @@failed',
      failedUnitsCommand,
      'exit "$done"',
    ];
    const result = await this.#run(lines.join('\n'), [], { signal });
    return { failedUnits: parseFailedUnits(sections(result.stdout).get('failed') ?? ''), result };
  }

  #run(
    script: string,
    words: readonly string[],
    o: { input?: string | AsyncIterable<Buffer>; signal?: AbortSignal | undefined },
  ): Promise<GuestResult> {
    return this.bootc.asRoot(['sh', '-c', script, 'sh', ...words], o);
  }
}

/** Reads what `describeScript` printed. */
export function parseDescriptions(text: string): Map<string, string> {
  const parts = sections(text);
  const lines = (name: string): string[] => (parts.get(name) ?? '').split('\n').filter((line) => line !== '');
  const sums = new Map<string, string>();
  for (const line of lines('sum')) {
    // A name with a backslash is told so (sha256sum(1)).
    const [, escaped, sum = '', name = ''] = /^(\\?)([0-9a-f]{64}) [ *](.*)$/.exec(line) ?? [];
    sums.set(escaped === '' ? name : name.replaceAll('\\\\', '\\'), sum);
  }
  const links = new Map<string, string>();
  const told = lines('link');
  for (let at = 0; at + 1 < told.length; at += 2) links.set(told[at] ?? '', told[at + 1] ?? '');
  const found = new Map<string, string>();
  for (const line of lines('')) {
    const [, hex = '', owner = '', name = ''] = /^([0-9a-f]+) (\d+ \d+) (.*)$/.exec(line) ?? [];
    const bits = Number.parseInt(hex, 16);
    const mode = (bits & 0o7777).toString(8);
    switch (bits & 0o170000) {
      case 0o040000:
        found.set(name, `directory ${mode} ${owner}`);
        break;
      case 0o120000:
        found.set(name, `symlink ${owner} ${links.get(name) ?? ''}`);
        break;
      case 0o100000:
        found.set(name, `file ${mode} ${owner} ${sums.get(name) ?? ''}`);
        break;
      default:
        found.set(name, `other ${mode} ${owner}`);
    }
  }
  return found;
}

/** What was printed behind lines `@@NAME`, by the names; what stood before the first has none. */
function sections(text: string): Map<string, string> {
  const [first = '', ...rest] = text.split(/^@@(\w+)\n/m);
  const parts = new Map([['', first]]);
  for (let at = 0; at < rest.length; at += 2) parts.set(rest[at] ?? '', rest[at + 1] ?? '');
  return parts;
}

async function* withLines(lines: readonly string[], archive: AsyncIterable<Buffer>): AsyncGenerator<Buffer> {
  yield Buffer.from([...lines, ''].map((line) => `${line}\n`).join(''));
  yield* archive;
}
