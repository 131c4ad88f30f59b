import type { LiveOutcome } from '../../vm/update/live.js';
import { someOf } from '../../names.js';
import { terminalReporter } from '../output/terminal.js';

/** As many names as a line or two hold. */
const mostNames = 8;

/** Says what a live update did, and what it left. */
export function tellLive(outcome: LiveOutcome): void {
  const { vm, changed, removed, kept, elsewhere, restarted, stopped, spared } = outcome;
  const info = (text: string): void => {
    terminalReporter.info(text);
  };
  if (changed.length > 0) info(`Changed: ${someOf(changed, mostNames)}`);
  if (removed.length > 0) info(`Removed: ${someOf(removed, mostNames)}`);
  if (restarted.length > 0) info(`Restarted: ${restarted.join(', ')}`);
  if (stopped.length > 0) info(`Stopped, for their files are gone: ${stopped.join(', ')}`);
  if (spared.length > 0)
    info(`Changed, and not restarted, because logins depend on them: ${spared.join(', ')}`);
  if (kept.length > 0)
    info(`Left as they are, because they were changed in ${vm.name}: ${someOf(kept, mostNames)}`);
  if (elsewhere > 0) info(`${elsewhere} files outside /usr and /etc come with a reboot`);
  if (outcome.outcome === 'live' && outcome.etcIsTransient)
    info(`/etc of ${vm.name} is an overlay until its next boot: what is changed there is gone then`);
  warnOfFailed(outcome);
}

/** Says which units a new version has brought down. */
export function warnOfFailed({ vm, newlyFailed }: Pick<LiveOutcome, 'vm' | 'newlyFailed'>): void {
  if (newlyFailed.length > 0)
    terminalReporter.warn(`Units have failed in ${vm.name} that had not before: ${newlyFailed.join(', ')}`);
}
