import { statSync } from 'node:fs';
import { resolve } from 'node:path';
import { PodmanBootcError } from '../../errors.js';
import type { PodmanBootc } from '../../vm/client.js';
import type { WatchCycle } from '../../vm/update/watch.js';
import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import { tellLive } from './tell-live.js';
import type { GlobalOptions } from '../options.js';
import { showProgress, type ProgressOptions } from '../output/progress.js';
import { terminalReporter } from '../output/terminal.js';

interface WatchCommandOptions extends GlobalOptions, ProgressOptions {
  build?: string;
  exec?: string;
  health?: string;
  live?: boolean;
  podman?: string;
  /** Milliseconds. */
  bootTimeout?: number;
}

/** `podman-bootc watch VM [IMAGE]` */
export async function watch(
  nameOrId: string,
  image: string | undefined,
  options: WatchCommandOptions,
): Promise<void> {
  const context = options.build === undefined ? undefined : directory(options.build);
  const interrupt = listenForInterrupt();
  await using client = await openClient(options, interrupt.signal);
  const vm = await client.find(nameOrId);
  const failed = new AbortController();
  const signal = AbortSignal.any([interrupt.signal, failed.signal]);
  const { podman, health, live, bootTimeout: timeout } = options;
  const building =
    context === undefined
      ? undefined
      : client
          .buildOnChange(vm, { context, podman, image, signal, onBuilt: tellBuild })
          .catch((error: unknown) => {
            failed.abort(error);
          });
  try {
    let number = 0;
    let view = await showProgress(options);
    for await (const cycle of client.watch(vm, { image, podman, health, live, timeout, signal })) {
      view.close(cycle.error ? 'failed' : 'done');
      process.stdout.write(`${line(++number, cycle)}\n`);
      if (cycle.outcome && 'changed' in cycle.outcome) tellLive(cycle.outcome);
      if (options.exec !== undefined && cycle.outcome) await execute(client, vm.name, options.exec);
      view = await showProgress(options);
    }
  } finally {
    await building;
  }
}

function directory(path: string): string {
  if (statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) return resolve(path);
  throw new PodmanBootcError(
    'usage',
    'CONTEXT_INVALID',
    `Expected --build to name a directory with a Containerfile, got ${JSON.stringify(path)}`,
    { remedy: 'For example --build .' },
  );
}

function tellBuild(failure: string | undefined): void {
  if (failure !== undefined) terminalReporter.warn(`podman build failed: ${failure}`);
}

/** `3  14:02:11  updated in 12.3 s  5d31f6c3a1b2` */
function line(number: number, { imageId, duration, outcome, error }: WatchCycle): string {
  const seconds = (duration / 1000).toFixed(1);
  const what = error
    ? `${error.code} after ${seconds} s: ${error.message}`
    : `${outcome?.outcome ?? ''} in ${seconds} s`;
  return [number, new Date().toTimeString().slice(0, 8), imageId.slice(0, 12), what].join('  ');
}

async function execute(client: PodmanBootc, vm: string, command: string): Promise<void> {
  const exitCode = await client.openSession(vm, [command]);
  if (exitCode !== 0) terminalReporter.warn(`\`${command}\` ended with exit code ${exitCode} in ${vm}`);
}
