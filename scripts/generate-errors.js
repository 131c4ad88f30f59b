// Writes docs/errors.md from src/error-codes.ts, so that the two cannot part.
// `--check` writes nothing and fails when the page is not up to date.
import { readFileSync, writeFileSync } from 'node:fs';
import { errorCodes } from '../dist/src/error-codes.js';
import { exitCodes } from '../dist/src/errors.js';

const file = new URL('../docs/errors.md', import.meta.url);

/** What each class of failure is. */
const classes = {
  usage: 'What was asked for cannot be, or is not there; nothing was changed',
  host: 'The host lacks something, or refuses it',
  image: 'The image cannot be found or used',
  install: 'The install to a disk failed',
  define: 'libvirt refused the definition',
  boot: 'The VM does not boot, or not to SSH',
  ssh: 'The guest is up and cannot be logged in to',
  interrupted: 'The user has ended it',
  failure: 'All else',
};

const escaped = (text) => text.replaceAll('|', String.raw`\|`).replaceAll('<', '&lt;');

function page() {
  return [
    '<!-- Written by scripts/generate-errors.js from src/error-codes.ts. -->\n',
    '# Errors\n',
    'Every failure has a class, which decides the exit code, a code that keeps its meaning, a sentence, and where there is one a remedy.',
    'Programs decide on the code: `PodmanBootcError.code` of the library, `code` of the last line with `--progress json`. The ID in the',
    'last column is a check of `podman-bootc doctor` (see [doctor.md](doctor.md)), which tells more. A command run in a VM passes its own',
    'exit code on.\n',
    ...Object.entries(errorCodes).flatMap(([failureClass, codes]) => [
      `## ${failureClass}: exit code ${exitCodes[failureClass]}\n`,
      `${classes[failureClass]}.\n`,
      '| code | meaning | what to do | check |',
      '| --- | --- | --- | --- |',
      ...Object.entries(codes)
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(
          ([code, [meaning, remedy, check = '']]) =>
            `| ${code} | ${escaped(meaning)} | ${escaped(remedy)} | ${check} |`,
        ),
      '',
    ]),
  ].join('\n');
}

const text = page();
if (process.argv.includes('--check')) {
  if (readFileSync(file, 'utf8') !== text) {
    console.error('docs/errors.md is not up to date: npm run errors');
    process.exitCode = 1;
  }
} else {
  writeFileSync(file, text);
}
