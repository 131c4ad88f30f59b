import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';

/**
 * Checks a login name, wherever it comes from: POSIX's portable user names (letters, digits, `.`, `_` and `-`, which is not
 * the first), of at most 32 characters (useradd(8)), that are neither a number, which would be taken for a uid, nor begin
 * with a dot, which would lead out of /home. So it is never an option of ssh's, nor more than one word of its configuration.
 * @param what what it was given with, for the message
 * @throws PodmanBootcError `USER_INVALID`
 */
export function checkLoginName(user: string, what = option('user')): void {
  if (/^(?!\d+$)[A-Za-z0-9_][A-Za-z0-9_.-]{0,31}$/.test(user)) return;
  const shown = JSON.stringify(user.length > 80 ? `${user.slice(0, 77)}…` : user);
  throw new PodmanBootcError('usage', 'USER_INVALID', `Expected ${what} to be a login name, got ${shown}`, {
    remedy: `Name another one with ${option('user')}, such as root`,
  });
}
