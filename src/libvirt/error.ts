import { getSystemErrorName } from 'node:util';
import { virErrorDomain, virErrorLevel, virErrorNumber } from './enums/error.js';
import { nameOf } from './names.js';

/** What the addon rejects promises with. */
export interface NativeFailure {
  readonly kind: 'libvirt' | 'system';
  readonly number: number;
  readonly domain: number;
  readonly level: number;
  readonly message: string;
  readonly api: string;
}

/** A call that libvirt refused or could not carry out. Decide on `code`; messages are for people. */
export class LibvirtError extends Error {
  /**
   * The name of libvirt's error number, such as `VIR_ERR_NO_DOMAIN`; `VIR_ERR_<n>` for one we don't know;
   * `LIBVIRT_NOT_LOADED` where there is no libvirt to call.
   */
  readonly code: string;
  /** libvirt's error number (`virErrorNumber`); 0 for `LIBVIRT_NOT_LOADED`. */
  readonly errno: number;
  /** The part of libvirt that failed, such as `VIR_FROM_QEMU`; `VIR_FROM_<n>` for one we don't know. */
  readonly domain: string;
  readonly level: 'none' | 'warning' | 'error';
  /** The C function that was called, such as `virDomainLookupByName`. */
  readonly api: string;
  /** What can be done about it, in one line; of `LIBVIRT_NOT_LOADED` alone. */
  readonly remedy: string | undefined;

  constructor(
    failure: Omit<NativeFailure, 'kind'>,
    details: { code?: string; remedy?: string; cause?: unknown } = {},
  ) {
    super(failure.message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'LibvirtError';
    this.errno = failure.number;
    this.code = details.code ?? nameOf(virErrorNumber, failure.number) ?? `VIR_ERR_${failure.number}`;
    this.remedy = details.remedy;
    this.domain = nameOf(virErrorDomain, failure.domain) ?? `VIR_FROM_${failure.domain}`;
    this.level =
      failure.level === virErrorLevel.VIR_ERR_NONE
        ? 'none'
        : failure.level === virErrorLevel.VIR_ERR_WARNING
          ? 'warning'
          : 'error';
    this.api = failure.api;
  }
}

/** Whether something that was thrown is an error of libvirt's, and has this code if one is given. */
export function isLibvirtError(error: unknown, code?: string): error is LibvirtError {
  return error instanceof LibvirtError && (code === undefined || error.code === code);
}

/**
 * The error for what the addon rejected with; anything else stays as it is. Made here and not in the addon so
 * that its stack shows who awaits the call.
 */
export function errorOf(thrown: unknown): unknown {
  if (!isNativeFailure(thrown)) return thrown;
  if (thrown.kind === 'libvirt') return new LibvirtError(thrown);
  const code = getSystemErrorName(-thrown.number);
  return Object.assign(new Error(`${code}: ${thrown.message}, ${thrown.api}`), {
    code,
    errno: -thrown.number,
    syscall: thrown.api,
  });
}

/** What the addon rejected with, saying more when it is the error of libvirt's with this number. */
export function addToFailure(thrown: unknown, number: number, text: string): unknown {
  if (!isNativeFailure(thrown) || thrown.kind !== 'libvirt' || thrown.number !== number) return thrown;
  return { ...thrown, message: thrown.message + text };
}

function isNativeFailure(thrown: unknown): thrown is NativeFailure {
  return (
    typeof thrown === 'object' &&
    thrown !== null &&
    !(thrown instanceof Error) &&
    'kind' in thrown &&
    'number' in thrown &&
    'api' in thrown
  );
}

/** What a call may find closed. */
const closedCodes = {
  connection: virErrorNumber.VIR_ERR_INVALID_CONN,
  domain: virErrorNumber.VIR_ERR_INVALID_DOMAIN,
  'domain snapshot': virErrorNumber.VIR_ERR_INVALID_DOMAIN_SNAPSHOT,
  'storage pool': virErrorNumber.VIR_ERR_INVALID_STORAGE_POOL,
  'storage volume': virErrorNumber.VIR_ERR_INVALID_STORAGE_VOL,
  network: virErrorNumber.VIR_ERR_INVALID_NETWORK,
} as const;

/** What a handle can stand for. */
export type Closable = keyof typeof closedCodes;

/** An error of ours, in libvirt's own terms. */
export function ownError(
  number: number,
  message: string,
  details: { api?: string; code?: string; remedy?: string; cause?: unknown } = {},
): LibvirtError {
  const { VIR_FROM_NONE: domain } = virErrorDomain;
  const { VIR_ERR_ERROR: level } = virErrorLevel;
  return new LibvirtError({ number, domain, level, message, api: details.api ?? '' }, details);
}

/** A call on something that was closed. */
export function closedError(what: Closable): LibvirtError {
  return ownError(closedCodes[what], `The libvirt ${what} is closed`);
}

/** A call where there is no libvirt. */
export function notLoadedError(message: string, details: { remedy: string; cause?: unknown }): LibvirtError {
  return ownError(virErrorNumber.VIR_ERR_OK, message, { code: 'LIBVIRT_NOT_LOADED', ...details });
}
