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
import { readPublicKeys, type PublicKey } from '../../ssh/public-key.js';
import { checkLoginName } from '../../ssh/user.js';
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
  /** Bytes; default the larger of 10 GiB and twice the image, or the image's label. */
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
  /** Absolute path. */
  cloudInit: string;
  /** Absolute path. */
  scratch: string;
  sshKeys: readonly PublicKey[];
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

/** What there is to know of an option. `what` is what a value was given with, for messages. */
type Definition<K extends OptionName> = (K extends keyof NamedFiles
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
  transient: {
    ...flag,
    compare: (asked) => (asked ? { asked: 'set', actual: 'unset' } : undefined),
  },
  cpus: {
    parse: parseCount,
    check: checkCount,
    label: { otherwise: defaultCpus },
    compare: (asked, { domain }) => unlike(asked, domain.cpus),
  },
  memory: {
    parse: parseSize,
    check: checkMemory,
    label: { otherwise: defaultMemory },
    compare: (asked, { domain }) => unlike(asked, domain.memory),
  },
  itype: { ...oneOf(instanceTypeNames), notCompared: 'what it stands for is' },
  firmware: {
    ...oneOf(firmwares),
    label: { otherwise: undefined },
    compare: (asked, { domain }) => unlike(asked, domain.firmware),
  },
  filesystem: {
    check: checkFilesystem,
    label: { otherwise: undefined },
    compare: (asked, { vm }) => unlike(asked, vm.metadata.install.filesystem),
  },
  rootSizeMax: {
    ...size,
    compare: (asked, { vm }) => unlike(asked, vm.metadata.install.rootSizeMax),
  },
  diskSize: {
    ...size,
    label: { otherwise: undefined },
    compare: (asked, { vm }) => unlike(asked, vm.metadata.disk?.size),
  },
  diskFormat: {
    ...oneOf(diskFormatPreferences),
    check: checkDiskFormat,
    compare: (asked, { vm }) => (asked === 'auto' ? undefined : unlike(asked, vm.metadata.disk?.format)),
  },
  kargs: {
    check: (kargs, what) => {
      for (const karg of kargs) checkKarg(karg, what);
    },
    compare: (asked, { vm }) => unlike(asked.join(' '), (vm.metadata.install.kargs ?? []).join(' ')),
  },
  composefsBackend: {
    ...flag,
    label: {
      otherwise: undefined,
      words: (text, what) => {
        checkChoice(text, what, ['true', 'false']);
        return text === 'true';
      },
    },
    compare: (asked, { vm }) => unlike(setOrUnset(asked), setOrUnset(vm.metadata.install.composefsBackend)),
  },
  bootloader: {
    ...oneOf(bootloaders),
    label: { otherwise: undefined },
    compare: (asked, { vm }) => unlike(asked, vm.metadata.install.bootloader),
  },
  bootcArgs: {
    check: (bootcArgs, what) => {
      for (const argument of bootcArgs) checkBootcArgument(argument, what);
    },
    label: { otherwise: [], words: splitWords(/\s+/) },
    compare: (asked, { vm }) => unlike(asked.join(' '), (vm.metadata.install.bootcArgs ?? []).join(' ')),
  },
  cloudInit: {
    read: checkCloudInit,
    compare: (_asked, { vm, files }) => unlike(files.cloudInit ?? '', vm.metadata.cloudInit?.directory),
  },
  user: {
    check: checkLoginName,
    compare: (asked, { vm }) => unlike(asked, vm.metadata.ssh.user),
  },
  sshKeys: {
    read: readPublicKeys,
    compare: (_asked, { vm, files }) =>
      unlike(
        inOrder((files.sshKeys ?? []).map(({ fingerprint }) => fingerprint)),
        inOrder(vm.metadata.ssh.keys ?? []),
      ),
  },
  passwordFile: {
    read: readPassword,
    compare: async (_asked, { vm, files }) =>
      (await hasPassword(vm, files.passwordFile ?? ''))
        ? undefined
        : { asked: 'this password', actual: 'another one' },
  },
  hostname: {
    check: checkHostname,
    compare: (asked, { vm }) => unlike(asked, vm.metadata.hostname),
  },
  ports: {
    parse: (words, what) => words.map((word) => parsePort(word, what)),
    check: (ports, what) => {
      for (const port of ports) checkPublishedPort(port, what);
      checkPortsDistinct(ports, what);
    },
    label: { otherwise: [], words: splitWords(/[\s,]+/), restrict: requireLoopback },
    compare: (asked, { domain }) => unlike(inOrder(asked.map(portText)), inOrder(domain.ports.map(portText))),
  },
  volumes: {
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
    ...oneOf(acceleratorPreferences),
    compare: (asked, { domain: { domainType } }) => {
      const wanted = domainTypes[asked];
      return wanted && unlike(wanted, domainType === 'hvf' ? 'kvm' : domainType);
    },
  },
  name: {
    check: checkName,
    notCompared: 'it says which VM is meant',
  },
  replace: { ...flag, notCompared: 'the VM that exists goes' },
  mustBeNew: { ...flag, notCompared: 'a VM that exists is refused' },
  podman: { check: checkPreference, notCompared: imageOnly },
  startMachine: { ...flag, notCompared: imageOnly },
  copy: { ...flag, notCompared: imageOnly },
  pull: { ...oneOf(pullPolicies), notCompared: imageOnly },
  scratch: { read: checkScratch, notCompared: 'the disk is there' },
  confirm: {
    check: (confirm, what) => {
      if (typeof confirm !== 'function') throw new TypeError(`Expected ${what} to be a function`);
    },
    notCompared: 'it says how to ask',
  },
  quiet: { ...flag, notCompared: 'it says what is shown' },
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
