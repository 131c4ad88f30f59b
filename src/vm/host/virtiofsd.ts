import { chmodSync, chownSync, closeSync, openSync, renameSync } from 'node:fs';
import { readFile, realpath, rm } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { basename, dirname, join } from 'node:path';
import { parseHostCapabilities } from '../../domain/capabilities.js';
import { PodmanBootcError } from '../../errors.js';
import { ownUid } from '../../own-file.js';
import { findProgram, runProcess, startDetached } from '../../process.js';
import type { Host } from './host.js';

/*
 * A virtiofsd of our own, where libvirt starts none. It serves one QEMU: it is started before that is, listens on a socket
 * that is handed to it, and ends when QEMU closes the connection, however that comes about. Nothing of ours stays: what
 * starts it waits for QEMU's connection, ends then, or when virtiofsd has; where none comes within five minutes (we were
 * killed meanwhile, say), it ends virtiofsd.
 */

/** Where distributions have it, which is in no PATH: Debian 13, Fedora and RHEL; Arch; Debian 12 (QEMU's own, in C). */
const places = ['/usr/libexec', '/usr/lib', '/usr/lib/qemu', '/usr/local/libexec'];

/** Seconds that QEMU has for its connection. A libvirt that asks QEMU anew at every step has taken 84 for one. */
const patience = 300;

// $1 is the socket's first name, by which the kernel knows it for as long as it lives. In /proc/net/unix the state of a
// connected socket is 03. Of a list in the background a shell makes the standard input /dev/null. It reaps what has ended, whose
// process ID may be somebody else's after a while: so it looks each second.
const watchScript = `socket=$1; shift; exec 3<&0; "$@" <&3 3<&- & exec </dev/null 3<&-; tries=0; while [ $tries -lt ${patience} ]; do sleep 1; tries=$((tries + 1)); [ -e /proc/$! ] || exit 0; while read -r _ _ _ _ _ state _ path; do if [ "$state" = 03 ] && [ "$path" = "$socket" ]; then exit 0; fi; done </proc/net/unix; done; kill $!`;

// $1 is the directory. For a virtiofsd that cannot refuse to write: its mounts, and those below, in a mount namespace of
// its own. mountinfo has spaces as \040.
const readOnlyScript = `directory=$1; shift; mount --rbind "$directory" "$directory" || exit 1; while read -r _ _ _ _ point _; do point=$(printf %b "$point"); case "$point" in "$directory" | "$directory"/*) mount -o remount,bind,ro "$point" || exit 1;; esac; done </proc/self/mountinfo; exec "$@"`;

/** Which of the two programs of that name it is, by its help. */
interface Virtiofsd {
  program: string;
  /** QEMU's own until 7.2 takes `-o`, the one in Rust since takes long options. */
  takesLongOptions: boolean;
  /** Whether it can refuse to write by itself (from 1.13 on). */
  hasReadOnly: boolean;
}

/**
 * Looks for virtiofsd.
 * @returns undefined without any
 */
export function findVirtiofsd(): Promise<string | undefined> {
  return findProgram('virtiofsd', places);
}

/** @throws PodmanBootcError `VIRTIOFSD_NOT_FOUND` */
export async function requireVirtiofsd(): Promise<string> {
  const program = await findVirtiofsd();
  if (program !== undefined) return program;
  throw new PodmanBootcError(
    'host',
    'VIRTIOFSD_NOT_FOUND',
    'The program virtiofsd, which gives VMs directories of this host, was not found',
    {
      remedy: 'Install it: apt install virtiofsd (qemu-system-common on Debian 12), or dnf install virtiofsd',
    },
  );
}

async function askVirtiofsd(): Promise<Virtiofsd> {
  const program = await requireVirtiofsd();
  const { all } = await runProcess(program, ['--help'], { timeout: 10_000 });
  return {
    program,
    takesLongOptions: all.includes('--shared-dir'),
    hasReadOnly: all.includes('--readonly'),
  };
}

/** What a virtiofsd of ours is to serve. */
export interface ServedDirectory {
  /** Absolute path of a directory. */
  directory: string;
  /** Absolute path of the socket that QEMU connects to. */
  socket: string;
  readOnly: boolean;
}

/** A virtiofsd that waits for QEMU. */
export interface WaitingVirtiofsd {
  /** Ends it where QEMU did not come. */
  end(): void;
}

/** What a virtiofsd beside this socket writes to: what it complains of. */
export function virtiofsdLog(socket: string): string {
  return join(dirname(socket), 'virtiofsd.log');
}

/**
 * Starts a virtiofsd for one start of a VM. Its user is the guest's root: for root everybody is who they are, for an
 * ordinary user there is nobody else, so that neither newuidmap nor subordinate IDs are needed.
 * @throws PodmanBootcError `VIRTIOFSD_NOT_FOUND`
 */
export async function serveDirectory(host: Host, served: ServedDirectory): Promise<WaitingVirtiofsd> {
  const { socket } = served;
  const virtiofsd = await askVirtiofsd();
  const command = commandOf(virtiofsd, { ...served, directory: await realpath(served.directory) });
  const owner = await socketOwner(host);
  const first = join(dirname(socket), `${basename(socket).replace(/\.[^.]*$/, '')}.n`);
  await rm(first, { force: true });
  const server = await listen(first);
  // From here to the end without a pause: what connects in one would be ours.
  try {
    chmodSync(first, owner === undefined ? 0o666 : 0o600);
    if (owner !== undefined && owner !== ownUid()) chownSync(first, owner, -1);
    const log = openSync(virtiofsdLog(socket), 'a', 0o600);
    try {
      const process = startDetached('sh', ['-c', watchScript, 'sh', first, ...command], {
        input: descriptorOf(server),
        output: log,
      });
      renameSync(first, socket);
      return process;
    } finally {
      closeSync(log);
    }
  } finally {
    // Node deletes the first name, which it has no longer.
    server.close();
  }
}

function listen(path: string): Promise<Server> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen(path, () => {
      resolve(server);
    });
  });
}

/** Node has no name of its own for it; net.Server has kept it there since 0.x. */
function descriptorOf(server: Server): number {
  const { fd } = (server as unknown as { _handle: { fd: number } })._handle;
  if (!Number.isInteger(fd) || fd < 0) throw new Error('Node does not tell the descriptor of a socket');
  return fd;
}

/** The user who has to reach the socket; undefined where it cannot be given to that one. */
async function socketOwner(host: Host): Promise<number | undefined> {
  if (host.features.runsQemuAsUs) return ownUid();
  const { qemuUser = ownUid() } = parseHostCapabilities(await host.connection.getCapabilities());
  return ownUid() === 0 || qemuUser === ownUid() ? qemuUser : undefined;
}

/** The program with all that is around it. */
function commandOf(virtiofsd: Virtiofsd, { directory, readOnly }: ServedDirectory): string[] {
  const isRoot = ownUid() === 0;
  const bindsReadOnly = readOnly && !virtiofsd.hasReadOnly;
  // As an ordinary user it cannot make namespaces with a root file system of its own ("vhost_backend_init failed").
  const sandbox = isRoot ? 'namespace' : 'chroot';
  const namespaces = isRoot
    ? bindsReadOnly
      ? ['unshare', '--mount', '--']
      : []
    : ['unshare', '--user', '--map-root-user', '--mount', '--'];
  return [
    ...namespaces,
    ...(bindsReadOnly ? ['sh', '-c', readOnlyScript, 'sh', directory] : []),
    virtiofsd.program,
    '--fd=0',
    ...(virtiofsd.takesLongOptions
      ? [
          `--shared-dir=${directory}`,
          '--cache=auto',
          `--sandbox=${sandbox}`,
          ...(readOnly && !bindsReadOnly ? ['--readonly'] : []),
        ]
      : ['-o', `source=${directory},cache=auto,sandbox=${sandbox}`]),
    '--rlimit-nofile=0',
  ];
}

/** What both say when all is well. */
const usualLine = /\bINFO\b|^virtio_session_mount: (?:Waiting|Received)|^(?:virtio_loop|fv_\w+): |^\s*$/;

/** The last that a virtiofsd complained of; undefined where it did not. */
export async function virtiofsdComplaint(socket: string): Promise<string | undefined> {
  const text = await readFile(virtiofsdLog(socket), 'utf8').catch(() => '');
  return text
    .split('\n')
    .filter((line) => !usualLine.test(line))
    .at(-1);
}
