import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import { buildDomain } from '../../src/domain/build.js';
import type { VolumeDevice } from '../../src/domain/devices/filesystem.js';
import { readDomain, withVolumes } from '../../src/domain/edit.js';
import {
  checkVolume,
  checkVolumesDistinct,
  isVolumeTag,
  parseVolume,
  volumeTag,
  volumeText,
  type Volume,
} from '../../src/domain/volumes.js';
import { children, child, find, parseXml, text } from '../../src/domain/xml.js';
import { rejectsWithCode } from '../support/rejects.js';
import { failure, fixture } from './support.js';
import { specification, variants } from './variants.js';

const managed: VolumeDevice = { volume: { host: '/srv/a', guest: '/var/a', readOnly: false } };
const own: VolumeDevice = {
  volume: { host: '/srv/b', guest: '/var/b', readOnly: true },
  socket: '/srv/vm/b.f',
};

const credentialOf = (xml: string): string => {
  const entries = children(find(parseXml(xml), 'sysinfo', 'oemStrings'), 'entry');
  const found = entries.map((entry) => /=(.*)$/.exec(text(entry) ?? '')?.[1] ?? '');
  return Buffer.from(found[0] ?? '', 'base64').toString('utf8');
};

describe('volumes', () => {
  for (const [word, expected] of Object.entries<Volume>({
    '/srv/x:/var/x': { host: '/srv/x', guest: '/var/x', readOnly: false },
    '/srv/x/:/var/x/': { host: '/srv/x', guest: '/var/x', readOnly: false },
    '/srv/x:/var/x:rw': { host: '/srv/x', guest: '/var/x', readOnly: false },
    '/srv/a b:/var/"$x" 50%:ro': { host: '/srv/a b', guest: '/var/"$x" 50%', readOnly: true },
    './src:/home/me/src': { host: resolve('src'), guest: '/home/me/src', readOnly: false },
    '..:/mnt': { host: resolve('..'), guest: '/mnt', readOnly: false },
  })) {
    it(`are read from ${word}`, () => {
      assert.deepEqual(parseVolume(word), expected);
      assert.deepEqual(parseVolume(volumeText(expected)), expected);
    });
  }

  for (const word of [
    '',
    '/srv/x',
    '/srv/x:',
    ':/var/x',
    '/srv/x:/var/x:z',
    '/srv/x:/var/x:ro:ro',
    'src:/var/src',
    '.src:/var/src',
    '~/src:/var/src',
    '/srv/x:var/x',
    '/srv/x:/var/../x',
    '/srv/x:/var//x',
    '/srv/x:/',
    '/srv/x:/usr/local/x',
    '/srv/x:/run/systemd/x',
    '/srv/x:/etc',
    '/srv/x:/root',
    '/srv/x:/dev',
    '/srv/a,b:/var/x',
    '/srv/x:/var/a\nb',
  ]) {
    it(`are not read from ${JSON.stringify(word)}`, async () => {
      const error = await rejectsWithCode('VOLUME_INVALID', () => parseVolume(word));
      assert.match(error.message, /^Expected .*`volumes` .*, got /);
      assert.ok(error.remedy);
    });
  }

  it('of a library user are held to the same', async () => {
    for (const wrong of [{ host: 'x' }, { host: '/a/../b' }, { guest: '/var/x/' }, { readOnly: 'yes' }])
      await rejectsWithCode('VOLUME_INVALID', () => {
        checkVolume({ ...managed.volume, ...wrong } as Volume);
      });
  });

  it('want a place in the guest each', async () => {
    checkVolumesDistinct([managed.volume, own.volume]);
    const error = await rejectsWithCode('VOLUME_CONFLICT', () => {
      checkVolumesDistinct([managed.volume, { ...own.volume, guest: '/var/a' }]);
    });
    assert.match(error.message, /got \/srv\/a:\/var\/a and \/srv\/b:\/var\/a:ro$/);
  });

  it('have tags that virtiofs takes, known as ours', () => {
    assert.ok(volumeTag({ guest: `/${'x'.repeat(4000)}` }).length <= 36);
    assert.ok(isVolumeTag(volumeTag(managed.volume)));
    assert.ok(!isVolumeTag('podman-bootc') && !isVolumeTag(undefined));
  });

  it('are not had on macOS, whose QEMU has no memory to share', () => {
    const { metadata } = specification();
    assert.throws(
      () =>
        buildDomain(
          specification({
            domainType: 'hvf',
            firmware: 'efi',
            volumes: [managed],
            metadata: { ...metadata, volumes: [managed.volume] },
          }),
        ),
      failure('DOMAIN_SPECIFICATION', 'usage'),
    );
  });

  it('are given to a domain and taken from it, with record and credential, and nothing else changes', () => {
    for (const [name, spec] of Object.entries(variants)) {
      if (spec.domainType === 'hvf' || spec.volumes) continue;
      const built = buildDomain(spec);
      const changed = withVolumes(built, [managed, own], (text) => `${text}more\n`);
      const read = readDomain(changed);
      assert.deepEqual(read.volumes, [managed, own], name);
      assert.deepEqual(read.metadata?.volumes, [managed.volume, own.volume]);
      if (spec.credentials.smbios['tmpfiles.extra'] !== undefined)
        assert.equal(credentialOf(changed), `${spec.credentials.smbios['tmpfiles.extra']}more\n`);
      const back = withVolumes(changed, [], (text) => text.replace('more\n', ''));
      assert.deepEqual(parseXml(back), parseXml(built), name);
    }
  });

  it('leave a file system of somebody else alone, and give a domain of before the memory that they need', () => {
    const theirs = "<filesystem type='mount'><source dir='/x'/><target dir='theirs'/></filesystem>";
    const old = fixture('domain-9.0-slirp.xml').replace('</devices>', `${theirs}</devices>`);
    const changed = parseXml(withVolumes(old, [managed], (text) => text));
    assert.equal(find(changed, 'memoryBacking', 'access')?.attributes.mode, 'shared');
    assert.deepEqual(
      children(child(changed, 'devices'), 'filesystem').map((each) => child(each, 'target')?.attributes.dir),
      ['theirs', volumeTag(managed.volume)],
    );
  });
});
