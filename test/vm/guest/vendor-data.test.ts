import assert from 'node:assert/strict';
import { gzipSync } from 'node:zlib';
import { changesHostKeys, vendorDataWith } from '../../../src/vm/guest/vendor-data.js';

/*
 * That a real cloud-init reads it so is tested in test/e2e/cloud-init.test.ts.
 */
describe('vendor-data that keep the host key', () => {
  it('are that one setting where the user has none', () => {
    for (const own of [undefined, Buffer.from(''), Buffer.from(' \n')])
      assert.equal(vendorDataWith(own)?.toString(), '#cloud-config\nssh_deletekeys: false\n');
  });

  it('come before those of the user, which are passed on byte for byte', () => {
    const own = Buffer.from('#!/bin/sh\necho "ä" \u0000--x--\n'.repeat(20));
    const [head = '', ...parts] =
      vendorDataWith(own)
        ?.toString()
        .split(/^--podman-bootc-\w+(?:--)?\n/m) ?? [];
    assert.match(
      head,
      /^Content-Type: multipart\/mixed; boundary="podman-bootc-\w+"\nMIME-Version: 1\.0\n\n$/,
    );
    assert.equal(parts[0], 'Content-Type: text/cloud-config\n\n#cloud-config\nssh_deletekeys: false\n\n');
    const [, body = ''] = parts[1]?.split('base64\n\n') ?? [];
    assert.ok(Buffer.from(body, 'base64').equals(own));
    assert.ok(body.split('\n').every((line) => line.length <= 76));
    assert.deepEqual(parts.slice(2), ['']);
  });

  it('hold an archive of the user’s as it is, and what was compressed in the clear', () => {
    const archive =
      'From: me\nmime-version: 1.0\nContent-Type: multipart/mixed; boundary="x"\n\n--x\n\n#!/bin/sh\n--x--\n';
    for (const own of [Buffer.from(archive), gzipSync(archive)])
      assert.ok(vendorDataWith(own)?.includes(`\n${archive}\n--podman-bootc-`));
  });

  it('are left to the user who speaks of the keys', () => {
    for (const own of ['#cloud-config\nssh_deletekeys: true\n', '#cloud-config\nssh_deletekeys: false\n'])
      for (const data of [Buffer.from(own), gzipSync(own)]) assert.equal(vendorDataWith(data), undefined);
  });
});

describe('a setting by which cloud-init replaces the host key', () => {
  const settings: Record<string, string | undefined> = {
    '#cloud-config\nssh_deletekeys: true\n': 'ssh_deletekeys: true',
    '#cloud-config\nssh_deletekeys: yes # because\n': 'ssh_deletekeys: true',
    '#cloud-config\n"ssh_deletekeys" : 1\n': 'ssh_deletekeys: true',
    '#cloud-config\n{"ssh_deletekeys": true}\n': 'ssh_deletekeys: true',
    '#cloud-config\nssh_keys:\n  ed25519_private: |\n    -----BEGIN\n': 'ssh_keys',
    '#cloud-config\nssh_keys:\n  rsa_private: |\n    -----BEGIN\n': undefined,
    '#cloud-config\nssh_deletekeys: false\n': undefined,
    '#cloud-config\nssh_deletekeys: no\n': undefined,
    '#cloud-config\nssh_deletekeys: Off\n': undefined,
    '#cloud-config\nssh_deletekeys:\n': undefined,
    '#cloud-config\n# ssh_deletekeys: true\n': undefined,
    '#cloud-config\nusers: [default]\n': undefined,
    '': undefined,
  };
  for (const [text, expected] of Object.entries(settings)) {
    it(`is ${expected ?? 'none'} in ${JSON.stringify(text)}`, () => {
      assert.equal(changesHostKeys(Buffer.from(text)), expected);
      assert.equal(changesHostKeys(gzipSync(text)), expected);
    });
  }
});
