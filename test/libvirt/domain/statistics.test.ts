import assert from 'node:assert/strict';
import { domainJob, jobType } from '../../../src/libvirt/domain/job.js';
import { domainStatistics } from '../../../src/libvirt/domain/all-statistics.js';
import { blockStatistics } from '../../../src/libvirt/domain/statistics.js';
import { withConnection, withDomain } from '../support.js';

describe('Statistics', () => {
  it('of all domains come in one call, each with a reference', () =>
    withDomain(async (domain, connection) => {
      const all = await connection.getAllDomainStats();
      assert.deepEqual(all.map((each) => each.domain.name).sort(), [domain.name, 'test']);
      const mine = all.find((each) => each.domain.uuid === domain.uuid);
      assert.deepEqual(mine?.state, { state: 'shut off', reason: 'unknown', reasonNumber: 0 });
      await mine.domain.create();
      assert.equal(await domain.isActive(), true);
    }));

  it('are of the kinds and the domains that are asked for', () =>
    withDomain(async (domain, connection) => {
      const inactive = await connection.getAllDomainStats({ types: ['state'], active: false });
      assert.deepEqual(
        inactive.map((each) => each.domain.name),
        [domain.name],
      );
      const active = await connection.getAllDomainStats({ types: ['state', 'cpu'], active: true });
      assert.deepEqual(
        active.map((each) => each.domain.name),
        ['test'],
      );
    }));

  it('of memory are in bigints', () =>
    withConnection(async (connection) => {
      const stats = await (await connection.lookupDomainByName('test')).getMemoryStats();
      assert.equal(typeof stats.current, 'bigint');
      assert.equal(typeof stats.rss, 'bigint');
    }));

  it('are read from the fields that libvirt documents', () =>
    withConnection(async (connection) => {
      const domain = await connection.lookupDomainByName('test');
      const stats = domainStatistics(domain, {
        'state.state': 1,
        'state.reason': 99,
        'cpu.time': 18_446_744_073_709_551_615n,
        'balloon.current': 1024n,
        'balloon.last-update': 7n,
        'vcpu.current': 2,
        'vcpu.maximum': 4,
        'vcpu.0.state': 1,
        'vcpu.0.time': 5n,
        'vcpu.3.state': 0,
        'net.count': 1,
        'net.0.name': 'vnet0',
        'net.0.rx.bytes': 9_007_199_254_740_993n,
        'net.0.tx.drop': 1n,
        'block.count': 11,
        ...Object.fromEntries(
          Array.from({ length: 11 }, (_, index) => [`block.${index}.name`, `vd${index}`] as const),
        ),
        'block.10.rd.reqs': 3n,
        'block.10.fl.times': 4n,
        'block.10.physical': 4096n,
      });
      assert.deepEqual(stats.state, { state: 'running', reason: 'unknown', reasonNumber: 99 });
      assert.equal(stats.cpu?.time, 18_446_744_073_709_551_615n);
      assert.equal(stats.memory?.lastUpdate, 7n);
      assert.deepEqual(
        stats.vcpus.map(({ index, state }) => [index, state]),
        [
          [0, 'running'],
          [3, 'offline'],
        ],
      );
      assert.equal(stats.interfaces[0]?.received.bytes, 9_007_199_254_740_993n);
      assert.equal(stats.interfaces[0].sent.dropped, 1n);
      assert.deepEqual(
        stats.disks.map(({ name }) => name),
        Array.from({ length: 11 }, (_, index) => `vd${index}`),
      );
      assert.equal(stats.disks[10]?.read.requests, 3n);
      assert.equal(stats.disks[10].flush.time, 4n);
    }));

  it('of a disk leave out what is not counted', () => {
    const stats = blockStatistics({ rd_bytes: 512n, wr_operations: 1n, errs: -1n });
    assert.equal(stats.read.bytes, 512n);
    assert.equal(stats.write.requests, 1n);
    assert.equal(stats.errors, undefined);
  });

  it('of a job tell what it does and how far it is', () => {
    const job = domainJob({ operation: 2, time_elapsed: 5n, data_total: 10n, data_remaining: 4n });
    assert.equal(job.operation, 'save');
    assert.deepEqual(job.data, { total: 10n, processed: undefined, remaining: 4n });
    assert.equal(domainJob({ operation: 99 }).operation, 'unknown');
    assert.equal(jobType(0), undefined);
    assert.equal(jobType(3), 'completed');
  });

  it('that the driver does not have are refused', () =>
    withDomain(async (domain) => {
      const calls = [
        domain.getJob(),
        domain.abortJob(),
        domain.getBlockJob('vda'),
        domain.abortBlockJob('vda', { pivot: true }),
        domain.blockCommit('vda', { base: 'vda[1]', bandwidth: 1024 }),
      ];
      await Promise.all(calls.map((each) => assert.rejects(each, { code: 'VIR_ERR_NO_SUPPORT' })));
    }));
});
