import assert from 'node:assert/strict';

import { buildXml, child, children, element, find, parseXml, text } from '../../src/domain/xml.js';
import { failure, fixture } from './support.js';

/** What is mangled somewhere on the way by a careless writer or reader of XML. */
const hostile: Record<string, string> = {
  'a word that is a boolean': 'true',
  'a word in quotes that is a boolean': "'true'",
  'leading zeros': '007',
  'a hexadecimal number': '0x10',
  'a number with an exponent': '1e3',
  'a number with a final zero': '1.10',
  'a number beyond 2^53': '12345678901234567890',
  'the end of a CDATA section': ']]>',
  'a whole CDATA section': '<![CDATA[x]]>',
  'all that XML reserves': `<&>"'`,
  'an escaped ampersand': '&amp;amp; &#38; &lt;',
  'a comment': '<!-- not -- a comment -->',
  'a declaration of an entity': '<!ENTITY x "y">',
  'a processing instruction': '<?php echo 1 ?>',
  'an element': '</a><b c="d"/>',
  'a line break': 'one\ntwo',
  'a carriage return': 'one\r\ntwo\rthree',
  'a tab': 'one\ttwo',
  'white space at both ends': '  \n x \t ',
  'only a space': ' ',
  'only a line break': '\n',
  'letters beyond ASCII': 'Grüße, 世界',
  'characters beyond 16 bits': '🦭 𝔘',
  'a name out of a prototype': '__proto__',
  'a method of an object': 'toString',
  'a dollar that a replacement would use': `$& $1 $' $\``,
  'percent signs': '%s %lt; 100%',
  '64 KiB': 'x<&'.repeat(21_845),
  'a NEL, which is white space to some': 'a\u0085b\u2028c',
};

describe('an XML document', () => {
  for (const [what, value] of Object.entries(hostile)) {
    it(`keeps ${what} as text and as an attribute`, () => {
      const root = element('root', { a: value }, element('inner', { 'p:b': value }, value));
      assert.deepEqual(parseXml(buildXml(root)), root);
    });
  }

  const refusedCharacters = [
    '\0',
    '\u0001',
    '\b',
    '\u000b',
    '\u001b',
    '\u001f',
    '\ufffe',
    '\uffff',
    '\ud83e',
    '\udd81',
  ];
  for (const character of refusedCharacters) {
    const codePoint = `U+${character.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}`;
    it(`is not built with ${codePoint} in it, nor parsed`, () => {
      const refused = failure('XML_INVALID', 'failure');
      assert.throws(() => buildXml(element('a', {}, `x${character}y`)), refused);
      assert.throws(() => buildXml(element('a', { b: `x${character}y` })), refused);
      assert.throws(() => parseXml(`<a>x${character}y</a>`), refused);
      assert.throws(() => parseXml(`<a b="x${character}y"/>`), refused);
      assert.throws(() => parseXml(`<a>&#${character.charCodeAt(0)};</a>`), refused);
    });
  }

  for (const name of [
    '',
    ' ',
    'a b',
    '1a',
    '-a',
    'a>',
    'a"',
    'a=b',
    ':a',
    'a:',
    'a:b:c',
    'a\n',
    '<',
    '?xml',
    '!--',
    '#text',
    ':@',
  ]) {
    it(`is not built with the name ${JSON.stringify(name)}`, () => {
      assert.throws(() => buildXml(element(name)), failure('XML_INVALID'));
      assert.throws(() => buildXml(element('a', { [name]: 'b' })), failure('XML_INVALID'));
    });
  }

  const malformed: Record<string, string> = {
    nothing: '',
    'only text': 'domain',
    'only a comment': '<!-- a -->',
    'a mismatched end tag': '<a><b></a></b>',
    'another end tag than start tag': '<a></b>',
    'a missing end tag': '<a><b></b>',
    'half a tag': '<a',
    'an end tag too many': '<a/></a>',
    'two root elements': '<a/><b/>',
    'two root elements with content': '<a>x</a><b>y</b>',
    'text before the root element': 'x<a/>',
    'text after the root element': '<a/>x',
    'text with ">" after the root element': '<a/>x>',
    'text and a comment after the root element': '<a/>x<!-- y -->',
    'an attribute without a value': '<a b/>',
    'an attribute without quotes': '<a b=c/>',
    'an attribute twice': '<a b="1" b="2"/>',
    'a bare "&"': '<a>x & y</a>',
    'a bare "&" in an attribute': '<a b="x & y"/>',
    'a bare "<" in an attribute': '<a b="<"/>',
    'an entity of HTML': '<a>&nbsp;</a>',
    'an entity named like a method': '<a>&toString;</a>',
    'half a numeric entity': '<a>&#;</a>',
    'an entity beyond Unicode': '<a>&#x110000;</a>',
    'an entity that is half a character': '<a>&#xD83E;</a>',
    'an element that would be a prototype': '<__proto__/>',
    'an attribute that would be a prototype': '<a __proto__="b"/>',
    'a name with two colons': '<a:b:c/>',
    'a DOCTYPE': '<!DOCTYPE a><a/>',
    'a DOCTYPE with an entity': '<!DOCTYPE a [<!ENTITY x "y">]><a>&x;</a>',
    'a DOCTYPE with an external entity': '<!DOCTYPE a [<!ENTITY x SYSTEM "file:///etc/passwd">]><a>&x;</a>',
    'a DOCTYPE after a comment': '<!-- x --><!DOCTYPE a><a/>',
    'a DOCTYPE in lower case': '<!doctype a><a/>',
    'a thousand nested elements': '<a>'.repeat(1000) + '</a>'.repeat(1000),
  };
  for (const [what, document] of Object.entries(malformed)) {
    it(`is refused with ${what}`, () => {
      assert.throws(() => parseXml(document), failure('XML_INVALID', 'failure'));
    });
  }

  it('keeps equally named siblings apart and in order', () => {
    const document = '<a><b n="1"/><c/><b n="2"/>\n<b n="1"/></a>';
    assert.deepEqual(
      parseXml(document).children.map((each) =>
        typeof each === 'string' ? each : each.name + (each.attributes.n ?? ''),
      ),
      ['b1', 'c', 'b2', 'b1'],
    );
  });

  it('keeps methods of an object as names', () => {
    const root = parseXml('<toString valueOf="hasOwnProperty"><hasOwnProperty/></toString>');
    assert.equal(root.name, 'toString');
    assert.deepEqual(root.attributes, { valueOf: 'hasOwnProperty' });
    assert.equal(child(root, 'hasOwnProperty')?.name, 'hasOwnProperty');
  });

  it('reads references, CDATA sections and text around a comment as one text', () => {
    const root = parseXml('<a>1 &lt;<!-- & < -->2<![CDATA[ &lt;]]]]><![CDATA[>]]> &#x33;&#52;</a>');
    assert.deepEqual(root.children, ['1 <2 &lt;]]> 34']);
  });

  it('reads a literal line break in an attribute as a space, and an escaped one as itself', () => {
    assert.equal(parseXml('<a b="1\n2&#10;3"/>').attributes.b, '1 2\n3');
  });

  it('takes a declaration, a byte order mark, comments and a DOCTYPE in a comment', () => {
    const document =
      '\ufeff<?xml version="1.0" encoding="UTF-8"?>\n<!-- <!DOCTYPE a> -->\n<a><![CDATA[<!DOCTYPE a>]]></a>\n<!-- b -->\n';
    assert.deepEqual(parseXml(document), element('a', {}, '<!DOCTYPE a>'));
  });

  it('takes single quotes, ">" in an attribute and white space in tags', () => {
    assert.deepEqual(parseXml(`<a\n b = 'x>"y' ><c /></a >`), element('a', { b: 'x>"y' }, element('c')));
  });

  it('keeps text beside elements as it is', () => {
    const document = '<a> x <b> </b>\n</a>\n';
    assert.equal(buildXml(parseXml(document)), document);
  });

  it('is indented by two spaces, and the same after another round', () => {
    const once = buildXml(parseXml('<a><b><c>1</c></b>  <d/></a>'));
    assert.equal(once, '<a>\n  <b>\n    <c>1</c>\n  </b>\n  <d/>\n</a>\n');
    assert.equal(buildXml(parseXml(once)), once);
  });

  it('of libvirt itself says the same after a round', () => {
    for (const name of [
      'domain-9.0-slirp.xml',
      'domain-11.3-ours.xml',
      'domain-11.3-passt.xml',
      'domcaps-11.3-x86_64-pc.xml',
      'caps-9.0.xml',
    ]) {
      const parsed = parseXml(fixture(name));
      assert.deepEqual(parseXml(buildXml(parsed)), parsed, name);
    }
  });
});

describe('an XML element', () => {
  it('leaves out attributes and children that are undefined', () => {
    assert.deepEqual(element('a', { b: undefined, c: 0 }, undefined, 'x', undefined), {
      name: 'a',
      attributes: { c: '0' },
      children: ['x'],
    });
  });

  it('is found by name, by path and with all its siblings', () => {
    const root = parseXml('<a><b><c n="1"/></b><b><c n="2"/></b> </a>');
    assert.equal(find(root, 'b', 'c')?.attributes.n, '1');
    assert.equal(find(root, 'b', 'd', 'c'), undefined);
    assert.equal(children(root, 'b').length, 2);
    assert.equal(child(undefined, 'b'), undefined);
    assert.deepEqual(children(undefined, 'b'), []);
  });

  it('has the text that stands in it, trimmed, or none', () => {
    assert.equal(text(parseXml('<a>\n x\n y </a>')), 'x\n y');
    assert.equal(text(parseXml('<a> </a>')), undefined);
    assert.equal(text(parseXml('<a><b>x</b></a>')), undefined);
    assert.equal(text(undefined), undefined);
  });
});
