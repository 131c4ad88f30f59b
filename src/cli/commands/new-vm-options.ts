import { Option, type Command } from 'commander';
import { bootloaders } from '../../bootc/backend.js';
import type { Originated } from '../../domain/origins.js';
import { translateOptions } from '../../option-text.js';
import { pullPolicies } from '../../podman/pull-policy.js';
import { formatSize, GiB } from '../../sizes.js';
import type { OptionName, OptionValue, OptionWords } from '../../vm/create/options.js';
import { acceleratorPreferences } from '../../vm/host/accelerator-preference.js';
import {
  defaultCpus,
  defaultMemory,
  diskFormatPreferences,
  firmwares,
  instanceTypeNames,
  instanceTypes,
  labelName,
  labelPrefix,
} from '../../vm/option-values.js';
import { wrapWords } from '../output/wrap.js';
import type { NewVmWords } from '../options.js';
import { allOptions } from './shared.js';
import { repeated } from './values.js';

/** The headings of `--help` of commands that make VMs, in their order. */
export const headings = {
  vm: 'VM:',
  disk: 'Disk:',
  image: 'Image:',
  installation: 'Installation:',
  resources: 'Resources:',
  network: 'Network:',
  files: 'Directories:',
  boot: 'Boot:',
  access: 'Access:',
  output: 'Output:',
} as const;

/** How an option of the library is written on the command line, and what `--help` says of it. */
type Written<K extends OptionName> = {
  group: keyof typeof headings;
  /** As commander takes them. */
  flags: string;
  help: string;
  /** What is so where it is not given, where that is no word that could be given. */
  otherwise?: string;
  /** The word that it stands for where it is not given. */
  byDefault?: string & OptionValue<K>;
  /** The same for false. */
  negative?: OptionValue<K> extends boolean ? { flags: string; help: string } : never;
} & (OptionWords<K> extends readonly string[] ? { repeatable: true } : unknown) &
  (OptionValue<K> extends string
    ? string extends OptionValue<K>
      ? unknown
      : { choices: readonly OptionValue<K>[] }
    : unknown) &
  // Behind the label's name, in the help: what its text may be.
  (K extends Originated ? { label: string } : unknown);

/** An option that is forgotten here does not compile. */
export type WrittenOptions = {
  readonly [K in OptionName]-?: Written<K> | { /** Why nobody writes it. */ notWritten: string };
};

export const writtenOptions = {
  name: { group: 'vm', flags: '--name <name>', help: 'name of the VM, for more than one per image' },
  replace: {
    group: 'vm',
    flags: '--replace',
    help: 'remove the VM of that name, with its disk, and make it anew',
  },
  transient: {
    group: 'vm',
    flags: '--transient',
    help: 'the VM and its disk are gone when it stops, however that comes about',
  },
  labels: {
    group: 'vm',
    flags: '--label <name=value>',
    help: 'label the VM, to find it again',
    repeatable: true,
  },
  mustBeNew: { notWritten: 'it tells `create` from `run`' },
  disk: {
    group: 'disk',
    flags: '--disk <file>',
    help: 'make the VM of this disk, raw or qcow2, instead of an image: an overlay takes what it writes',
  },
  inPlace: {
    group: 'disk',
    flags: '--in-place',
    help: 'the VM writes to that disk itself, which stays when the VM is removed',
  },
  pull: {
    group: 'image',
    flags: '--pull <when>',
    help: 'when to pull the image; newer takes the one at hand if there is no registry',
    choices: pullPolicies,
    byDefault: 'missing',
  },
  podman: {
    group: 'image',
    flags: '--podman <which>',
    help: 'where to install: auto, machine, local or the name of a podman machine or connection',
    byDefault: 'auto',
  },
  startMachine: {
    group: 'image',
    flags: '--start-machine',
    help: 'start the podman machine without asking when it does not run',
  },
  copy: {
    group: 'image',
    flags: '--copy',
    help: "copy the image from another podman's store when it is only there",
  },
  confirm: { notWritten: 'whoever sits at the terminal is asked' },
  filesystem: {
    group: 'installation',
    flags: '--filesystem <type>',
    help: 'root file system: xfs, ext4 or btrfs',
    otherwise: 'what the image asks for',
    label: '',
  },
  rootSizeMax: {
    group: 'installation',
    flags: '--root-size-max <size>',
    help: 'upper limit of the root file system, such as 8G',
  },
  kargs: {
    group: 'installation',
    flags: '--karg <argument>',
    help: "kernel argument besides the image's own",
    repeatable: true,
  },
  composefsBackend: {
    group: 'installation',
    flags: '--composefs-backend',
    help: "install by bootc's composefs backend",
    otherwise: 'where the image is made for it',
    negative: { flags: '--no-composefs-backend', help: "install by bootc's ostree backend" },
    label: '(true or false)',
  },
  bootloader: {
    group: 'installation',
    flags: '--bootloader <loader>',
    help: 'boot loader',
    choices: bootloaders,
    otherwise: 'what bootc takes for the image',
    label: '',
  },
  bootcArgs: {
    group: 'installation',
    flags: '--bootc-arg <argument>',
    help: 'another option of bootc install to-disk, as in --bootc-arg=--stateroot=x',
    repeatable: true,
    label: '',
  },
  scratch: {
    group: 'installation',
    flags: '--scratch <directory>',
    help: 'install in this directory, which the podman machine shares, then move the disk home',
  },
  cpus: {
    group: 'resources',
    flags: '--cpus <count>',
    help: 'number of CPUs',
    otherwise: String(defaultCpus),
    label: '',
  },
  memory: {
    group: 'resources',
    flags: '--memory <size>',
    help: 'memory, such as 4G',
    otherwise: `${defaultMemory / GiB}G`,
    label: '',
  },
  itype: {
    group: 'resources',
    flags: '--itype <name>',
    help: `CPUs and memory by the names of KubeVirt, where --cpus or --memory do not say: ${instanceTypeNames.map((name) => `${name} ${instanceTypes[name].cpus} and ${formatSize(instanceTypes[name].memory)}`).join(', ')}`,
    choices: instanceTypeNames,
  },
  diskSize: {
    group: 'resources',
    flags: '--disk-size <size>',
    help: 'size of the disk, such as 20G',
    otherwise: '10G, or twice the image; of --disk its own',
    label: '',
  },
  diskFormat: {
    group: 'resources',
    flags: '--disk-format <format>',
    help: "an overlay of the image's base disk (qcow2, auto), or a copy (raw)",
    choices: diskFormatPreferences,
    byDefault: 'auto',
  },
  accelerator: {
    group: 'resources',
    flags: '--accel <accelerator>',
    help: 'hardware virtualization: kvm stands for hvf on macOS',
    choices: acceleratorPreferences,
    byDefault: 'auto',
  },
  ports: {
    group: 'network',
    flags: '-p, --publish <[address:]host:guest[/tcp|udp]>',
    help: "lead a port of the host (on 127.0.0.1 unless told otherwise) to one of the VM's",
    repeatable: true,
    label: '(8080:80,5353:53/udp)',
  },
  hostname: {
    group: 'network',
    flags: '--hostname <name>',
    help: 'host name of the VM',
    otherwise: 'what the image has',
  },
  volumes: {
    group: 'files',
    flags: '-v, --volume <host:guest[:ro]>',
    help: 'mount a directory of this host in the VM at every boot',
    repeatable: true,
  },
  firmware: {
    group: 'boot',
    flags: '--firmware <firmware>',
    help: 'firmware of the VM',
    choices: firmwares,
    otherwise: 'efi where the host has it',
    label: '',
  },
  cloudInit: {
    group: 'boot',
    flags: '--cloudinit <directory>',
    help: 'attach a cloud-init data source made of its user-data and meta-data',
  },
  user: {
    group: 'access',
    flags: '-u, --user <name>',
    help: 'login name in the VM',
    otherwise: 'root, or the one it was made for',
  },
  sshKeys: {
    group: 'access',
    flags: '--ssh-key <file>',
    help: 'public key of yours that may log in, besides the one that is made for the VM',
    repeatable: true,
  },
  identity: {
    group: 'access',
    flags: '--identity <file>',
    help: 'private key of yours to log in with, without a passphrase',
    otherwise: 'one that is made for the VM',
  },
  passwordFile: {
    group: 'access',
    flags: '--password-file <file>',
    help: "file with root's password, which is set when the VM is logged in to for the first time",
  },
  quiet: { group: 'output', flags: '--quiet', help: 'say nothing but errors' },
} satisfies WrittenOptions;

/** What any of the entries may have. */
interface AnyWritten {
  group: keyof typeof headings;
  flags: string;
  help: string;
  otherwise?: string;
  byDefault?: string;
  negative?: { flags: string; help: string };
  repeatable?: true;
  choices?: readonly string[];
  label?: string;
}

const names = Object.keys(writtenOptions) as OptionName[];

function writtenOption(name: OptionName): AnyWritten | undefined {
  const written: AnyWritten | { notWritten: string } = writtenOptions[name];
  return 'notWritten' in written ? undefined : written;
}

/**
 * An option of the library for commander.
 * @param help what it does, for a command for which it is another thing than for `run`
 */
export function newVmOption(name: keyof typeof writtenOptions, help?: string): Option {
  const written = writtenOption(name);
  if (!written) throw new Error(`There is no option for ${name}`);
  const { flags, repeatable, choices, byDefault, otherwise } = written;
  const remarks = `${repeatable ? ' (repeatable)' : ''}${otherwise === undefined ? '' : ` (default: ${otherwise})`}`;
  const option = new Option(flags, help ?? written.help + remarks);
  if (repeatable) option.argParser(repeated);
  if (choices) option.choices(choices);
  if (byDefault !== undefined) option.default(byDefault);
  return option;
}

/** All of them, also those that nobody writes. */
export function optionNames(): readonly OptionName[] {
  return names;
}

/** Those of what is written to a file by `to-disk`, as `run` has them: of the image and its install. */
export function toDiskOptions(): OptionName[] {
  return names.filter((name) => {
    const group = writtenOption(name)?.group;
    return group === 'image' || group === 'installation' || name === 'quiet';
  });
}

/** Gives a command the options of new VMs, below their headings. */
export function addNewVmOptions(command: Command, except: readonly OptionName[] = []): Command {
  for (const name of names) {
    const written = writtenOption(name);
    if (!written || except.includes(name)) continue;
    const { group, negative } = written;
    command.addOption(newVmOption(name).helpGroup(headings[group]));
    if (negative) command.addOption(new Option(negative.flags, negative.help).helpGroup(headings[group]));
  }
  return command;
}

/** What a command was given of these options, by the library's names. */
export function newVmWords(command: Command): NewVmWords {
  const given: Record<string, unknown> = { ...allOptions(command) };
  return Object.fromEntries(
    names.flatMap((name) => {
      const written = writtenOption(name);
      const attribute = written && new Option(written.flags).attributeName();
      // What nobody has typed is the library's default, too.
      if (attribute === undefined || command.getOptionValueSource(attribute) === 'default') return [];
      const words = given[attribute];
      return words === undefined ? [] : [[name, words]];
    }),
  );
}

/** What the help says of the labels of images. */
export function labelsHelp(): string {
  const labels = names.flatMap((name) => {
    const hint = writtenOption(name)?.label;
    return hint === undefined ? [] : [`${labelName(name)} ${hint}`.trim()];
  });
  const [first = '', ...others] = labels;
  return wrapWords(
    `An image may say what its VMs need, by the labels ${labelPrefix}${first}, ${others.slice(0, -1).join(', ')} and ${others.at(-1) ?? ''}; options win over labels.`,
    93,
  );
}

/** Options of other calls of the library that its sentences name. */
const otherOptions: Readonly<Record<string, { flags: string; negative?: { flags: string } }>> = {
  uri: { flags: '--connect' },
  wait: { flags: '', negative: { flags: '--no-wait-for-lock' } },
  boot: { flags: '--boot' },
  follow: { flags: '--follow' },
  filter: { flags: '--filter' },
  removeVolumes: { flags: '--rm-volume' },
  timeout: { flags: '--boot-timeout' },
  reboot: { flags: '--reboot' },
  overwrite: { flags: '--overwrite' },
  rootSshKeys: { flags: '--root-ssh-key' },
  format: { flags: '--format' },
};

/** A sentence of the library with the options in it as the command line has them. */
export function inFlags(sentence: string): string {
  return translateOptions(sentence, (name, value) => {
    const isNew = Object.hasOwn(writtenOptions, name);
    const written = isNew ? writtenOption(name as OptionName) : otherOptions[name];
    const flag = /--\S+/.exec((value === 'false' ? written?.negative : written)?.flags ?? '')?.[0];
    if (flag === undefined || value === undefined || value === 'false') return flag;
    return `${flag}${value.startsWith('-') ? '=' : ' '}${value}`;
  });
}
