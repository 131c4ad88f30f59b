import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { load } from '../../src/libvirt/addon.js';
import { rejectsWithCode } from '../support/rejects.js';
import { temporaryDirectory } from '../support/temporary.js';

function plant(root: string, content: string): string {
  mkdirSync(join(root, 'build', 'Release'), { recursive: true });
  writeFileSync(join(root, 'build', 'Release', 'libvirt.node'), content);
  return root;
}

describe('An addon that does not load', () => {
  it('names the command that builds it in a checkout', async function () {
    const root = temporaryDirectory(this);
    const error = await rejectsWithCode('LIBVIRT_NOT_LOADED', () => load(root));
    assert.equal(error.failureClass, 'host');
    assert.equal(error.remedy, `Run: npm run install, in ${root}`);
  });

  it('names the command that builds it where it is installed', async () => {
    const error = await rejectsWithCode('LIBVIRT_NOT_LOADED', () => load('/opt/node_modules/podman-bootc'));
    assert.equal(error.remedy, 'Run: npm rebuild podman-bootc');
  });

  it('keeps the cause when the file is no library', async function () {
    const root = plant(temporaryDirectory(this), 'not a library');
    const error = await rejectsWithCode('LIBVIRT_NOT_LOADED', () => load(root));
    assert.ok(error.cause instanceof Error);
    assert.match(error.remedy ?? '', /npm run install/);
  });
});
