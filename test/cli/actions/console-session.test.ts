import assert from 'node:assert/strict';
import { Duplex, PassThrough } from 'node:stream';
import { attachConsole } from '../../../src/cli/actions/console-session.js';

/** A terminal that notes its modes, and a console that notes what was typed. */
function setUp(): {
  console: Duplex;
  input: PassThrough & { isTTY: boolean; setRawMode: (raw: boolean) => void };
  output: PassThrough & { isTTY: boolean };
  modes: boolean[];
  typed: () => string;
  shown: () => string;
} {
  let typed = '';
  let shown = '';
  const modes: boolean[] = [];
  const console = new Duplex({
    read() {
      // The test pushes.
    },
    write(chunk: Buffer, _, callback) {
      typed += chunk.toString();
      callback();
    },
  });
  const input = Object.assign(new PassThrough(), {
    isTTY: true,
    setRawMode: (raw: boolean) => modes.push(raw),
  });
  const output = Object.assign(new PassThrough(), { isTTY: true });
  output.on('data', (chunk: Buffer) => (shown += chunk.toString()));
  return { console, input, output, modes, typed: () => typed, shown: () => shown };
}

const never = new AbortController().signal;

describe('a session on a console', () => {
  it('passes everything on until the escape, and restores the terminal', async () => {
    const { console, input, output, modes, typed, shown } = setUp();
    const done = attachConsole(console, input, output, never);
    console.push('\u001b[?1049h\u001b[31mmenu');
    input.write('ls\r\u0003');
    await new Promise(setImmediate);
    input.write('x\u001dnot this');
    assert.equal(await done, 'escaped');
    assert.equal(typed(), 'ls\r\u0003x');
    assert.deepEqual(modes, [true, false]);
    // eslint-disable-next-line no-control-regex -- control sequences are what is looked for
    assert.match(shown(), /^\u001b\[\?1049h\u001b\[31mmenu\u001b\[\?1049l\u001b\[0m\u001b\[\?25h/);
    assert.ok(console.destroyed);
    assert.equal(
      process.listeners('exit').some(({ name }) => name === 'restoreTerminal'),
      false,
    );
  });

  it('ends with the console, whose last words are shown, and when it fails', async () => {
    const first = setUp();
    const done = attachConsole(first.console, first.input, first.output, never);
    first.console.push('bye');
    first.console.push(null);
    assert.equal(await done, 'ended');
    assert.match(first.shown(), /^bye/);
    assert.deepEqual(first.modes, [true, false]);

    const second = setUp();
    const failing = attachConsole(second.console, second.input, second.output, never);
    second.console.destroy(new Error('lost'));
    await assert.rejects(failing, /lost/);
    assert.deepEqual(second.modes, [true, false]);
  });

  it('restores the terminal when it is interrupted', async () => {
    const { console, input, output, modes } = setUp();
    const abort = new AbortController();
    abort.signal.addEventListener('abort', () => console.destroy(new Error('aborted')));
    const done = attachConsole(console, input, output, abort.signal);
    abort.abort(new Error('Interrupted by SIGTERM'));
    await assert.rejects(done, /SIGTERM/);
    assert.deepEqual(modes, [true, false]);
  });

  it('goes on showing the console when the input ends', async () => {
    const { console, input, output, shown } = setUp();
    input.isTTY = false;
    const done = attachConsole(console, input, output, never);
    input.end();
    await new Promise(setImmediate);
    console.push('more');
    console.push(null);
    assert.equal(await done, 'ended');
    assert.match(shown(), /^more/);
  });
});
