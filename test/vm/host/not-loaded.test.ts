import assert from 'node:assert/strict';
import { PodmanBootcError } from '../../../src/errors.js';
import { closedError, notLoadedError } from '../../../src/libvirt/error.js';
import { translateNotLoaded } from '../../../src/vm/host/not-loaded.js';

describe('A libvirt that does not load', () => {
  it('is a failure of the host, with what the library says of it', () => {
    const cause = new Error('libvirt.so.0: cannot open shared object file');
    const details = { remedy: 'Install libvirt0', cause };
    const error = translateNotLoaded(notLoadedError('The libvirt client library is not installed', details));
    assert.ok(error instanceof PodmanBootcError);
    assert.equal(error.failureClass, 'host');
    assert.equal(error.code, 'LIBVIRT_NOT_LOADED');
    assert.equal(error.message, 'The libvirt client library is not installed');
    assert.equal(error.remedy, 'Install libvirt0');
    assert.equal(error.cause, cause);
    assert.equal(error.check, 'PB001');
  });

  it('is the only thing that is said in other words', () => {
    for (const other of [closedError('domain'), new Error('other'), undefined])
      assert.equal(translateNotLoaded(other), other);
  });
});
