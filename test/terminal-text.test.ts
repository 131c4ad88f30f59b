import assert from 'node:assert/strict';
import { parse } from 'yaml';
import { printable } from '../src/boot/console-text.js';
import { parseXml, text } from '../src/domain/xml.js';
import { isPlain, jsonText, oneLine, xmlText, yamlText } from '../src/terminal-text.js';

/** What a terminal obeys, or what shows nothing and changes how the rest is read. */
const hostile: [what: string, text: string][] = [
  ['an escape sequence', '\u001b[2J'],
  ['one of C1', '\u009b31m'],
  ['a title', '\u001b]0;x\u0007'],
  ['a backspace', 'a\bb'],
  ['a line break', 'a\nb'],
  ['a carriage return', 'a\rb'],
  ['a next line', 'a\u0085b'],
  ['a line separator', 'a\u2028b'],
  ['a delete', '\u007f'],
  ['a bidirectional override', '\u202egnp.exe'],
  ['an isolate', '\u2066x\u2069'],
  ['an Arabic letter mark', '\u061c'],
  ['a zero width space', 'a\u200bb'],
  ['a zero width joiner', 'a\u200db'],
  ['a byte order mark', '\ufeffa'],
  ['a soft hyphen', 'a\u00adb'],
  ['a filler', 'a\u3164b'],
  ['a variation selector', 'a\ufe0fb'],
  ['a tag', 'a\u{e0041}b'],
];
const harmless =
  /^[^\u0000-\u0009\u000b-\u001f\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]*$/u; // eslint-disable-line no-control-regex -- they are what is looked for

describe('text from outside', () => {
  for (const [what, value] of hostile) {
    it(`is harmless on a terminal with ${what}, in JSON and YAML exact besides`, async () => {
      assert.match(oneLine(value), harmless);
      assert.doesNotMatch(oneLine(value), /\n/);
      assert.ok(oneLine(value).includes('\uFFFD'));
      assert.ok(!isPlain(value));
      assert.match(printable(value), harmless);
      const record = { name: value, [value]: [1] };
      for (const indentation of [undefined, 2]) {
        assert.match(jsonText(record, indentation), harmless);
        assert.deepEqual(JSON.parse(jsonText(record, indentation)), record);
      }
      assert.match(await yamlText(record), harmless);
      assert.deepEqual(parse(await yamlText(record)), record);
    });
  }

  it('is left as it is when there is nothing of that kind in it', async () => {
    for (const value of ['quay.io/a/b:1', 'Grüße, 漢字 🙂', 'a  b "c" \\ %', '']) {
      assert.ok(isPlain(value));
      assert.equal(oneLine(value), value);
      assert.equal(jsonText({ value }), JSON.stringify({ value }));
    }
    assert.equal(await yamlText([{ name: 'web', cpus: 2 }]), '- name: web\n  cpus: 2\n');
  });

  it('in XML stands there as a reference', () => {
    const xml = '<a>\n  <title>x\u202ey\u009bz</title>\n</a>';
    assert.equal(xmlText(xml), '<a>\n  <title>x&#x202e;y&#x9b;z</title>\n</a>');
    const [title] = parseXml(xmlText(xml)).children.filter((each) => typeof each !== 'string');
    assert.equal(text(title), 'x\u202ey\u009bz');
  });
});
