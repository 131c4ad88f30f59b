import { spawn, spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { cli } from '../test/support/project.js';

/*
 * VMs against what virsh, qemu-img and ssh take for the same without us. Needs the test bed (`test/testbed/enter`, and
 * the image localhost/podman-bootc-demo); elsewhere it says so and ends.
 */

const image = 'localhost/podman-bootc-demo:latest';
const definitions = Number(process.env.BENCH_RUNS ?? 15);
const boots = Number(process.env.BENCH_BOOTS ?? 3);
const vms = '/var/lib/podman-bootc/vms';

function run(program: string, ...args: string[]): string {
  const { status, stdout, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
  return stdout;
}

function podmanBootc(...args: string[]): string {
  return run(process.execPath, cli, ...args);
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

async function time(action: () => unknown): Promise<number> {
  const begin = performance.now();
  await action();
  return performance.now() - begin;
}

function printRow(what: string, pairs: readonly (readonly [number, number])[]): void {
  const [before, after] = [median(pairs.map(([b]) => b)), median(pairs.map(([, c]) => c))];
  const ratio = median(pairs.map(([b, c]) => c / b));
  const difference = median(pairs.map(([b, c]) => c - b));
  console.log(
    `| ${what} | ${before.toFixed(0)} | ${after.toFixed(0)} | ${difference.toFixed(0)} | ${ratio.toFixed(2)} |`,
  );
}

/** From nothing but the base disk to a defined VM. The floor makes the same overlay and defines the same domain. */
async function define(directory: string): Promise<void> {
  const xml = run('virsh', 'dumpxml', '--inactive', 'first');
  const [, base = ''] = /<backingStore[^>]*>[^]*?<source file='([^']+)'/.exec(xml) ?? [];
  const [, overlay = ''] = /<source file='([^']+\.qcow2)'/.exec(xml) ?? [];
  const size = JSON.parse(run('qemu-img', 'info', '--output', 'json', overlay)) as { 'virtual-size': number };
  const copy = join(directory, 'floor.qcow2');
  const file = join(directory, 'floor.xml');
  writeFileSync(
    file,
    xml
      .replace('<name>first<', '<name>floor<')
      .replace(/<uuid>.*<\/uuid>\n/, '')
      .replace(overlay, copy)
      .replace(/<nvram[^>]*>[^<]*<\/nvram>/, ''),
  );
  const pairs: [number, number][] = [];
  for (let index = 0; index <= definitions; index++) {
    const floor = await time(() => {
      run(
        'qemu-img',
        'create',
        '-q',
        '-f',
        'qcow2',
        '-b',
        base,
        '-F',
        'raw',
        copy,
        String(size['virtual-size']),
      );
      run('virsh', 'define', file);
    });
    run('virsh', 'undefine', 'floor', '--nvram');
    const ours = await time(() => podmanBootc('create', '--name', 'ours', image));
    podmanBootc('rm', 'ours');
    // The first pair warms up.
    if (index > 0) pairs.push([floor, ours]);
  }
  printRow('second VM of an image to "defined", against `qemu-img create` and `virsh define`', pairs);
}

/** From `start` to a command that has run in the guest. The floor polls with the same ssh, key and disk. */
async function boot(): Promise<void> {
  const [vm] = JSON.parse(podmanBootc('list', '--format', 'json')) as {
    uuid: string;
    ssh: { port: number };
  }[];
  if (!vm) throw new Error('the VM is gone');
  const directory = join(vms, vm.uuid);
  const ssh = [
    ...['-F', 'none', '-i', join(directory, 'id_ed25519'), '-p', String(vm.ssh.port)],
    ...['-o', 'StrictHostKeyChecking=no', '-o', 'UserKnownHostsFile=/dev/null'],
    ...['-o', 'BatchMode=yes', '-o', 'ConnectTimeout=2', '-o', 'LogLevel=QUIET'],
    ...['root@127.0.0.1', 'true'],
  ];
  const pollOnce = (): Promise<boolean> =>
    new Promise((resolve) => {
      spawn('ssh', ssh, { stdio: 'ignore' }).once('close', (code) => {
        resolve(code === 0);
      });
    });
  const pairs: [number, number][] = [];
  for (let index = 0; index < boots; index++) {
    const floor = await time(async () => {
      run('virsh', 'start', 'first');
      while (!(await pollOnce())) await new Promise((resolve) => setTimeout(resolve, 100));
    });
    run('virsh', 'destroy', 'first');
    const ours = await time(() => {
      podmanBootc('start', 'first');
      podmanBootc('ssh', 'first', 'true');
    });
    run('virsh', 'destroy', 'first');
    pairs.push([floor, ours]);
  }
  printRow('`start` to a command over SSH, against `virsh start` and polling with ssh', pairs);
  console.log(
    `\nBoots one by one, of each kind (ms): floor ${pairs.map(([b]) => b.toFixed(0)).join(', ')}; podman-bootc ${pairs.map(([, c]) => c.toFixed(0)).join(', ')}.`,
  );
}

if (process.env.TESTBED_STATE === undefined) {
  console.log('\nThe measurements of VMs need the test bed: test/testbed/enter npm run bench');
} else if (existsSync(vms) && readdirSync(vms).length > 0) {
  throw new Error(`${vms} is not empty`);
} else {
  const directory = mkdtempSync(join(tmpdir(), 'vm-bench-'));
  try {
    podmanBootc('create', '--name', 'first', image);
    console.log(
      `\nVMs, medians of ${definitions} pairs and of ${boots} pairs of boots, milliseconds.\n\n| what | baseline | podman-bootc | difference | ratio |\n| --- | ---: | ---: | ---: | ---: |`,
    );
    await define(directory);
    await boot();
  } finally {
    podmanBootc('rm', '--force', '--all');
    rmSync(directory, { recursive: true });
  }
}
