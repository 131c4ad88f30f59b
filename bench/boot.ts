import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createConnection } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { BootRecognizer } from '../src/boot/recognizer.js';
import { LiveView } from '../src/cli/views.js';
import { PodmanBootc, type VirtualMachine } from '../src/index.js';
import { followFile } from '../src/vm/follow-file.js';
import { cli } from '../test/support/project.js';

/*
 * What watching a console costs without a VM, and then boots of a VM, again and again. In every second boot nobody
 * watches but a prober of our own, which says when sshd accepts; in the others podman-bootc waits for it too. Needs a
 * libvirt, a rootful podman and an image: BENCH_IMAGE. The guest tells all it does (BENCH_KARGS: arguments of its
 * kernel).
 */

const image = process.env.BENCH_IMAGE;
const runs = Number(process.env.BENCH_BOOTS ?? 5);
const name = `bench-${process.pid}`;
const kargs = (process.env.BENCH_KARGS ?? 'loglevel=7 systemd.show_status=yes')
  .split(' ')
  .filter((argument) => argument !== '');

/** Milliseconds between two attempts of the prober. */
const interval = 20;

/** When a server first showed an SSH banner on a port. */
async function banner(port: number, signal: AbortSignal): Promise<number> {
  for (;;) {
    signal.throwIfAborted();
    const isThere = await new Promise<boolean>((resolve) => {
      const socket = createConnection({ host: '127.0.0.1', port });
      const finish = (found: boolean): void => {
        socket.destroy();
        resolve(found);
      };
      // A connection that user-mode networking took while nobody answered stays silent for ever.
      socket.setTimeout(500, () => {
        finish(false);
      });
      socket.once('data', (data) => {
        finish(data.toString('latin1').startsWith('SSH-'));
      });
      socket.once('error', () => {
        finish(false);
      });
      socket.once('close', () => {
        finish(false);
      });
    });
    if (isThere) return performance.now();
    await new Promise((resolve) => setTimeout(resolve, interval));
  }
}

/** When a command that podman-bootc runs in the guest first says something. */
function session(): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn(
      process.execPath,
      [cli, 'run', '--name', name, image ?? '', 'echo opened; cat > /dev/null'],
      {
        stdio: ['pipe', 'pipe', 'ignore'],
      },
    );
    let openedAt = 0;
    child.stdout.once('data', () => {
      openedAt = performance.now();
      child.stdin.end();
    });
    child.once('error', reject).once('close', () => {
      resolve(openedAt);
    });
  });
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

/** Seconds of CPU that this process has used since the last call. */
function cpuTime(): () => number {
  let before = process.cpuUsage();
  return () => {
    const used = process.cpuUsage(before);
    before = process.cpuUsage();
    return (used.user + used.system) / 1e6;
  };
}

/** 100 MB of console through all that a boot's console goes through on a terminal. @returns seconds of CPU */
async function watchText(): Promise<number> {
  const directory = mkdtempSync(join(tmpdir(), 'podman-bootc-bench-'));
  const file = join(directory, 'console.log');
  const line = `[   12.345678] app[77]: ${'lorem ipsum dolor sit amet '.repeat(4)}\r\n`;
  const part = Buffer.from(line.repeat(Math.ceil(1e6 / line.length)));
  for (let count = 0; count < 100; count++) appendFileSync(file, part);
  const terminal = { isTTY: true, columns: 80, rows: 24, write: () => true };
  const view = await LiveView.open(terminal, { colour: true, unicode: true });
  const boot = new BootRecognizer({
    onLine: (text, overwritten) => {
      view.progress({ type: 'console', text, overwritten });
    },
  });
  const used = cpuTime();
  for await (const chunk of followFile(file, { end: AbortSignal.abort() })) boot.push(chunk);
  const seconds = used();
  view.close('done');
  rmSync(directory, { recursive: true });
  return seconds;
}

async function measure(client: PodmanBootc, vm: VirtualMachine): Promise<string[]> {
  const alone: number[] = [];
  const watched: number[] = [];
  const delays: number[] = [];
  const cpu: { alone: number[]; watched: number[] } = { alone: [], watched: [] };
  const used = cpuTime();
  for (let run = 0; run < runs; run++) {
    const timeout = AbortSignal.timeout(900_000);
    await client.start(vm);
    const begin = performance.now();
    used();
    alone.push((await banner(vm.metadata.ssh.port, timeout)) - begin);
    cpu.alone.push(used());
    await client.stop(vm, { timeout: 0 });

    await client.start(vm);
    const begun = performance.now();
    used();
    const [accepted] = await Promise.all([
      banner(vm.metadata.ssh.port, timeout),
      client.waitUntilReady(vm, { timeout: 900_000 }),
    ]);
    watched.push(accepted - begun);
    cpu.watched.push(used());
    await client.stop(vm, { timeout: 0 });

    const [at, opened] = await Promise.all([banner(vm.metadata.ssh.port, timeout), session()]);
    delays.push(opened - at);
    await client.stop(vm, { timeout: 0 });
  }
  const ratio = median(watched.map((value, index) => value / (alone[index] ?? NaN)));
  return [
    `| sshd accepts → a command of our session speaks, ms (median, maximum) | ${median(delays).toFixed(0)} | ${Math.max(...delays).toFixed(0)} |`,
    `| start → sshd accepts, s: nobody watches, watched by us | ${(median(alone) / 1000).toFixed(1)} | ${(median(watched) / 1000).toFixed(1)} |`,
    `| the same as the median of the pairs' ratios | | ${ratio.toFixed(3)} |`,
    `| CPU time of this process meanwhile, s: prober alone, prober and watching | ${median(cpu.alone).toFixed(2)} | ${median(cpu.watched).toFixed(2)} |`,
  ];
}

console.log(
  `\n100 MB of console, followed, recognised and drawn: ${(await watchText()).toFixed(1)} s of CPU.`,
);
if (image === undefined) {
  console.log('\nBoots are not measured: BENCH_IMAGE names no bootable image.');
} else {
  await using client = await PodmanBootc.open();
  const vm = await client.create(image, { name, kargs });
  try {
    const rows = await measure(client, vm);
    console.log(
      `\nBoots of ${image}, ${runs} each.\n\n| what | | |\n| --- | ---: | ---: |\n${rows.join('\n')}`,
    );
  } finally {
    await client.remove(name, { force: true });
  }
}
