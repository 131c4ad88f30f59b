import assert from 'node:assert/strict';
import { formatAge, formatDecimalSize, formatTable } from '../../../src/cli/output/format.js';
import { imageTable } from '../../../src/cli/actions/images.js';

describe('output for people', () => {
  it('lines columns up and ends no line in spaces', () => {
    assert.equal(
      formatTable(
        ['ID', 'NAME'],
        [
          ['1', 'a'],
          ['22222', ''],
        ],
      ),
      'ID      NAME\n1       a\n22222\n',
    );
  });

  it("tells ages in podman's words", () => {
    const now = Date.parse('2026-06-15T12:00:00Z');
    const ages = [
      '2026-06-15T11:59:30Z',
      '2026-06-15T11:59:00Z',
      '2026-06-15T02:00:00Z',
      '2026-06-13T12:00:00Z',
      '2025-06-01T00:00:00Z',
      '2027-01-01T00:00:00Z',
      'nonsense',
    ];
    assert.deepEqual(
      ages.map((age) => formatAge(age, now)),
      [
        'less than a minute ago',
        '1 minute ago',
        '10 hours ago',
        '2 days ago',
        '1 year ago',
        'less than a minute ago',
        'unknown',
      ],
    );
  });

  it('tells sizes in powers of 1000', () => {
    assert.deepEqual([0, 999, 1000, 10_737_418_240, 293_301_760].map(formatDecimalSize), [
      '0 B',
      '999 B',
      '1 kB',
      '10.7 GB',
      '293 MB',
    ]);
  });

  it('shows images as podman does: a line per tag', () => {
    const image = {
      id: 'c'.repeat(64),
      digest: undefined,
      size: 1_500_000_000,
      created: new Date().toISOString(),
    };
    const table = imageTable([
      { ...image, names: ['localhost:5000/a/b:1', 'c@sha256:00'.slice(0, 1)] },
      { ...image, names: [] },
    ]);
    assert.match(table, /^REPOSITORY +TAG +IMAGE ID +CREATED +SIZE\n/);
    assert.match(table, /\nlocalhost:5000\/a\/b +1 +c{12} +less than a minute ago +1\.5 GB\n/);
    assert.match(table, /\nc +<none> +c{12}/);
    assert.match(table, /\n<none> +<none> +c{12}/);
  });
});
