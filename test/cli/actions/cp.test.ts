import assert from 'node:assert/strict';
import { parseCopyEnd } from '../../../src/cli/actions/cp.js';

describe('an end of a copy', () => {
  const cases: [word: string, vm: string | undefined, path: string][] = [
    ['web:/etc/hosts', 'web', '/etc/hosts'],
    ['web:', 'web', ''],
    ['web:a:b', 'web', 'a:b'],
    ['5d31:x y\nz', '5d31', 'x y\nz'],
    ['/etc/hosts', undefined, '/etc/hosts'],
    ['./a:b', undefined, './a:b'],
    ['/srv/a:b', undefined, '/srv/a:b'],
    ['a/b:c', undefined, 'a/b:c'],
    [':x', undefined, ':x'],
    ['file', undefined, 'file'],
    ['.', undefined, '.'],
  ];
  for (const [word, vm, path] of cases) {
    it(`${JSON.stringify(word)} is ${vm === undefined ? 'on this host' : `in ${vm}`}`, () => {
      assert.deepEqual(parseCopyEnd(word), vm === undefined ? { path } : { vm, path });
    });
  }
});
