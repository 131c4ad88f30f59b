import type { LiveOutcome } from '../../vm/update/live.js';
import { terminalReporter } from '../output/terminal.js';

/** Says what a live update did, and what it left. */
export function tellLive(outcome: LiveOutcome): void {
  const { vm, changed, removed, kept, elsewhere, restarted, stopped, spared, newlyFailed } = outcome;
  const info = (text: string): void => {
    terminalReporter.info(text);
  };
  if (changed.length > 0) info(`Changed: ${some(changed)}`);
  if (removed.length > 0) info(`Removed: ${some(removed)}`);
  if (restarted.length > 0) info(`Restarted: ${restarted.join(', ')}`);
  if (stopped.length > 0) info(`Stopped, for their files are gone: ${stopped.join(', ')}`);
  if (spared.length > 0)
    info(`Changed, and not restarted, because logins depend on them: ${spared.join(', ')}`);
  if (kept.length > 0) info(`Left as they are, because they were changed in ${vm.name}: ${some(kept)}`);
  if (elsewhere > 0) info(`${elsewhere} files outside /usr and /etc come with a reboot`);
  if (outcome.outcome === 'live' && outcome.etcIsTransient)
    info(`/etc of ${vm.name} is an overlay until its next boot: what is changed there is gone then`);
  if (newlyFailed.length > 0)
    terminalReporter.warn(`Units have failed in ${vm.name} that had not before: ${newlyFailed.join(', ')}`);
}

/** As many names as a line or two hold. */
function some(names: readonly string[]): string {
  const shown = names.slice(0, 8).join(', ');
  return names.length > 8 ? `${shown} and ${names.length - 8} more` : shown;
}
