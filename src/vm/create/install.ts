import { dirname } from 'node:path';
import { installToDisk } from '../../bootc/install.js';
import { hasVerity, verityWarning } from '../../bootc/verity.js';
import { requireShared } from '../../podman/shares.js';
import { formatSize } from '../../sizes.js';
import { holdBaseDisk, type HeldBaseDisk } from '../disks/base-store.js';
import type { Host } from '../host/host.js';
import type { InstallPlan } from './plan-install.js';

/** The base disk of what is planned, installed if there is none yet; see `holdBaseDisk`. */
export function holdBase(
  host: Host,
  plan: InstallPlan,
  signal: AbortSignal | undefined,
): Promise<HeldBaseDisk> {
  const install = (disk: string, partialDisk: string): Promise<void> =>
    installImage(host, plan, disk, partialDisk, signal);
  return holdBaseDisk(
    host,
    plan.parts,
    { engine: plan.engine, scratch: plan.files.scratch, install },
    signal,
  );
}

async function installImage(
  host: Host,
  plan: InstallPlan,
  disk: string,
  partialDisk: string,
  signal: AbortSignal | undefined,
): Promise<void> {
  const { engine, reference, image, parts, filesystem, backend, probe, options } = plan;
  const { bootcArgs } = plan.requirements;
  await requireShared(engine, reference, dirname(disk), signal);
  host.report.info(
    `Installing ${reference} to a disk of ${formatSize(parts.diskSize)} (${filesystem.effective}: ${filesystem.reason})${backend.reason === undefined ? '' : `, by bootc's composefs backend (${backend.reason})`}`,
  );
  if (backend.composefs) {
    const isThere = await hasVerity(engine, reference, signal);
    const warning = verityWarning(filesystem.effective, bootcArgs, isThere, probe.hasUki);
    if (warning !== undefined) host.report.warn(warning);
  }
  await installToDisk(
    {
      engine,
      reference,
      disk,
      partialDisk,
      diskSize: parts.diskSize,
      imageSize: image.size,
      filesystem: filesystem.option,
      rootSizeMax: parts.rootSizeMax,
      kargs: parts.kargs,
      backend,
      bootcArgs,
      rootKeys: plan.rootKeys,
      probe,
      expected: {
        architecture: plan.hardware.arch,
        firmware: backend.hasLoader ? plan.firmware : undefined,
        filesystem: filesystem.effective,
      },
      quiet: options.quiet === true,
    },
    host.report,
    signal,
  );
}
