import assert from 'node:assert/strict';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { asRunOptions } from '../../../src/cli/actions/new-vm-options.js';
import {
  inFlags,
  labelsHelp,
  newVmWords,
  optionNames,
  toDiskOptions,
  writtenOptions,
  type WrittenOptions,
} from '../../../src/cli/commands/new-vm-options.js';
import { createProgram } from '../../../src/cli/commands/program.js';
import type { NewVmWords } from '../../../src/cli/options.js';
import { originated } from '../../../src/domain/origins.js';
import { option } from '../../../src/option-text.js';
import { GiB } from '../../../src/sizes.js';
import { optionDefinitions, type RunOptions } from '../../../src/vm/create/options.js';
import { labelName } from '../../../src/vm/option-values.js';
import { projectRoot } from '../../support/project.js';

/** What a command line of `run` comes to, by the library's names. */
async function readFrom(...words: string[]): Promise<RunOptions> {
  const program = createProgram();
  let found: NewVmWords = {};
  for (const command of program.commands) {
    command.action(() => {
      found = newVmWords(command);
    });
  }
  await program.parseAsync(words, { from: 'user' });
  return asRunOptions(found);
}

/** Files of the library: what is not the command line's, nor a page of the documentation. */
function librarySources(): string[] {
  const root = join(projectRoot, 'src');
  return readdirSync(root, { recursive: true, encoding: 'utf8' })
    .filter((file) => file.endsWith('.ts') && !file.startsWith('cli') && file !== 'error-codes.ts')
    .map((file) => readFileSync(join(root, file), 'utf8'));
}

describe('an option of a new VM', () => {
  it('cannot be forgotten on the command line, nor what belongs to its kind', () => {
    const { cpus, ...others } = writtenOptions;
    // @ts-expect-error -- cpus is missing
    const forgotten: WrittenOptions = others;
    // @ts-expect-error -- a label is described where an image may ask for the value
    const unlabelled: WrittenOptions['cpus'] = { group: 'resources', flags: '--cpus <n>', help: '' };
    // @ts-expect-error -- what there are several of may be given several times
    const single: WrittenOptions['kargs'] = { group: 'boot', flags: '--karg <argument>', help: '' };
    // @ts-expect-error -- choices are listed, for completion
    const open: WrittenOptions['pull'] = { group: 'image', flags: '--pull <when>', help: '' };
    assert.ok(cpus.flags !== '' && [forgotten, unlabelled, single, open].every(Boolean));
  });

  it('is taken for a file too where it is about the image, and refused with a disk of the user', () => {
    const ofImages = optionNames().filter((name) => optionDefinitions[name].subject === 'image');
    const ofFiles = toDiskOptions().filter((name) => name !== 'quiet');
    // An overlay is of use only where its base is.
    assert.deepEqual([...ofFiles, 'diskFormat'].sort(), [...ofImages].sort());
  });

  it('is read from the command line into what the library takes', async () => {
    assert.deepEqual(
      await readFrom(
        ...['run', '--cpus', '4', '--memory', '4G', '-p', '8080:80', '--label', 'a=b', '--label', 'c'],
        ...['--karg', 'quiet', '--no-composefs-backend', '--accel', 'tcg', '--cloudinit', 'dir', 'image'],
      ),
      {
        cpus: 4,
        memory: 4 * GiB,
        ports: [{ protocol: 'tcp', address: '127.0.0.1', hostPort: 8080, guestPort: 80 }],
        labels: { a: 'b', c: '' },
        kargs: ['quiet'],
        composefsBackend: false,
        accelerator: 'tcg',
        cloudInit: 'dir',
      },
    );
    assert.deepEqual(await readFrom('set', '--cpus', '4', '--label', 'a=b', 'web'), {
      cpus: 4,
      labels: { a: 'b' },
    });
  });

  it('is named in the help with its label, where it has one', () => {
    for (const name of originated) assert.match(labelsHelp(), new RegExp(`[\\s.]${labelName(name)}[\\s,;]`));
  });
});

describe("a sentence of the library's", () => {
  it('names options as they are typed', () => {
    for (const [named, typed] of [
      [option('rootSizeMax'), '--root-size-max'],
      [option('ports', '8080:80'), '--publish 8080:80'],
      [option('composefsBackend', false), '--no-composefs-backend'],
      [option('bootcArgs', '--stateroot=x'), '--bootc-arg=--stateroot=x'],
      [option('wait', false), '--no-wait-for-lock'],
      [option('uri'), '--connect'],
    ] as const)
      assert.equal(inFlags(`Expected ${named} to fit`), `Expected ${typed} to fit`);
  });

  it('keeps what is no option', () => {
    for (const text of ['`run` does not work', '`podman-bootc start web` boots it', '`mustBeNew`', 'cpus'])
      assert.equal(inFlags(text), text);
  });

  it('names none that the command line does not know, nor one as it is typed', () => {
    const sources = librarySources();
    for (const text of sources) {
      for (const [, name = ''] of text.matchAll(/\boption\('(\w+)'/g))
        assert.match(inFlags(option(name)) + inFlags(option(name, false)), /--/, name);
    }
    // These are ours alone. A command that can be typed may have them.
    const typed =
      /--(?:root-size-max|disk-size|publish|password-file|ssh-key|accel|scratch|start-machine|cloudinit)\b/;
    const sentences = sources.flatMap((text) =>
      text.split('\n').filter((line) => !/^ *(?:\*|\/)|`run |podman-bootc run /.test(line)),
    );
    for (const line of sentences) assert.doesNotMatch(line, typed);
  });
});
