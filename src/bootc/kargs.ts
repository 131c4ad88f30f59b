import { PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';

/**
 * Checks a kernel argument: one word, where double quotes may hold spaces, as the kernel's own parser has it
 * (Documentation/admin-guide/kernel-parameters.rst).
 * @param what what it was given with, for the message
 * @throws PodmanBootcError `KARG_INVALID`
 */
export function checkKarg(value: string, what = option('kargs')): void {
  if (value.length <= 1024 && /^(?:[^\s"\p{Control}]|"[^"\p{Control}]*")+$/u.test(value)) return;
  const shown = JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}…` : value);
  throw new PodmanBootcError(
    'usage',
    'KARG_INVALID',
    `Expected ${what} to be one kernel argument, spaces in double quotes only, got ${shown}`,
    {
      remedy: `Repeat the option for more than one: ${option('kargs', 'quiet')} ${option('kargs', 'console=ttyS0')}`,
    },
  );
}
