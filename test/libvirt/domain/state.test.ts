import assert from 'node:assert/strict';
import * as tables from '../../../src/libvirt/enums/domain.js';
import { stateAndReason, statesAndReasons } from '../../../src/libvirt/domain/state.js';
import { virDomainState } from '../../../src/libvirt/enums/domain.js';

describe('The states of domains', () => {
  const reasonTables: Record<number, [prefix: string, table: Readonly<Record<string, number>>]> = {
    0: ['VIR_DOMAIN_NOSTATE_', tables.virDomainNostateReason],
    1: ['VIR_DOMAIN_RUNNING_', tables.virDomainRunningReason],
    2: ['VIR_DOMAIN_BLOCKED_', tables.virDomainBlockedReason],
    3: ['VIR_DOMAIN_PAUSED_', tables.virDomainPausedReason],
    4: ['VIR_DOMAIN_SHUTDOWN_', tables.virDomainShutdownReason],
    5: ['VIR_DOMAIN_SHUTOFF_', tables.virDomainShutoffReason],
    6: ['VIR_DOMAIN_CRASHED_', tables.virDomainCrashedReason],
    7: ['VIR_DOMAIN_PMSUSPENDED_', tables.virDomainPMSuspendedReason],
  };

  it("have the reasons of libvirt's enumerations, by their numbers", () => {
    assert.deepEqual(Object.values(virDomainState), Object.keys(reasonTables).map(Number));
    for (const [state, [prefix, table]] of Object.entries(reasonTables)) {
      const names = Object.keys(table).map((name) =>
        name.slice(prefix.length).toLowerCase().replaceAll('_', '-'),
      );
      assert.deepEqual(statesAndReasons[Number(state)]?.[1], names);
      assert.deepEqual(Object.values(table), [...names.keys()]);
    }
  });

  it('are shown without a name when libvirt added them later', () => {
    assert.deepEqual(stateAndReason(1, 99), { state: 'running', reason: 'unknown', reasonNumber: 99 });
    assert.deepEqual(stateAndReason(99, 1), { state: 'no state', reason: 'unknown', reasonNumber: 1 });
  });
});
