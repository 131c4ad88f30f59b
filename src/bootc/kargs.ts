import { PodmanBootcError } from '../errors.js';

/**
 * Checks a kernel argument: one word, where double quotes may hold spaces, as the kernel's own parser has it
 * (Documentation/admin-guide/kernel-parameters.rst).
 * @throws PodmanBootcError `KARG_INVALID`
 */
export function checkKarg(value: string): void {
  if (value.length <= 1024 && /^(?:[^\s"\p{Control}]|"[^"\p{Control}]*")+$/u.test(value)) return;
  const shown = JSON.stringify(value.length > 80 ? `${value.slice(0, 77)}…` : value);
  throw new PodmanBootcError(
    'usage',
    'KARG_INVALID',
    `Expected --karg to be one kernel argument, spaces in double quotes only, got ${shown}`,
    { remedy: 'Repeat the option for more than one: --karg quiet --karg console=ttyS0' },
  );
}
