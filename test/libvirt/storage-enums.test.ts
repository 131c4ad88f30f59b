import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as tables from '../../src/libvirt/storage-enums.js';

describe('The numbers of pools, volumes and networks', () => {
  it('are those of the API description of the installed libvirt', () => {
    const description = execFileSync('pkg-config', ['--variable=libvirt_api', 'libvirt'], {
      encoding: 'utf8',
    });
    const found = new Map(
      [...readFileSync(description.trim(), 'utf8').matchAll(/<enum [^>]*/g)].map(([element]) => [
        / name='([^']*)'/.exec(element)?.[1],
        { type: / type='([^']*)'/.exec(element)?.[1], value: / value='([^']*)'/.exec(element)?.[1] },
      ]),
    );
    for (const [type, table] of Object.entries(tables))
      for (const [name, value] of Object.entries(table))
        assert.deepEqual(found.get(name), { type, value: String(value) }, name);
  });
});
