import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { connect, isLibvirtError, type Connection, type Domain } from '../src/libvirt/index.js';

/*
 * The binding against virsh, in the same run. In the test bed (`test/testbed/enter`, with a libvirtd) also
 * streams; elsewhere those rows are left out.
 */

const mebibyte = 1024 * 1024;
const namespace = 'https://podman-bootc.example/bench';
const directory = mkdtempSync(join(tmpdir(), 'libvirt-bench-'));
const rows: string[] = [];
const row = (what: string, ours: string, baseline = '', note = '') =>
  rows.push(`| ${what} | ${ours} | ${baseline} | ${note} |`);

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

async function time(action: () => unknown): Promise<number> {
  const begin = performance.now();
  await action();
  return performance.now() - begin;
}

async function medianOf(runs: number, action: () => unknown): Promise<number> {
  const times: number[] = [];
  await action();
  for (let i = 0; i < runs; i++) times.push(await time(action));
  return median(times);
}

/** A state of the test driver with so many domains, each with metadata. */
function testUri(count: number): string {
  const domains = Array.from(
    { length: count },
    (_, i) =>
      `<domain type='test'><name>vm-${i}</name><memory>8192</memory><os><type>hvm</type></os>` +
      `<metadata><b:vm xmlns:b='${namespace}' image='quay.io/example/image:${i}'/></metadata></domain>`,
  );
  const file = join(directory, 'node.xml');
  writeFileSync(file, `<node>${domains.join('')}</node>`);
  return `test://${file}`;
}

function virsh(...args: string[]): string {
  return execFileSync('virsh', ['-q', ...args], { encoding: 'utf8', maxBuffer: 64 * mebibyte });
}

async function describeAll(connection: Connection): Promise<void> {
  const domains = await connection.listAllDomains();
  await Promise.all(
    domains.map(async (domain) => {
      await Promise.all([domain.getState(), domain.getMetadata(namespace)]);
      await domain.close();
    }),
  );
}

async function list(): Promise<void> {
  const count = 1000;
  const sample = 20;
  const uri = testUri(count);
  await using connection = await connect(uri);
  const ours = await medianOf(7, () => describeAll(connection));
  const fresh = await medianOf(3, async () => {
    await using own = await connect(uri);
    await describeAll(own);
  });
  const listed = await medianOf(3, () => virsh('-c', uri, 'list', '--all'));
  const dumped = await medianOf(1, () => {
    for (let i = 0; i < sample; i++) virsh('-c', uri, 'dumpxml', `vm-${i}`);
  });
  const each = (ms: number, of = count) => `${((ms * 1000) / of).toFixed(1)} µs`;
  row(
    `list ${count} domains with name, state and metadata, per domain`,
    each(ours),
    '',
    `open connection; ${1 + 2 * count} calls, each a round trip where there is a daemon`,
  );
  row('the same, with connecting', each(fresh), each(listed), '`virsh list --all`: name and state only');
  row('', '', each(dumped, sample), `a \`virsh dumpxml\` per domain, scaled from a sample of ${sample}`);

  const library = new URL('../src/libvirt/index.js', import.meta.url).href;
  /** The resident memory of a process of its own. */
  const memory = (hold: boolean) => {
    const code = `
      import { connect } from ${JSON.stringify(library)};
      const connection = await connect(${JSON.stringify(uri)});
      const domains = ${hold} ? await connection.listAllDomains() : [];
      console.log(process.memoryUsage.rss());
      for (const domain of domains) await domain.close();`;
    const rss = execFileSync(process.execPath, ['--input-type=module', '-e', code], { encoding: 'utf8' });
    return `${(Number(rss) / mebibyte).toFixed(1)} MiB`;
  };
  row(
    `resident memory with ${count} domain handles`,
    memory(true),
    memory(false),
    'connected, without handles',
  );
}

async function calls(uri: string, label: string): Promise<void> {
  await using connection = await connect(uri);
  const name = (await connection.listAllDomains())[0]?.name ?? 'absent';
  const lookup = async () => {
    try {
      await (await connection.lookupDomainByName(name)).close();
    } catch (error) {
      if (!isLibvirtError(error, 'VIR_ERR_NO_DOMAIN')) throw error;
    }
  };
  const count = 2000;
  const sequence = async (call: () => Promise<unknown>) => {
    for (let i = 0; i < count; i++) await call();
  };
  const each = (ms: number) => `${((ms * 1000) / count).toFixed(1)} µs`;
  row(`getVersion, ${label}`, each(await medianOf(5, () => sequence(() => connection.getVersion()))));
  row(`lookup by name, ${label}`, each(await medianOf(5, () => sequence(lookup))));
  const rates: string[] = [];
  for (const inFlight of [1, 16, 256]) {
    const ms = await medianOf(3, async () => {
      let left = count;
      await Promise.all(
        Array.from({ length: inFlight }, async () => {
          while (left-- > 0) await connection.getLibraryVersion();
        }),
      );
    });
    rates.push(`${((count / ms) * 1000).toFixed(0)}/s`);
  }
  row(`calls with 1, 16 and 256 in flight, ${label}`, rates.join(', '));
}

/**
 * QEMU and libvirt are both clients of a server here, so that a stream is as fast as libvirt and not as a
 * guest that is emulated.
 */
async function channel(connection: Connection): Promise<void> {
  const path = join(directory, 'channel');
  const sockets: Socket[] = [];
  const server = createServer((socket) => sockets.push(socket.on('error', () => undefined)));
  server.listen(path);
  await once(server, 'listening');
  execFileSync('chmod', ['777', directory, path]);
  const domain = await connection.defineDomain(`
<domain type='qemu'><name>bench</name><memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type></os>
  <devices><emulator>/usr/bin/qemu-system-x86_64</emulator>
    <channel type='unix'><source mode='connect' path='${path}'/><target type='virtio' name='bench'/></channel>
    <memballoon model='none'/>
  </devices></domain>`);
  try {
    await domain.create({ paused: true });
    const stream = await domain.openChannel({ name: 'bench' });
    const socket = sockets.at(-1);
    if (!socket) throw new Error('libvirt did not connect');
    const total = 128 * mebibyte;
    const chunk = Buffer.alloc(256 * 1024, 'x');
    let received = 0;
    const ms = await time(async () => {
      const sent = pipeline(
        Readable.from(
          (function* () {
            for (let i = 0; i < total; i += chunk.length) yield chunk;
          })(),
        ),
        socket,
        { end: false },
      );
      for await (const data of stream) if ((received += (data as Buffer).length) >= total) break;
      await sent;
    });
    row('read a channel', `${(total / mebibyte / (ms / 1000)).toFixed(0)} MiB/s`);
  } finally {
    await removeDomain(domain);
    for (const socket of sockets) socket.destroy();
    server.close();
  }
}

async function removeDomain(domain: Domain): Promise<void> {
  if (await domain.isActive()) await domain.destroy();
  await domain.undefine();
}

async function volumes(connection: Connection): Promise<void> {
  const target = mkdtempSync('/var/lib/libvirt/bench-');
  const bytes = 512 * mebibyte;
  const file = join(target, 'source');
  const pool = await connection.createStoragePool(
    `<pool type='dir'><name>bench</name><target><path>${target}</path></target></pool>`,
  );
  try {
    await pool.createVolume(
      `<volume><name>volume</name><capacity>${bytes}</capacity><allocation>${bytes}</allocation></volume>`,
    );
    const volume = await pool.lookupVolumeByName('volume');
    const chunk = Buffer.alloc(mebibyte, 'x');
    const source = function* () {
      for (let i = 0; i < bytes; i += chunk.length) yield chunk;
    };
    execFileSync('sh', ['-c', `yes | head -c ${bytes} >${file}`]);
    const rate = (ms: number) => `${(bytes / mebibyte / (ms / 1000)).toFixed(0)} MiB/s`;
    const upload = await medianOf(3, async () => {
      await pipeline(Readable.from(source()), await volume.upload());
    });
    const virshUpload = await medianOf(3, () => virsh('vol-upload', 'volume', file, '--pool', 'bench'));
    row('upload a volume', rate(upload), rate(virshUpload), '`virsh vol-upload`, from a file');
    const download = await medianOf(3, async () => {
      const stream = (await volume.download()).resume();
      await once(stream, 'end');
    });
    const virshDownload = await medianOf(3, () =>
      virsh('vol-download', 'volume', '/dev/null', '--pool', 'bench'),
    );
    row('download a volume', rate(download), rate(virshDownload), '`virsh vol-download`, to /dev/null');
  } finally {
    await pool.destroy();
    rmSync(target, { recursive: true });
  }
}

try {
  await list();
  await calls('test:///default', 'no daemon');
  if (process.env.TESTBED_STATE !== undefined) {
    await calls('qemu:///system', 'libvirtd');
    await using connection = await connect('qemu:///system');
    await volumes(connection);
    await channel(connection);
  }
  console.log('Medians; the baseline is measured in the same run.\n');
  console.log('| what | binding | baseline | note |\n| --- | ---: | ---: | --- |');
  console.log(rows.join('\n'));
} finally {
  rmSync(directory, { recursive: true });
}
