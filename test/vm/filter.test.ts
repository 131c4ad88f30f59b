import assert from 'node:assert/strict';
import { matchesFilter, parseFilter } from '../../src/vm/filter.js';
import { openTestClient } from '../support/test-host.js';
import { rejectsWithCode } from '../support/rejects.js';

const vm = {
  name: 'web.1',
  image: { reference: 'localhost:5000/team/os:1.2', id: 'ab'.repeat(32) },
  state: 'shut off',
  labels: { stage: 'test', empty: '' },
};

describe('a filter', () => {
  const cases: [words: string[], matches: boolean][] = [
    [[], true],
    [['name=web.1'], true],
    [['name=web'], false],
    [['name=web*'], true],
    [['name=web?1'], true],
    [['name=webx1'], false],
    [['name=webx1', 'name=*'], true],
    [['name=*b.*'], true],
    [['name=*b?*1'], true],
    [['name=*w*e*b*1**'], true],
    [['name=?eb.1?'], false],
    [['name=*b'], false],
    [['image=localhost:5000/team/os:1.2'], true],
    [['image=localhost:5000/team/os'], true],
    [['image=localhost:5000/team/os:1'], false],
    [['image=*/os'], true],
    [['image=localhost'], false],
    [[`image=${'ab'.repeat(6)}`], true],
    [['image=abab'], false],
    [['state=shut off'], true],
    [['state=running'], false],
    [['state=running', 'state=shut off'], true],
    [['label=stage'], true],
    [['label=stage=test'], true],
    [['label=stage='], false],
    [['label=empty='], true],
    [['label=constructor'], false],
    [['label=stage', 'label=other'], false],
    [['name=web.1', 'state=running'], false],
  ];
  for (const [words, matches] of cases) {
    it(`${matches ? 'lets through' : 'keeps back'}: ${words.join(' ') || '(none)'}`, () => {
      assert.equal(matchesFilter(vm, parseFilter(words)), matches);
    });
  }

  it('takes an image with a digest by its name', () => {
    const image = { reference: `quay.io/a/os@sha256:${'0'.repeat(64)}` };
    assert.ok(matchesFilter({ ...vm, image }, parseFilter(['image=quay.io/a/os'])));
  });

  for (const word of ['', 'name', 'name=', 'NAME=x', 'size=1', 'state=stopped', '=x']) {
    it(`is refused when nobody can tell what is meant: ${JSON.stringify(word)}`, async () => {
      await rejectsWithCode('FILTER_INVALID', () => parseFilter([word]));
    });
  }

  it('takes no longer than its length and that of the text say, whoever chose them', () => {
    const began = performance.now();
    const pattern = `*${'a*'.repeat(50)}b`;
    for (const text of ['a'.repeat(10_000), `${':@'.repeat(5_000)}/`, `x/${':@'.repeat(5_000)}/`]) {
      const hostile = { ...vm, name: text, image: { reference: text } };
      assert.equal(matchesFilter(hostile, parseFilter([`name=${pattern}`])), false);
      assert.equal(matchesFilter(hostile, parseFilter([`image=${pattern}`])), false);
    }
    assert.ok(performance.now() - began < 1_000);
  });

  it('says which VMs the library lists', async function () {
    const { client } = await openTestClient(this, [
      { name: 'a', labels: { stage: 'test' } },
      { name: 'b', labels: { stage: 'production' }, state: 'shut off' },
      { name: 'c' },
    ]);
    const names = async (...words: string[]): Promise<string[]> =>
      (await client.list(parseFilter(words))).map(({ name }) => name);
    assert.deepEqual(await names('label=stage'), ['a', 'b']);
    assert.deepEqual(await names('label=stage', 'state=shut off'), ['b']);
    assert.deepEqual(await names('name=c'), ['c']);
    assert.deepEqual(await names('name=d'), []);
  });
});
