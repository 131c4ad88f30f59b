/** Lists the units that have failed, for `parseFailedUnits`; run in the guest. */
export const failedUnitsCommand = 'systemctl list-units --failed --plain --no-legend --no-pager';

/**
 * Asks systemd about sshd; run in the guest. Units that do not exist are answered too, as `not-found`.
 */
export const servicesScript = `
systemctl is-system-running
systemctl show --property=Id,LoadState,ActiveState,Job,Result ssh.service sshd.service ssh.socket sshd.socket
echo @@failed
${failedUnitsCommand}
`;

/** What a guest says of its sshd. */
export type SshdState =
  /** It runs, listens or is about to. */
  | { kind: 'coming' | 'running' }
  | { kind: 'failed'; unit: string; result: string }
  | { kind: 'masked'; unit: string }
  /** The unit is there, and nothing starts it. */
  | { kind: 'not-started'; unit: string }
  | { kind: 'absent' };

/** The answer to `servicesScript`. */
export interface GuestServices {
  /** Of `systemctl is-system-running`: `starting`, `running`, `degraded`… */
  system: string;
  sshd: SshdState;
  failedUnits: string[];
}

/** Reads what `servicesScript` printed. */
export function parseServices(output: string): GuestServices {
  const [answers = '', failed = ''] = output.split(/^@@failed\n?/m);
  const [first = '', ...rest] = answers.split('\n');
  const system = first.trim();
  const units = rest
    .join('\n')
    .split(/\n\s*\n/)
    .map((block) => Object.fromEntries(block.split('\n').map(property)))
    .filter((unit) => unit.Id !== undefined);
  return { system, sshd: sshdState(system, units), failedUnits: parseFailedUnits(failed) };
}

/** Reads what `failedUnitsCommand` printed: the units' names. */
export function parseFailedUnits(text: string): string[] {
  return text
    .split('\n')
    .map((line) => /^[●*× ]*([\w@:.\\-]+\.\w+)/.exec(line)?.[1])
    .filter((unit) => unit !== undefined);
}

function property(line: string): [string, string] {
  const at = line.indexOf('=');
  return [line.slice(0, at).trim(), line.slice(at + 1).trim()];
}

function sshdState(system: string, units: Record<string, string>[]): SshdState {
  const having = (key: string, ...values: string[]): Record<string, string> | undefined =>
    units.find((unit) => values.includes(unit[key] ?? ''));
  if (having('ActiveState', 'active', 'reloading')) return { kind: 'running' };
  if (having('ActiveState', 'activating') ?? units.some((unit) => (unit.Job ?? '') !== ''))
    return { kind: 'coming' };
  const failed = having('ActiveState', 'failed');
  if (failed) return { kind: 'failed', unit: failed.Id ?? '', result: failed.Result ?? '' };
  // Nothing is queued for it, but what is still to start may pull it in.
  if (system === 'starting' || system === 'initializing') return { kind: 'coming' };
  // The service is what is missed: distributions ship its socket beside it, masked or not.
  const isSocket = ({ Id = '' }: Record<string, string>): boolean => Id.endsWith('.socket');
  for (const kind of [units.filter((unit) => !isSocket(unit)), units.filter(isSocket)]) {
    const masked = kind.find(({ LoadState }) => LoadState === 'masked');
    if (masked) return { kind: 'masked', unit: masked.Id ?? '' };
    const loaded = kind.find(({ LoadState }) => LoadState === 'loaded');
    if (loaded) return { kind: 'not-started', unit: loaded.Id ?? '' };
  }
  return { kind: 'absent' };
}
