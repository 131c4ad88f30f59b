import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram } from '../process.js';
import { codeOf, messageOf, PodmanBootcError } from '../errors.js';
import type { Host } from '../vm/host/host.js';
import { localDaemon } from '../vm/host/uri.js';
import type { Examination } from './examination.js';
import { isLate, lateOutcome, type Outcome } from './finding.js';
import { installCommand } from './packages.js';

/** PB001 */
export async function checkLibvirt(e: Examination): Promise<Outcome> {
  let host: Host;
  try {
    host = await e.libvirt;
  } catch (error) {
    if (isLate(error)) {
      const uri = e.uri ?? 'qemu:///session';
      return lateOutcome(e.load, `libvirt does not answer at ${uri}`, error, restartCommand(uri));
    }
    if (!(error instanceof PodmanBootcError)) throw error;
    return { status: 'failure', finding: messageOf(error), fix: await fixFor(e, error) };
  }
  const { connection, uri } = host;
  const [driver, version] = await Promise.all([
    connection.getType({ signal: e.signal }),
    connection.getLibraryVersion({ signal: e.signal }),
  ]);
  const daemon = daemonOf(uri);
  const finding = `libvirt ${formatVersion(version)}${daemon === undefined ? '' : ` (${daemon})`} answers at ${uri}, driver ${driver}`;
  if (host.features.files) return { status: 'ok', finding };
  return {
    status: 'failure',
    finding: `${finding}, but on another host: VMs are made and removed only where podman-bootc runs`,
  };
}

function formatVersion(version: number): string {
  return [Math.floor(version / 1_000_000), Math.floor(version / 1000) % 1000, version % 1000].join('.');
}

/**
 * Which daemon listens on this host. libvirt's client takes virtqemud's socket where there is one, and
 * libvirtd's otherwise (remoteGetUNIXSocket in src/remote/remote_sockets.c).
 */
function daemonOf(uri: string): string | undefined {
  const daemon = localDaemon(uri);
  if (daemon === undefined) return undefined;
  const directory = daemon === 'system' ? '/run/libvirt' : sessionDirectory();
  if (existsSync(join(directory, 'virtqemud-sock'))) return 'virtqemud';
  return existsSync(join(directory, 'libvirt-sock')) ? 'libvirtd' : undefined;
}

function sessionDirectory(): string {
  const { XDG_RUNTIME_DIR: runtime = '', XDG_CACHE_HOME: cache = '', HOME: home = '' } = process.env;
  // libvirt falls back to the cache directory like GLib (virGetUserRuntimeDirectory).
  return join(runtime === '' ? (cache === '' ? join(home, '.cache') : cache) : runtime, 'libvirt');
}

async function fixFor(e: Examination, error: PodmanBootcError): Promise<string | undefined> {
  if (codeOf(error) === 'LIBVIRT_NOT_LOADED') {
    return error.message.includes('client library')
      ? installCommand('libvirt', e.family)
      : error.remedy?.replace(/^Run: /, '');
  }
  const uri = e.uri ?? 'qemu:///session';
  const asked = localDaemon(uri);
  if (asked === undefined) return undefined;
  const daemon = await findDaemon();
  if (daemon === undefined) return installCommand('libvirt', e.family);
  if (process.platform === 'darwin') return 'brew services start libvirt';
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  if (asked === 'system') {
    if (!existsSync('/run/systemd/system')) return `${sudo}virtlogd -d && ${sudo}${daemon} -d`;
    return `${sudo}systemctl start ${daemon === 'virtqemud' ? 'virtqemud.socket' : 'libvirtd'}`;
  }
  if ((process.env.XDG_RUNTIME_DIR ?? '') === '') return 'export XDG_RUNTIME_DIR=/run/user/$(id -u)';
  return `${daemon} --timeout 120 --daemon`;
}

/** For a daemon that listens and says nothing. */
function restartCommand(uri: string): string | undefined {
  if (process.platform === 'darwin') return 'brew services restart libvirt';
  const daemon = localDaemon(uri);
  if (daemon === 'session') return 'pkill -U $(id -u) -x "libvirtd|virtqemud"';
  if (daemon === undefined || !existsSync('/run/systemd/system')) return undefined;
  const sudo = process.getuid?.() === 0 ? '' : 'sudo ';
  return `${sudo}systemctl restart ${daemonOf(uri) ?? 'libvirtd'}`;
}

async function findDaemon(): Promise<'virtqemud' | 'libvirtd' | undefined> {
  for (const daemon of ['virtqemud', 'libvirtd'] as const) {
    if ((await findProgram(daemon, ['/usr/sbin', '/usr/local/sbin', '/opt/homebrew/sbin'])) !== undefined)
      return daemon;
  }
  return undefined;
}
