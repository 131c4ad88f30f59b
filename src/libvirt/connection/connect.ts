import {
  argumentError,
  checkInteger,
  checkOptionalBoolean,
  checkOptionalString,
  checkOptions,
  type CallOptions,
} from '../arguments.js';
import { call } from '../call.js';
import { virErrorNumber } from '../enums/error.js';
import { LibvirtError, addToFailure, isLibvirtError, ownError } from '../error.js';
import { TimeLimit } from '../time-limit.js';
import { CloseEvents } from './close-events.js';
import { Connection } from './connection.js';
import { CredentialsQuestions, type CredentialsCallback } from './credentials.js';

/** How to connect. */
export interface ConnectOptions extends CallOptions {
  /** Refuse everything that changes something; needs no privileges on `qemu:///system`. Default false. */
  readOnly?: boolean | undefined;
  /**
   * Is asked for credentials when the server wants some; without it the connection fails then. It may be asked
   * more than once. libvirt looks into its own file of credentials first (`auth.conf`).
   */
  auth?: CredentialsCallback | undefined;
  /**
   * Milliseconds after which it is given up with `VIR_ERR_OPERATION_TIMEOUT`, at most 2³¹ − 1; libvirt itself waits for
   * as long as the server says nothing. Default 30,000; 120,000 over SSH, where somebody may have to type a password
   * (sshd's own limit). The time that `auth` takes does not count.
   */
  timeout?: number | undefined;
}

/** The transports that log in with SSH (`qemu+ssh:`), of all the names that libvirt has for them. */
const sshTransport = /^[^:/]*\+(ssh|libssh2?):/i;

/**
 * Opens a connection to libvirt: `qemu:///system` and `qemu:///session` on this host, `qemu+ssh://user@host/system`
 * on another one, `test:///default` for tests. Without `uri` libvirt chooses: `LIBVIRT_DEFAULT_URI`, its
 * configuration, or what it finds.
 *
 * Over SSH it is the program `ssh` that asks for passwords, on the terminal; `?no_tty=1` in the URI forbids it.
 *
 * A server that accepts and says nothing costs nobody else: at most 16 connections to one URI are opened at once, and
 * with 16 given up that still wait (`signal`, `timeout`) a further one fails with `VIR_ERR_RESOURCE_BUSY`. The same holds
 * for the calls on the connections to one URI, with 64 in the place of 16.
 * @throws LibvirtError `VIR_ERR_AUTH_FAILED`, `VIR_ERR_AUTH_CANCELLED`, `VIR_ERR_NO_CONNECT`,
 *   `VIR_ERR_OPERATION_TIMEOUT`, `VIR_ERR_RESOURCE_BUSY`, and `VIR_ERR_SYSTEM_ERROR` where there is no daemon
 */
export async function connect(uri?: string, options: ConnectOptions = {}): Promise<Connection> {
  checkOptionalString('uri', uri);
  checkOptions(options);
  const { readOnly = false, auth } = options;
  checkOptionalBoolean('readOnly', readOnly);
  if (auth !== undefined && typeof auth !== 'function')
    throw argumentError('auth', 'a function or undefined', auth);
  const server = uri ?? process.env.LIBVIRT_DEFAULT_URI;
  const { timeout = sshTransport.test(server ?? '') ? 120_000 : 30_000 } = options;
  checkInteger('timeout', timeout, 'a number of milliseconds from 1 to 2147483647, or undefined', {
    minimum: 1,
    maximum: 0x7fff_ffff,
  });
  const closeEvents = new CloseEvents();
  const time = new TimeLimit(timeout);
  const questions = auth && new CredentialsQuestions(time.pausing(auth));
  try {
    const handle = await call(
      options,
      (addon, id) =>
        questions
          ? addon.connectionOpenAuth(uri, readOnly, closeEvents.end, questions.ask, id)
          : addon.connectionOpen(uri, readOnly, closeEvents.end, id).catch(nobodyWasAsked),
      { time, reason: () => timeoutError(server, timeout) },
    );
    return new Connection(handle, closeEvents);
  } catch (error) {
    if (questions?.failure && isLibvirtError(error)) throw questions.failure.error;
    throw error;
  }
}

function timeoutError(server: string | undefined, timeout: number): LibvirtError {
  return ownError(
    virErrorNumber.VIR_ERR_OPERATION_TIMEOUT,
    `libvirt${server ? ` at ${server}` : ''} does not answer: there is no connection after ${timeout / 1000} s`,
    { api: 'virConnectOpenAuth' },
  );
}

/** libvirt says that it has no mechanism, and not why: most need somebody to ask. */
function nobodyWasAsked(thrown: unknown): never {
  throw addToFailure(
    thrown,
    virErrorNumber.VIR_ERR_AUTH_FAILED,
    '; `auth`, a function that gives credentials, was not passed to connect()',
  );
}

/** The version of the libvirt client library, as major × 1,000,000 + minor × 1,000 + release. */
export async function libraryVersion(options: CallOptions = {}): Promise<number> {
  return call(options, (addon, id) => addon.libraryVersion(id));
}
