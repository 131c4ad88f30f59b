import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { installCommand, packageFamily } from '../../src/doctor/packages.js';
import { temporaryDirectory } from '../support/temporary.js';

describe('the packages that doctor names', () => {
  // Lines of the os-release files of these distributions.
  const distributions: [string, string, string | undefined][] = [
    ['Debian 13', 'PRETTY_NAME="Debian GNU/Linux 13 (trixie)"\nID=debian\n', 'debian'],
    ['Ubuntu 24.04', 'NAME="Ubuntu"\nID=ubuntu\nID_LIKE=debian\n', 'debian'],
    ['Linux Mint', 'ID=linuxmint\nID_LIKE="ubuntu debian"\n', 'debian'],
    ['Fedora 42', 'NAME="Fedora Linux"\nID=fedora\nVERSION_ID=42\n', 'fedora'],
    ['CentOS Stream 10', 'ID="centos"\nID_LIKE="rhel fedora"\n', 'fedora'],
    ['Arch Linux', 'ID=arch\n', undefined],
    ['a file without an ID', 'PRETTY_NAME="debian"\n', undefined],
  ];
  for (const [name, text, family] of distributions) {
    it(`are ${family ?? 'unknown'} on ${name}`, async function () {
      const file = join(temporaryDirectory(this), 'os-release');
      writeFileSync(file, text);
      assert.equal(await packageFamily(file, 'linux'), family);
    });
  }

  it('are unknown without /etc/os-release, and those of brew on macOS', async () => {
    assert.equal(await packageFamily('/nonexistent', 'linux'), undefined);
    assert.equal(await packageFamily('/nonexistent', 'darwin'), 'macos');
  });

  it('come with the command that installs them', () => {
    assert.equal(installCommand('swtpm', 'debian', true), 'apt install swtpm swtpm-tools');
    assert.equal(installCommand('ssh', 'fedora', false), 'sudo dnf install openssh-clients');
    assert.equal(
      installCommand('iso', 'fedora-ostree', false),
      'sudo rpm-ostree install --apply-live xorriso',
    );
    assert.equal(installCommand('iso', 'macos', false), 'brew install xorriso');
    assert.equal(installCommand('ssh', 'macos', false), undefined);
    assert.equal(installCommand('iso', undefined, false), undefined);
  });
});
