import assert from 'node:assert/strict';
import { AnnouncedHostKeys } from '../../src/boot/host-keys.js';

/** As cloud-init 22.4.2 printed it on the console of a Debian guest, among the lines of others. */
const announcement = `[   41.123456] cloud-init[512]: Cloud-init v. 22.4.2 running 'modules:final' at Mon, 05 Jan 2026 12:00:00 +0000. Up 41.05 seconds.
ci-info: no authorized SSH keys fingerprints found for user debian.
<14>Jan  5 12:00:00 cloud-init: -----BEGIN SSH HOST KEY FINGERPRINTS-----
<14>Jan  5 12:00:00 cloud-init: 256 SHA256:AAAA root@guest (ED25519)
<14>Jan  5 12:00:00 cloud-init: -----END SSH HOST KEY FINGERPRINTS-----
-----BEGIN SSH HOST KEY KEYS-----
ecdsa-sha2-nistp256 ZWNkc2E= root@guest
[   41.5] random: a line of the kernel's
ssh-ed25519 ZWQyNTUxOQ== root@guest
-----END SSH HOST KEY KEYS-----
ssh-rsa cnNh root@guest`;

function read(text: string): AnnouncedHostKeys {
  const keys = new AnnouncedHostKeys();
  for (const line of text.split('\n')) keys.push(line);
  return keys;
}

describe('host keys that a guest announces on its console', () => {
  it('are those between cloud-init’s markers', () => {
    const keys = read(announcement);
    assert.equal(keys.cloudInit, 'running');
    for (const key of ['ecdsa', 'ed25519']) assert.ok(keys.has(Buffer.from(key)), key);
    assert.ok(!keys.has(Buffer.from('rsa')), 'what comes behind the end is none');
    assert.ok(!keys.has(Buffer.alloc(0)));
  });

  it('are all announced when cloud-init says that it has finished', () => {
    assert.equal(read('').cloudInit, undefined);
    const end =
      'Cloud-init v. 22.4.2 finished at Mon, 05 Jan 2026 12:00:03 +0000. Datasource DataSourceNoCloud.  Up 44.90 seconds';
    assert.equal(read(`${announcement}\n${end}`).cloudInit, 'finished');
  });

  it('are those of the last announcement', () => {
    const keys = read(`${announcement}\n-----BEGIN SSH HOST KEY KEYS-----\nssh-ed25519 bmV3\n`);
    assert.ok(keys.has(Buffer.from('new')));
    assert.ok(!keys.has(Buffer.from('ed25519')));
  });

  it('are none where nobody announces any, and few of a guest that announces many', () => {
    assert.ok(!read('ssh-ed25519 ZWQyNTUxOQ==').has(Buffer.from('ed25519')));
    const keys = read(
      `-----BEGIN SSH HOST KEY KEYS-----\n${Array.from({ length: 1000 }, (_, n) => `ssh-rsa ${Buffer.from(String(n)).toString('base64')}\n`).join('')}`,
    );
    assert.ok(keys.has(Buffer.from('0')) && !keys.has(Buffer.from('999')));
  });
});
