/** By virDomainState, with the names `virsh` prints, and by the enumeration of its reasons. */
export const statesAndReasons = [
  ['no state', ['unknown']],
  [
    'running',
    [
      'unknown',
      'booted',
      'migrated',
      'restored',
      'from-snapshot',
      'unpaused',
      'migration-canceled',
      'save-canceled',
      'wakeup',
      'crashed',
      'postcopy',
      'postcopy-failed',
    ],
  ],
  ['blocked', ['unknown']],
  [
    'paused',
    [
      'unknown',
      'user',
      'migration',
      'save',
      'dump',
      'ioerror',
      'watchdog',
      'from-snapshot',
      'shutting-down',
      'snapshot',
      'crashed',
      'starting-up',
      'postcopy',
      'postcopy-failed',
    ],
  ],
  ['in shutdown', ['unknown', 'user']],
  [
    'shut off',
    ['unknown', 'shutdown', 'destroyed', 'crashed', 'migrated', 'saved', 'failed', 'from-snapshot', 'daemon'],
  ],
  ['crashed', ['unknown', 'panicked']],
  ['pmsuspended', ['unknown']],
] as const;

type StatesAndReasons = (typeof statesAndReasons)[number];

/** The state of a domain, as `virsh domstate` names it. */
export type DomainState = StatesAndReasons[0];

/** Why a domain is in a state: the rest of libvirt's name (`virDomain<State>Reason`) in lower case. */
export type DomainStateReason<State extends DomainState = DomainState> = Extract<
  StatesAndReasons,
  readonly [State, unknown]
>[1][number];

/** A state and the reason for it. */
export type DomainStateAndReason = {
  [State in DomainState]: {
    state: State;
    /** `unknown` also when libvirt added the reason later; then the number tells them apart. */
    reason: DomainStateReason<State>;
    /** libvirt's number of the reason, whose meaning depends on the state. */
    reasonNumber: number;
  };
}[DomainState];

export function stateOf(state: number): DomainState {
  return statesAndReasons[state]?.[0] ?? 'no state';
}

export function stateAndReason(state: number, reasonNumber: number): DomainStateAndReason {
  const [name, reasons] = statesAndReasons[state] ?? statesAndReasons[0];
  return { state: name, reason: reasons[reasonNumber] ?? 'unknown', reasonNumber } as DomainStateAndReason;
}
