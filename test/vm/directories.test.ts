import assert from 'node:assert/strict';
import { userDirectories } from '../../src/vm/directories.js';

describe('directories', () => {
  it('are below /var and /run for root, where the QEMU of the system daemon reaches them', () => {
    const directories = userDirectories({ XDG_DATA_HOME: '/elsewhere' }, true, '/root');
    assert.deepEqual(
      [directories.data, directories.cache, directories.runtime],
      ['/var/lib/podman-bootc', '/var/cache/podman-bootc', '/run/podman-bootc'],
    );
    assert.equal(directories.mode, 0o711);
  });

  it('follow the XDG variables for others', () => {
    const environment = { XDG_DATA_HOME: '/d', XDG_CACHE_HOME: '/c', XDG_RUNTIME_DIR: '/r' };
    assert.deepEqual(userDirectories(environment, false, '/home/me'), {
      data: '/d/podman-bootc',
      cache: '/c/podman-bootc',
      runtime: '/r/podman-bootc',
      mode: 0o700,
    });
  });

  it('have the defaults of the specification, also for relative paths, which it says to ignore', () => {
    const { data, cache, runtime } = userDirectories(
      { XDG_DATA_HOME: 'relative', XDG_CACHE_HOME: '' },
      false,
      '/home/me',
    );
    assert.deepEqual([data, cache], ['/home/me/.local/share/podman-bootc', '/home/me/.cache/podman-bootc']);
    assert.equal(
      runtime,
      '/home/me/.local/share/podman-bootc/podman-bootc',
      'without a runtime directory beside the data',
    );
  });
});
