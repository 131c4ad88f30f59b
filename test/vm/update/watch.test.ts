import assert from 'node:assert/strict';
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { newVersions } from '../../../src/vm/update/watch.js';
import { withPodman } from '../../support/fake-podman.js';
import { temporaryDirectory } from '../../support/temporary.js';

describe('new versions of an image', () => {
  /** A podman whose image has the ID in the file `id`, and whose events are the lines of the file `events`. */
  const script = (directory: string): string => `cd ${directory}
case "$1 $2" in
'events '*) exec tail -n 0 -F events ;;
*) echo "[{\\"Id\\": \\"$(cat id)\\", \\"Architecture\\": \\"amd64\\", \\"Size\\": 1}]" ;;
esac`;
  const id = (digit: string): string => digit.repeat(64);

  it('are told once each, by their ID, whatever the events are; of several the newest', async function () {
    const directory = temporaryDirectory(this);
    const become = (digit: string): void => {
      writeFileSync(join(directory, 'id'), id(digit));
    };
    const tell = (): void => {
      appendFileSync(join(directory, 'events'), 'build\n');
    };
    become('1');
    writeFileSync(join(directory, 'events'), '');
    await withPodman(this, script(directory), async () => {
      const over = new AbortController();
      const versions = newVersions({ kind: 'local' }, 'localhost/x', undefined, over.signal);
      assert.equal((await versions.next()).value, id('1'));
      const second = versions.next();
      let isTold = false;
      void second.then(() => (isTold = true));
      await new Promise((resolve) => setTimeout(resolve, 500));
      // A cached build has an event, and the image is the same.
      tell();
      await new Promise((resolve) => setTimeout(resolve, 800));
      assert.equal(isTold, false);
      become('2');
      const begin = performance.now();
      tell();
      assert.equal((await second).value, id('2'));
      assert.ok(performance.now() - begin < 4000, 'long before the next look without an event');
      become('3');
      tell();
      become('4');
      tell();
      assert.equal((await versions.next()).value, id('4'));
      const last = versions.next();
      over.abort(new Error('over'));
      await assert.rejects(last, /over/);
    });
  });

  it('are found without an event', async function () {
    this.timeout(20_000);
    const directory = temporaryDirectory(this);
    writeFileSync(join(directory, 'id'), id('1'));
    const silent = script(directory).replace('exec tail -n 0 -F events', 'exit 125');
    await withPodman(this, silent, async () => {
      const versions = newVersions({ kind: 'local' }, 'localhost/x', id('1'), new AbortController().signal);
      const next = versions.next();
      await new Promise((resolve) => setTimeout(resolve, 300));
      writeFileSync(join(directory, 'id'), id('2'));
      assert.equal((await next).value, id('2'));
      await versions.return();
    });
  });
});
