import { volumeTag, type Volume } from '../../domain/volumes.js';

/*
 * How a guest mounts its volumes at every boot, with nothing left in it. The credential `tmpfiles.extra` writes a unit for
 * each below /run, at a moment when no unit that boots it can still be changed: the boot's transaction is made. But
 * systemd-tmpfiles-setup-dev.service, which has the credential too (systemd 252 on) and ends before udevd begins, takes lines
 * below /dev: over a link from there to /run it writes the units and a udev rule by which the virtiofs device wants them.
 * systemd loads them when the device is there.
 */

/** Where our lines of the credential begin; all that is before it is the login's. */
const heading = '# The volumes';
const link = '/dev/podman-bootc';

/** The unit that mounts a volume in the guest. */
export function volumeUnitName(volume: Pick<Volume, 'guest'>): string {
  return `${volumeTag(volume).replace('podman-bootc-', 'podman-bootc-volume-')}.service`;
}

/**
 * The unit. It is a service, not a mount: one may not go through a link (/home is one in image mode), nor be named before
 * that is known.
 * @param all the volumes of the VM: one that lies below another one comes after it
 */
export function volumeUnit(volume: Volume, all: readonly Volume[]): string {
  const { guest, readOnly } = volume;
  const above = all.filter((other) => guest.startsWith(`${other.guest}/`)).map(volumeUnitName);
  const path = quote(guest);
  return [
    '[Unit]',
    `Description=Mount a directory of the host at ${guest.replaceAll('%', '%%')}`,
    'DefaultDependencies=no',
    // In the initrd, udev and this unit may be there too, and the guest's file system is not.
    'ConditionPathExists=!/etc/initrd-release',
    `After=${['local-fs.target', 'systemd-tmpfiles-setup.service', ...above].join(' ')}`,
    'Before=basic.target umount.target shutdown.target',
    'Conflicts=umount.target shutdown.target',
    '',
    '[Service]',
    'Type=oneshot',
    'RemainAfterExit=yes',
    `ExecStart=/bin/mkdir -p ${path}`,
    `ExecStart=/bin/mount -t virtiofs${readOnly ? ' -o ro' : ''} ${volumeTag(volume)} ${path}`,
    // What is in use then is unmounted with everything else.
    `ExecStop=-/bin/umount ${path}`,
    '',
  ].join('\n');
}

/** systemd.service(5), «Command lines»: quotes, specifiers and variables. */
function quote(text: string): string {
  return `"${text.replaceAll('"', '\\"').replaceAll('%', '%%').replaceAll('$', '$$$$')}"`;
}

// 26 is the virtio device ID of a file system (virtio specification, 5).
function rule(volumes: readonly Volume[]): string {
  const units = volumes.map(volumeUnitName).join(' ');
  return `ACTION!="remove", SUBSYSTEM=="virtio", ATTR{device}=="0x001a", TAG+="systemd", ENV{SYSTEMD_WANTS}+="${units}"\n`;
}

/**
 * The text of the credential `tmpfiles.extra` with these volumes in place of those that it has; without any it is the login's
 * alone.
 */
export function withVolumeLines(credential: string, volumes: readonly Volume[]): string {
  const at = credential.indexOf(`${heading}\n`);
  const login = at === -1 ? credential : credential.slice(0, at);
  if (volumes.length === 0) return login;
  const files = [
    ...volumes.map((volume) => [`systemd/system/${volumeUnitName(volume)}`, volumeUnit(volume, volumes)]),
    ['udev/rules.d/99-podman-bootc-volumes.rules', rule(volumes)],
  ] as const;
  const lines = files.map(
    ([name = '', text = '']) =>
      `f+~ ${link}/${name} 0644 root root - ${Buffer.from(text).toString('base64')}\n`,
  );
  return `${login}${heading}\nL+ ${link} - - - - /run\n${lines.join('')}`;
}
