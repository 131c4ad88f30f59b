import { PodmanBootc } from '../../vm/client.js';
import type { GlobalOptions } from '../options.js';
import { terminalReporter } from '../output/terminal.js';

/** The library's client as the command line was given, talking on this terminal. */
export function openClient(options: GlobalOptions, signal?: AbortSignal): Promise<PodmanBootc> {
  return PodmanBootc.open({
    uri: options.connect,
    reporter: terminalReporter,
    program: `podman-bootc ${process.argv[2] ?? ''}`.trim(),
    wait: options.waitForLock,
    signal,
  });
}
