import type { FileFormat } from '../../disk/file-formats.js';
import { formatSize } from '../../sizes.js';
import type { GlobalOptions, NewVmWords } from '../options.js';
import { showProgress, type ProgressOptions } from '../output/progress.js';
import { setLogLevel, terminalReporter } from '../output/terminal.js';
import { askOnTerminal } from './ask.js';
import { listenForInterrupt } from './interrupt.js';
import { asRunOptions } from './new-vm-options.js';
import { openClient } from './open-client.js';

/** What `to-disk` may be told besides what is said of the install. */
export interface ToDiskCommandOptions extends GlobalOptions, ProgressOptions {
  format?: FileFormat;
  rootSshKey?: string[];
  overwrite?: boolean;
}

/** `podman-bootc to-disk IMAGE FILE` */
export async function toDisk(
  image: string,
  file: string,
  words: NewVmWords,
  options: ToDiskCommandOptions,
): Promise<void> {
  const asked = asRunOptions(words);
  if (asked.quiet && options.logLevel === undefined) setLogLevel('error');
  const { signal } = listenForInterrupt();
  await using client = await openClient(options, signal);
  const view = await showProgress(options);
  const { format, rootSshKey: rootSshKeys, overwrite } = options;
  const written = await client.toDisk(
    image,
    file,
    { ...asked, confirm: askOnTerminal(), format, rootSshKeys, overwrite },
    signal,
  );
  view.close('done');
  terminalReporter.info(
    `Wrote ${image} to a disk of ${formatSize(written.size)} (${written.format}), which takes ${formatSize(written.allocated)}`,
  );
  process.stdout.write(`${written.path}\n`);
}
