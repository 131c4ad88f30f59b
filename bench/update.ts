import { performance } from 'node:perf_hooks';
import { codeOf } from '../src/errors.js';
import { PodmanBootc, type VirtualMachine } from '../src/index.js';
import { silentReporter, type Progress } from '../src/report.js';
import { host } from '../test/e2e/support/cli.js';
import { rebuild } from '../test/e2e/support/rebuild.js';

/*
 * From a rebuilt image to a command in the VM: by a new VM, as without `upgrade`, and by `upgrade`. One file changes each time. Needs
 * the test bed (`test/testbed/enter`); BENCH_IMAGES are images of it.
 */

const images = (process.env.BENCH_IMAGES ?? 'podman-bootc-demo').split(' ');
const rounds = Number(process.env.BENCH_UPDATES ?? 3);
const name = 'bench-update';
const changed = '/usr/share/bench/version';

interface Round {
  fresh: number;
  upgrade: number;
  /** Of `upgrade`: from when bootc was called until the guest was on its way down. */
  staging: number;
  /** The same guest, ended in order and booted again, with nothing staged. */
  powerCycle: number;
  live: number;
  bytes: number;
  way: string;
}

const seconds = async (action: () => Promise<unknown>): Promise<number> => {
  const begin = performance.now();
  await action();
  return (performance.now() - begin) / 1000;
};

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

async function measure(image: string): Promise<Round[]> {
  /** Stages as they were told of, the newest last. */
  const stages: { stage: string; at: number }[] = [];
  const progress = (event: Progress): void => {
    if (event.type === 'stage') stages.push({ stage: event.stage, at: performance.now() });
  };
  await using client = await PodmanBootc.open({ reporter: { ...silentReporter, progress } });
  let version = 0;
  const next = (): void => {
    version++;
    rebuild(name, { files: { [changed]: `${version}\n` } }, version === 1 ? `localhost/${image}` : undefined);
  };
  const fresh = async (vmName: string): Promise<VirtualMachine> => {
    const vm = await client.create(`localhost/${name}`, { name: vmName, firmware: 'bios', cpus: 1 });
    await client.start(vm);
    await client.waitUntilReady(vm);
    return vm;
  };
  next();
  try {
    const vm = await fresh('updated');
    const result: Round[] = [];
    for (let round = 0; round < rounds; round++) {
      next();
      const freshly = await seconds(() => fresh('fresh'));
      await client.remove('fresh', { force: true });

      next();
      stages.length = 0;
      let bytes = 0;
      let way = '';
      const upgrade = await seconds(async () => {
        const outcome = await client.upgrade(vm, { quiet: true });
        if (outcome.outcome !== 'updated') throw new Error(`The VM is ${outcome.outcome}`);
        bytes = outcome.transferred;
        way = outcome.way ?? '';
      });
      const staged = stages.findIndex(({ stage }) => stage === 'install');
      const staging = ((stages[staged + 1]?.at ?? NaN) - (stages[staged]?.at ?? NaN)) / 1000;

      const powerCycle = await seconds(async () => {
        await client.stop(vm);
        await client.start(vm);
        await client.waitUntilReady(vm);
      });

      next();
      const live = await seconds(() => client.upgradeLive(vm, { quiet: true }));
      result.push({ fresh: freshly, upgrade, staging, powerCycle, live, bytes, way });
    }
    return result;
  } finally {
    // One that is gone already is the usual case.
    for (const vm of ['updated', 'fresh'])
      await client.remove(vm, { force: true }).catch((error: unknown) => {
        if (codeOf(error) !== 'VM_NOT_FOUND') throw error;
      });
    host('podman', 'rmi', '--force', `localhost/${name}`);
  }
}

if (process.env.TESTBED_STATE === undefined)
  console.log('\nUpdates are measured in the test bed only: test/testbed/enter node dist/bench/update.js');
else
  for (const image of images) {
    const measured = await measure(image);
    const of = (what: (round: Round) => number): string => median(measured.map(what)).toFixed(1);
    const ratio = (what: (round: Round) => number): string =>
      median(measured.map((round) => what(round) / round.fresh)).toFixed(2);
    console.log(`
One file of localhost/${image} changed → a command in a VM, medians of ${rounds}, seconds (way in: ${[...new Set(measured.map(({ way }) => way))].join(', ')}).

| what | s | of a new VM |
| --- | ---: | ---: |
| a new VM: install and boot | ${of(({ fresh }) => fresh)} | 1.00 |
| \`upgrade\` | ${of(({ upgrade }) => upgrade)} | ${ratio(({ upgrade }) => upgrade)} |
| of it: bootc stages | ${of(({ staging }) => staging)} | ${ratio(({ staging }) => staging)} |
| a power cycle of the same VM with nothing staged | ${of(({ powerCycle }) => powerCycle)} | ${ratio(({ powerCycle }) => powerCycle)} |
| \`upgrade\` beyond the two | ${of((r) => r.upgrade - r.staging - r.powerCycle)} | ${ratio((r) => r.upgrade - r.staging - r.powerCycle)} |
| \`upgrade --live\` | ${of(({ live }) => live)} | ${ratio(({ live }) => live)} |

Moved by one \`upgrade\`: ${(median(measured.map(({ bytes }) => bytes)) / 1000).toFixed(1)} kB.`);
  }
