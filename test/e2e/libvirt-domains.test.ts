import assert from 'node:assert/strict';
import { chmodSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { connect, type Connection, type Domain, type DomainEvents } from '../../src/libvirt/index.js';
import { host } from './support/cli.js';

const MiB = 1024 * 1024;

function networkInterface(link: string): string {
  return `<interface type='user'><mac address='52:54:00:00:00:01'/><model type='e1000'/><link state='${link}'/></interface>`;
}

/** What the binding does with QEMU, in a guest that has nothing to boot from. */
describe("the binding's domains, on QEMU", () => {
  let connection: Connection;
  let domain: Domain;
  let directory: string;
  let base: string;
  let events: DomainEvents;
  let listening: Promise<void>;
  const seen: string[] = [];

  const listen = async (): Promise<void> => {
    for await (const event of events) {
      if (event.type === 'lifecycle') seen.push(`lifecycle ${event.event}`);
      else if (event.type === 'block-job') seen.push(`block-job ${event.disk} ${event.job} ${event.status}`);
      else if (event.type === 'device-removed') seen.push(`device-removed ${event.alias}`);
      else seen.push(event.type);
    }
  };

  /** Waits for an event. */
  const heard = async (event: string): Promise<void> => {
    const deadline = Date.now() + 120_000;
    while (!seen.includes(event)) {
      assert.ok(Date.now() < deadline, `Waited in vain for ${event}; there were ${seen.join(', ')}`);
      await sleep(10);
    }
  };

  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'libvirt-domains-'));
    chmodSync(directory, 0o777);
    base = join(directory, 'disk.qcow2');
    host('qemu-img', 'create', '-q', '-f', 'qcow2', base, '16M');
    chmodSync(base, 0o666);
    connection = await connect('qemu:///system');
    events = connection.domainEvents();
    await events.ready();
    listening = listen();
    domain = await connection.defineDomain(`
      <domain type='qemu'>
        <name>libvirt-domains</name>
        <memory unit='MiB'>32</memory>
        <vcpu current='1'>2</vcpu>
        <os><type arch='x86_64' machine='pc'>hvm</type></os>
        <features><acpi/></features>
        <on_reboot>restart</on_reboot>
        <devices>
          <disk type='file' device='disk'>
            <driver name='qemu' type='qcow2'/>
            <source file='${base}'/>
            <target dev='vda' bus='virtio'/>
          </disk>
          ${networkInterface('up')}
          <controller type='usb' model='qemu-xhci'/>
          <channel type='unix'><target type='virtio' name='org.qemu.guest_agent.0'/></channel>
          <video><model type='vga'/></video>
          <graphics type='vnc' autoport='yes'/>
        </devices>
      </domain>`);
    await domain.create();
  });

  after(async () => {
    if (await domain.isActive()) await domain.destroy();
    await domain.undefine({ managedSave: true, snapshotsMetadata: true });
    await connection.close();
    // The iterator ends with the connection.
    await listening;
    rmSync(directory, { recursive: true });
  });

  it('run, pause and reset', async () => {
    await heard('lifecycle started');
    await domain.suspend();
    assert.equal((await domain.getState()).reason, 'user');
    await domain.resume();
    assert.equal((await domain.getState()).reason, 'unpaused');
    await domain.reset();
    await heard('reboot');
  });

  it('show a picture and take keys', async () => {
    const { mimeType, data } = await domain.screenshot();
    // A black screen makes a picture of a few hundred bytes; its end tells that it is whole.
    if (mimeType === 'image/png')
      assert.equal(data.toString('latin1', data.length - 8, data.length - 4), 'IEND');
    else {
      assert.equal(mimeType, 'image/x-portable-pixmap');
      const [header = '', width, height] =
        /^P6\s(\d+)\s(\d+)\s255\s/.exec(data.toString('latin1', 0, 100)) ?? [];
      assert.equal(data.length, header.length + 3 * Number(width) * Number(height));
    }
    await domain.sendKey([29, 56, 111], { holdTime: 10 });
  });

  it('take devices and give them back', async () => {
    const device = "<input type='tablet' bus='usb'><alias name='ua-tablet'/></input>";
    // QEMU tells that a device is gone when nothing refers to it any more, and waits for the guest's processors with
    // that (RCU). One that is emulated and busy in its firmware keeps it waiting for seconds, or for minutes on a
    // machine that has other things to do; processors that stand still do not.
    await domain.suspend();
    await domain.attachDevice(device, { live: true });
    assert.match(await domain.getXml(), /ua-tablet/);
    await domain.detachDeviceByAlias('ua-tablet', { live: true });
    await heard('device-removed ua-tablet');
    assert.doesNotMatch(await domain.getXml(), /ua-tablet/);
    await assert.rejects(domain.detachDevice(device, { live: true }), {
      code: /VIR_ERR_(DEVICE_MISSING|OPERATION_FAILED)/,
    });
    await domain.updateDevice(networkInterface('down'), { live: true });
    assert.match(await domain.getXml(), /<link state='down'\/>/);
    await domain.resume();
  });

  it('have memory, processors and messages', async () => {
    await domain.setMemory(64 * 1024, { config: true, maximum: true });
    assert.match(await domain.getXml({ inactive: true }), /<memory unit='KiB'>65536</);
    assert.equal(await domain.getVcpus({ maximum: true, live: true }), 2);
    assert.ok(((await domain.getMemoryStats()).rss ?? 0n) > 0n);
    assert.ok(Array.isArray(await domain.getMessages()));
    assert.equal(await domain.getJob(), null);
    await assert.rejects(domain.abortJob(), { code: 'VIR_ERR_OPERATION_INVALID' });
  });

  it('are counted, all in one call', async () => {
    const [stats] = await connection.getAllDomainStats({ active: true, backing: true });
    assert.equal(stats?.domain.name, domain.name);
    assert.equal(stats.state?.state, 'running');
    assert.ok((stats.cpu?.time ?? 0n) > 0n);
    assert.ok((stats.memory?.current ?? 0n) > 0n);
    assert.equal(stats.vcpus[0]?.state, 'running');
    const disk = stats.disks.find(({ name }) => name === 'vda');
    assert.equal(disk?.path, base);
    assert.equal(typeof disk.read.bytes, 'bigint');
    assert.equal(typeof (await domain.getBlockStats('vda')).read.requests, 'bigint');
  });

  it('have disks that grow', async () => {
    assert.equal((await domain.getBlockInfo('vda')).capacity, BigInt(16 * MiB));
    await domain.resizeBlock('vda', 20 * MiB);
    assert.equal((await domain.getBlockInfo('vda')).capacity, BigInt(20 * MiB));
  });

  it('have an agent that does not answer when there is none', async () => {
    await assert.rejects(domain.agentCommand({ execute: 'guest-ping' }, { timeout: 1 }), {
      code: 'VIR_ERR_AGENT_UNRESPONSIVE',
    });
    await assert.rejects(domain.getGuestInfo({ types: ['os'] }), { code: 'VIR_ERR_AGENT_UNRESPONSIVE' });
    await assert.rejects(domain.interfaceAddresses({ source: 'agent' }), {
      code: 'VIR_ERR_AGENT_UNRESPONSIVE',
    });
    assert.deepEqual(await domain.interfaceAddresses({ source: 'lease' }), []);
  });

  it('have snapshots inside of their images', async () => {
    const snapshot = await domain.createSnapshot('<domainsnapshot><name>running</name></domainsnapshot>');
    await snapshot.revert({ paused: true });
    assert.deepEqual(await domain.getState(), { state: 'paused', reason: 'from-snapshot', reasonNumber: 7 });
    assert.deepEqual(
      (await domain.listSnapshots({ internal: true })).map(({ name }) => name),
      ['running'],
    );
    await snapshot.delete();
    await domain.resume();
  });

  it('commit an overlay into what is below it', async () => {
    const overlay = join(directory, 'overlay.qcow2');
    await domain.createSnapshot(
      `<domainsnapshot><disks>
         <disk name='vda' snapshot='external'><source file='${overlay}'/></disk>
       </disks></domainsnapshot>`,
      { diskOnly: true, noMetadata: true, atomic: true },
    );
    assert.match(await domain.getXml(), /overlay\.qcow2/);
    assert.equal(await domain.getBlockJob('vda'), null);
    await domain.blockCommit('vda', { active: true, bandwidth: 1024 * MiB });
    await heard('block-job vda active-commit ready');
    const job = await domain.getBlockJob('vda');
    assert.equal(job?.type, 'active-commit');
    assert.equal(job.current, job.end);
    await domain.abortBlockJob('vda', { pivot: true });
    await heard('block-job vda active-commit completed');
    assert.doesNotMatch(await domain.getXml(), /overlay\.qcow2/);
  });

  it('save their memory, and go on with it', async () => {
    await domain.managedSave();
    assert.equal((await domain.getState()).reason, 'saved');
    assert.equal(await domain.hasManagedSave(), true);
    await domain.create();
    assert.equal((await domain.getState()).reason, 'restored');
    await heard('job-completed');
  });
});
