import assert from 'node:assert/strict';
import { once } from 'node:events';
import { watchEnd } from '../../src/vm/end-of-vm.js';
import { findVirtualMachine } from '../../src/vm/virtual-machine.js';
import { openTestHost, type TestHost } from '../support/test-host.js';

describe('the end of a VM', () => {
  let test: TestHost;

  before(async function () {
    test = await openTestHost(this, [{ name: 'web' }, { name: 'off', state: 'shut off' }, { name: 'gone' }]);
  });

  it('is noticed when it comes, and no event before it is taken for it', async () => {
    const vm = await findVirtualMachine(test.host, 'web');
    let events = 0;
    await using watch = await watchEnd(test.host, vm, () => {
      events++;
    });
    await vm.domain.suspend();
    await vm.domain.resume();
    assert.equal(watch.end, undefined);
    const ended = once(watch.signal, 'abort');
    await vm.domain.destroy();
    await ended;
    assert.deepEqual(watch.end, { event: 'stopped', detail: 'destroyed' });
    assert.ok(events >= 3);
  });

  it('is known at once where it has been, and of a VM that is gone', async () => {
    const off = await findVirtualMachine(test.host, 'off');
    await using watch = await watchEnd(test.host, off);
    assert.ok(watch.signal.aborted);
    assert.equal(watch.end?.event, 'stopped');
    const gone = await findVirtualMachine(test.host, 'gone');
    await gone.domain.destroy();
    await gone.domain.undefine();
    await using lost = await watchEnd(test.host, gone);
    assert.deepEqual(lost.end, { event: 'stopped', detail: 'gone' });
  });
});
