import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync, utimesSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { projectRoot } from '../../support/project.js';
import { temporaryDirectory } from '../../support/temporary.js';

/** A checkout with sources that would not compile, so that nothing is built by accident. */
function checkout(context: Mocha.Context): string {
  const root = temporaryDirectory(context);
  mkdirSync(join(root, 'native'));
  writeFileSync(join(root, 'native', 'addon.cc'), '#error');
  writeFileSync(join(root, 'binding.gyp'), '{}');
  writeFileSync(join(root, 'package.json'), '{ "type": "module" }');
  cpSync(join(projectRoot, 'scripts', 'build-addon.js'), join(root, 'scripts', 'build-addon.js'));
  return root;
}

/** What a build leaves, with this time of the addon. */
function plantBuild(root: string, arch: string, time: Date): void {
  const addon = join(root, 'build', 'Release', 'libvirt.node');
  mkdirSync(dirname(addon), { recursive: true });
  writeFileSync(addon, '');
  utimesSync(addon, time, time);
  const stamp = JSON.stringify({ nodeApi: 8, platform: process.platform, arch });
  writeFileSync(join(root, 'build', 'addon.json'), stamp);
}

function build(root: string, env: Record<string, string>): { status: number | null; output: string } {
  const script = join(root, 'scripts', 'build-addon.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
    env: { ...process.env, ...env },
    encoding: 'utf8',
  });
  return { status, output: stdout + stderr };
}

// Later than any file that a test makes, however long the tests before it take.
const later = new Date(Date.now() + 24 * 60 * 60 * 1000);

describe('Building the addon', () => {
  it('names the packages when pkg-config is missing', function () {
    const { status, output } = build(checkout(this), { PATH: '/nonexistent' });
    assert.equal(status, 1);
    assert.match(
      output,
      /^podman-bootc: .*pkg-config was not found; install libvirt-dev and .*libvirt-devel.*\n$/,
    );
  });

  it('names the packages when the headers are missing', function () {
    const { status, output } = build(checkout(this), {
      PKG_CONFIG_LIBDIR: '/nonexistent',
      PKG_CONFIG_PATH: '',
    });
    assert.equal(status, 1);
    assert.match(output, /^podman-bootc: .*headers of libvirt.*not found; install libvirt-dev.*\n$/);
  });

  it('names the packages when a compiler is missing', function () {
    const { status, output } = build(checkout(this), { CXX: '/nonexistent/c++' });
    assert.equal(status, 1);
    assert.match(output, /^podman-bootc: .*no C\+\+ compiler.*install g\+\+.*gcc-c\+\+.*\n$/);
  });

  it('is skipped, silently, when the addon is current', function () {
    const root = checkout(this);
    plantBuild(root, process.arch, later);
    assert.deepEqual(build(root, { PATH: '/nonexistent' }), { status: 0, output: '' });
  });

  it('is not skipped when a source is newer, or the addon is for another machine', function () {
    const root = checkout(this);
    plantBuild(root, process.arch, new Date(0));
    assert.equal(build(root, { PATH: '/nonexistent' }).status, 1);
    plantBuild(root, 'other', later);
    assert.equal(build(root, { PATH: '/nonexistent' }).status, 1);
  });

  it('is skipped where the package brings along one that fits, unless it is to be built', function () {
    const root = checkout(this);
    mkdirSync(join(root, 'prebuilds', 'any'), { recursive: true });
    assert.equal(build(root, { PATH: '/nonexistent' }).status, 1, 'nothing says that it fits');
    // In the place of the package that knows which one fits.
    const resolver = join(root, 'node_modules', 'node-gyp-build');
    mkdirSync(resolver, { recursive: true });
    writeFileSync(join(resolver, 'index.js'), 'exports.resolve = (root) => root + "/prebuilds/any/x.node"');
    assert.deepEqual(build(root, { PATH: '/nonexistent' }), { status: 0, output: '' });
    assert.equal(build(root, { PATH: '/nonexistent', npm_config_build_from_source: 'true' }).status, 1);
    writeFileSync(join(resolver, 'index.js'), 'exports.resolve = () => { throw new Error("none") }');
    assert.equal(build(root, { PATH: '/nonexistent' }).status, 1);
  });

  it('shows what node-gyp printed when it fails', function () {
    const root = checkout(this);
    symlinkSync(join(projectRoot, 'node_modules'), join(root, 'node_modules'));
    writeFileSync(join(root, 'binding.gyp'), 'nonsense');
    const { status, output } = build(root, {});
    assert.equal(status, 1);
    assert.match(output, /nonsense[^]*node-gyp failed, its output is above\.\n$/);
  });
});
