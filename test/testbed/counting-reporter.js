import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';
import Mocha from 'mocha';

/**
 * Mocha's own report; and behind the file $TESTBED_RESULTS, where that is set, a line "MILLISECONDS FILE: TITLE" for each
 * test and hook, a line "failed FILE: TITLE: WHY" for each that failed, and at the end a line "counts PASSED FAILED".
 */
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const results = process.env.TESTBED_RESULTS;
    if (results === undefined) return;
    const lines = [];
    const inOneLine = (text) => text.replaceAll(/\s+/g, ' ').trim();
    const nameOf = (what) =>
      `${basename(what.file ?? what.parent?.file ?? '', '.test.js')}: ${inOneLine(what.fullTitle())}`;
    const note = (what) => {
      lines.push(`${what.duration ?? 0} ${nameOf(what)}`);
    };
    // A VM is often booted by a hook.
    runner.on('test end', note).on('hook end', note);
    runner.on('fail', (what, error) => {
      lines.push(`failed ${nameOf(what)}: ${inOneLine(String(error?.message ?? error)).slice(0, 300)}`);
    });
    runner.once('end', () => {
      const { passes, failures } = this.stats;
      appendFileSync(results, [...lines, `counts ${passes} ${failures}`, ''].join('\n'));
    });
  }
}
