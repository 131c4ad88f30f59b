/**
 * Builds the native libvirt binding: what `npm install` runs. Quiet when all is well; does nothing when the
 * addon is newer than its sources and was built for this kind of Node, or when the package brings one along
 * that fits (`npm install --build-from-source` builds all the same).
 */
import { spawnSync } from 'node:child_process';
import {
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  realpathSync,
  statSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { availableParallelism } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const addon = join(root, 'build', 'Release', 'libvirt.node');
const stampFile = join(root, 'build', 'addon.json');

// Node-API keeps an addon working across versions of Node, so the version is not part of this.
const stamp = JSON.stringify({ nodeApi: 8, platform: process.platform, arch: process.arch });

const packages = {
  headers:
    'libvirt-dev and pkg-config (Debian, Ubuntu), libvirt-devel and pkgconf (Fedora) or libvirt and pkg-config (brew)',
  compiler:
    'g++, make and python3 (Debian, Ubuntu), gcc-c++, make and python3 (Fedora) or the Xcode command line tools (macOS)',
};

function isUpToDate() {
  if (!existsSync(addon) || !existsSync(stampFile) || readFileSync(stampFile, 'utf8') !== stamp) return false;
  const native = join(root, 'native');
  const sources = readdirSync(native, { recursive: true })
    .filter((name) => /\.(cc|h)$/.test(name))
    .map((name) => join(native, name));
  const built = statSync(addon).mtimeMs;
  return [...sources, join(root, 'binding.gyp')].every((path) => statSync(path).mtimeMs <= built);
}

/** Whether prebuilds/ has an addon for this platform, processor and C library. A checkout has none. */
function hasPrebuild() {
  if (process.env.npm_config_build_from_source === 'true' || !existsSync(join(root, 'prebuilds')))
    return false;
  try {
    createRequire(import.meta.url)('node-gyp-build').resolve(root);
    return true;
  } catch {
    return false;
  }
}

function runs(program, ...args) {
  return spawnSync(program, args, { stdio: 'ignore' }).status === 0;
}

/** What is missing, or undefined. */
function findProblem() {
  if (!runs('pkg-config', '--version')) return `pkg-config was not found; install ${packages.headers}`;
  if (!runs('pkg-config', '--atleast-version=6.0', 'libvirt', 'libvirt-qemu'))
    return `the headers of libvirt (6.0 or newer) were not found; install ${packages.headers}`;
  const compiler = (process.env.CXX ?? 'c++').split(' ')[0];
  if (!runs(compiler, '--version') || !runs('make', '--version'))
    return `no C++ compiler, or no make, was found; install ${packages.compiler}`;
  return undefined;
}

/** Builds, and returns what node-gyp printed if it failed. */
function build() {
  const nodeGyp = createRequire(import.meta.url).resolve('node-gyp/bin/node-gyp.js');
  // What is there stays in use until the linker replaces it; other tests may run meanwhile.
  const same = existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp;
  const commands = same ? ['configure', 'build'] : ['rebuild'];
  const args = [nodeGyp, ...commands, '--jobs', String(availableParallelism())];
  // A Node that brings its headers along saves their download, which a host without internet could not do.
  const prefix = dirname(dirname(realpathSync(process.execPath)));
  if (existsSync(join(prefix, 'include', 'node', 'node_api.h'))) args.push(`--nodedir=${prefix}`);
  const result = spawnSync(process.execPath, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 64 * 1024 * 1024,
    // binding.gyp runs `node`: make it this one.
    env: { ...process.env, PATH: dirname(process.execPath) + delimiter + process.env.PATH },
  });
  return result.status === 0 ? undefined : `${result.stdout ?? ''}${result.stderr ?? ''}`;
}

if (!hasPrebuild() && !isUpToDate()) {
  const problem = findProblem();
  const output = problem === undefined ? build() : undefined;
  if (problem !== undefined || output !== undefined) {
    if (output !== undefined) console.error(output.trimEnd());
    console.error(
      `podman-bootc: The libvirt binding cannot be built: ${problem ?? 'node-gyp failed, its output is above'}.`,
    );
    process.exitCode = 1;
  } else {
    mkdirSync(dirname(stampFile), { recursive: true });
    writeFileSync(stampFile, stamp);
    // make leaves it alone when only the time of a source changed.
    utimesSync(addon, new Date(), new Date());
  }
}
