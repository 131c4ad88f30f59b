import type { PullPolicy } from '../../podman/pull-policy.js';
import { vmReference } from '../../vm/virtual-machine.js';
import type { RebootWay } from '../../vm/update/ways.js';
import type { UpgradeOutcome } from '../../vm/update/upgrade.js';
import { listenForInterrupt } from './interrupt.js';
import { openClient } from './open-client.js';
import { tellLive, warnOfFailed } from './tell-live.js';
import type { GlobalOptions } from '../options.js';
import { showProgress, type ProgressOptions } from '../output/progress.js';
import { setLogLevel, terminalReporter } from '../output/terminal.js';

interface UpgradeCommandOptions extends GlobalOptions, ProgressOptions {
  podman?: string;
  pull?: PullPolicy;
  reboot?: RebootWay;
  live?: boolean;
  health?: string;
  keepFailed?: boolean;
  /** Milliseconds. */
  bootTimeout?: number;
  quiet?: boolean;
}

/** `podman-bootc upgrade VM [IMAGE]` */
export async function upgrade(
  nameOrId: string,
  image: string | undefined,
  options: UpgradeCommandOptions,
): Promise<void> {
  if (options.quiet && options.logLevel === undefined) setLogLevel('error');
  if (options.live) {
    await upgradeLive(nameOrId, image, options);
    return;
  }
  const begin = performance.now();
  const { signal } = listenForInterrupt();
  await using client = await openClient(options, signal);
  const view = await showProgress(options);
  const { podman, pull, reboot, health, keepFailed, bootTimeout: timeout, quiet } = options;
  const outcome = await client.upgrade(nameOrId, {
    ...{ image, podman, pull, reboot, health, keepFailed, timeout, quiet, signal },
  });
  view.close('done');
  warnOfFailed(outcome);
  terminalReporter.info(whatHappened(outcome, (performance.now() - begin) / 1000));
}

/** `podman-bootc upgrade --live VM [IMAGE]` */
async function upgradeLive(
  nameOrId: string,
  image: string | undefined,
  options: UpgradeCommandOptions,
): Promise<void> {
  const begin = performance.now();
  const { signal } = listenForInterrupt();
  await using client = await openClient(options, signal);
  const view = await showProgress(options);
  const { podman, pull, health, bootTimeout: timeout, quiet } = options;
  const outcome = await client.upgradeLive(nameOrId, {
    ...{ image, podman, pull, health, timeout, quiet, signal },
  });
  view.close('done');
  tellLive(outcome);
  const { vm, image: version } = outcome;
  const seconds = ((performance.now() - begin) / 1000).toFixed(1);
  terminalReporter.info(
    outcome.outcome === 'unchanged'
      ? `${vm.name} has the files of the present version of ${version.reference} already`
      : `${vm.name} has the files of the present version of ${version.reference} until its next boot, after ${seconds} s`,
  );
}

function whatHappened({ outcome, vm, image }: UpgradeOutcome, seconds: number): string {
  switch (outcome) {
    case 'unchanged':
      return `${vm.name} runs the present version of ${image.reference} already`;
    case 'staged':
      return `${image.reference} is staged in ${vm.name}, and comes with its next boot: \`podman-bootc restart ${vmReference(vm)}\``;
    case 'updated':
      return `${vm.name} runs the present version of ${image.reference}, after ${seconds.toFixed(1)} s`;
  }
}
