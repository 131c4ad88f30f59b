import assert from 'node:assert/strict';
import { Readable } from 'node:stream';
import { since } from '../../src/boot/since.js';

const began = new Date('2026-01-01T00:00:00Z');
const ended = new Date('2026-01-01T00:10:00Z');
const text = 'firmware\n[    1.000000] one\nplain\n[   60.500000] two\nlogin:\n[  120.000000] three\nend';

/** What is left of a console in pieces of so many bytes, from so many seconds of its boot on. */
async function left(seconds: number, pieces = 1000): Promise<string> {
  const chunks = Array.from({ length: Math.ceil(text.length / pieces) }, (_, index) =>
    Buffer.from(text.slice(index * pieces, (index + 1) * pieces)),
  );
  let result = '';
  const from = new Date(began.getTime() + seconds * 1000);
  for await (const chunk of since(Readable.from(chunks), from, { began, ended })) result += chunk.toString();
  return result;
}

describe('what a console wrote since a time', () => {
  it('begins with the first line that may have been written then', async () => {
    for (const pieces of [1, 5, 1000]) {
      assert.equal(await left(30, pieces), text.slice(text.indexOf('plain')));
      assert.equal(await left(60.5, pieces), text.slice(text.indexOf('plain')));
      assert.equal(await left(61, pieces), text.slice(text.indexOf('login:')));
      assert.equal(await left(500, pieces), 'end', 'what has no time may be from the end');
    }
  });

  it('is all of a boot that began later, and nothing of one that ended before', async () => {
    assert.equal(await left(-5), text);
    assert.equal(await left(601), '');
  });
});
