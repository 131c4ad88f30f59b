import assert from 'node:assert/strict';

describe('the package', () => {
  // By its own name, as whoever installs it imports it.
  const load = (name: string): Promise<Record<string, unknown>> =>
    import(name) as Promise<Record<string, unknown>>;

  it('is a library', async () => {
    const { PodmanBootc, PodmanBootcError, exitCodes } = await load('podman-bootc');
    for (const value of [PodmanBootc, PodmanBootcError]) assert.equal(typeof value, 'function');
    assert.equal((exitCodes as Record<string, number>).boot, 124);
  });

  it('offers its libvirt binding by itself', async () => {
    const { connect, LibvirtError } = await load('podman-bootc/libvirt');
    for (const value of [connect, LibvirtError]) assert.equal(typeof value, 'function');
  });
});
