import assert from 'node:assert/strict';
import { symlinkSync } from 'node:fs';
import { checkCache, checkData, checkLocks } from '../../src/doctor/directories.js';
import type { Examination } from '../../src/doctor/examination.js';
import { checkLibvirt } from '../../src/doctor/libvirt.js';
import { userDirectories } from '../../src/vm/host/directories.js';
import { rejectsWithCode } from '../support/rejects.js';
import { directoriesIn, temporaryDirectory } from '../support/temporary.js';
import { asRemote, openTestHost } from '../support/test-host.js';

describe('doctor on whose files and hosts they are', () => {
  it('takes a HOME that cannot be used for a finding of the directories', async () => {
    const e = {
      get directories() {
        return userDirectories({ HOME: '' }, false);
      },
    } as Examination;
    for (const check of [checkData, checkCache, checkLocks])
      await rejectsWithCode('HOME_INVALID', () => check(e));
  });

  it('finds a directory that is a loop of links', async function () {
    const directories = directoriesIn(temporaryDirectory(this));
    symlinkSync(directories.runtime, directories.runtime);
    const { status, finding } = await checkLocks({ directories } as Examination);
    assert.equal(status, 'failure');
    assert.ok(finding.startsWith(`${directories.runtime} cannot be written`), finding);
  });

  it('says of a libvirt on another host that VMs cannot be made there', async function () {
    const { host } = await openTestHost(this, []);
    const remote = { ...asRemote(host), uri: 'qemu+ssh://example.invalid/system' };
    const { signal } = new AbortController();
    const found = await checkLibvirt({ libvirt: Promise.resolve(remote), signal } as Examination);
    assert.equal(found.status, 'failure');
    assert.match(
      found.finding,
      /answers at qemu\+ssh:\/\/example\.invalid\/system, .*, but on another host: /,
    );
  });
});
