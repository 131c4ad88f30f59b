import { readPinnedKeys } from '../../ssh/pinning.js';
import { waitForBanner } from '../../ssh/readiness.js';
import type { LoginTarget } from '../../ssh/target.js';
import { isPasswordPending } from '../guest/password.js';
import type { Host } from '../host/host.js';
import { loginTarget, requireActive, type VirtualMachine } from '../virtual-machine.js';
import { waitUntilReady, type WaitOptions } from './wait-for-login.js';

/** Milliseconds in which the sshd of a guest that is up answers. */
const bannerPatience = 2_000;

/**
 * How to log in to a VM that somebody can log in to now. Waits for a guest that still boots.
 * @throws PodmanBootcError `VM_NOT_RUNNING` and those of `waitUntilReady`
 */
export async function loginWhenReady(
  host: Host,
  vm: VirtualMachine,
  options: WaitOptions,
): Promise<LoginTarget> {
  await requireActive(vm);
  const target = loginTarget(host, vm, options.user);
  // A guest that is up says so in milliseconds; only for one that is not is a whole login tried first.
  const isUp =
    vm.metadata.ssh.hostKey === 'handed-over' &&
    // None is pinned any longer when the user has followed the remedy of HOST_KEY_MISMATCH.
    (await readPinnedKeys(target)).length > 0 &&
    (await waitForBanner(
      { port: target.port },
      { timeout: bannerPatience, ...(options.signal && { signal: options.signal }) },
    ).then(
      () => true,
      () => false,
    ));
  if (!isUp || (await isPasswordPending(vm))) await waitUntilReady(host, vm, options);
  return target;
}
