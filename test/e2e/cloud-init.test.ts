import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { AnnouncedHostKeys } from '../../src/boot/host-keys.js';
import { tmpfilesExtra } from '../../src/ssh/credentials.js';
import { generateKeyPair } from '../../src/ssh/keys.js';
import { vendorDataWith } from '../../src/vm/guest/vendor-data.js';
import { host, podmanBootc, soon, start, startCli, succeed } from './support/cli.js';

const image = 'localhost/cloud-init:latest';

/* Debian's cloud-init: `ssh_deletekeys` is on by default, and removes the host key at the first boot. */

describe('a guest with cloud-init', function () {
  let work: string;

  before(() => {
    work = mkdtempSync(join(tmpdir(), 'cloud-init-'));
  });
  after(async () => {
    await podmanBootc('rm', '--force', '--all');
    rmSync(work, { recursive: true, force: true });
  });

  describe('as it boots in a container', () => {
    let ours: string;

    before(async () => {
      await generateKeyPair(join(work, 'key'), 'test');
      ours = readFileSync(join(work, 'key.pub'), 'utf8');
      const credential = tmpfilesExtra({
        account: { user: 'root', home: '/root', uid: 0, gid: 0 },
        authorizedKeys: 'none',
        hostKey: { private: readFileSync(join(work, 'key'), 'utf8'), public: ours },
      });
      writeFileSync(join(work, 'tmpfiles.extra'), credential);
    });

    /**
     * What the credential and cloud-init make of a fresh guest.
     * @param seed its data, or none
     * @param between what a shell does between the two
     */
    async function boot(seed: Record<string, string | Buffer> | undefined, between = ''): Promise<string> {
      const directory = mkdtempSync(join(work, 'seed-'));
      for (const [name, data] of Object.entries(seed ?? {})) writeFileSync(join(directory, name), data);
      const script = `systemd-tmpfiles --create /work/tmpfiles.extra; ${between}
        cloud-init init --local >/dev/null 2>&1; cloud-init init >/dev/null 2>&1
        cloud-init modules --mode=final 2>&1; echo "KEY $(cat /etc/ssh/ssh_host_ed25519_key.pub)"; ls /tmp`;
      const mounts = [
        ...['--volume', `${work}:/work:ro`],
        ...(seed ? ['--volume', `${directory}:/var/lib/cloud/seed/nocloud:ro`] : []),
      ];
      const options = ['--rm', '--network', 'none', '--env', 'TMPDIR=/tmp', ...mounts];
      const outcome = await start('podman', ['run', ...options, image, 'sh', '-c', script]).done;
      assert.equal(outcome.exitCode, 0, outcome.stderr);
      return outcome.stdout;
    }

    const plain = { 'user-data': '#cloud-config\n', 'meta-data': 'instance-id: one\n' };
    const withoutDropIn = 'rm /etc/cloud/cloud.cfg.d/zz-podman-bootc.cfg;';

    it('keeps the key without a seed of ours, by the credential', async () => {
      assert.ok((await boot(undefined)).includes(`KEY ${ours}`));
    });

    it('keeps the key by vendor-data, which do besides what the user’s say', async () => {
      const own = Buffer.from('#!/bin/sh\ntouch /tmp/vendor-script\n');
      const vendorData = vendorDataWith(own) ?? '';
      const output = await boot({ ...plain, 'vendor-data': vendorData }, withoutDropIn);
      assert.ok(output.includes(`KEY ${ours}`), output);
      assert.match(output, /^vendor-script$/m);
    });

    it('replaces it where the user wants that, and shows the new one on the console', async () => {
      const userData = '#cloud-config\nssh_deletekeys: true\n';
      const output = await boot({
        ...plain,
        'user-data': userData,
        'vendor-data': vendorDataWith(undefined) ?? '',
      });
      const [, key = ''] = /^KEY ssh-ed25519 (\S+)/m.exec(output) ?? [];
      assert.notEqual(key, ours.split(' ')[1]);
      const announced = new AnnouncedHostKeys();
      for (const line of output.split('\n')) announced.push(line);
      assert.equal(announced.cloudInit, 'running');
      assert.ok(announced.has(Buffer.from(key, 'base64')), output);
    });
  });

  it('is logged in to at its first boot by the pinned key, and at one that replaces it by the console’s', async () => {
    const seed = join(work, 'seed');
    mkdirSync(seed);
    writeFileSync(
      join(seed, 'user-data'),
      '#cloud-config\nwrite_files:\n- path: /etc/marker\n  content: it ran\n',
    );
    writeFileSync(join(seed, 'meta-data'), 'instance-id: one\n');
    await succeed('create', ...soon, '--name', 'ci', '--cloudinit', seed, image);
    const uuid = host('virsh', 'domuuid', 'ci').trim();
    const directory = join('/var/lib/podman-bootc/vms', uuid);
    const ours = readFileSync(join(directory, 'ssh_host_ed25519_key.pub'), 'utf8').split(' ')[1] ?? '';
    const pinned = (): string[] =>
      readFileSync(join(directory, 'known_hosts'), 'utf8').match(/AAAA\S+/g) ?? [];
    await succeed('start', 'ci');
    const shown = 'cat /etc/ssh/ssh_host_ed25519_key.pub';
    const output = await succeed('ssh', 'ci', `cat /etc/marker; ${shown}`);
    assert.ok(output.startsWith('it ran') && output.includes(ours), output);
    assert.deepEqual(pinned(), [ours]);

    // Another instance, whose configuration says the opposite of ours; not before the first has done all that it does once.
    const drop = '/etc/cloud/cloud.cfg.d/zzz.cfg';
    await succeed(
      'ssh',
      'ci',
      `cloud-init status --wait >&2; printf 'ssh_deletekeys: true\\nvendor_data: {enabled: false}\\n' >${drop}; cloud-init clean; sync`,
    );
    await succeed('stop', 'ci');
    await succeed('start', 'ci');
    const outcome = await startCli(['ssh', 'ci', shown]).done;
    const [, key = ''] = /ssh-ed25519 (\S+)/.exec(outcome.stdout) ?? [];
    assert.match(outcome.stderr, /ci has made a host key of its own, SHA256:\S+, and announced it/);
    assert.notEqual(key, ours);
    assert.deepEqual(pinned(), [ours, key]);
  });
});
