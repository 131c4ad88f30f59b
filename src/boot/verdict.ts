import { failureOf, type ErrorCode, type FailureKind, type PodmanBootcError } from '../errors.js';
import { option } from '../option-text.js';
import type { GuestServices } from './services.js';
import type { BootFailure, BootStage } from './stage.js';

/** How a VM is called in what is said of it. */
export interface VmWords {
  name: string;
  /** What commands are given: its name, or the ID where the name is made of it. */
  reference: string;
  /** Whether it is gone once it has ended, with its log. */
  transient?: boolean;
}

/** Why a boot does not lead to SSH: what is known, in a sentence and a remedy. */
export type Verdict = FailureKind<'boot' | 'ssh'> & { message: string; remedy: string };

/** A verdict with the console's last lines as the error that ends a wait. */
export function bootError(verdict: Verdict, lastLines: readonly string[], cause?: unknown): PodmanBootcError {
  return failureOf(verdict, verdict.message, {
    remedy: verdict.remedy,
    ...(lastLines.length > 0 && { output: `Last lines of the console:\n${lastLines.join('\n')}` }),
    cause,
  });
}

/** The verdict on what a console said. */
export function failureVerdict({ name, reference }: VmWords, failure: BootFailure): Verdict {
  const words = JSON.stringify(
    failure.words.length > 200 ? `${failure.words.slice(0, 200)}…` : failure.words,
  );
  const logs = `\`podman-bootc logs ${reference}\``;
  switch (failure.kind) {
    case 'nothing-bootable':
      return boot(
        'BOOT_NO_LOADER',
        `The firmware of ${name} found nothing to boot: ${words}`,
        `The image was installed without a boot loader that its firmware takes: check its bootupd or boot loader, then remove the VM with \`podman-bootc rm -f ${reference}\` and run the image again`,
      );
    case 'secure-boot':
      return boot(
        'BOOT_SECURE_BOOT',
        `Secure Boot of ${name} refused the boot loader: ${words}`,
        'The image needs a boot loader signed for the keys in the firmware (package shim), or a VM without Secure Boot',
      );
    case 'kernel-panic':
      return boot(
        'BOOT_PANIC',
        `The kernel of ${name} panicked: ${words}`,
        `Read what led there with ${logs}`,
      );
    case 'root-missing':
      return boot(
        'BOOT_NO_ROOT',
        `${name} did not find its root file system: ${words}`,
        `Check root= on the kernel's command line, and that the image's initrd has the drivers virtio_blk and of its file system; ${logs} has all of it`,
      );
    case 'emergency':
      return boot(
        'BOOT_EMERGENCY',
        failure.inInitrd === true
          ? `${name} is in the emergency mode of its initrd, and did not get to its root file system: ${words}`
          : `${name} is in emergency mode: ${words}`,
        `Look around with \`podman-bootc console ${reference}\` (the guest may want root's password), or read ${logs}`,
      );
    case 'unit':
      return unitFailed({ name, reference }, failure.unit ?? '', failure.words);
  }
}

/** The verdict on a VM that runs no longer. */
export function endVerdict(
  { name, reference, transient }: VmWords,
  event: string,
  detail: string,
  stage: BootStage,
): Verdict {
  const where = `while it was booting (${stageWords(stage)})`;
  const again =
    transient === true
      ? `It was transient and is gone: run it without ${option('transient')} to keep it, with all of its console`
      : `\`podman-bootc logs ${reference}\` has its console, \`podman-bootc start ${reference}\` boots it again`;
  if (event === 'crashed' || detail === 'panicked')
    return boot('VM_DIED', `${name} crashed ${where}: its guest reported a panic`, again);
  switch (detail) {
    case 'shutdown':
      return boot('VM_DIED', `${name} shut itself down ${where}`, again);
    case 'destroyed':
      return boot('VM_DIED', `Somebody ended ${name} ${where}`, again);
    case 'crashed':
    case 'failed':
      return boot(
        'VM_DIED',
        `The QEMU process of ${name} ended unexpectedly ${where}`,
        `Its last words are in libvirt's log of it (/var/log/libvirt/qemu or ~/.cache/libvirt/qemu/log); ${again}`,
      );
    default:
      return boot('VM_DIED', `${name} ended ${where}: ${event}, ${detail}`, again);
  }
}

/**
 * The verdict on a guest that is up and lets nobody connect, from what its agent says of sshd.
 * @returns undefined while that may change
 */
export function servicesVerdict(vm: VmWords, { sshd }: GuestServices): Verdict | undefined {
  const { name } = vm;
  switch (sshd.kind) {
    case 'coming':
    case 'running':
      return undefined;
    case 'failed':
      return unitFailed(vm, sshd.unit, sshd.result);
    case 'masked':
      return noSshd(
        vm,
        `${name} runs no sshd: its ${sshd.unit} is masked`,
        `Unmask ${sshd.unit} in the image`,
      );
    case 'not-started':
      return noSshd(
        vm,
        `${name} runs no sshd: its ${sshd.unit} is not enabled`,
        `Enable ${sshd.unit} in the image`,
      );
    case 'absent':
      return noSshd(vm, `${name} has no sshd`, 'Add the package openssh-server to the image and enable it');
  }
}

/** The verdict on a guest that is up, where only the port tells. `unit` is one that failed and that SSH needs. */
export function portVerdict(
  vm: VmWords,
  port: 'closed' | 'silent',
  unit: BootFailure | undefined,
  seconds: number | undefined,
): Verdict {
  if (unit) return failureVerdict(vm, unit);
  const since = seconds === undefined ? 'though it is up' : `${Math.round(seconds)} s after it came up`;
  return port === 'closed'
    ? noSshd(
        vm,
        `${vm.name} runs no sshd: its port 22 is closed ${since}`,
        'Check that the image has the package openssh-server, and that sshd is enabled and listens on port 22',
      )
    : boot(
        'BOOT_NO_NETWORK',
        `The network of ${vm.name} is not up: nothing in it answers ${since}`,
        `The image must bring its network interface up with DHCP; look with ${onConsole(vm)}`,
      );
}

/** What is known of a login that was refused. */
export interface RefusedLogin {
  user: string;
  /** Who was given the key when the VM was made. */
  keyOwner: string;
  /** Whether the guest shows the host key that the same credential handed over: then it took the user's key too. */
  tookCredential: boolean;
}

/** The verdict on an sshd that refused the key; `why` is what it said. */
export function refusedVerdict(vm: VmWords, login: RefusedLogin, why: string): Verdict {
  const { user, keyOwner, tookCredential } = login;
  const { name, reference } = vm;
  if (user !== keyOwner)
    return ssh(
      'LOGIN_WRONG_USER',
      `The sshd of ${name} refused the key for ${user}: it was handed to ${keyOwner} when the VM was made`,
      `Log in as ${keyOwner}: \`podman-bootc ssh ${reference}\`; a VM for ${user} is made with \`podman-bootc run --name NAME --user ${user}\``,
    );
  if (!tookCredential)
    return ssh(
      'LOGIN_NO_CREDENTIAL',
      `The sshd of ${name} refused the key: the guest did not take it, for its systemd is older than 252 or does not say its version`,
      `Update systemd in the image, put a key of yours into the image, or log in on ${onConsole(vm)}`,
    );
  if (user === 'root')
    return ssh(
      'LOGIN_ROOT_FORBIDDEN',
      `The sshd of ${name} refuses root, though the guest took root's key (${why})`,
      `Set PermitRootLogin prohibit-password in the image's sshd_config, or make a VM for another user: \`podman-bootc run --name NAME --user USER\`; meanwhile there is ${onConsole(vm)}`,
    );
  return ssh(
    'LOGIN_USER_REFUSED',
    `The sshd of ${name} refuses ${user} (${why}): the guest has no such user, or its sshd lets it not in`,
    `Check the user and AllowUsers in the image; meanwhile there is ${onConsole(vm)}`,
  );
}

/** How a stage is called in sentences. */
export function stageWords(stage: BootStage, unit?: string): string {
  const words = stage === 'boot-loader' ? 'boot loader' : stage === 'ssh' ? 'SSH' : stage;
  return unit === undefined ? words : `${words}, ${unit}`;
}

function unitFailed(vm: VmWords, unit: string, words: string): Verdict {
  return boot(
    'BOOT_UNIT_FAILED',
    `SSH of ${vm.name} cannot work, because ${unit} failed${words === '' ? '' : ` (${words})`}`,
    `See why with \`journalctl -u ${/^\S+$/.test(unit) ? unit : 'UNIT'}\` on ${onConsole(vm)}`,
  );
}

function noSshd(vm: VmWords, message: string, remedy: string): Verdict {
  return boot('BOOT_NO_SSHD', message, `${remedy}; meanwhile there is ${onConsole(vm)}`);
}

function onConsole({ reference }: VmWords): string {
  return `\`podman-bootc console ${reference}\``;
}

function boot(code: ErrorCode<'boot'>, message: string, remedy: string): Verdict {
  return { code, failureClass: 'boot', message, remedy };
}

function ssh(code: ErrorCode<'ssh'>, message: string, remedy: string): Verdict {
  return { code, failureClass: 'ssh', message, remedy };
}
