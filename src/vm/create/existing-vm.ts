import { readDomain } from '../../domain/edit.js';
import { portText } from '../../domain/ports.js';
import { PodmanBootcError } from '../../errors.js';
import { hasPassword } from '../guest/password.js';
import type { OptionFiles, RunOptions } from './options.js';
import { goneError, isActiveState, sshCommand, stateOf, type VirtualMachine } from '../virtual-machine.js';

/**
 * An existing VM is booted as it is. Options that ask for something else are refused, never ignored.
 * @throws PodmanBootcError `VM_RUNNING`, `VM_DIFFERS`
 */
export async function requireSame(
  vm: VirtualMachine,
  options: RunOptions,
  files: Pick<OptionFiles, 'cloudInit' | 'sshKeys' | 'password'>,
): Promise<void> {
  const state = await stateOf(vm);
  if (state === undefined) throw goneError(vm);
  if (isActiveState(state)) {
    throw new PodmanBootcError(
      'usage',
      'VM_RUNNING',
      `The VM ${vm.name} of ${vm.metadata.image.reference} is ${state} already; nothing was changed`,
      {
        remedy: `Get in with \`${sshCommand(vm)}\`, or make another VM of the image with --name`,
      },
    );
  }
  const { cpus, memory, domainType, firmware, ports } = readDomain(
    await vm.domain.getXml({ inactive: true }),
  );
  const { install, disk, ssh, hostname } = vm.metadata;
  const comparisons: [string, string | number | undefined, string | number | undefined][] = [
    ['--transient', options.transient ? 'set' : undefined, 'unset'],
    ['--cpus', options.cpus, cpus],
    ['--memory', options.memory, memory],
    ['--firmware', options.firmware, firmware],
    ['--filesystem', options.filesystem, install.filesystem],
    ['--root-size-max', options.rootSizeMax, install.rootSizeMax],
    ['--disk-size', options.diskSize, disk.size],
    ['--disk-format', options.diskFormat === 'auto' ? undefined : options.diskFormat, disk.format],
    ['--karg', options.kargs?.join(' '), (install.kargs ?? []).join(' ')],
    [
      '--composefs-backend',
      setOrUnset(options.composefsBackend),
      setOrUnset(install.composefsBackend === true),
    ],
    ['--bootloader', options.bootloader, install.bootloader],
    ['--bootc-arg', options.bootcArgs?.join(' '), (install.bootcArgs ?? []).join(' ')],
    ['--cloudinit', files.cloudInit, vm.metadata.cloudInit?.directory],
    ['--user', options.user, ssh.user],
    [
      '--ssh-key',
      options.sshKeys && inOrder(files.sshKeys.map(({ fingerprint }) => fingerprint)),
      inOrder(ssh.keys ?? []),
    ],
    [
      '--password-file',
      files.password === undefined ? undefined : 'this password',
      files.password !== undefined && (await hasPassword(vm, files.password))
        ? 'this password'
        : 'another one',
    ],
    ['--hostname', options.hostname, hostname],
    ['--publish', options.ports && inOrder(options.ports.map(portText)), inOrder(ports.map(portText))],
    ...Object.entries(options.labels ?? {}).map(([name, value]): (typeof comparisons)[number] => [
      `--label ${name}`,
      value,
      vm.metadata.labels?.[name],
    ]),
    ['--accel', accelerators[options.accelerator ?? 'auto'], domainType === 'hvf' ? 'kvm' : domainType],
  ];
  const differing = comparisons.find(([, asked, actual]) => asked !== undefined && asked !== actual);
  if (differing) {
    const [option, asked, actual] = differing;
    throw new PodmanBootcError(
      'usage',
      'VM_DIFFERS',
      `The VM ${vm.name} exists and was made with ${option} ${actual === undefined || actual === '' ? 'unset' : actual}, not ${asked}`,
      {
        remedy: `Leave the option out, make another VM with --name, or this one anew with --replace, which removes its disk`,
      },
    );
  }
}

function setOrUnset(value: boolean | undefined): string | undefined {
  return value === undefined ? undefined : value ? 'set' : 'unset';
}

function inOrder(words: readonly string[]): string {
  return [...words].sort().join(' ');
}

/** The domain type that an explicit `--accel` stands for. */
const accelerators = { auto: undefined, kvm: 'kvm', tcg: 'qemu' } as const;
