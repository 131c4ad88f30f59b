import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { connect } from '../../src/libvirt/index.js';
import '../libvirt/support.js';

const mebibyte = 1024 * 1024;

it('10,000 cycles of opening, defining, undefining and closing, and 100,000 calls, leave nothing behind', async () => {
  const test = 'test:///default';
  const cycle = async (index: number) => {
    const own = await connect(test);
    const domain = await own.defineDomain(
      `<domain type='test'><name>cycle-${index}</name><memory>8192</memory><os><type>hvm</type></os></domain>`,
      // libvirt reads its schema anew each time, which is most of the work.
      { validate: index % 10 === 0 },
    );
    await domain.undefine();
    await own.close();
  };
  const many = async (count: number, call: (index: number) => Promise<unknown>) => {
    for (let i = 0; i < count; i += 16)
      await Promise.all(Array.from({ length: Math.min(16, count - i) }, (_, j) => call(i + j)));
  };
  const measure = () => ({
    files: readdirSync('/dev/fd').length,
    threads: readdirSync('/proc/self/task').length,
    memory: process.memoryUsage.rss() / mebibyte,
  });
  const own = await connect(test);
  const domain = await own.lookupDomainByName('test');
  await many(400, cycle);
  await many(5000, () => domain.getState());
  const before = measure();
  await many(10_000, cycle);
  await many(100_000, () => domain.getState());
  await own.close();
  const after = measure();
  assert.ok(after.files <= before.files, `${after.files} files after ${before.files}`);
  assert.ok(after.threads <= before.threads + 2, `${after.threads} threads after ${before.threads}`);
  assert.ok(after.memory < before.memory + 40, `${after.memory} MiB after ${before.memory} MiB`);
});
