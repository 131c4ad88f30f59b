import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { codeOf } from '../../src/errors.js';
import { runProcess } from '../../src/process.js';
import { probeCode, testRom, type ProbeArchitecture } from '../../src/accelerator/roms.js';
import { runTestGuest } from '../../src/accelerator/test-guest.js';

/** The sources stand in the repository, the tests in dist/test/accelerator. */
const sources = fileURLToPath(new URL('../../../native/kvm-probe/', import.meta.url));

const architectures: ProbeArchitecture[] = ['x86_64', 'aarch64'];
const toolPrefixes: Record<ProbeArchitecture, string> = {
  x86_64: process.arch === 'x64' ? '' : 'x86_64-linux-gnu-',
  aarch64: process.arch === 'arm64' ? '' : 'aarch64-linux-gnu-',
};

describe('the test guest, which leaves no file', function () {
  this.slow(1000);

  const temporary = process.env.TMPDIR;
  let directory: string;

  // A directory of their own for temporary files, to see whether any is left.
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'podman-bootc-guest-'));
    process.env.TMPDIR = directory;
  });
  afterEach(async () => {
    assert.deepEqual(await readdir(directory), []);
  });
  after(async () => {
    if (temporary === undefined) delete process.env.TMPDIR;
    else process.env.TMPDIR = temporary;
    await rm(directory, { recursive: true });
  });

  for (const arch of architectures) {
    const emulator = `qemu-system-${arch}`;

    // GNU binutils for both architectures are a matter of Linux.
    if (process.platform === 'linux') {
      it(`for ${arch} is what its assembly source says`, async () => {
        const directory = await mkdtemp(join(tmpdir(), 'podman-bootc-assemble-'));
        const run = async (tool: string, ...args: string[]) => {
          const { exitCode, all } = await runProcess(toolPrefixes[arch] + tool, args);
          assert.equal(exitCode, 0, all);
        };
        try {
          const [object, linked, binary] = ['o', 'elf', 'bin'].map((name) => join(directory, name)) as [
            string,
            string,
            string,
          ];
          await run('as', ...(arch === 'x86_64' ? ['--64'] : []), '-o', object, join(sources, `${arch}.S`));
          await run('ld', '-Ttext', '0', '-o', linked, object);
          await run('objcopy', '-O', 'binary', '-j', '.text', linked, binary);
          assert.equal((await readFile(binary)).toString('base64'), probeCode[arch]);
        } finally {
          await rm(directory, { recursive: true });
        }
      });
    }

    it(`for ${arch} gets to its end in an emulator that works, and leaves no file`, async () => {
      assert.deepEqual(await runTestGuest({ emulator, arch, accelerator: 'tcg', timeout: 9000 }), {
        outcome: 'finished',
      });
    });
  }

  it('is a whole BIOS on x86_64, with its start at the reset vector', () => {
    const { image } = testRom('x86_64');
    assert.equal(image.length, 65536);
    assert.equal(image.toString('hex', 0xfff0, 0xfff5), 'ea000000f0');
  });

  it('is not taken for finished when QEMU ends early', async () => {
    const result = await runTestGuest({
      emulator: 'false',
      arch: 'x86_64',
      accelerator: 'tcg',
      timeout: 9000,
    });
    assert.deepEqual(result, { outcome: 'died', problem: 'QEMU ended with exit code 1' });
  });

  it('passes on what QEMU said', async () => {
    const result = await runTestGuest({
      // It knows no machine "q35".
      emulator: 'qemu-system-aarch64',
      arch: 'x86_64',
      accelerator: 'tcg',
      timeout: 9000,
    });
    assert.ok(result.outcome === 'died');
    assert.match(result.problem, /^(?!qemu-system).*unsupported machine type/);
  });

  it('is ended when it takes too long', async () => {
    const slow = { emulator: slowEmulator(), arch: 'x86_64', accelerator: 'tcg' } as const;
    const start = performance.now();
    assert.deepEqual(await runTestGuest({ ...slow, timeout: 200 }), { outcome: 'slow' });
    assert.ok(performance.now() - start < 2000);
  });

  it('is ended when aborted', async () => {
    const reason = new Error('stop');
    const abort = new AbortController();
    setTimeout(() => {
      abort.abort(reason);
    }, 200);
    await assert.rejects(
      runTestGuest({
        emulator: slowEmulator(),
        arch: 'x86_64',
        accelerator: 'tcg',
        timeout: 9000,
        signal: abort.signal,
      }),
      (error) => error === reason,
    );
  });

  it('needs an emulator', async () => {
    await assert.rejects(
      runTestGuest({ emulator: '/no/emulator', arch: 'x86_64', accelerator: 'tcg', timeout: 9000 }),
      (error) => codeOf(error) === 'PROGRAM_NOT_FOUND',
    );
  });

  /** Takes QEMU's arguments and does not come to an end. */
  function slowEmulator(): string {
    return fileURLToPath(new URL('../../../test/accelerator/slow-emulator', import.meta.url));
  }
});
