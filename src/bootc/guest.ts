import { failedUnitsCommand, parseFailedUnits } from '../boot/services.js';
import { PodmanBootcError } from '../errors.js';
import type { GuestConnection, GuestResult } from '../ssh/connection.js';
import { quoteForShell } from '../ssh/session.js';
import { errorChain } from './error-chain.js';
import { parseStatus, type BootcStatus, type Deployment } from './status.js';

/** Where an image is to be had for the guest. */
export interface ImageSource {
  /** The image as the guest is to know it, with its tag. */
  reference: string;
  /** The same without tag or digest. */
  repository: string;
  /** Of the guest's loopback address. */
  port: number;
}

/** What the guest's registry calls the image: a name of a registry with a port is none for a path (`localhost:5000/web`). */
export const servedRepository = 'image';

/** How a call of bootc's is listened to. */
interface Listening {
  /** What it prints, as it comes. */
  onOutput?: ((chunk: string) => void) | undefined;
  signal?: AbortSignal | undefined;
}

/** containers-registries.conf.d(5): files are read in the order of their names, and the last says how it is. */
const dropIn = 'zz-podman-bootc.conf';

/**
 * Runs a program while one more file is among the guest's registries.conf.d. It lies in /run and is put over the directory, not
 * into it: what is in /etc lasts, and goes into the new version, should the guest or this connection end in the middle.
 */
const withDropIn = `
set -eu
directory=/etc/containers/registries.conf.d
own=/run/podman-bootc/registries.conf.d
umask 022
# What a guest that ended in the middle has of an archive (serve.ts).
set -- /run/podman-bootc/serve.* -- "$@"
[ -e "$1" ] || rm -rf /var/tmp/podman-bootc-update.*
while [ "$1" != -- ]; do shift; done
shift
mkdir -p "$directory"
while [ -e "$directory/${dropIn}" ] && umount -l "$directory"; do :; done
rm -rf "$own"
mkdir -p "$own"
cp -a "$directory/." "$own/"
cat >"$own/${dropIn}"
chcon -R --reference="$directory" "$own" 2>/dev/null || :
mount --bind "$own" "$directory"
trap 'umount -l "$directory"; rm -rf "$own"' EXIT
trap 'exit 129' HUP INT TERM PIPE
"$@"
`;

/** The bootc of a guest, on one connection. bootc(8) wants root: other users need a sudo that asks nothing. */
export class GuestBootc {
  constructor(
    private readonly connection: GuestConnection,
    private readonly o: { user: string; name: string },
  ) {}

  /**
   * How the guest stands.
   * @throws PodmanBootcError `BOOTC_STATUS_UNREADABLE`, `CONNECTION_FAILED`
   */
  async status(signal?: AbortSignal): Promise<BootcStatus> {
    return await this.readStatus(await this.asRoot(['bootc', 'status', '--format', 'json'], { signal }));
  }

  /**
   * The same of what `bootc status --format json` left behind.
   * @throws PodmanBootcError `BOOTC_STATUS_UNREADABLE`
   */
  async readStatus(result: GuestResult): Promise<BootcStatus> {
    if (result.exitCode === 0) return await parseStatus(result.stdout);
    throw new PodmanBootcError(
      'image',
      'BOOTC_STATUS_UNREADABLE',
      `\`bootc status\` failed in ${this.o.name}: ${reasonOf(result)}`,
      {
        remedy:
          this.o.user === 'root'
            ? 'The guest has to be made of a bootc image'
            : `bootc wants root: let ${this.o.user} use sudo without a password, or make a VM for root`,
        output: result.stderr,
      },
    );
  }

  /**
   * Has the guest fetch a version of an image and stage it for its next boot. bootc's silences and its exit codes do not tell
   * whether it did (exit code 0 also when nothing has changed, 1 of the composefs backend when the new version has the same
   * files): ask `status` afterwards.
   * @param from the reference that updates come from now; it takes another call of bootc's to change that
   */
  async stage(
    source: ImageSource,
    from: string | undefined,
    { onOutput, signal }: Listening = {},
  ): Promise<GuestResult> {
    const { reference, repository, port } = source;
    const command =
      from === reference ? ['bootc', 'upgrade', '--quiet'] : ['bootc', 'switch', '--quiet', reference];
    // containers-registries.conf(5). It is a connection of ours, over SSH; TLS within would need a certificate.
    const input = [
      '[[registry]]',
      `prefix = ${JSON.stringify(repository)}`,
      `location = ${JSON.stringify(`127.0.0.1:${port}/${servedRepository}`)}`,
      'insecure = true',
      '',
    ].join('\n');
    return this.asRoot(['sh', '-c', withDropIn, 'sh', ...command], { input, onOutput, signal });
  }

  /** Has the version before come up at the next boot. */
  rollback(signal?: AbortSignal): Promise<GuestResult> {
    return this.asRoot(['bootc', 'rollback'], { signal });
  }

  /**
   * Begins a soft reboot into what is staged. The connection ends with it where that works.
   * @returns what bootc said where it did not
   */
  softReboot(staged: Deployment, signal?: AbortSignal): Promise<GuestResult> {
    // Of composefs `upgrade --apply` finds "no changes" once something is staged, and does not reboot (bootc 1.16).
    return this.asRoot(
      staged.backend === 'composefs'
        ? ['bootc', 'internals', 'prep-soft-reboot', staged.id ?? '', '--reboot']
        : ['bootc', 'upgrade', '--from-downloaded', '--soft-reboot=required', '--apply'],
      { signal },
    );
  }

  /** How many soft reboots the guest has been through since it booted; undefined where its systemd has none (before 254). */
  async softReboots(signal?: AbortSignal): Promise<number | undefined> {
    const { stdout } = await this.connection.run('systemctl show --property=SoftRebootsCount --value', {
      signal,
    });
    return /^\d+$/.test(stdout.trim()) ? Number(stdout) : undefined;
  }

  /** The units that have failed. */
  async failedUnits(signal?: AbortSignal): Promise<string[]> {
    return parseFailedUnits((await this.connection.run(failedUnitsCommand, { signal })).stdout);
  }

  /** What the units that finalize an update said when the boot before ended. */
  async finalizationLog(signal?: AbortSignal): Promise<string> {
    const { stdout } = await this.asRoot(
      [
        ...['journalctl', '--boot=-1', '--no-pager', '--quiet', '--output=cat', '--lines=20'],
        ...['--unit=ostree-finalize-staged.service', '--unit=bootc-finalize-staged.service'],
      ],
      { signal },
    );
    return stdout;
  }

  /** Runs a program as root. */
  asRoot(
    command: readonly string[],
    o: Listening & { input?: string | AsyncIterable<Buffer> } = {},
  ): Promise<GuestResult> {
    const words = this.o.user === 'root' ? command : ['sudo', '-n', ...command];
    return this.connection.run(words.map(quoteForShell).join(' '), o);
  }
}

/** Why a call failed, in one line. */
export function reasonOf({ exitCode, stdout, stderr }: GuestResult): string {
  if (exitCode === undefined) return 'the connection ended';
  if (exitCode === 127) return 'there is no such program in the guest';
  const chain = errorChain(stderr);
  return chain === '' ? (stdout.trim().split('\n').at(-1) ?? `exit code ${exitCode}`) : chain;
}
