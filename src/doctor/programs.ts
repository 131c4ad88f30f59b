import { findProgram } from '../process.js';
import { isoPrograms } from '../vm/guest/cloud-init.js';
import { findVirtiofsd } from '../vm/host/virtiofsd.js';
import type { Examination } from './examination.js';
import type { Outcome } from './finding.js';
import { installCommand } from './packages.js';

/** PB008 */
export async function checkVirtiofsd(e: Examination): Promise<Outcome> {
  if (process.platform === 'darwin') return { status: 'ok', finding: 'Not needed on macOS' };
  const path = await findVirtiofsd();
  if (path !== undefined) return { status: 'ok', finding: path };
  return {
    status: 'warning',
    finding:
      'virtiofsd is not installed: VMs have no volumes, and podman machines share no directories (podman 5.2 and newer)',
    fix: installCommand('virtiofsd', e.family),
  };
}

/** PB009 */
export async function checkQemuImg(e: Examination): Promise<Outcome> {
  const path = await findProgram('qemu-img');
  if (path !== undefined) return { status: 'ok', finding: path };
  return {
    status: 'failure',
    finding: 'qemu-img was not found in PATH',
    fix: installCommand('qemu-img', e.family),
  };
}

/** PB018 */
export async function checkSsh(e: Examination): Promise<Outcome> {
  const programs = ['ssh', 'ssh-keygen', 'scp'];
  const paths = await Promise.all(programs.map((program) => findProgram(program)));
  const missing = programs.filter((_, index) => paths[index] === undefined);
  if (missing.length === 0) return { status: 'ok', finding: `${programs.join(', ')} (${paths[0] ?? ''})` };
  return {
    status: missing.some((program) => program !== 'scp') ? 'failure' : 'warning',
    finding: `Not found in PATH: ${missing.join(', ')}`,
    fix: installCommand('ssh', e.family),
  };
}

/** PB019 */
export async function checkIsoTool(e: Examination): Promise<Outcome> {
  const paths = await Promise.all(isoPrograms.map((program) => findProgram(program)));
  const path = paths.find((each) => each !== undefined);
  if (path !== undefined) return { status: 'ok', finding: path };
  return {
    status: 'warning',
    finding: `\`run --cloudinit\` does not work: none of ${isoPrograms.join(', ')} was found in PATH`,
    fix: installCommand('iso', e.family),
  };
}
