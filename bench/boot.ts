import { createConnection } from 'node:net';
import { performance } from 'node:perf_hooks';
import { spawn } from 'node:child_process';
import { PodmanBootc, type VirtualMachine } from '../src/index.js';
import { cli } from '../test/support/project.js';

/*
 * Boots a VM again and again. In every second boot nobody watches but a prober of our own, which says when sshd
 * accepts; in the others podman-bootc waits for it too. Needs a libvirt, a rootful podman and an image: BENCH_IMAGE.
 */

const image = process.env.BENCH_IMAGE;
const runs = Number(process.env.BENCH_BOOTS ?? 5);
const name = `bench-${process.pid}`;

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

async function measure(client: PodmanBootc, vm: VirtualMachine): Promise<string[]> {
  const alone: number[] = [];
  const watched: number[] = [];
  const delays: number[] = [];
  for (let run = 0; run < runs; run++) {
    const timeout = AbortSignal.timeout(900_000);
    await client.start(vm);
    const begin = performance.now();
    alone.push((await banner(vm.metadata.ssh.port, timeout)) - begin);
    await client.stop(vm, { timeout: 0 });

    await client.start(vm);
    const begun = performance.now();
    const [accepted] = await Promise.all([
      banner(vm.metadata.ssh.port, timeout),
      client.waitUntilReady(vm, { timeout: 900_000 }),
    ]);
    watched.push(accepted - begun);
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
  ];
}

if (image === undefined) {
  console.log('\nBoots are not measured: BENCH_IMAGE names no bootable image.');
} else {
  await using client = await PodmanBootc.open();
  const vm = await client.create(image, { name });
  try {
    const rows = await measure(client, vm);
    console.log(
      `\nBoots of ${image}, ${runs} each.\n\n| what | | |\n| --- | ---: | ---: |\n${rows.join('\n')}`,
    );
  } finally {
    await client.remove(name, { force: true });
  }
}
