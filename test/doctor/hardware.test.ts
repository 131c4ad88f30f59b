import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseDomainCapabilities, type DomainCapabilities } from '../../src/domain/capabilities.js';
import type { Examination } from '../../src/doctor/examination.js';
import { checkEmulation, checkFirmware, checkNetwork, checkTpm } from '../../src/doctor/hardware.js';
import type { Outcome } from '../../src/doctor/finding.js';
import { projectRoot } from '../support/project.js';
import { directoriesIn, temporaryDirectory } from '../support/temporary.js';
import { pathWith } from './support.js';

function recorded(file: string): DomainCapabilities {
  return parseDomainCapabilities(readFileSync(join(projectRoot, 'test', 'domain', 'fixtures', file), 'utf8'));
}

/** What libvirt said, with an emulator in the place of the recorded one. */
function examination(root: string, capabilities: DomainCapabilities, emulator: string): Examination {
  return {
    uri: undefined,
    load: { average: 0, cpus: 1 },
    directories: directoriesIn(root),
    signal: new AbortController().signal,
    family: 'debian',
    libvirt: new Promise(() => undefined),
    capabilities: Promise.resolve({ ...capabilities, emulator }),
    emulator: Promise.resolve(emulator),
    acceleration: Promise.resolve({ usable: false, reason: 'no', cached: false }),
    engine: new Promise(() => undefined),
    machines: Promise.resolve([]),
  };
}

describe("doctor's reading of what QEMU can do", () => {
  let root: string;
  let path: string | undefined;

  before(function () {
    root = temporaryDirectory(this);
    path = process.env.PATH;
  });

  afterEach(() => {
    process.env.PATH = path;
  });

  const check = (
    of: (e: Examination) => Promise<Outcome>,
    file: string,
    programs: Readonly<Record<string, string>>,
    changes: Partial<DomainCapabilities> = {},
  ): Promise<Outcome> => {
    process.env.PATH = pathWith(root, { ...programs, qemu: programs.qemu ?? 'true' });
    const emulator = join(process.env.PATH, 'qemu');
    return of(examination(root, { ...recorded(file), ...changes }, emulator));
  };
  const slirp = { qemu: "printf 'Available netdev backend types:\\nsocket\\nuser\\ntap\\n'" };
  const noSlirp = { qemu: "printf 'Available netdev backend types:\\nsocket\\ntap\\n'" };
  const passt = { passt: 'true' };

  const network: [string, string, Record<string, string>, string, RegExp][] = [
    ['passt that libvirt knows', 'domcaps-11.3-x86_64-pc.xml', { ...slirp, ...passt }, 'ok', /from passt/],
    [
      'passt that is not installed',
      'domcaps-11.3-x86_64-pc.xml',
      slirp,
      'warning',
      /from slirp: passt was not found/,
    ],
    [
      'passt that libvirt does not know',
      'domcaps-9.0-x86_64-q35.xml',
      { ...slirp, ...passt },
      'ok',
      /from slirp: this libvirt cannot use passt/,
    ],
    [
      'neither passt nor slirp',
      'domcaps-11.3-x86_64-pc.xml',
      noSlirp,
      'failure',
      /no network: passt was not found.*without slirp/,
    ],
  ];
  for (const [what, file, programs, status, finding] of network) {
    it(`knows the network of a host with ${what}`, async () => {
      const outcome = await check(checkNetwork, file, programs);
      assert.equal(outcome.status, status);
      assert.match(outcome.finding, finding);
      assert.equal(outcome.fix !== undefined, status !== 'ok');
    });
  }

  it('knows firmware from its absence', async () => {
    const file = 'domcaps-9.0-x86_64-q35.xml';
    assert.equal((await check(checkFirmware, file, {})).status, 'ok');
    const outcome = await check(checkFirmware, file, {}, { firmwares: ['bios'] });
    const fatal = process.arch === 'arm64';
    assert.equal(outcome.status, fatal ? 'failure' : 'warning');
    assert.match(outcome.fix ?? '', /install (ovmf|qemu-efi-aarch64)$/);
  });

  it('knows a TPM that QEMU does not have', async () => {
    const programs = { swtpm: 'true', swtpm_setup: 'true', swtpm_ioctl: 'true' };
    const file = 'domcaps-9.0-x86_64-q35.xml';
    assert.match((await check(checkTpm, file, programs)).finding, /VMs get a TPM/);
    const without = await check(checkTpm, file, programs, { tpmModels: [] });
    assert.deepEqual([without.status, without.finding.includes('no TPM')], ['ok', true]);
  });

  const versions: [string, string][] = [
    ['QEMU emulator version 7.2.22 (Debian 1:7.2+dfsg-7+deb12u18)', 'warning'],
    ['QEMU emulator version 8.0.0', 'ok'],
    ['QEMU emulator version 10.0.2 (Debian 1:10.0.2+ds-2)', 'ok'],
  ];
  for (const [version, status] of versions) {
    it(`knows the emulation of ${version}`, async () => {
      const outcome = await check(checkEmulation, 'domcaps-9.0-x86_64-q35.xml', {
        qemu: `echo '${version}'`,
      });
      assert.equal(outcome.status, process.arch === 'x64' ? status : 'ok');
      if (outcome.status === 'warning') assert.equal(outcome.fix, 'podman-bootc run --cpus 1 IMAGE');
    });
  }
});
