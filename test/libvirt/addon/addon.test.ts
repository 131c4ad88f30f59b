import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { isLibvirtError, type LibvirtError } from '../../../src/libvirt/index.js';
import { load } from '../../../src/libvirt/load.js';
import { projectRoot } from '../../support/project.js';
import { temporaryDirectory } from '../../support/temporary.js';

function plant(root: string, content: string): string {
  mkdirSync(join(root, 'build', 'Release'), { recursive: true });
  writeFileSync(join(root, 'build', 'Release', 'libvirt.node'), content);
  return root;
}

/** The error of an addon that does not load. */
function failureOf(root: string): LibvirtError {
  try {
    load(root);
  } catch (error) {
    assert.ok(isLibvirtError(error, 'LIBVIRT_NOT_LOADED'));
    return error;
  }
  throw new assert.AssertionError({ message: 'It loaded' });
}

describe('An addon that does not load', () => {
  it('names the command that builds it in a checkout', function () {
    const root = temporaryDirectory(this);
    const error = failureOf(root);
    assert.equal(error.message, 'The native libvirt binding of podman-bootc is not built');
    assert.equal(error.remedy, `Run: npm run install, in ${root}`);
    assert.equal(error.errno, 0);
  });

  it('names the command that builds it where it is installed', () => {
    assert.equal(failureOf('/opt/node_modules/podman-bootc').remedy, 'Run: npm rebuild podman-bootc');
  });

  it('keeps the cause when the file is no library', function () {
    const error = failureOf(plant(temporaryDirectory(this), 'not a library'));
    assert.ok(error.cause instanceof Error);
    assert.match(error.message, /^The native libvirt binding of podman-bootc does not load: /);
    assert.match(error.remedy ?? '', /npm run install/);
  });
});

describe('The addon', () => {
  it('needs no function that libvirt 9.0 lacks, wherever it is built', () => {
    const descriptions = ['libvirt_api', 'libvirt_qemu_api'].map((variable) =>
      execFileSync('pkg-config', [`--variable=${variable}`, 'libvirt'], { encoding: 'utf8' }).trim(),
    );
    const since = new Map<string, string>();
    for (const path of descriptions)
      for (const [element] of readFileSync(path, 'utf8').matchAll(/<function [^>]*>/g)) {
        const [, name = ''] = / name='(\w+)'/.exec(element) ?? [];
        since.set(name, / version='([\d.]+)'/.exec(element)?.[1] ?? '0');
      }
    const native = join(projectRoot, 'native');
    const sources = readdirSync(native, { encoding: 'utf8', recursive: true }).filter((name) =>
      name.endsWith('.cc'),
    );
    const text = sources.map((name) => readFileSync(join(native, name), 'utf8')).join('\n');
    const used = new Set(
      [...text.matchAll(/\bvir\w+/g)].map(([name]) => name).filter((name) => since.has(name)),
    );
    assert.ok(used.size > 100, `${used.size} functions`);
    for (const name of used) {
      const version = since.get(name) ?? '';
      const [major = 0, minor = 0] = version.split('.').map(Number);
      assert.ok(major < 9 || (major === 9 && minor === 0), `${name} came with libvirt ${version}`);
    }
  });
});
