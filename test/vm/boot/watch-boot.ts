// Waits for a login as `run` on a terminal does: `watch-boot.js URI VM DATA-DIRECTORY`. A process of its own, so that its
// memory can be seen. Says on stdout each line of the guest's that begins with "part ", and at last the error's code.
import { join } from 'node:path';
import { LiveView } from '../../../src/cli/output/views.js';
import { codeOf } from '../../../src/errors.js';
import { PodmanBootc } from '../../../src/index.js';
import { silentReporter } from '../../../src/report.js';

const [uri, name = '', data = ''] = process.argv.slice(2);
const terminal = { isTTY: true, columns: 80, rows: 24, write: () => true };
const view = await LiveView.open(terminal, { colour: true, unicode: true });
const directories = { data, cache: join(data, 'cache'), runtime: join(data, 'run'), mode: 0o700 };
const reporter = {
  ...silentReporter,
  progress: (progress: Parameters<LiveView['progress']>[0]) => {
    view.progress(progress);
    if (progress.type === 'console' && progress.text.startsWith('part ')) console.log(progress.text);
  },
};
await using client = await PodmanBootc.open({ uri, directories, reporter });
try {
  await client.waitUntilReady(name);
} catch (error) {
  console.log(codeOf(error));
}
view.close('failed');
