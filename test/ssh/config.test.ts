import assert from 'node:assert/strict';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { runProcess } from '../../src/process.js';
import { formatSshConfig } from '../../src/ssh/config.js';
import { temporaryDirectory } from '../support/temporary.js';
import { TestServer } from './sshd.js';

describe('a block for ssh_config', function () {
  this.slow(3000);
  this.timeout(60_000);
  let server: TestServer;

  before(async () => {
    server = await TestServer.start();
  });
  after(async () => {
    await server.stop();
  });

  async function ssh(context: Mocha.Context, config: string, host: string): Promise<string> {
    const file = join(temporaryDirectory(context), 'config');
    writeFileSync(file, config);
    const { exitCode, all } = await runProcess('ssh', ['-F', file, host, 'echo in']);
    return `${exitCode} ${all}`;
  }

  it("lets the system's ssh log in by the name or the ID, with the pinned host key only", async function () {
    await server.pin('host-ed25519.pub');
    const config = formatSshConfig(['web', '5d31f6c3a1b2'], server.target(), { firstContact: false });
    assert.equal(await ssh(this, config, 'web'), '0 in');
    assert.equal(await ssh(this, config, '5d31f6c3a1b2'), '0 in');
    rmSync(server.path('known_hosts'));
    assert.match(await ssh(this, config, 'web'), /^255 .*verification failed/s);
  });

  it('pins the key of a guest that shows its own at the first contact', async function () {
    const config = formatSshConfig(['web'], server.target(), { firstContact: true });
    assert.equal(await ssh(this, config, 'web'), '0 in');
    assert.match(readFileSync(server.path('known_hosts'), 'utf8'), /^vm-main ssh-ed25519 /);
  });

  it('has no name that ssh would take for more than a name', () => {
    for (const name of ['*', 'a b', '!web', 'web?', 'a\nHost *', 'a,b', '"']) {
      const [first] = formatSshConfig([name, '5d31f6c3a1b2'], server.target(), { firstContact: false }).split(
        '\n',
      );
      assert.equal(first, 'Host 5d31f6c3a1b2');
    }
  });
});
