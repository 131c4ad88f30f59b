import { listBases } from '../vm/disks/base-store.js';
import { listLeftBehind } from '../vm/left-behind.js';
import { from, type Examination } from './examination.js';
import type { Outcome } from './finding.js';

/** PB025 */
export async function checkLeftBehind(e: Examination): Promise<Outcome> {
  const host = await from('PB001', e.libvirt);
  const left = await listLeftBehind(host);
  const damaged = host.features.files
    ? (await listBases(host)).filter(({ state }) => state === 'damaged')
    : [];
  if (left.length > 0) {
    const called = left.map(({ name, id }) => name ?? id).join(', ');
    return {
      status: 'warning',
      finding: `Disk or keys are here and no domain is in libvirt: ${called}`,
      fix: 'podman-bootc list --all',
    };
  }
  if (damaged.length > 0) {
    return {
      status: 'warning',
      finding: `Damaged base disks or records: ${damaged.map(({ path }) => path).join(', ')}`,
      fix: 'podman-bootc disk ls',
    };
  }
  return { status: 'ok', finding: 'Every VM that has files here has its domain' };
}
