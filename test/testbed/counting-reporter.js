import { appendFileSync } from 'node:fs';
import { basename } from 'node:path';
import Mocha from 'mocha';

/**
 * Mocha's own report; and behind the file $TESTBED_RESULTS, where that is set, a line "MILLISECONDS FILE: TITLE" for each
 * test and hook, and at the end a line "counts PASSED FAILED".
 */
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    const results = process.env.TESTBED_RESULTS;
    if (results === undefined) return;
    const lines = [];
    const note = (what) => {
      const file = basename(what.file ?? what.parent?.file ?? '', '.test.js');
      lines.push(`${what.duration ?? 0} ${file}: ${what.fullTitle().replaceAll(/\s+/g, ' ')}`);
    };
    // A VM is often booted by a hook.
    runner.on('test end', note).on('hook end', note);
    runner.once('end', () => {
      const { passes, failures } = this.stats;
      appendFileSync(results, [...lines, `counts ${passes} ${failures}`, ''].join('\n'));
    });
  }
}
