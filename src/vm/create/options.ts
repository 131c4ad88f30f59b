import { access, constants, realpath, stat } from 'node:fs/promises';
import { checkBootcArgument } from '../../bootc/arguments.js';
import { bootloaders, type Bootloader } from '../../bootc/backend.js';
import { checkFilesystem } from '../../bootc/install.js';
import { checkKarg } from '../../bootc/kargs.js';
import { forwardAddress } from '../../domain/devices/network.js';
import type { DomainDescription } from '../../domain/edit.js';
import { checkLabel, parseLabel, type Labels } from '../../domain/labels.js';
import type { Originated } from '../../domain/origins.js';
import {
  checkPortsDistinct,
  checkPublishedPort,
  parsePort,
  portText,
  type PublishedPort,
} from '../../domain/ports.js';
import { checkVolumesDistinct, parseVolume, volumeText, type Volume } from '../../domain/volumes.js';
import { PodmanBootcError } from '../../errors.js';
import { option } from '../../option-text.js';
import { pullPolicies, type PullPolicy } from '../../podman/pull-policy.js';
import { checkPreference } from '../../podman/select.js';
import { checkSize, formatSize, parseSize } from '../../sizes.js';
import { readIdentity, type Identity } from '../../ssh/identity.js';
import { readPublicKeys, type PublicKey } from '../../ssh/public-key.js';
import { checkLoginName } from '../../ssh/user.js';
import { readDiskFile, type DiskFile } from '../disks/disk-file.js';
import { checkCloudInit } from '../guest/cloud-init.js';
import { checkHostname } from '../guest/hostname.js';
import { checkVolumes } from '../guest/volumes.js';
import { hasPassword, readPassword } from '../guest/password.js';
import { acceleratorPreferences, type AcceleratorPreference } from '../host/accelerator-preference.js';
import { checkName } from '../identity.js';
import {
  checkChoice,
  checkCount,
  checkDiskFormat,
  checkMemory,
  defaultCpus,
  defaultMemory,
  diskFormatPreferences,
  firmwares,
  instanceTypeNames,
  instanceTypes,
  parseCount,
  type DiskFormatPreference,
  type Firmware,
  type InstanceType,
} from '../option-values.js';
import type { VirtualMachine } from '../virtual-machine.js';

/**
 * What `run` may be told about the VM; whatever is absent gets its default. Where "or the image's label" stands, the label
 * is read when the option is absent (see `requirements.ts`).
 */
export interface RunOptions {
  /** Default `podman-bootc-ID`, one per image. */
  name?: string | undefined;
  /** Removes the VM that has this name (or is the unnamed one of the image), running or not, and makes it anew. */
  replace?: boolean | undefined;
  /**
   * Gone with its disk when it stops, however that comes about; what is left of its files then, the next command that
   * makes or removes VMs removes. Default false.
   */
  transient?: boolean | undefined;
  /**
   * A disk of the user's, raw or qcow2, that the VM is made of instead of an image: its own is an overlay of that. Nothing is
   * installed, and no podman is needed.
   */
  disk?: string | undefined;
  /** That disk is the VM's own, which writes to it; it is never removed. Default false. */
  inPlace?: boolean | undefined;
  /** Default 2, or the image's label. */
  cpus?: number | undefined;
  /** Bytes; default 2 GiB, or the image's label. */
  memory?: number | undefined;
  /** Stands for `cpus` and `memory`, each where it is not given itself; it comes before the image's labels. */
  itype?: InstanceType | undefined;
  /** Default `auto`. */
  accelerator?: AcceleratorPreference | undefined;
  /** Default `efi` where the host has it, or the image's label. */
  firmware?: Firmware | undefined;
  /** Default: what the image asks for, by its label or bootc's configuration. */
  filesystem?: string | undefined;
  /** Bytes. */
  rootSizeMax?: number | undefined;
  /** Bytes; default the larger of 10 GiB and twice the image, or the image's label; of a disk of the user's its size. */
  diskSize?: number | undefined;
  /** Default `auto`: an overlay (qcow2) of the image's base disk. */
  diskFormat?: DiskFormatPreference | undefined;
  /** Kernel arguments besides the image's own, in their order; default none. */
  kargs?: readonly string[] | undefined;
  /**
   * bootc's composefs backend instead of ostree; default: where the image is made for it (a UKI, or systemd-boot and no
   * bootupd), or the image's label.
   */
  composefsBackend?: boolean | undefined;
  /** `grub`, `grub-cc`, `systemd` or `none`; default: what bootc takes, or the image's label. */
  bootloader?: Bootloader | undefined;
  /** Further options of `bootc install to-disk`, each in one word (`--stateroot=x`); default none, or the image's label. */
  bootcArgs?: readonly string[] | undefined;
  /** Directory with `user-data` and `meta-data`. */
  cloudInit?: string | undefined;
  /** Default root. */
  user?: string | undefined;
  /** Files of public keys that may log in as that user besides the VM's own; default none. */
  sshKeys?: readonly string[] | undefined;
  /** File of a private key of the user's, by which the VM is logged in to; its public key may log in. Default: a key of its own. */
  identity?: string | undefined;
  /** File with root's password on one line, which is set when the VM is logged in to for the first time; default none. */
  passwordFile?: string | undefined;
  /** Host name of the guest; default: what the image has. */
  hostname?: string | undefined;
  /** Ports of the host that lead to the guest; default none, or the image's label. */
  ports?: readonly PublishedPort[] | undefined;
  /** Directories of this host that the guest has mounted; default none. */
  volumes?: readonly Volume[] | undefined;
  /** Name to value; default none. */
  labels?: Labels | undefined;
  /** `auto` (default), `machine`, `local`, or the name of a podman machine or connection. */
  podman?: string | undefined;
  /** Starts a podman machine that does not run; default: asks with `confirm`. */
  startMachine?: boolean | undefined;
  /** Takes an image that is only in another podman's store from there; default: asks with `confirm`. */
  copy?: boolean | undefined;
  /** Asks the user something before it is done; without it nobody is asked, and it is not done. */
  confirm?: ((question: string) => Promise<boolean>) | undefined;
  /** A directory to install the disk in before it is moved home, such as one that a podman machine shares. */
  scratch?: string | undefined;
  /** When the image is pulled; default `missing`. */
  pull?: PullPolicy | undefined;
  /** Refuses to take a VM that exists; default false. */
  mustBeNew?: boolean | undefined;
  /** Keeps the output of bootc and podman back unless they fail. */
  quiet?: boolean | undefined;
}

export type OptionName = keyof RunOptions;
export type OptionValue<K extends OptionName> = NonNullable<RunOptions[K]>;

/** A value as it stands on a command line: the word behind the option, one for each time it is given, or that it is given. */
export type OptionWords<K extends OptionName> =
  OptionValue<K> extends boolean
    ? boolean
    : OptionValue<K> extends readonly unknown[] | Labels
      ? readonly string[]
      : OptionValue<K> extends string | number
        ? string
        : never;

/** What the files and directories hold that options name on this host. */
interface NamedFiles {
  disk: DiskFile;
  /** Absolute path. */
  cloudInit: string;
  /** Absolute path. */
  scratch: string;
  sshKeys: readonly PublicKey[];
  identity: Identity;
  /** Whose directories are there. */
  volumes: readonly Volume[];
  /** Root's password. */
  passwordFile: string;
}
export type OptionFiles = { [K in keyof NamedFiles]?: NamedFiles[K] | undefined };

/** A VM that exists, which options are compared with. */
export interface ExistingVirtualMachine {
  vm: VirtualMachine;
  domain: Pick<DomainDescription, 'cpus' | 'memory' | 'domainType' | 'firmware' | 'ports'>;
  /** What the options name. */
  files: OptionFiles;
}

/** What of an option a VM does not have, in the words of a message. */
export interface Difference {
  asked: string | number;
  actual: string | number | undefined;
  /** Which of several: the name of a label. */
  of?: string;
}

/**
 * What an option is about: an image and its install (`image`), which a VM of a disk of the user's has not, or the VM itself. The
 * first are those that writing an image to a file takes, too.
 */
export type OptionSubject = 'image' | 'vm';

/** An option of the first kind. */
export type ImageOption = {
  [K in OptionName]: (typeof optionDefinitions)[K]['subject'] extends 'image' ? K : never;
}[OptionName];

/** What there is to know of an option. `what` is what a value was given with, for messages. */
type Definition<K extends OptionName> = { subject: OptionSubject } & (K extends keyof NamedFiles
  ? {
      /** Reads what is named, before anything is done. */
      read: (value: OptionValue<K>) => Promise<NamedFiles[K]>;
    }
  : {
      /** Refuses values, for users of the library whose compiler has not too. */
      check: (value: OptionValue<K>, what: string) => void;
    }) &
  (OptionWords<K> extends OptionValue<K>
    ? unknown
    : {
        /** Reads what stands on command lines and in labels; `check` comes after it. */
        parse: (words: OptionWords<K>, what: string) => OptionValue<K>;
      }) &
  (K extends Originated ? { label: LabelDefinition<K> } : unknown) &
  (
    | {
        /** An existing VM is booted as it is, so what is asked of it must be what it has. */
        compare: (
          asked: OptionValue<K>,
          existing: ExistingVirtualMachine,
        ) => Difference | undefined | Promise<Difference | undefined>;
      }
    | {
        /** Why nothing of an existing VM has to agree. */
        notCompared: string;
      }
  );

/** How an image asks for the value by its label, which `labelName` calls like the option. */
type LabelDefinition<K extends Originated> = {
  /** What a VM has where neither an option nor a label says; undefined leaves it to what `RunOptions` says. */
  otherwise: OptionValue<K> | undefined;
  /** Refuses what is for the user to say, not for the image. */
  restrict?: (value: OptionValue<K>) => void;
} & (OptionWords<K> extends string
  ? unknown
  : {
      /** Takes the text apart. */
      words: (text: string, what: string) => OptionWords<K>;
    });

/** An option that is forgotten here does not compile, nor one of which something is. */
export type OptionDefinitions = { readonly [K in OptionName]-?: Definition<K> };

const flag = {
  check: (value: boolean, what: string): void => {
    checkChoice(value, what, [true, false]);
  },
};
const size = { parse: parseSize, check: checkSize };

function oneOf<T extends string>(
  choices: readonly T[],
): { parse: (word: string, what: string) => T; check: (value: T, what: string) => void } {
  const check = (value: string, what: string): void => {
    checkChoice(value, what, choices);
  };
  // What is none of them `check` refuses.
  return { parse: (word) => word as T, check };
}

function splitWords(separator: RegExp): (text: string) => string[] {
  return (text) => text.split(separator).filter((word) => word !== '');
}

function unlike(
  asked: Difference['asked'],
  actual: Difference['actual'],
  of?: string,
): Difference | undefined {
  return asked === actual ? undefined : { asked, actual, ...(of !== undefined && { of }) };
}

function setOrUnset(value: boolean | undefined): string {
  return value === true ? 'set' : 'unset';
}

function inOrder(words: readonly string[]): string {
  return [...words].sort().join(' ');
}

const imageOnly = 'it says where the image comes from';

/** The domain type that an explicit accelerator stands for. */
const domainTypes = { auto: undefined, kvm: 'kvm', tcg: 'qemu' } as const;

/** Every option, in the order in which an existing VM is compared. */
export const optionDefinitions = {
  disk: {
    subject: 'vm',
    read: readDiskFile,
    compare: (_asked, { vm, files }) => unlike(files.disk?.path ?? '', vm.metadata.source?.path),
  },
  inPlace: {
    subject: 'vm',
    ...flag,
    compare: (asked, { vm }) => unlike(setOrUnset(asked), setOrUnset(vm.metadata.source?.inPlace)),
  },
  transient: {
    subject: 'vm',
    ...flag,
    compare: (asked) => (asked ? { asked: 'set', actual: 'unset' } : undefined),
  },
  cpus: {
    subject: 'vm',
    parse: parseCount,
    check: checkCount,
    label: { otherwise: defaultCpus },
    compare: (asked, { domain }) => unlike(asked, domain.cpus),
  },
  memory: {
    subject: 'vm',
    parse: parseSize,
    check: checkMemory,
    label: { otherwise: defaultMemory },
    compare: (asked, { domain }) => unlike(asked, domain.memory),
  },
  itype: { subject: 'vm', ...oneOf(instanceTypeNames), notCompared: 'what it stands for is' },
  firmware: {
    subject: 'vm',
    ...oneOf(firmwares),
    label: { otherwise: undefined },
    compare: (asked, { domain }) => unlike(asked, domain.firmware),
  },
  filesystem: {
    subject: 'image',
    check: checkFilesystem,
    label: { otherwise: undefined },
    compare: (asked, { vm }) => unlike(asked, vm.metadata.install?.filesystem),
  },
  rootSizeMax: {
    subject: 'image',
    ...size,
    compare: (asked, { vm }) => unlike(asked, vm.metadata.install?.rootSizeMax),
  },
  diskSize: {
    subject: 'vm',
    ...size,
    label: { otherwise: undefined },
    compare: (asked, { vm }) => unlike(asked, vm.metadata.disk?.size),
  },
  diskFormat: {
    subject: 'image',
    ...oneOf(diskFormatPreferences),
    check: checkDiskFormat,
    compare: (asked, { vm }) => (asked === 'auto' ? undefined : unlike(asked, vm.metadata.disk?.format)),
  },
  kargs: {
    subject: 'image',
    check: (kargs, what) => {
      for (const karg of kargs) checkKarg(karg, what);
    },
    compare: (asked, { vm }) => unlike(asked.join(' '), (vm.metadata.install?.kargs ?? []).join(' ')),
  },
  composefsBackend: {
    subject: 'image',
    ...flag,
    label: {
      otherwise: undefined,
      words: (text, what) => {
        checkChoice(text, what, ['true', 'false']);
        return text === 'true';
      },
    },
    compare: (asked, { vm }) => unlike(setOrUnset(asked), setOrUnset(vm.metadata.install?.composefsBackend)),
  },
  bootloader: {
    subject: 'image',
    ...oneOf(bootloaders),
    label: { otherwise: undefined },
    compare: (asked, { vm }) => unlike(asked, vm.metadata.install?.bootloader),
  },
  bootcArgs: {
    subject: 'image',
    check: (bootcArgs, what) => {
      for (const argument of bootcArgs) checkBootcArgument(argument, what);
    },
    label: { otherwise: [], words: splitWords(/\s+/) },
    compare: (asked, { vm }) => unlike(asked.join(' '), (vm.metadata.install?.bootcArgs ?? []).join(' ')),
  },
  cloudInit: {
    subject: 'vm',
    read: checkCloudInit,
    compare: (_asked, { vm, files }) => unlike(files.cloudInit ?? '', vm.metadata.cloudInit?.directory),
  },
  user: {
    subject: 'vm',
    check: checkLoginName,
    compare: (asked, { vm }) => unlike(asked, vm.metadata.ssh.user),
  },
  sshKeys: {
    subject: 'vm',
    read: (sshKeys) => readPublicKeys(sshKeys),
    compare: (_asked, { vm, files }) =>
      unlike(
        inOrder((files.sshKeys ?? []).map(({ fingerprint }) => fingerprint)),
        inOrder(vm.metadata.ssh.keys ?? []),
      ),
  },
  identity: {
    subject: 'vm',
    read: readIdentity,
    compare: (_asked, { vm, files }) => unlike(files.identity?.path ?? '', vm.metadata.ssh.identity),
  },
  passwordFile: {
    subject: 'vm',
    read: readPassword,
    compare: async (_asked, { vm, files }) =>
      (await hasPassword(vm, files.passwordFile ?? ''))
        ? undefined
        : { asked: 'this password', actual: 'another one' },
  },
  hostname: {
    subject: 'vm',
    check: checkHostname,
    compare: (asked, { vm }) => unlike(asked, vm.metadata.hostname),
  },
  ports: {
    subject: 'vm',
    parse: (words, what) => words.map((word) => parsePort(word, what)),
    check: (ports, what) => {
      for (const port of ports) checkPublishedPort(port, what);
      checkPortsDistinct(ports, what);
    },
    label: { otherwise: [], words: splitWords(/[\s,]+/), restrict: requireLoopback },
    compare: (asked, { domain }) => unlike(inOrder(asked.map(portText)), inOrder(domain.ports.map(portText))),
  },
  volumes: {
    subject: 'vm',
    parse: (words, what) => words.map((word) => parseVolume(word, what)),
    read: async (volumes) => {
      await checkVolumes(volumes);
      checkVolumesDistinct(volumes);
      return volumes;
    },
    compare: (asked, { vm }) =>
      unlike(inOrder(asked.map(volumeText)), inOrder((vm.metadata.volumes ?? []).map(volumeText))),
  },
  labels: {
    subject: 'vm',
    parse: (words) => Object.fromEntries(words.map(parseLabel)),
    check: (labels) => {
      for (const label of Object.entries(labels)) checkLabel(...label);
    },
    compare: (asked, { vm }) =>
      Object.entries(asked)
        .map(([name, value]) => unlike(value, vm.metadata.labels?.[name], name))
        .find((difference) => difference !== undefined),
  },
  accelerator: {
    subject: 'vm',
    ...oneOf(acceleratorPreferences),
    compare: (asked, { domain: { domainType } }) => {
      const wanted = domainTypes[asked];
      return wanted && unlike(wanted, domainType === 'hvf' ? 'kvm' : domainType);
    },
  },
  name: {
    subject: 'vm',
    check: checkName,
    notCompared: 'it says which VM is meant',
  },
  replace: { subject: 'vm', ...flag, notCompared: 'the VM that exists goes' },
  mustBeNew: { subject: 'vm', ...flag, notCompared: 'a VM that exists is refused' },
  podman: { subject: 'image', check: checkPreference, notCompared: imageOnly },
  startMachine: { subject: 'image', ...flag, notCompared: imageOnly },
  copy: { subject: 'image', ...flag, notCompared: imageOnly },
  pull: { subject: 'image', ...oneOf(pullPolicies), notCompared: imageOnly },
  scratch: { subject: 'image', read: checkScratch, notCompared: 'the disk is there' },
  confirm: {
    subject: 'vm',
    check: (confirm, what) => {
      if (typeof confirm !== 'function') throw new TypeError(`Expected ${what} to be a function`);
    },
    notCompared: 'it says how to ask',
  },
  quiet: { subject: 'vm', ...flag, notCompared: 'it says what is shown' },
} satisfies OptionDefinitions;

/**
 * Reads an option as it stands on a command line or in a label.
 * @param what what it was given with, for messages
 * @throws PodmanBootcError of class `usage`
 */
export function parseOption<K extends OptionName>(
  name: K,
  words: OptionWords<K>,
  what = option(name),
): OptionValue<K> {
  const { parse } = definitionOf(name);
  return parse ? parse(words, what) : (words as unknown as OptionValue<K>);
}

/** What a definition may have, for code that does not know which it is. */
interface AnyDefinition<K extends OptionName> {
  subject: OptionSubject;
  parse?: (words: OptionWords<K>, what: string) => OptionValue<K>;
  check?: (value: OptionValue<K>, what: string) => void;
  read?: (value: OptionValue<K>) => Promise<unknown>;
  compare?: (
    asked: OptionValue<K>,
    existing: ExistingVirtualMachine,
  ) => Difference | undefined | Promise<Difference | undefined>;
}

/** The definition of any option. */
export function definitionOf<K extends OptionName>(name: K): AnyDefinition<K> {
  return optionDefinitions[name] as AnyDefinition<K>;
}

/** What is asked for, with its names. */
export function givenOptions(options: RunOptions): { [K in OptionName]: [K, OptionValue<K>] }[OptionName][] {
  const names = Object.keys(optionDefinitions) as OptionName[];
  return names.flatMap((name) => {
    const value = options[name];
    return value === undefined ? [] : [[name, value]];
  }) as ReturnType<typeof givenOptions>;
}

/** The options with what a named size stands for. */
export function withInstanceType(options: RunOptions): RunOptions {
  const { itype } = options;
  if (itype === undefined || !instanceTypeNames.includes(itype)) return options;
  const { cpus, memory } = instanceTypes[itype];
  return { ...options, cpus: options.cpus ?? cpus, memory: options.memory ?? memory };
}

/**
 * Refuses bad options before anything is done: what a command line would have refused, for users of the library too.
 * @returns what the files hold that they name
 * @throws PodmanBootcError of class `usage`
 */
export async function checkRunOptions(options: RunOptions): Promise<OptionFiles> {
  const { transient, mustBeNew, rootSizeMax, diskSize } = options;
  if (transient && mustBeNew) {
    throw new PodmanBootcError(
      'usage',
      'OPTIONS_CONFLICT',
      'A transient VM cannot be made without being booted: it exists only while it runs',
      { remedy: 'Use run, or leave transient out' },
    );
  }
  checkDiskOptions(options);
  const given = givenOptions(options);
  for (const [name, value] of given) definitionOf(name).check?.(value, option(name));
  if (rootSizeMax !== undefined && diskSize !== undefined && rootSizeMax > diskSize) {
    throw new PodmanBootcError(
      'usage',
      'SIZE_INVALID',
      `Expected ${option('rootSizeMax')} to be at most ${option('diskSize')} (${formatSize(diskSize)}), got ${formatSize(rootSizeMax)}`,
    );
  }
  const files: Partial<Record<OptionName, unknown>> = {};
  for (const [name, value] of given) files[name] = await definitionOf(name).read?.(value);
  return files as OptionFiles;
}

/**
 * Makes sure that it is said what a VM is made of, and once.
 * @throws PodmanBootcError `IMAGE_NOT_NAMED`, `OPTIONS_CONFLICT`
 */
export function requireOrigin(imageOrId: string | undefined, { disk }: RunOptions): void {
  if (imageOrId === undefined && disk === undefined) {
    throw new PodmanBootcError(
      'usage',
      'IMAGE_NOT_NAMED',
      `Expected an image, or a disk with ${option('disk')}, got neither`,
      { remedy: 'For example quay.io/fedora/fedora-bootc:42' },
    );
  }
  if (imageOrId === undefined || disk === undefined) return;
  throw new PodmanBootcError(
    'usage',
    'OPTIONS_CONFLICT',
    `Expected an image or ${option('disk')}, got both: ${imageOrId} and ${disk}`,
    { remedy: 'Leave out one of them' },
  );
}

/** A disk of the user's has nothing installed on it. */
function checkDiskOptions(options: RunOptions): void {
  const { disk, inPlace, diskSize } = options;
  const conflict = (sentence: string): PodmanBootcError =>
    new PodmanBootcError('usage', 'OPTIONS_CONFLICT', sentence, { remedy: 'Leave out one of them' });
  if (disk === undefined) {
    if (inPlace) throw conflict(`Expected ${option('inPlace')} with ${option('disk')}, got it without`);
    return;
  }
  const [misplaced] = givenOptions(options).find(([name]) => definitionOf(name).subject === 'image') ?? [];
  if (misplaced !== undefined) {
    throw conflict(
      `Expected no ${option(misplaced)} with ${option('disk')}, got both: nothing is pulled or installed for a VM of a disk`,
    );
  }
  if (inPlace && diskSize !== undefined) {
    throw conflict(
      `Expected no ${option('diskSize')} with ${option('inPlace')}, got both: podman-bootc does not resize your disk`,
    );
  }
}

/** Who may reach the VM from the network is for the user to say, not for the image. */
function requireLoopback(ports: readonly PublishedPort[]): void {
  const open = ports.find(({ address }) => address !== forwardAddress);
  if (open)
    throw new Error(
      `it asks for the address ${open.address}, and an image may ask for ${forwardAddress} only`,
    );
}

/**
 * In a podman machine, a directory has the same path only when that is its real one.
 * @throws PodmanBootcError `SCRATCH_INVALID`
 */
async function checkScratch(directory: string): Promise<string> {
  try {
    const path = await realpath(directory);
    if ((await stat(path)).isDirectory()) {
      await access(path, constants.W_OK);
      return path;
    }
  } catch {
    // Said below.
  }
  throw new PodmanBootcError(
    'usage',
    'SCRATCH_INVALID',
    `Expected ${option('scratch')} to be a directory that you can write to, got '${directory}'`,
    { remedy: `Make it, or name another one` },
  );
}
