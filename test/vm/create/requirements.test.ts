import assert from 'node:assert/strict';
import { parsePort } from '../../../src/domain/ports.js';
import { GiB, MiB } from '../../../src/sizes.js';
import { chooseRequirements } from '../../../src/vm/create/requirements.js';
import { labelName, labelPrefix } from '../../../src/vm/option-values.js';
import { originated } from '../../../src/domain/origins.js';
import { rejectsWithCode } from '../../support/rejects.js';

const labels = {
  'io.podman-bootc.cpus': '4',
  'io.podman-bootc.memory': '3G',
  'io.podman-bootc.disk-size': '20G',
  'io.podman-bootc.filesystem': 'btrfs',
  'io.podman-bootc.ports': '8080:80, 5353:53/udp',
  'io.podman-bootc.firmware': 'bios',
  'io.podman-bootc.composefs-backend': 'true',
  'io.podman-bootc.bootloader': 'grub',
  'io.podman-bootc.bootc-args': '--allow-missing-verity  --stateroot=x',
  'containers.bootc': '1',
  'io.podman-bootc.testbed.hash': 'abc',
};

function unheard(message: string): void {
  assert.fail(message);
}

describe("an image's labels", () => {
  it('say what a VM has where no option does, and that is recorded', () => {
    assert.deepEqual(chooseRequirements({}, labels, unheard), {
      cpus: 4,
      memory: 3 * GiB,
      diskSize: 20 * GiB,
      filesystem: 'btrfs',
      ports: [parsePort('8080:80'), parsePort('5353:53/udp')],
      firmware: 'bios',
      composefsBackend: true,
      bootloader: 'grub',
      bootcArgs: ['--allow-missing-verity', '--stateroot=x'],
      origins: {
        cpus: 'image label',
        memory: 'image label',
        diskSize: 'image label',
        filesystem: 'image label',
        ports: 'image label',
        firmware: 'image label',
        composefsBackend: 'image label',
        bootloader: 'image label',
        bootcArgs: 'image label',
      },
    });
  });

  it('are not needed', () => {
    assert.deepEqual(chooseRequirements({}, {}, unheard), {
      cpus: 2,
      memory: 2 * GiB,
      diskSize: undefined,
      filesystem: undefined,
      ports: [],
      firmware: undefined,
      composefsBackend: undefined,
      bootloader: undefined,
      bootcArgs: [],
      origins: {
        cpus: 'default',
        memory: 'default',
        diskSize: 'default',
        filesystem: 'default',
        ports: 'default',
        firmware: 'default',
        composefsBackend: 'default',
        bootloader: 'default',
        bootcArgs: 'default',
      },
    });
  });

  it('lose against options, also when they are invalid', () => {
    const broken = Object.fromEntries(Object.keys(labels).map((label) => [label, 'nonsense']));
    const options = {
      cpus: 1,
      memory: 512 * MiB,
      diskSize: GiB,
      filesystem: 'xfs',
      ports: [],
      firmware: 'efi',
      composefsBackend: false,
      bootloader: 'systemd',
      bootcArgs: ['--stateroot=y'],
    } as const;
    const { origins, ...values } = chooseRequirements(options, broken, unheard);
    assert.deepEqual(values, options);
    assert.deepEqual(new Set(Object.values(origins)), new Set(['option']));
  });

  for (const [name, value] of [
    ['cpus', '0'],
    ['cpus', '2.5'],
    ['cpus', ''],
    ['cpus', '0x2'],
    ['memory', '1M'],
    ['memory', 'lots'],
    ['disk-size', '0'],
    ['filesystem', 'ntfs'],
    ['ports', '80'],
    ['ports', '8080:80 8080:81'],
    ['ports', '0.0.0.0:8080:80'],
    ['firmware', 'uefi'],
    ['composefs-backend', 'yes'],
    ['bootloader', 'lilo'],
    ['bootc-args', '--stateroot=x --wipe'],
    ['bootc-args', '/dev/sda'],
  ] as const) {
    it(`are refused by name with the value ${JSON.stringify(value)} of ${name}`, async () => {
      const error = await rejectsWithCode('IMAGE_LABEL_INVALID', () =>
        chooseRequirements({}, { [labelPrefix + name]: value }, unheard),
      );
      assert.equal(error.failureClass, 'image');
      assert.ok(error.message.includes(`io.podman-bootc.${name}=${JSON.stringify(value)}`), error.message);
      assert.match(error.remedy ?? '', /`[a-zA-Z: ]+`$/);
    });
  }

  it('that are misspelt are told of', () => {
    const said: string[] = [];
    chooseRequirements({}, { 'io.podman-bootc.cpu': '4' }, (message) => said.push(message));
    assert.match(said.join(), /io\.podman-bootc\.cpu,/);
  });

  it('all have a name of their own', () => {
    assert.equal(new Set(originated.map(labelName)).size, originated.length);
  });
});
