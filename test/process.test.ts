import assert from 'node:assert/strict';
import { runPipeline } from '../src/process.js';
import { rejectsWithCode } from './support/rejects.js';

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
