import { createHash } from 'node:crypto';
import { option } from '../../option-text.js';
import { formatSize } from '../../sizes.js';

/**
 * Raised when we begin to install in another way, so that bases made in the old one are not taken: 2 since what an install
 * left on its disk is looked at.
 */
const installer = 2;

/** All that decides the bytes of an installed disk. Whoever asks for the same gets the same base disk. */
export interface BaseParts {
  /** Image id: 64 hexadecimal digits. It covers the digest of what podman pulled. */
  imageId: string;
  /** What the installed system will update from. */
  reference: string;
  filesystem: string;
  /** Bytes. */
  rootSizeMax: number | undefined;
  /** Bytes. */
  diskSize: number;
  /** Kernel arguments besides the image's, in their order. */
  kargs: readonly string[];
  /** How bootc was told to install, where it was; part of the key only then, as older bases have none of it. */
  backend?: {
    composefs: boolean;
    bootloader: string | undefined;
    /** Further options of bootc's, in their order. */
    bootcArgs: readonly string[];
  };
  /** What stands for the public keys that are in it, where there are any: such a disk is no VM's. */
  rootKeys?: string;
  /** As the image's bootc names its version. */
  bootcVersion: string;
}

/** A base disk's key: 24 hexadecimal digits, the same for the same parts whenever and wherever they are asked for. */
export function baseKey(parts: BaseParts): string {
  const canonical = [
    installer,
    parts.imageId,
    parts.reference,
    parts.filesystem,
    parts.rootSizeMax ?? null,
    parts.diskSize,
    parts.kargs,
    parts.bootcVersion,
    ...(parts.rootKeys === undefined ? [] : [{ rootKeys: parts.rootKeys }]),
    ...(parts.backend === undefined
      ? []
      : [[parts.backend.composefs, parts.backend.bootloader ?? null, parts.backend.bootcArgs]]),
  ];
  return createHash('sha256').update(JSON.stringify(canonical)).digest('hex').slice(0, 24);
}

/** What stands for public keys in the parts of a base disk. */
export function keysPart(lines: readonly string[]): string {
  return createHash('sha256').update(lines.join('\n')).digest('hex');
}

const shown: readonly [keyof BaseParts, string, (parts: BaseParts) => string][] = [
  ['reference', 'the reference', (parts) => parts.reference],
  ['filesystem', option('filesystem'), (parts) => parts.filesystem],
  ['rootSizeMax', option('rootSizeMax'), (parts) => sizeOrNone(parts.rootSizeMax)],
  ['diskSize', option('diskSize'), (parts) => formatSize(parts.diskSize)],
  ['kargs', option('kargs'), (parts) => parts.kargs.join(' ') || 'none'],
  ['backend', option('composefsBackend'), ({ backend }) => (backend?.composefs === true ? 'set' : 'unset')],
  ['backend', option('bootloader'), ({ backend }) => backend?.bootloader ?? 'none'],
  ['backend', option('bootcArgs'), ({ backend }) => (backend?.bootcArgs ?? []).join(' ') || 'none'],
  ['rootKeys', option('rootSshKeys'), ({ rootKeys }) => rootKeys?.slice(0, 12) ?? 'none'],
  ['bootcVersion', 'the version of bootc', (parts) => parts.bootcVersion],
];

function sizeOrNone(size: number | undefined): string {
  return size === undefined ? 'none' : formatSize(size);
}

/** What tells the disk that is wanted from one of the same image, in words: the option filesystem, then `xfs, not ext4`. */
export function differences(wanted: BaseParts, other: BaseParts): string[] {
  return shown
    .filter(([, , show]) => show(wanted) !== show(other))
    .map(([, name, show]) => `${name} ${show(wanted)}, not ${show(other)}`);
}
