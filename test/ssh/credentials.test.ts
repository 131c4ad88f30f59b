import assert from 'node:assert/strict';
import { chmod, mkdir, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir, userInfo } from 'node:os';
import { join } from 'node:path';
import { codeOf } from '../../src/errors.js';
import { runProcess } from '../../src/process.js';
import { tmpfilesExtra, type LoginAccount } from '../../src/ssh/credentials.js';

const authorizedKeys = 'ssh-ed25519 AAAA one\nssh-ed25519 BBBB "two" %h \\x\n';

describe('the credential tmpfiles.extra', () => {
  it('holds these lines for root', () => {
    assert.equal(
      tmpfilesExtra({ account: { user: 'root', home: '/root', uid: 0, gid: 0 }, authorizedKeys: 'key' }),
      'd /root/.ssh 0700 0 0\nf+~ /root/.ssh/authorized_keys 0600 0 0 - a2V5Cg==\n',
    );
  });

  it('holds these lines for a user whose ids are unknown, and a host key', () => {
    const text = tmpfilesExtra({
      account: { user: 'core', home: '/var/home/core/' },
      authorizedKeys: 'key\n',
      hostKey: { private: 'secret\n', public: 'open\n' },
    });
    assert.equal(
      text,
      [
        'd /var/home/core - core -',
        'd /var/home/core/.ssh 0700 core -',
        'f+~ /var/home/core/.ssh/authorized_keys 0600 core - - a2V5Cg==',
        'f+~ /etc/cloud/cloud.cfg.d/zz-podman-bootc.cfg 0644 root root - IyBXcml0dGVuIGJ5IHBvZG1hbi1ib290YyBhdCBlYWNoIGJvb3QsIHdoaWNoIGtub3dzIHRoZSBndWVzdCBieSBpdHMgaG9zdCBrZXkuCnNzaF9kZWxldGVrZXlzOiBmYWxzZQo=',
        'f+~ /etc/ssh/ssh_host_ed25519_key 0600 root root - c2VjcmV0Cg==',
        'f+~ /etc/ssh/ssh_host_ed25519_key.pub 0644 root root - b3Blbgo=',
        '',
      ].join('\n'),
    );
  });

  it('holds a host name for every boot', () => {
    const account = { user: 'root', home: '/root', uid: 0, gid: 0 };
    assert.match(
      tmpfilesExtra({ account, authorizedKeys: 'key', hostname: 'web-1' }),
      /^f\+~ \/etc\/hostname 0644 root root - d2ViLTEK$/m,
    );
  });

  const invalid: Record<string, LoginAccount> = {
    'a relative home': { user: 'a', home: 'home/a' },
    'a home with a line break': { user: 'a', home: '/home/a\nf /etc/passwd' },
    'a home with a tab': { user: 'a', home: '/home/\ta' },
    'a home that climbs': { user: 'a', home: '/home/../etc' },
    'the root directory as home of another than root': { user: 'a', home: '//' },
    'an empty name': { user: '', home: '/home/a' },
    'a name with a space': { user: 'a b', home: '/home/a' },
    'a name with a specifier': { user: '%u', home: '/home/a' },
    'a name like an option': { user: '-', home: '/home/a' },
    'half a uid': { user: 'a', home: '/home/a', uid: 0.5 },
    'the uid that means none': { user: 'a', home: '/home/a', uid: 0xffffffff },
    'a negative gid': { user: 'a', home: '/home/a', gid: -1 },
  };
  for (const [what, account] of Object.entries(invalid)) {
    it(`is refused for ${what}`, () => {
      assert.throws(
        () => tmpfilesExtra({ account, authorizedKeys }),
        (error) => codeOf(error) === 'LOGIN_ACCOUNT_INVALID',
      );
    });
  }

  // systemd-tmpfiles exists on Linux only; there, its absence is a failure.
  if (process.platform === 'linux') {
    describe('as systemd-tmpfiles understands it', function () {
      this.slow(1000);
      let root: string;
      const { uid, gid } = userInfo();

      beforeEach(async () => {
        root = await mkdtemp(join(tmpdir(), 'podman-bootc-tmpfiles-'));
        await mkdir(join(root, 'etc'));
        // With --root names come from these files, so no privileges are needed to hand files to alice.
        await writeFile(join(root, 'etc/passwd'), `alice:x:${uid}:${gid}::/home/alice:/bin/sh\n`);
      });
      afterEach(async () => {
        await rm(root, { recursive: true });
      });

      async function create(text: string): Promise<void> {
        const file = join(root, 'tmpfiles.extra.conf');
        await writeFile(file, text);
        const result = await runProcess('systemd-tmpfiles', ['--create', `--root=${root}`, file]);
        assert.equal(result.exitCode, 0, result.all);
        assert.equal(result.all, '');
      }
      async function mode(path: string): Promise<string> {
        return ((await stat(join(root, path))).mode & 0o777).toString(8);
      }

      const homes = [
        '/root',
        '/home/alice',
        '/home/with space',
        '/home/with  two spaces ',
        '/home/100%',
        '/home/%h%%',
        '/home/"quoted"',
        "/home/it's",
        '/home/back\\slash\\n',
        '/home/\\x41',
        '/home/[glob]*?{a,b}',
        '/home/$HOME',
        '/home/#ash',
        '/home/ünï',
        '/-',
      ];
      for (const home of homes) {
        it(`puts the keys below ${home}`, async () => {
          await create(tmpfilesExtra({ account: { user: 'alice', home, uid, gid }, authorizedKeys }));
          assert.equal(await readFile(join(root, home, '.ssh/authorized_keys'), 'utf8'), authorizedKeys);
          assert.equal(await mode(`${home}/.ssh/authorized_keys`), '600');
          assert.equal(await mode(`${home}/.ssh`), '700');
        });
      }

      it('resolves names, whose group nobody needs to know', async () => {
        await create(tmpfilesExtra({ account: { user: 'alice', home: '/home/alice' }, authorizedKeys }));
        assert.equal(await readFile(join(root, 'home/alice/.ssh/authorized_keys'), 'utf8'), authorizedKeys);
      });

      it('replaces what is there and keeps the mode of the home', async () => {
        await mkdir(join(root, 'home/alice/.ssh'), { recursive: true });
        await chmod(join(root, 'home/alice'), 0o711);
        await writeFile(
          join(root, 'home/alice/.ssh/authorized_keys'),
          'a longer line of an older key\n'.repeat(99),
          {
            mode: 0o644,
          },
        );
        await create(tmpfilesExtra({ account: { user: 'alice', home: '/home/alice' }, authorizedKeys }));
        assert.equal(await readFile(join(root, 'home/alice/.ssh/authorized_keys'), 'utf8'), authorizedKeys);
        assert.equal(await mode('home/alice/.ssh/authorized_keys'), '600');
        assert.equal(await mode('home/alice'), '711');
      });

      it('installs the host key', async () => {
        const text = tmpfilesExtra({
          account: { user: 'alice', home: '/home/alice' },
          authorizedKeys,
          hostKey: { private: '-----BEGIN\n%\n', public: 'ssh-ed25519 AAAA' },
        });
        // Whatever passwd says, "root" is 0, and only root can give files to 0.
        await create(uid === 0 ? text : text.replaceAll(' root root ', ` ${uid} ${gid} `));
        assert.equal(await readFile(join(root, 'etc/ssh/ssh_host_ed25519_key'), 'utf8'), '-----BEGIN\n%\n');
        assert.equal(await mode('etc/ssh/ssh_host_ed25519_key'), '600');
        assert.equal(await mode('etc/ssh/ssh_host_ed25519_key.pub'), '644');
      });
    });
  }
});
