import { appendFileSync } from 'node:fs';
import Mocha from 'mocha';

/** Mocha's own report, and its numbers as a line "PASSED FAILED" at the end of the file $TESTBED_COUNTS. */
export default class CountingReporter extends Mocha.reporters.Spec {
  constructor(runner, options) {
    super(runner, options);
    runner.once('end', () => {
      const { passes, failures } = this.stats;
      appendFileSync(process.env.TESTBED_COUNTS, `${passes} ${failures}\n`);
    });
  }
}
