import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { PodmanBootcError, messageOf } from '../../errors.js';
import type { DomainAddon } from './domain.js';
import type { NativeEventValue } from '../events/domain-event.js';
import type { NativeCredential } from '../connection/credentials.js';
import type { NativeObjects } from './objects.js';

declare const connectionBrand: unique symbol;
declare const domainBrand: unique symbol;

/** An object of the addon that stands for an open connection. The addon refuses any other. */
export interface ConnectionHandle {
  readonly [connectionBrand]: never;
}

/** An object of the addon that stands for a reference to a domain. */
export interface DomainHandle {
  readonly [domainBrand]: never;
}

/** A domain as the addon gives it: what libvirt keeps in the reference itself, read without a call. */
export interface NativeDomain {
  readonly handle: DomainHandle;
  readonly name: string;
  readonly uuid: string;
  readonly id: number | null;
}

/** `virDomainInfo`: memory in KiB, time in ns. */
export interface NativeDomainInfo {
  readonly state: number;
  readonly maxMemory: bigint;
  readonly memory: bigint;
  readonly vcpus: number;
  readonly cpuTime: bigint;
}

/**
 * The functions of native/*.cc. Each calls one function of libvirt off the JavaScript thread; `id` names the
 * call for `abandon`, 0 when it can't be abandoned. Promises are rejected with a `NativeFailure`.
 */
export interface NativeAddon extends DomainAddon, NativeObjects {
  abandon(id: number, reason: unknown): void;
  libraryVersion(id: number): Promise<number>;
  flock(fd: number, operation: 'shared' | 'exclusive' | 'unlock'): Promise<boolean>;

  connectionOpen(
    uri: string | undefined,
    readOnly: boolean,
    onClosed: (reason: number) => void,
    id: number,
  ): Promise<ConnectionHandle>;
  /** `onCredentials` is called when credentials are needed, and then `answerCredentials` has to be with its token. */
  connectionOpenAuth(
    uri: string | undefined,
    readOnly: boolean,
    onClosed: (reason: number) => void,
    onCredentials: (token: bigint, requests: NativeCredential[]) => void,
    id: number,
  ): Promise<ConnectionHandle>;
  /** Undefined declines. */
  answerCredentials(token: bigint, answers: readonly (string | null)[] | undefined): void;
  /** Resolves with the number of references that were left, which is 0 unless something leaks. */
  connectionClose(connection: ConnectionHandle, id: number): Promise<number>;
  connectionGetUri(connection: ConnectionHandle, id: number): Promise<string>;
  connectionGetType(connection: ConnectionHandle, id: number): Promise<string>;
  connectionGetVersion(connection: ConnectionHandle, id: number): Promise<number>;
  connectionGetLibraryVersion(connection: ConnectionHandle, id: number): Promise<number>;
  connectionGetCapabilities(connection: ConnectionHandle, id: number): Promise<string>;
  connectionGetDomainCapabilities(
    connection: ConnectionHandle,
    emulator: string | undefined,
    arch: string | undefined,
    machine: string | undefined,
    virtType: string | undefined,
    id: number,
  ): Promise<string>;
  connectionDefineDomain(
    connection: ConnectionHandle,
    xml: string,
    flags: number,
    id: number,
  ): Promise<NativeDomain>;
  connectionCreateDomain(
    connection: ConnectionHandle,
    xml: string,
    flags: number,
    id: number,
  ): Promise<NativeDomain>;
  connectionLookupDomainByName(connection: ConnectionHandle, name: string, id: number): Promise<NativeDomain>;
  connectionLookupDomainByUuid(connection: ConnectionHandle, uuid: string, id: number): Promise<NativeDomain>;
  connectionListAllDomains(connection: ConnectionHandle, flags: number, id: number): Promise<NativeDomain[]>;

  /** Resolves with the token that ends the subscription. Events may come before that. */
  subscribeDomainEvent(
    connection: ConnectionHandle,
    event: number,
    listener: (name: string, uuid: string, values: readonly NativeEventValue[]) => void,
    id: number,
  ): Promise<bigint>;
  unsubscribeDomainEvent(connection: ConnectionHandle, token: bigint, id: number): Promise<undefined>;

  domainClose(domain: DomainHandle): undefined;
  domainGetState(domain: DomainHandle, id: number): Promise<[state: number, reason: number]>;
  domainGetInfo(domain: DomainHandle, id: number): Promise<NativeDomainInfo>;
  domainIsActive(domain: DomainHandle, id: number): Promise<boolean>;
  domainIsPersistent(domain: DomainHandle, id: number): Promise<boolean>;
  domainGetXml(domain: DomainHandle, flags: number, id: number): Promise<string>;
  domainGetMetadata(
    domain: DomainHandle,
    type: number,
    uri: string | undefined,
    flags: number,
    id: number,
  ): Promise<string>;
  domainSetMetadata(
    domain: DomainHandle,
    type: number,
    metadata: string | undefined,
    key: string | undefined,
    uri: string | undefined,
    flags: number,
    id: number,
  ): Promise<undefined>;
  domainCreate(domain: DomainHandle, flags: number, id: number): Promise<undefined>;
  domainShutdown(domain: DomainHandle, flags: number, id: number): Promise<undefined>;
  domainDestroy(domain: DomainHandle, flags: number, id: number): Promise<undefined>;
  domainUndefine(domain: DomainHandle, flags: number, id: number): Promise<undefined>;
}

let addon: NativeAddon | undefined;

/**
 * The addon, loaded at the first call: a host without libvirt can still print help.
 * @throws PodmanBootcError `LIBVIRT_NOT_LOADED`
 */
export function loadAddon(): NativeAddon {
  addon ??= load(packageRoot());
  return addon;
}

/** The directory with package.json: two levels up from src/libvirt, three from dist/src/libvirt. */
function packageRoot(): string {
  let directory = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(directory, 'package.json')) && dirname(directory) !== directory)
    directory = dirname(directory);
  return directory;
}

/** What was built here, or else what the package brings along for this platform. */
function findAddon(root: string): string | undefined {
  const built = join(root, 'build', 'Release', 'libvirt.node');
  if (existsSync(built)) return built;
  if (!existsSync(join(root, 'prebuilds'))) return undefined;
  try {
    const prebuilds = createRequire(import.meta.url)('node-gyp-build') as { resolve(root: string): string };
    return prebuilds.resolve(root);
  } catch {
    // It throws when none fits.
    return undefined;
  }
}

/** Exported for its test. */
export function load(root: string): NativeAddon {
  const path = findAddon(root);
  const rebuild = root.includes(`${sep}node_modules${sep}`)
    ? 'Run: npm rebuild podman-bootc'
    : `Run: npm run install, in ${root}`;
  if (path === undefined) {
    throw new PodmanBootcError(
      'host',
      'LIBVIRT_NOT_LOADED',
      'The native libvirt binding of podman-bootc is not built',
      {
        remedy: rebuild,
      },
    );
  }
  try {
    return createRequire(import.meta.url)(path) as NativeAddon;
  } catch (error) {
    // "libvirt.so.0: cannot open shared object file …"; macOS: "Library not loaded: …/libvirt.0.dylib".
    const missing = /libvirt(-qemu)?[.\d]*\.(so|dylib)/.test(messageOf(error));
    throw new PodmanBootcError(
      'host',
      'LIBVIRT_NOT_LOADED',
      missing
        ? 'The libvirt client library is not installed'
        : `The native libvirt binding of podman-bootc does not load: ${messageOf(error)}`,
      {
        remedy: missing
          ? 'Install libvirt0 (Debian, Ubuntu), libvirt-libs (Fedora) or, with brew, libvirt'
          : rebuild,
        cause: error,
      },
    );
  }
}
