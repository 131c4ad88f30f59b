import { checkBootcArgument } from '../../bootc/arguments.js';
import { bootloaders } from '../../bootc/backend.js';
import { checkFilesystem } from '../../bootc/install.js';
import type { Origin, Originated, Origins } from '../../domain/origins.js';
import { forwardAddress } from '../../domain/devices/network.js';
import { checkPortsDistinct, parsePort, type PublishedPort } from '../../domain/ports.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { GiB, parseSize } from '../../sizes.js';
import { checkChoice, checkCount, checkMemory } from '../option-values.js';
import { firmwares, type Bootloader, type Firmware, type RunOptions } from './options.js';

/** What begins the name of each label by which an image says what its VMs need. */
export const labelPrefix = 'io.podman-bootc.';

/** What a VM is to have, from the options, the image's labels and our defaults, in that order. */
export interface Requirements {
  cpus: number;
  /** Bytes. */
  memory: number;
  /** Bytes; undefined chooses by the size of the image. */
  diskSize: number | undefined;
  /** Undefined leaves it to the image's bootc configuration. */
  filesystem: string | undefined;
  ports: readonly PublishedPort[];
  /** Undefined chooses by what the host has. */
  firmware: Firmware | undefined;
  /** Undefined chooses by what the image has. */
  composefsBackend: boolean | undefined;
  /** Undefined leaves it to bootc. */
  bootloader: Bootloader | undefined;
  /** Further options of bootc's. */
  bootcArgs: readonly string[];
  /** Where each came from. */
  origins: Origins;
}

/** How each label is read. `what` names the label in messages. */
const readers = {
  cpus: (what: string, text: string): number => {
    const count = /^\d+$/.test(text) ? Number(text) : NaN;
    checkCount(what, count);
    return count;
  },
  memory: (what: string, text: string): number => {
    const memory = parseSize(what, text);
    checkMemory(what, memory);
    return memory;
  },
  diskSize: parseSize,
  filesystem: (_what: string, text: string): string => {
    checkFilesystem(text);
    return text;
  },
  ports: (what: string, text: string): PublishedPort[] => {
    const ports = text
      .split(/[\s,]+/)
      .filter((word) => word !== '')
      .map((word) => parsePort(word, what));
    // Who may reach the VM from the network is for the user to say, not for the image.
    const open = ports.find(({ address }) => address !== forwardAddress);
    if (open)
      throw new Error(
        `it asks for the address ${open.address}, and an image may ask for ${forwardAddress} only`,
      );
    checkPortsDistinct(ports, what);
    return ports;
  },
  firmware: (what: string, text: string): Firmware => {
    checkChoice(what, text, firmwares);
    return firmwares.find((each) => each === text) ?? 'efi';
  },
  composefsBackend: (what: string, text: string): boolean => {
    checkChoice(what, text, ['true', 'false']);
    return text === 'true';
  },
  bootloader: (what: string, text: string): Bootloader => {
    checkChoice(what, text, bootloaders);
    return bootloaders.find((each) => each === text) ?? 'none';
  },
  bootcArgs: (what: string, text: string): string[] => {
    const words = text.split(/\s+/).filter((word) => word !== '');
    for (const word of words) checkBootcArgument(word, what);
    return words;
  },
} satisfies Record<Originated, (what: string, text: string) => unknown>;

/** The label of each value: what stands behind the prefix. */
export const labelNames: Readonly<Record<Originated, string>> = {
  cpus: 'cpus',
  memory: 'memory',
  diskSize: 'disk-size',
  filesystem: 'filesystem',
  ports: 'ports',
  firmware: 'firmware',
  composefsBackend: 'composefs-backend',
  bootloader: 'bootloader',
  bootcArgs: 'bootc-args',
};

const options: Readonly<Record<Originated, string>> = {
  cpus: '--cpus',
  memory: '--memory',
  diskSize: '--disk-size',
  filesystem: '--filesystem',
  ports: '--publish',
  firmware: '--firmware',
  composefsBackend: '--composefs-backend or --no-composefs-backend',
  bootloader: '--bootloader',
  bootcArgs: '--bootc-arg',
};

/**
 * Decides what a VM has: what was asked for, else what its image asks for, else our defaults. A label is not even read
 * where the option was given.
 * @param warn told of labels below our prefix that mean nothing
 * @throws PodmanBootcError `IMAGE_LABEL_INVALID` (image) naming the label
 */
export function chooseRequirements(
  asked: RunOptions,
  labels: Readonly<Record<string, string>>,
  warn: (message: string) => void,
): Requirements {
  for (const label of unknownLabels(labels)) {
    warn(`The image has the label ${label}, which means nothing to this version of podman-bootc`);
  }
  const origins: Origins = {};
  const choose = <K extends Originated, D>(
    what: K,
    option: ReturnType<(typeof readers)[K]> | RunOptions[K] | undefined,
    otherwise: D,
  ): ReturnType<(typeof readers)[K]> | NonNullable<RunOptions[K]> | D => {
    const text = labels[labelPrefix + labelNames[what]];
    const origin: Origin = option !== undefined ? 'option' : text !== undefined ? 'image label' : 'default';
    origins[what] = origin;
    if (option !== undefined) return option;
    return text === undefined ? otherwise : readLabel(what, text);
  };
  return {
    cpus: choose('cpus', asked.cpus, 2),
    memory: choose('memory', asked.memory, 2 * GiB),
    diskSize: choose('diskSize', asked.diskSize, undefined),
    filesystem: choose('filesystem', asked.filesystem, undefined),
    ports: choose('ports', asked.ports, []),
    firmware: choose('firmware', asked.firmware, undefined),
    composefsBackend: choose('composefsBackend', asked.composefsBackend, undefined),
    bootloader: choose('bootloader', asked.bootloader, undefined),
    bootcArgs: choose('bootcArgs', asked.bootcArgs, []),
    origins,
  };
}

function readLabel<K extends Originated>(what: K, text: string): ReturnType<(typeof readers)[K]> {
  const label = labelPrefix + labelNames[what];
  try {
    return readers[what](label, text.trim()) as ReturnType<(typeof readers)[K]>;
  } catch (cause) {
    throw new PodmanBootcError(
      'image',
      'IMAGE_LABEL_INVALID',
      `The image's label ${label}=${JSON.stringify(text)} cannot be used: ${messageOf(cause)}`,
      { remedy: `Mend the label, or say what is wanted with ${options[what]}`, cause },
    );
  }
}

/** Labels with our prefix that we do not know; a dot behind it is for labels of tools around us. */
function unknownLabels(labels: Readonly<Record<string, string>>): string[] {
  const known = Object.values(labelNames);
  return Object.keys(labels).filter((label) => {
    const name = label.startsWith(labelPrefix) ? label.slice(labelPrefix.length) : undefined;
    return name !== undefined && !name.includes('.') && !known.includes(name);
  });
}
