import assert from 'node:assert/strict';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { buildImage, contextChanges } from '../../src/podman/build.js';
import { withPodman } from '../support/fake-podman.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('building an image', () => {
  it('takes the context and the name, and says in the words of podman why it failed', async function () {
    const options = { context: '/my context', reference: 'localhost/web:1' };
    await withPodman(this, '[ "$*" = "build --tag localhost/web:1 -- /my context" ]', async () => {
      assert.equal(await buildImage({ kind: 'local' }, options), undefined);
    });
    const failing = 'echo "STEP 1/2: FROM x"; echo "Error: no FROM" >&2; exit 125';
    await withPodman(this, failing, async () => {
      assert.equal(await buildImage({ kind: 'local' }, options), 'no FROM');
    });
  });

  for (const name of ['.containerignore', '.dockerignore']) {
    it(`is worth it when files have changed that a build takes (${name})`, async function () {
      const context = temporaryDirectory(this);
      mkdirSync(join(context, 'logs'));
      writeFileSync(join(context, name), 'logs/\n*.tmp\n!kept.tmp\n');
      const over = new AbortController();
      const changes = contextChanges(context, over.signal);
      const told: string[] = [];
      const next = async (what: string): Promise<void> => {
        assert.equal((await changes.next()).done, false);
        told.push(what);
      };
      const first = next('first');
      // chokidar has to have looked around: what is there by then is no change.
      await new Promise((resolve) => setTimeout(resolve, 300));
      writeFileSync(join(context, 'logs', 'x'), '');
      writeFileSync(join(context, 'x.tmp'), '');
      await new Promise((resolve) => setTimeout(resolve, 600));
      assert.deepEqual(told, []);
      writeFileSync(join(context, 'kept.tmp'), '');
      await first;
      // While the caller works: told once, afterwards.
      for (const file of ['a', 'b', 'c']) writeFileSync(join(context, file), '');
      await new Promise((resolve) => setTimeout(resolve, 600));
      await next('second');
      const third = changes.next();
      over.abort(new Error('over'));
      await assert.rejects(third, /over/);
      assert.deepEqual(told, ['first', 'second']);
    });
  }
});
