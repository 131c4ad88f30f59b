import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { performance } from 'node:perf_hooks';
import { cli } from '../test/support/project.js';
import { testNode } from '../test/support/test-node.js';

/*
 * Start-up times as whole processes, each against its baseline in the same run: candidate and baseline take turns, so
 * a machine that slows down slows both.
 */

interface Comparison {
  name: string;
  baseline: string[];
  candidate: string[];
}

const runs = Number(process.env.BENCH_RUNS ?? 15);
const directory = mkdtempSync(join(tmpdir(), 'podman-bootc-bench-'));
const node = process.execPath;

/** Milliseconds of one run of a program. */
function time([program = '', ...args]: string[]): number {
  const begin = performance.now();
  const { status, stderr } = spawnSync(program, args, { encoding: 'utf8' });
  if (status !== 0) throw new Error(`${program} ${args.join(' ')} failed: ${stderr}`);
  return performance.now() - begin;
}

function median(values: number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? NaN;
}

function compare({ name, baseline, candidate }: Comparison): string {
  time(baseline);
  time(candidate);
  const times = Array.from({ length: runs }, () => [time(baseline), time(candidate)] as const);
  const [before, after] = [median(times.map(([b]) => b)), median(times.map(([, c]) => c))];
  const ratio = median(times.map(([b, c]) => c / b));
  return `| ${name} | ${before.toFixed(0)} | ${after.toFixed(0)} | ${(after - before).toFixed(0)} | ${ratio.toFixed(2)} |`;
}

/** A state of libvirt's test driver with so many VMs of ours: no daemon, the same for virsh and us. */
function testUri(count: number): string {
  const file = join(directory, `${count}.xml`);
  writeFileSync(file, testNode(Array.from({ length: count }, (_, index) => ({ name: `vm-${index}` }))));
  return `test://${file}`;
}

try {
  const help = { baseline: [node, '-e', '0'], candidate: [node, cli, '--help'] };
  const comparisons: Comparison[] = [
    { name: '`--help` against `node -e 0`', ...help },
    {
      name: '`completion bash` against `node -e 0`',
      baseline: help.baseline,
      candidate: [node, cli, 'completion', 'bash'],
    },
    {
      name: '`list -q` against `node -e 0`',
      baseline: help.baseline,
      candidate: [node, cli, '--connect', testUri(1), 'list', '-q'],
    },
    ...[1, 50, 500].flatMap((count) => {
      const uri = testUri(count);
      const candidate = [node, cli, '--connect', uri, 'list'];
      return [
        {
          name: `\`list\` of ${count} against \`virsh list --all\``,
          baseline: ['virsh', '-c', uri, 'list', '--all'],
          candidate,
        },
        { name: `\`list\` of ${count} against \`node -e 0\``, baseline: [node, '-e', '0'], candidate },
      ];
    }),
  ];
  console.log(
    `Whole processes, medians of ${runs} pairs, milliseconds; the ratio is the median of the pairs' ratios.\n`,
  );
  console.log('| what | baseline | podman-bootc | difference | ratio |\n| --- | ---: | ---: | ---: | ---: |');
  for (const comparison of comparisons) console.log(compare(comparison));
} finally {
  rmSync(directory, { recursive: true });
}
