import assert from 'node:assert/strict';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseStatus, type BootcStatus } from '../../src/bootc/status.js';
import { findImage } from '../../src/oci/layout.js';
import { ImageRegistry } from '../../src/oci/registry.js';
import { GuestConnection, type GuestResult } from '../../src/ssh/connection.js';
import { host, podmanBootc, soon, succeed } from './support/cli.js';
import { rebuild } from './support/rebuild.js';

const vm = 'updated';
const reference = 'localhost/updated:latest';
const demo = 'localhost/podman-bootc-demo:latest';

/* What bootc does in a guest, done by its stand-in: what the tests of updates rely on. */
describe('the stand-in for bootc, in a guest', function () {
  // Each goes on where the one before has ended.
  this.bail(true);
  let directory: string;
  let guest: GuestConnection | undefined;

  /** Runs a command in the guest, whatever comes of it. */
  const attempt = (command: string): Promise<GuestResult> => {
    assert.ok(guest);
    return guest.run(command);
  };
  /** Runs one that must succeed. */
  const run = async (command: string): Promise<string> => {
    const { exitCode, stdout, stderr } = await attempt(command);
    assert.equal(exitCode, 0, `${command}: ${stdout}${stderr}`);
    return stdout;
  };
  const status = async (): Promise<BootcStatus> => parseStatus(await run('bootc status --format json'));

  const connect = async (): Promise<GuestConnection> => {
    const config = await succeed('ssh-config', vm);
    const option = (name: string): string => new RegExp(`^ *${name} "?(.*?)"?$`, 'm').exec(config)?.[1] ?? '';
    return GuestConnection.open({
      port: Number(option('Port')),
      user: option('User'),
      identityFile: option('IdentityFile'),
      knownHostsFile: option('UserKnownHostsFile'),
      hostKeyAlias: option('HostKeyAlias'),
    });
  };
  const boot = async (): Promise<void> => {
    await succeed('start', vm);
    // Waits until it can.
    await succeed('ssh', vm, 'true');
    guest = await connect();
  };

  /** Has all deployments made by one backend say that they are the other's. */
  const asBackend = (from: string, to: string): Promise<string> =>
    run(`sed -i 's/^backend ${from}/backend ${to}/' /sysroot/deploy/*.origin`);

  /** Lets the guest have what is in the store, from the registry that it takes the image to be from. @returns the bytes that moved */
  const serving = async (use: () => Promise<void>): Promise<number> => {
    const layout = mkdtempSync(join(directory, 'layout-'));
    // The layers of the demo image are never asked for: they need not be there, only not to be written.
    const layers = ['podman', 'image', 'inspect', '--format', '{{json .RootFS.Layers}}', demo] as const;
    const blobs = join(layout, 'blobs', 'sha256');
    mkdirSync(blobs, { recursive: true });
    writeFileSync(join(layout, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}');
    for (const layer of JSON.parse(host(...layers)) as string[])
      writeFileSync(join(blobs, layer.replace('sha256:', '')), '');
    // prettier-ignore
    host('podman', 'save', '--quiet', '--format', 'oci-dir', '--uncompressed', '--output', layout, reference);
    let sent = 0;
    const onSent = (bytes: number): unknown => (sent += bytes);
    using registry = new ImageRegistry(await findImage(layout, reference), 'updated', 'latest', onSent);
    using link = await connect();
    const port = await link.forward((connection) => {
      registry.serve(connection);
    });
    const lines = ['[[registry]]', 'prefix="localhost"', `location="127.0.0.1:${port}"`, 'insecure=true'];
    const dropIn = '/etc/containers/registries.conf.d/50-test.conf';
    await run(
      `mkdir -p $(dirname ${dropIn}); printf '%s\\n' ${lines.map((l) => `'${l}'`).join(' ')} >${dropIn}`,
    );
    await use();
    await run(`rm ${dropIn}`);
    return sent;
  };

  const old = {
    '/usr/share/version': 'old\n',
    '/etc/both': 'old\n',
    '/etc/image': 'old\n',
    '/etc/gone': 'old\n',
    '/etc/removed': 'old\n',
  };
  const next = {
    '/usr/share/version': 'new\n',
    '/etc/both': 'new\n',
    '/etc/image': 'new\n',
    '/etc/gone': null,
    '/etc/added': 'new\n',
  };
  let oldDigest: string;
  let newDigest: string;

  before(() => {
    directory = mkdtempSync(join(tmpdir(), 'stand-in-'));
    oldDigest = rebuild('updated', { files: old }, demo);
  });

  after(async () => {
    guest?.[Symbol.dispose]();
    await podmanBootc('rm', '--force', '--all');
    rmSync(directory, { recursive: true });
  });

  it('says what is booted, whose /usr is read-only', async () => {
    await succeed('create', ...soon, '--name', vm, reference);
    await boot();
    const { booted, ...others } = await status();
    const { id, ...known } = booted ?? {};
    assert.match(id ?? '', /^[0-9a-f]{64}$/);
    assert.deepEqual(known, { reference, digest: oldDigest, backend: 'ostree', softRebootCapable: false });
    assert.deepEqual(others, { reference, staged: undefined, rollback: undefined, rollbackQueued: false });
    assert.equal(
      await run('cat /usr/share/version /etc/both; systemctl is-system-running'),
      'old\nold\nrunning\n',
    );
    assert.notEqual((await attempt('touch /usr/mine')).exitCode, 0);
    assert.equal((await attempt('bootc rollback')).exitCode, 1, 'there is none');
    assert.equal((await attempt(`bootc switch ${reference}`)).exitCode, 0, 'it is booted already');
    await run(
      'rm /etc/removed; echo mine | tee /etc/both /etc/mine /var/mine; chmod 700 /etc/ssh/sshd_config.d',
    );
  });

  it('stages an update of which only the new layer moves, and forgets it when the VM is cut off', async () => {
    newDigest = rebuild('updated', { files: next });
    host('podman', 'tag', reference, 'localhost/updated:new');
    const sent = await serving(async () => {
      assert.match(await run('bootc upgrade --check'), new RegExp(newDigest));
      await run('bootc upgrade');
    });
    assert.ok(sent < 30_000, `${sent} bytes`);
    assert.equal((await status()).staged?.digest, newDigest);
    host('virsh', 'destroy', vm);
    await boot();
    const { booted, staged, rollback } = await status();
    assert.deepEqual([booted?.digest, staged, rollback], [oldDigest, undefined, undefined]);
    assert.equal(await run('cat /usr/share/version'), 'old\n');
  });

  it('brings it up with the next boot, with all changes of /etc and what is in /var', async () => {
    await serving(async () => {
      await run('bootc upgrade; sync');
    });
    await succeed('stop', vm);
    await boot();
    const { booted, staged, rollback } = await status();
    assert.deepEqual([booted?.digest, staged, rollback?.digest], [newDigest, undefined, oldDigest]);
    const shown =
      'cd /etc; grep . /usr/share/version both image added mine /var/mine; ls gone removed; stat -c %a ssh/sshd_config.d';
    assert.equal(
      (await attempt(shown)).stdout,
      '/usr/share/version:new\nboth:mine\nimage:new\nadded:new\nmine:mine\n/var/mine:mine\n700\n',
    );
  });

  it('refuses at the staging what no merge of /etc can do', async () => {
    await run('mkdir /etc/conflict-dir; echo mine >/etc/conflict');
    rebuild('updated', { files: { '/etc/conflict/file': 'new\n' } });
    await serving(async () => {
      const { exitCode, stderr } = await attempt('bootc upgrade');
      assert.equal(exitCode, 1);
      assert.match(stderr, /Merge conflicts found in etc/);
    });
    assert.equal((await status()).staged, undefined);
  });

  it('takes an image with another label only for the same by composefs', async () => {
    rebuild('updated', { labels: { different: 'yes' } }, 'localhost/updated:new');
    await asBackend('ostree', 'composefs');
    assert.equal((await status()).booted?.backend, 'composefs');
    await serving(async () => {
      const { exitCode, stderr } = await attempt('bootc upgrade');
      assert.equal(exitCode, 1);
      assert.match(stderr, /Target image has the same fs-verity digest as the existing Booted deployment/);
    });
    await asBackend('composefs', 'ostree');
  });

  it('makes /usr writable, once', async () => {
    await run('bootc usr-overlay; touch /usr/mine');
    assert.equal((await attempt('bootc usr-overlay')).exitCode, 1);
  });

  it('goes back to the one before, with the next boot', async () => {
    await run('bootc rollback; sync');
    assert.ok((await status()).rollbackQueued);
    await succeed('stop', vm);
    await boot();
    const { booted, rollback, rollbackQueued } = await status();
    assert.deepEqual([booted?.digest, rollback?.digest, rollbackQueued], [oldDigest, newDigest, false]);
    assert.equal((await attempt('cat /usr/share/version /etc/both; ls /usr/mine')).stdout, 'old\nmine\n');
  });

  it('has no news after that by composefs, and by ostree what was there before', async () => {
    host('podman', 'tag', 'localhost/updated:new', reference);
    await serving(async () => {
      await asBackend('ostree', 'composefs');
      await run('bootc upgrade');
      assert.equal((await status()).staged, undefined);
      await asBackend('composefs', 'ostree');
      await run('bootc upgrade; bootc upgrade');
      assert.equal((await status()).staged?.digest, newDigest);
    });
  });
});
