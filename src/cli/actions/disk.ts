import { createInterface } from 'node:readline/promises';
import type { ListedBaseDisk } from '../../index.js';
import { PodmanBootcError } from '../../errors.js';
import { formatAge, formatDecimalSize, formatJson, formatTable } from '../output/format.js';
import { oneLine } from '../../terminal-text.js';
import { openClient } from './open-client.js';
import type { GlobalOptions } from '../options.js';
import { terminalReporter } from '../output/terminal.js';

/** `podman-bootc disk ls` */
export async function listDisks(
  options: GlobalOptions & { format?: string; quiet?: boolean },
): Promise<void> {
  await using client = await openClient(options);
  const bases = await client.bases();
  if (options.quiet) process.stdout.write(bases.map((base) => `${oneLine(base.key)}\n`).join(''));
  else if (options.format === 'json') process.stdout.write(formatJson(bases.map(baseAsJson)));
  else {
    process.stdout.write(baseTable(bases));
    for (const { damage, path } of bases)
      if (damage !== undefined) terminalReporter.warn(`The base disk ${path} is damaged: ${damage}`);
    const left = await client.listLeftBehind();
    if (left.length > 0) {
      terminalReporter.info(
        `${left.length === 1 ? 'One VM has' : `${left.length} VMs have`} disk or keys here and no domain in libvirt: \`podman-bootc list --all\``,
      );
    }
  }
}

/** A base disk as `disk ls --format json` prints it. Keys are only ever added. */
function baseAsJson(base: ListedBaseDisk): Record<string, unknown> {
  const { parts } = base;
  return {
    key: base.key,
    state: base.state,
    path: base.path,
    created: base.created,
    image: { reference: parts?.reference ?? null, id: parts?.imageId ?? null },
    filesystem: parts?.filesystem ?? null,
    size: base.apparent,
    allocated: base.allocated,
    usedBy: base.users,
  };
}

function baseTable(bases: readonly ListedBaseDisk[]): string {
  return formatTable(
    ['KEY', 'IMAGE', 'FILESYSTEM', 'SIZE', 'ALLOCATED', 'CREATED', 'STATE', 'USED BY'],
    bases.map((base) => [
      oneLine(base.key.slice(0, 12)),
      oneLine(base.parts?.reference ?? ''),
      oneLine(base.parts?.filesystem ?? ''),
      formatDecimalSize(base.apparent),
      formatDecimalSize(base.allocated),
      formatAge(base.created),
      base.state,
      oneLine(base.users.join(', ')),
    ]),
  );
}

/** `podman-bootc disk prune` */
export async function pruneDisks(
  options: GlobalOptions & { all?: boolean; dryRun?: boolean; force?: boolean },
): Promise<void> {
  await using client = await openClient(options);
  const unused = await client.unusedBases({ all: options.all === true });
  if (unused.length === 0) {
    terminalReporter.info(
      options.all
        ? 'No base disk is unused'
        : 'No unused base disk is replaced by a newer one; --all takes every unused one',
    );
    return;
  }
  const total = unused.reduce((sum, base) => sum + base.allocated, 0);
  process.stderr.write(baseTable(unused));
  if (options.dryRun) {
    terminalReporter.info(`Would free ${formatDecimalSize(total)}`);
    return;
  }
  if (
    options.force !== true &&
    !(await confirm(`Remove ${unused.length} and free ${formatDecimalSize(total)}?`))
  ) {
    terminalReporter.info('Nothing was removed');
    return;
  }
  for (const base of unused) {
    if (await client.removeBase(base)) process.stdout.write(`${oneLine(base.key)}\n`);
    else terminalReporter.warn(`The base disk ${base.key} is needed meanwhile, and stays`);
  }
}

/** @throws PodmanBootcError `CONFIRMATION_NEEDED` where nobody can be asked */
async function confirm(question: string): Promise<boolean> {
  if (!process.stdin.isTTY) {
    throw new PodmanBootcError(
      'usage',
      'CONFIRMATION_NEEDED',
      'Nobody can be asked here whether to remove them',
      {
        remedy: 'Say it with --force',
      },
    );
  }
  const prompt = createInterface({ input: process.stdin, output: process.stderr });
  try {
    return /^y(es)?$/i.test((await prompt.question(`${question} [y/N] `)).trim());
  } finally {
    prompt.close();
  }
}
