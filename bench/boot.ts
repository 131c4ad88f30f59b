import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { BootRecognizer } from '../src/boot/recognizer.js';
import { LiveView } from '../src/cli/output/views.js';
import { PodmanBootc, type VirtualMachine } from '../src/index.js';
import { openGreeted } from '../src/ssh/banner.js';
import { followFile } from '../src/vm/host/follow-file.js';
import { cli } from '../test/support/project.js';

/*
 * What watching a console costs without a VM, and then boots of a VM, again and again: one that nobody watches, one
 * that podman-bootc waits for, one with a session. The guest itself says when its sshd accepted connections, so that
 * nothing else has to connect meanwhile. Needs a libvirt, a rootful podman and an image with systemd-networkd:
 * BENCH_IMAGE. The guest tells all it does (BENCH_KARGS: arguments of its kernel).
 */

const image = process.env.BENCH_IMAGE;
const runs = Number(process.env.BENCH_BOOTS ?? 5);
const name = `bench-${process.pid}`;
const kargs = (process.env.BENCH_KARGS ?? 'loglevel=7 systemd.show_status=yes')
  .split(' ')
  .filter((argument) => argument !== '');

/** Uptime; when sshd listened, in microseconds of the same clock; when the network got its address, in seconds of it. */
const question = `cat /proc/uptime
systemctl show --property=ActiveEnterTimestampMonotonic ssh.service
journalctl --boot --no-pager --output=short-monotonic --unit=systemd-networkd --grep='DHCPv4 address' --quiet`;

interface Session {
  /** Of this process's clock, when sshd accepted connections. */
  acceptedAt: number;
  /** Milliseconds of the guest's clock between that and the session's command. */
  delay: number;
}

/** Runs a command in the guest. @throws where it says nothing of what is asked */
function session(...command: string[]): Promise<Session> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [cli, ...command, question], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let openedAt = 0;
    let output = '';
    child.stdout.on('data', (data: Buffer) => {
      openedAt ||= performance.now();
      output += data.toString();
    });
    child.once('error', reject).once('close', () => {
      const uptime = Number(/^[\d.]+/.exec(output)?.[0]);
      const listening = Number(/ActiveEnterTimestampMonotonic=(\d+)/.exec(output)?.[1]) / 1e6;
      const reachable = Number(/^\[ *([\d.]+)\].*DHCPv4 address/m.exec(output)?.[1]);
      const delay = (uptime - Math.max(listening, reachable)) * 1000;
      if (Number.isFinite(delay)) resolve({ acceptedAt: openedAt - delay, delay });
      else reject(new Error(`The guest does not say when its sshd accepted connections: ${output}`));
    });
  });
}

/** Waits without watching: one connection every 5 s. */
async function untilItAnswers(port: number): Promise<void> {
  const patience = { connectTimeout: 5000, patience: 5000 };
  for (;;) {
    const answer = await openGreeted({ port }, patience);
    if ('socket' in answer) {
      answer.socket.destroy();
      return;
    }
    if (answer.closed) await new Promise((resolve) => setTimeout(resolve, 5000));
  }
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
    await client.start(vm);
    let begin = performance.now();
    used();
    await untilItAnswers(vm.metadata.ssh.port);
    cpu.alone.push(used());
    alone.push((await session('ssh', name)).acceptedAt - begin);
    await client.stop(vm, { timeout: 0 });

    await client.start(vm);
    begin = performance.now();
    used();
    await client.waitUntilReady(vm, { timeout: 900_000 });
    cpu.watched.push(used());
    watched.push((await session('ssh', name)).acceptedAt - begin);
    await client.stop(vm, { timeout: 0 });

    delays.push((await session('run', '--quiet', '--name', name, image ?? '')).delay);
    await client.stop(vm, { timeout: 0 });
  }
  const ratio = median(watched.map((value, index) => value / (alone[index] ?? NaN)));
  return [
    `| sshd accepts → our session's command, ms (median, maximum) | ${median(delays).toFixed(0)} | ${Math.max(...delays).toFixed(0)} |`,
    `| start → sshd accepts, s: nobody watches, watched by us | ${(median(alone) / 1000).toFixed(1)} | ${(median(watched) / 1000).toFixed(1)} |`,
    `| the same as the median of the pairs' ratios | | ${ratio.toFixed(3)} |`,
    `| CPU time of this process meanwhile, s: waiting for a banner, watching | ${median(cpu.alone).toFixed(2)} | ${median(cpu.watched).toFixed(2)} |`,
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
