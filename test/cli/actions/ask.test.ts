import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { askOnTerminal } from '../../../src/cli/actions/ask.js';
import { projectRoot } from '../../support/project.js';

const ctrlC = '\x03';

/** Asks on a terminal (which script(1) is) and types an answer as soon as the question is there. */
async function ask(answer: string): Promise<string> {
  const module = join(projectRoot, 'dist/src/cli/actions/ask.js');
  const program = `
    const interrupted = new Promise((resolve) => process.once('SIGINT', () => resolve('interrupted')));
    const { askOnTerminal } = await import('${module}');
    console.log('answer: ' + (await askOnTerminal()('Start it?')));
    if (${answer === ctrlC}) {
      // A signal that is waited for keeps no process alive.
      const alive = setTimeout(() => process.exit(1), 30000);
      console.log(await interrupted);
      clearTimeout(alive);
    }`;
  const child = spawn('script', [
    '-qec',
    `${process.execPath} --input-type=module --eval "${program}"`,
    '/dev/null',
  ]);
  let output = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    const hadAsked = output.includes('[y/N]');
    output += chunk;
    if (!hadAsked && output.includes('[y/N]')) child.stdin.write(answer);
  });
  await new Promise((resolve) => child.once('close', resolve));
  return output;
}

describe('a question on the terminal', () => {
  it('is not asked where nobody can answer', () => {
    // The suite's own input may be a terminal; a program's with a pipe is none.
    const isTTY = process.stdin.isTTY;
    process.stdin.isTTY = false;
    try {
      assert.equal(askOnTerminal(), undefined);
    } finally {
      process.stdin.isTTY = isTTY;
    }
  });

  for (const [answer, expected] of [
    ['y\r', /answer: true/],
    ['YES\r', /answer: true/],
    ['\r', /answer: false/],
    ['yesterday\r', /answer: false/],
    // Nothing is agreed to, and the signal arrives.
    [ctrlC, /answer: false[^]*interrupted/],
  ] as const) {
    it(`takes ${JSON.stringify(answer)} for what it is`, async () => {
      assert.match(await ask(answer), expected);
    });
  }
});
