import assert from 'node:assert/strict';
import { ConsoleText, printable } from '../../src/boot/console-text.js';

/** The lines of a text that comes in pieces of so many bytes. */
function lines(text: string | Buffer, pieces = 1): string[] {
  const found: string[] = [];
  const console = new ConsoleText((line) => found.push(line));
  const bytes = Buffer.from(text);
  for (let at = 0; at < bytes.length; at += pieces) console.push(bytes.subarray(at, at + pieces));
  return [...found, console.partial];
}

describe("a console's text", () => {
  it('is lines, whatever ends them and wherever they are cut', () => {
    for (const pieces of [1, 2, 3, 100])
      assert.deepEqual(lines('one\ntwo\r\nthree\r\r\nfür\tvier', pieces), [
        'one',
        'two',
        'three',
        'für     vier',
      ]);
  });

  it('has no control over a terminal', () => {
    const hostile = [
      '\u001b[2J\u001b[31mred\u001b[0m',
      '\u001b]0;title\u0007a',
      '\u001b]8;;http://x\u001b\\link\u001b]8;;\u001b\\',
      '\u001bP1$r0m\u001b\\dcs',
      '\u001b_apc\u001b\\b',
      '\u009b1mcsi\u009d0;t\u009c!',
      '\u001b(0q\u001b)Bw',
      'bell\u0007nul\u0000del\u007f',
      '\u001bcreset',
      '\u202egnp.exe\u200b\u2066x\ufeff',
    ];
    assert.deepEqual(lines(hostile.join('\n')), [
      'red',
      'a',
      'link',
      'dcs',
      'b',
      'csi!',
      'qw',
      'bellnuldel',
      'reset',
      'gnp.exex',
    ]);
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    assert.doesNotMatch(printable(hostile.join('')), /[\u0000-\u0009\u000b-\u001f\u007f-\u009f]/);
  });

  it('goes on behind invisible characters that are two of UTF-16', () => {
    for (const pieces of [1, 100]) assert.deepEqual(lines('a\u{e0041}b\u{1d173}\nc', pieces), ['ab', 'c']);
  });

  it('never hides what follows a sequence that does not end', () => {
    assert.deepEqual(lines('\u001b[12345\nseen\n\u001b]0;open\nseen too'), ['', 'seen', '', 'seen too']);
    assert.equal(lines(`\u001b[${'1'.repeat(1000)}seen`)[0]?.endsWith('seen'), true);
  });

  it('tells lines that were written over from others', () => {
    const found: [string, boolean][] = [];
    const console = new ConsoleText((line, overwritten) => found.push([line, overwritten]));
    console.push('10 %\r50 %\r\u001b[K100 %\nab\bc\n');
    assert.deepEqual(found, [
      ['10 %', true],
      ['50 %', true],
      ['100 %', false],
      ['ac', false],
    ]);
  });

  it('begins a new line where the cursor jumps', () => {
    assert.deepEqual(lines('left\u001b[10;20Hright\u001b[2J\u001b[Hnext'), ['left', 'right', 'next']);
  });

  it('cuts lines that have no end, and replaces what is no UTF-8', () => {
    assert.deepEqual(
      lines('x'.repeat(10_000), 1000).map((line) => line.length),
      [4096, 4096, 1808],
    );
    assert.deepEqual(lines(Buffer.from([0x61, 0xff, 0xfe, 0x62, 0x0a]), 1), ['a\ufffd\ufffdb', '']);
  });
});
