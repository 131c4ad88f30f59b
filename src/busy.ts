import { availableParallelism, loadavg } from 'node:os';

/** Processes that want to run, on the average of the last minute, and how many can. */
export interface Load {
  average: number;
  cpus: number;
}

/** The load of this host. */
export function hostLoad(): Load {
  return { average: loadavg()[0] ?? 0, cpus: availableParallelism() };
}

/**
 * Says that a host has so much to do that what is late there may just be slow; undefined where it has not: then what is late
 * hangs.
 */
export function busyWords({ average, cpus }: Load): string | undefined {
  if (average < 2 * cpus) return undefined;
  return `this host is busy (a load of ${average.toFixed(1)} on ${cpus === 1 ? 'one CPU' : `${cpus} CPUs`})`;
}
