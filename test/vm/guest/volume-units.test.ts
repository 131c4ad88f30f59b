import assert from 'node:assert/strict';
import { volumeUnit, volumeUnitName, withVolumeLines } from '../../../src/vm/guest/volume-units.js';

const outer = { host: '/srv/a', guest: '/var/a', readOnly: false };
const inner = { host: '/srv/b', guest: '/var/a/"b" $HOME 50%', readOnly: true };

/** The files that the lines write, by their paths. */
function filesOf(credential: string): Map<string, string> {
  return new Map(
    credential.split('\n').flatMap((line) => {
      const [type, path = '', , , , , text = ''] = line.split(' ');
      return type === 'f+~' ? [[path, Buffer.from(text, 'base64').toString('utf8')]] : [];
    }),
  );
}

describe('the units of volumes', () => {
  it('leave the credential of a VM without volumes as it is', () => {
    assert.equal(withVolumeLines('d /root/.ssh\n', []), 'd /root/.ssh\n');
    assert.equal(withVolumeLines(withVolumeLines('d /root/.ssh\n', [outer]), []), 'd /root/.ssh\n');
  });

  it('replace those that were there', () => {
    const once = withVolumeLines('login\n', [outer]);
    assert.equal(withVolumeLines(once, [outer]), once);
    assert.equal(withVolumeLines(withVolumeLines('login\n', [inner]), [outer]), once);
  });

  it('are written below /dev, before udevd begins, with a rule that wants them', () => {
    const files = filesOf(withVolumeLines('', [outer, inner]));
    assert.deepEqual(
      [...files.keys()],
      [
        `/dev/podman-bootc/systemd/system/${volumeUnitName(outer)}`,
        `/dev/podman-bootc/systemd/system/${volumeUnitName(inner)}`,
        '/dev/podman-bootc/udev/rules.d/99-podman-bootc-volumes.rules',
      ],
    );
    assert.ok([...files.values()].at(-1)?.includes(`"${volumeUnitName(outer)} ${volumeUnitName(inner)}"`));
  });

  it('mount in the order of their paths, and take any path literally', () => {
    const unit = volumeUnit(inner, [outer, inner]);
    assert.match(unit, new RegExp(`^After=.* ${volumeUnitName(outer)}$`, 'm'));
    assert.doesNotMatch(volumeUnit(outer, [outer, inner]), /^After=.*podman-bootc/m);
    assert.match(unit, /^ExecStart=\/bin\/mount -t virtiofs -o ro \S+ "\/var\/a\/\\"b\\" \$\$HOME 50%%"$/m);
  });
});
