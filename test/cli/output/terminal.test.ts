import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { wrapWords } from '../../../src/cli/output/wrap.js';
import { projectRoot } from '../../support/project.js';

const modules = ['terminal', 'views'].map((name) =>
  JSON.stringify(pathToFileURL(join(projectRoot, 'dist', 'src', 'cli', 'output', `${name}.js`)).href),
);
const errors = JSON.stringify(pathToFileURL(join(projectRoot, 'dist', 'src', 'errors.js')).href);

/** What a process of its own prints to stderr that shows an install's output, and then its failure. */
function stderrOf(view: string): string {
  const program = `
    import { printFailure, setView, terminalReporter } from ${modules[0] ?? ''};
    import { ${view} } from ${modules[1] ?? ''};
    import { PodmanBootcError } from ${errors};
    setView(new ${view}(process.stderr));
    terminalReporter.output('Installing image\\nDeploying...');
    terminalReporter.output('done\\nERROR \\u001b[31mno\\n');
    printFailure(new PodmanBootcError('install', 'INSTALL_FAILED', 'It \\u001b[1mfailed', {
      output: 'Installing image\\nDeploying...done\\nERROR \\u001b[31mno',
      remedy: 'Do this',
    }));`;
  const { stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', program], {
    encoding: 'utf8',
  });
  return stderr;
}

describe('a failure on the terminal', () => {
  it('is broken at words there, and one line elsewhere', () => {
    const message =
      'bootc could not install it: Installing to disk: Reading /etc/a-file-with-a-long-name: No';
    const said = (isTerminal: boolean): string =>
      spawnSync(
        process.execPath,
        [
          '--input-type=module',
          '-e',
          `import { printFailure } from ${modules[0] ?? ''};
           import { PodmanBootcError } from ${errors};
           process.stderr.isTTY = ${isTerminal};
           process.stderr.columns = 40;
           printFailure(new PodmanBootcError('install', 'INSTALL_FAILED', ${JSON.stringify(message)}));`,
        ],
        { encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } },
      ).stderr;
    assert.equal(said(false), `Error: ${message}\n`);
    assert.equal(
      said(true),
      'Error: bootc could not install it:\nInstalling to disk: Reading\n/etc/a-file-with-a-long-name: No\n',
    );
  });

  it('keeps a word that is longer than a line, its own line breaks, and what is for no terminal', () => {
    assert.equal(wrapWords(`a ${'x'.repeat(30)} b c`, 20), `a\n${'x'.repeat(30)}\nb c`);
    assert.equal(wrapWords('a  b\nc', 20), 'a  b\nc');
    assert.equal(wrapWords('one two three', 5), 'one two three');
  });

  it('shows the output of a program once, however it came', () => {
    const stderr = stderrOf('PlainView');
    assert.equal(stderr.match(/Installing image/g)?.length, 1, stderr);
    assert.match(stderr, /ERROR no\nError: It failed\nDo this\n$/);
  });

  it('is an object of JSON for tools', () => {
    const last = JSON.parse(stderrOf('JsonView').trim().split('\n').at(-1) ?? '') as Record<string, unknown>;
    assert.deepEqual(
      [last.type, last.code, last.class, last.exitCode, last.remedy],
      ['error', 'INSTALL_FAILED', 'install', 122, 'Do this'],
    );
  });
});
