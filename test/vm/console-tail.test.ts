import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { consoleTail, printable } from '../../src/vm/console-tail.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('the tail of a console log', () => {
  it('has no control over the terminal that shows it', () => {
    const hostile = '\u001b[2J\u001b]0;title\u0007red\u001b[31m!\u0000\u0007\r\nnext\u009b1m\u001bP';
    assert.equal(printable(hostile), 'red!\nnext1m');
  });

  it('is the last lines, without empty ones', async function () {
    const file = join(temporaryDirectory(this), 'log');
    writeFileSync(file, Array.from({ length: 5000 }, (_, line) => `line ${line}\r\n\r\n`).join(''));
    assert.equal(await consoleTail(file, 2), 'Last lines of the console:\nline 4998\nline 4999');
  });

  it('is nothing where there is no log', async () => {
    assert.equal(await consoleTail('/nonexistent/log'), undefined);
    assert.equal(await consoleTail(undefined), undefined);
  });
});
