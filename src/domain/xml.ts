import { XMLBuilder, XMLParser, XMLValidator } from 'fast-xml-parser';

import { PodmanBootcError, messageOf } from '../errors.js';

/** An XML element as data. Names carry their prefix (`qemu:arg`); text is decoded. */
export interface XmlElement {
  name: string;
  attributes: Record<string, string>;
  /** In document order. Comments and processing instructions are not kept. */
  children: (XmlElement | string)[];
}

/** What fast-xml-parser makes of a node with `preserveOrder`: one key with the name, and `:@` with attributes. */
type OrderedNode = Record<string, unknown>;

const textName = '#text';
const cdataName = '#cdata';
const commentName = '#comment';
const attributesName = ':@';

// fast-xml-parser is asked for the tokens only. Left to itself it turns `007` into 7 and trims text, decodes entities
// with limits made for hostile HTML (a domain may carry 64 KiB of credentials), renames `toString`, and accepts bare `&`.
const parser = new XMLParser({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  textNodeName: textName,
  cdataPropName: cdataName,
  commentPropName: commentName,
  parseTagValue: false,
  parseAttributeValue: false,
  trimValues: false,
  processEntities: false,
  ignoreDeclaration: true,
  ignorePiTags: true,
  onDangerousProperty: (name: string) => name,
});

// Escaping is ours (see `escapeText`), so the builder must not do it a second time; an attribute whose value is `true`
// would be written without a value unless `suppressBooleanAttributes` is off.
// eslint-disable-next-line @typescript-eslint/no-deprecated -- moved to a package of its own by the same author; kept in version 5
const builder = new XMLBuilder({
  preserveOrder: true,
  ignoreAttributes: false,
  attributeNamePrefix: '',
  textNodeName: textName,
  cdataPropName: cdataName,
  commentPropName: commentName,
  processEntities: false,
  suppressBooleanAttributes: false,
  suppressEmptyNode: true,
  format: false,
});

// Names of XML 1.0 with at most one colon (Namespaces in XML 1.0, QName), in the part of Unicode anybody uses.
const nameStart = String.raw`A-Z_a-z\u00C0-\u00D6\u00D8-\u00F6\u00F8-\u02FF\u0370-\u037D\u037F-\u1FFF`;
const ncName = String.raw`[${nameStart}][\u0300-\u036F${nameStart}\-.0-9\u00B7]*`;
const qualifiedName = new RegExp(`^${ncName}(?::${ncName})?$`, 'u');

// What Char of XML 1.0, section 2.2, leaves out: none of these can even be escaped.
// eslint-disable-next-line no-control-regex -- control characters are what it looks for
const illegalCharacter = /[\0-\x08\x0B\x0C\x0E-\x1F\uFFFE\uFFFF]|\p{Surrogate}/u;

const namedEntities: ReadonlyMap<string, string> = new Map([
  ['lt', '<'],
  ['gt', '>'],
  ['amp', '&'],
  ['quot', '"'],
  ['apos', "'"],
]);

function invalid(message: string, cause?: unknown): PodmanBootcError {
  return new PodmanBootcError('failure', 'XML_INVALID', message, { cause });
}

/**
 * Makes an element. Attributes and children that are `undefined` are left out, so optional parts need no branches.
 * Numbers are written in decimal.
 */
export function element(
  name: string,
  attributes: Record<string, string | number | undefined> = {},
  ...children: (XmlElement | string | undefined)[]
): XmlElement {
  const given: Record<string, string> = {};
  for (const [key, value] of Object.entries(attributes)) if (value !== undefined) given[key] = String(value);
  return { name, attributes: given, children: children.filter((each) => each !== undefined) };
}

/**
 * Parses a document and returns its root element. All values are strings as written: nothing becomes a number or a
 * boolean. White space between elements is dropped; text is kept as it is.
 *
 * @throws PodmanBootcError `XML_INVALID`: not well-formed, a DOCTYPE, an entity that XML itself does not define, a
 * control character.
 */
export function parseXml(text: string): XmlElement {
  // eslint-disable-next-line @typescript-eslint/no-deprecated -- as with the builder
  const verdict = XMLValidator.validate(text);
  if (verdict !== true)
    throw invalid(`XML is not well-formed at line ${verdict.err.line}: ${verdict.err.msg}`);
  refuseWhatPasses(text);
  let nodes: OrderedNode[];
  try {
    nodes = parser.parse(text) as OrderedNode[];
  } catch (error) {
    throw invalid(`XML could not be parsed: ${messageOf(error)}`, error);
  }
  const roots = nodes.filter((node) => ![textName, cdataName, commentName].includes(nameOf(node)));
  const [root] = roots;
  if (root === undefined || roots.length > 1)
    throw invalid(`Expected one root element in XML, got ${roots.length}`);
  return fromOrdered(root);
}

/**
 * Writes an element and all below it, indented by two spaces, without an XML declaration (libvirt writes none either).
 * White space that matters survives: an element with text in it is not indented inside, and line breaks and tabs in
 * attributes are written as character references.
 *
 * @throws PodmanBootcError `XML_INVALID`: a name that is none, or a character XML 1.0 does not allow.
 */
export function buildXml(root: XmlElement): string {
  return builder.build([toOrdered(root, 0), { [textName]: '\n' }]);
}

/** The first child element of that name. */
export function child(parent: XmlElement | undefined, name: string): XmlElement | undefined {
  return elements(parent).find((each) => each.name === name);
}

/** All child elements of that name, in document order. */
export function children(parent: XmlElement | undefined, name: string): XmlElement[] {
  return elements(parent).filter((each) => each.name === name);
}

/** All child elements, in document order. */
export function elements(parent: XmlElement | undefined): XmlElement[] {
  return (parent?.children ?? []).filter((each) => typeof each !== 'string');
}

/** The element reached by child names, the first of each: `find(domain, 'os', 'firmware')`. */
export function find(parent: XmlElement | undefined, ...names: string[]): XmlElement | undefined {
  return names.reduce<XmlElement | undefined>(child, parent);
}

/** The text directly in an element, trimmed; `undefined` without an element or without text. */
export function text(parent: XmlElement | undefined): string | undefined {
  const joined = (parent?.children ?? []).filter((each) => typeof each === 'string').join('');
  return joined.trim() === '' ? undefined : joined.trim();
}

// The validator and the parser both accept a DOCTYPE and its entities, control characters, and text after the root.
function refuseWhatPasses(document: string): void {
  if (illegalCharacter.test(document)) throw invalid('XML contains a control character or a lone surrogate');
  const outside = document.replace(/<!--[\s\S]*?-->|<!\[CDATA\[[\s\S]*?\]\]>|<\?[\s\S]*?\?>/g, '');
  if (!/<(?:[^<>"']|"[^"]*"|'[^']*')*>\s*$/.test(outside))
    throw invalid('XML has text after its root element');
  if (outside.includes('<!')) throw invalid('XML with a DOCTYPE or another declaration is not accepted');
}

function nameOf(node: OrderedNode): string {
  return Object.keys(node).find((key) => key !== attributesName) ?? '';
}

function fromOrdered(node: OrderedNode): XmlElement {
  const name = nameOf(node);
  checkName(name);
  const attributes: Record<string, string> = {};
  for (const [key, value] of Object.entries((node[attributesName] ?? {}) as Record<string, string>)) {
    checkName(key);
    if (value.includes('<')) throw invalid(`XML attribute ${key} of ${name} contains an unescaped "<"`);
    // Attribute-value normalisation, XML 1.0 section 3.3.3: a literal line break is a space, an escaped one is not.
    attributes[key] = decode(value.replace(/[\t\n\r]/g, ' '));
  }
  const content: (XmlElement | string)[] = [];
  for (const inner of node[name] as OrderedNode[]) {
    const innerName = nameOf(inner);
    if (innerName === commentName) continue;
    if (innerName === textName) addText(content, decode(inner[textName] as string));
    else if (innerName === cdataName)
      for (const part of inner[cdataName] as OrderedNode[]) addText(content, part[textName] as string);
    else content.push(fromOrdered(inner));
  }
  return { name, attributes, children: withoutIndentation(content) };
}

// Text around a comment or a CDATA section arrives in pieces; to the reader it is one text.
function addText(content: (XmlElement | string)[], piece: string): void {
  const last = content.at(-1);
  if (typeof last === 'string') content[content.length - 1] = last + piece;
  else if (piece !== '') content.push(piece);
}

/** Only white space between elements is indentation; white space alone in an element, or beside text, is content. */
function withoutIndentation(content: (XmlElement | string)[]): (XmlElement | string)[] {
  return isIndented(content) ? content.filter((each) => typeof each !== 'string') : content;
}

function isIndented(content: (XmlElement | string)[]): boolean {
  return (
    content.some((each) => typeof each !== 'string') &&
    content.every((each) => typeof each !== 'string' || each.trim() === '')
  );
}

function decode(value: string): string {
  // What has no references was checked with the whole document.
  if (!value.includes('&')) return value;
  const decoded = value.replace(/&([^;&]*);?/g, (reference, body: string) => {
    const character = reference.endsWith(';') ? (namedEntities.get(body) ?? numericEntity(body)) : undefined;
    if (character === undefined)
      throw invalid(`XML contains an unknown entity or a bare "&": "${reference.slice(0, 20)}"`);
    return character;
  });
  if (illegalCharacter.test(decoded))
    throw invalid('XML contains a reference to a character that XML does not allow');
  return decoded;
}

function numericEntity(body: string): string | undefined {
  const digits = /^#(?:x(?<hex>[0-9a-fA-F]{1,6})|(?<decimal>[0-9]{1,7}))$/.exec(body)?.groups;
  if (digits === undefined) return undefined;
  const codePoint = digits.hex === undefined ? Number(digits.decimal) : Number.parseInt(digits.hex, 16);
  return codePoint <= 0x10ffff ? String.fromCodePoint(codePoint) : undefined;
}

function toOrdered(source: XmlElement, depth: number): OrderedNode {
  checkName(source.name);
  const attributes: Record<string, string> = {};
  for (const [key, value] of Object.entries(source.attributes)) {
    checkName(key);
    attributes[key] = escapeAttribute(value);
  }
  const content = withoutIndentation(source.children);
  const indent = content.length > 0 && isIndented(content);
  const inner: OrderedNode[] = [];
  for (const each of content) {
    if (indent) inner.push({ [textName]: lineBreak(depth + 1) });
    inner.push(typeof each === 'string' ? { [textName]: escapeText(each) } : toOrdered(each, depth + 1));
  }
  if (indent) inner.push({ [textName]: lineBreak(depth) });
  return { [source.name]: inner, [attributesName]: attributes };
}

function lineBreak(depth: number): string {
  return '\n' + '  '.repeat(depth);
}

// ">" too, because "]]>" is not allowed in text; a carriage return would be read back as a line feed.
function escapeText(value: string): string {
  checkCharacters(value);
  return value.replace(/&/g, '&amp;').replace(/</g, '&lt;').replace(/>/g, '&gt;').replace(/\r/g, '&#13;');
}

function escapeAttribute(value: string): string {
  return escapeText(value)
    .replace(/"/g, '&quot;')
    .replace(/'/g, '&apos;')
    .replace(/\n/g, '&#10;')
    .replace(/\t/g, '&#9;');
}

function checkName(name: string): void {
  if (!qualifiedName.test(name))
    throw invalid(`Expected a name of an XML element or attribute, got ${JSON.stringify(name)}`);
}

function checkCharacters(value: string): void {
  const found = illegalCharacter.exec(value)?.[0];
  if (found !== undefined)
    throw invalid(
      `XML cannot contain the character U+${(found.codePointAt(0) ?? 0).toString(16).toUpperCase().padStart(4, '0')}`,
    );
}
