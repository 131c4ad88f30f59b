import assert from 'node:assert/strict';
import { mkdirSync, rmdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { findProgram, runPipeline, runProcess } from '../src/process.js';
import { withEnvironment } from './support/environment.js';
import { rejectsWithCode } from './support/rejects.js';
import { temporaryDirectory } from './support/temporary.js';

describe('a program', () => {
  it('leaves its exit code and both of its outputs, without the final newline', async () => {
    const { exitCode, stdout, stderr, all } = await runProcess('sh', ['-c', 'echo a; echo b >&2; exit 3']);
    assert.deepEqual([exitCode, stdout, stderr], [3, 'a', 'b']);
    assert.deepEqual(all.split('\n').sort(), ['a', 'b']);
  });

  it('is heard in whole characters, wherever its writes end', async () => {
    const chunks: string[] = [];
    await runProcess('sh', ['-c', String.raw`printf '\303'; sleep 0.1; printf '\244'`], {
      onOutput: (chunk) => chunks.push(chunk),
    });
    assert.deepEqual(chunks, ['ä']);
  });

  it('is ended when it prints more than anybody could want, and named in one sentence', async () => {
    const error = await rejectsWithCode('PROGRAM_OUTPUT_TOO_LONG', () =>
      runProcess('yes', ['x'.repeat(10_000)], { name: 'podman images' }),
    );
    assert.equal(error.message, 'Expected podman images to print at most 64 MiB, got more; it was ended');
  });

  it('may print as much as it likes where only the end is kept, and on stderr', async () => {
    const script = 'head -c 80000000 /dev/zero; head -c 3000000 /dev/zero >&2; echo end; echo last >&2';
    const result = await runProcess('sh', ['-c', script], { keep: 'end' });
    assert.equal(result.exitCode, 0);
    for (const [text, end] of [
      [result.stdout, 'end'],
      [result.stderr, 'last'],
    ] as const) {
      assert.ok(text.endsWith(end));
      assert.ok(text.length > 1_000_000 && text.length <= 1_048_576, String(text.length));
    }
  });

  it('ends at its time-out, also when it ignores SIGTERM or a child of its keeps the output', async () => {
    for (const script of ['trap "" TERM; while :; do sleep 0.1; done', 'sleep 30 & wait']) {
      const begin = performance.now();
      const { timedOut, exitCode } = await runProcess('sh', ['-c', script], { timeout: 200 });
      assert.deepEqual([timedOut, exitCode], [true, -1]);
      assert.ok(performance.now() - begin < 10_000);
    }
  });

  it('speaks words that can be read, whatever the language of our user', async () => {
    await withEnvironment({ LC_ALL: 'de_DE.UTF-8', LANG: 'de_DE.UTF-8' }, async () => {
      const inC = await runProcess('sh', ['-c', 'echo "$LC_ALL"']);
      const inOurs = await runProcess('sh', ['-c', 'echo "$LC_ALL"'], { locale: 'ours' });
      assert.deepEqual([inC.stdout, inOurs.stdout], ['C', 'de_DE.UTF-8']);
    });
  });

  it('is found in sbin, and finds others there, with a PATH that lacks it or without one', async () => {
    for (const PATH of ['/usr/bin:/bin', undefined]) {
      await withEnvironment({ PATH }, async () => {
        const { stdout } = await runProcess('sh', ['-c', 'echo "$PATH"; command -v ldconfig']);
        const [path = '', program = ''] = stdout.split('\n');
        assert.match(path, /\/bin:\/usr\/local\/sbin:\/usr\/sbin:\/sbin$/);
        assert.match(program, /sbin\/ldconfig$/);
        assert.match((await findProgram('ldconfig')) ?? '', /sbin\/ldconfig$/);
      });
    }
  });

  it('runs in the root directory where ours was removed, and without a TMPDIR that is gone', async function () {
    const gone = join(temporaryDirectory(this), 'gone');
    mkdirSync(gone);
    const before = process.cwd();
    process.chdir(gone);
    rmdirSync(gone);
    try {
      await withEnvironment({ TMPDIR: gone }, async () => {
        const { stdout } = await runProcess('sh', ['-c', 'pwd; echo "${TMPDIR-none}"']);
        assert.equal(stdout, '/\nnone');
      });
    } finally {
      process.chdir(before);
    }
  });

  it('that may not be run is named', async function () {
    const program = join(temporaryDirectory(this), 'program');
    writeFileSync(program, 'text', { mode: 0o644 });
    const error = await rejectsWithCode('PROGRAM_NOT_STARTED', () => runProcess(program, []));
    assert.match(error.message, /could not be started: .*EACCES/);
  });
});

describe('a pipeline of two programs', () => {
  it('hands on every byte, and says how many', async () => {
    let seen = 0;
    const { exitCode, stdout } = await runPipeline(['head', '-c', '3000000', '/dev/zero'], ['wc', '-c'], {
      onProgress: (bytes) => {
        assert.ok(bytes > seen);
        seen = bytes;
      },
    });
    assert.deepEqual([exitCode, stdout.trim(), seen], [0, '3000000', 3_000_000]);
  });

  it('fails with the program that failed, and what that one said', async () => {
    const first = await runPipeline(['sh', '-c', 'echo half; echo no more >&2; exit 3'], ['cat']);
    assert.deepEqual([first.exitCode, first.stderr], [3, 'no more']);
    const last = await runPipeline(['yes'], ['sh', '-c', 'echo full >&2; exit 4']);
    assert.equal(last.exitCode, 4);
    assert.match(last.stderr, /^full/);
  });

  it('names a program that is missing', async () => {
    for (const [from, to] of [
      ['no-such-program', 'cat'],
      ['true', 'no-such-program'],
    ] as const) {
      const error = await rejectsWithCode('PROGRAM_NOT_FOUND', () => runPipeline([from], [to]));
      assert.match(error.message, /no-such-program/);
    }
  });

  it('ends both when it is aborted', async () => {
    const controller = new AbortController();
    const reason = new Error('enough');
    const running = runPipeline(['yes'], ['sh', '-c', 'exec cat >/dev/null'], {
      signal: controller.signal,
      onProgress: () => {
        controller.abort(reason);
      },
    });
    await assert.rejects(running, reason);
  });
});
