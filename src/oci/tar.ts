import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';

/*
 * Archives of image layers: pax (POSIX.1-2017, pax, "pax Interchange Format") and GNU's names (tar.h of GNU tar). Read for where
 * things are, not for what is in them: contents are skipped, and go later, byte for byte, from the layer into another archive.
 */

/** What an archive says of one file. */
export interface TarEntry {
  /** Without `/` or `./` before it and `/` behind. */
  path: string;
  /** `link`: another name of a file in the same layer. `other`: devices and FIFOs. */
  type: 'file' | 'directory' | 'symlink' | 'link' | 'other';
  /** Its permissions. */
  mode: number;
  uid: number;
  gid: number;
  /** Bytes of its content. */
  size: number;
  /** Of a symbolic link, as it is; of another name, the first one's path. */
  target: string;
  /** Extended attributes by their names: bytes, not text (security.capability). */
  attributes: ReadonlyMap<string, Buffer>;
  /** As it stands in the archive. */
  header: Buffer;
  /** The archive, and where in it the content begins. */
  archive: string;
  offset: number;
}

/** An archive that cannot be read. The message goes on after its path. */
export class TarError extends Error {}

export const blockSize = 512;
/** Bytes that are read at once: of small files, several headers. */
const windowSize = 1 << 18;
/** Names and attributes are no longer. */
const longestRecords = 1 << 20;

const emptyBlock = Buffer.alloc(blockSize);

const attributePrefix = 'SCHILY.xattr.';

/**
 * Lists an archive.
 * @param path of a regular file, uncompressed
 * @throws TarError
 */
export async function readTar(path: string): Promise<TarEntry[]> {
  await using file = await open(path);
  const { size: end } = await file.stat();
  const window = new Window(file);
  const entries: TarEntry[] = [];
  let records = new Map<string, Buffer>();
  for (let position = 0; ;) {
    const header = await window.read(position, blockSize);
    // Two empty blocks end it (and podman's archives leave out none); so does the end of the file.
    if (header.length < blockSize || isEmpty(header)) return entries;
    if (!hasChecksum(header)) throw new TarError(`has no header at ${position}: it is no archive`);
    const flag = String.fromCharCode(header[156] ?? 0);
    const content = position + blockSize;
    const size = numberOf(records.get('size'), header, 124, 12);
    position = content + Math.ceil(size / blockSize) * blockSize;
    if (content + size > end) throw new TarError(`ends in the middle of what it has at ${content}`);
    if ('xgLK'.includes(flag)) {
      if (size > longestRecords) throw new TarError(`has names of ${size} bytes`);
      const text = Buffer.from(await window.read(content, size));
      if (flag === 'x') for (const [key, value] of paxRecords(text)) records.set(key, value);
      else if (flag === 'L') records.set('path', text.subarray(0, endOfString(text)));
      else if (flag === 'K') records.set('linkpath', text.subarray(0, endOfString(text)));
      continue;
    }
    entries.push(entryOf(path, Buffer.from(header), flag, records, { size, offset: content }));
    records = new Map();
  }
}

/** The content of a file of an archive. */
export function contentOf({ archive, offset, size }: TarEntry): AsyncIterable<Buffer> {
  return size === 0
    ? empty()
    : (createReadStream(archive, {
        start: offset,
        end: offset + size - 1,
        highWaterMark: windowSize,
      }) as AsyncIterable<Buffer>);
}

// eslint-disable-next-line @typescript-eslint/require-await -- its caller awaits each piece
async function* empty(): AsyncGenerator<Buffer> {
  yield* [];
}

/** What goes into an archive: a file of another one, one more name of a file before, or a text of our own. */
export type TarMember =
  | { entry: TarEntry; sameAs?: string }
  /** Readable by its owner only. */
  | { path: string; text: string };

/** Writes an archive. What another one said of a file stays as it was, but its name. */
export async function* writeTar(members: Iterable<TarMember>): AsyncGenerator<Buffer> {
  for (const member of members) {
    if ('text' in member) {
      const content = Buffer.from(member.text);
      yield fileHeader(member.path, content.length);
      yield* padded([content], content.length);
      continue;
    }
    const { entry, sameAs } = member;
    const { path, attributes, size } = entry;
    if (sameAs !== undefined) {
      yield* headersOf(entry.header, { path, flag: '1', size: 0, target: sameAs });
      continue;
    }
    const flag = entry.type === 'other' ? String.fromCharCode(entry.header[156] ?? 0) : flags[entry.type];
    const target = entry.type === 'symlink' ? entry.target : '';
    const owner = { uid: entry.uid, gid: entry.gid };
    yield* headersOf(entry.header, { path, flag, size, target, attributes, ...owner });
    yield* padded(contentOf(entry), size);
  }
  yield Buffer.alloc(2 * blockSize);
}

const flags = { file: '0', directory: '5', symlink: '2', link: '1' } as const;

function entryOf(
  archive: string,
  header: Buffer,
  flag: string,
  records: ReadonlyMap<string, Buffer>,
  place: { size: number; offset: number },
): TarEntry {
  const name = records.get('path')?.toString() ?? nameOf(header);
  const type = typeOf(flag, name);
  if (type === undefined || records.has('GNU.sparse.major') || records.has('GNU.sparse.map'))
    throw new TarError(`has ${name} in a form that is not known (${JSON.stringify(flag)})`);
  const target = records.get('linkpath')?.toString() ?? stringOf(header, 157, 100);
  return {
    path: clean(name),
    type,
    mode: numberOf(undefined, header, 100, 8) & 0o7777,
    uid: numberOf(records.get('uid'), header, 108, 8),
    gid: numberOf(records.get('gid'), header, 116, 8),
    target: type === 'link' ? clean(target) : target,
    attributes: new Map(
      [...records]
        .filter(([key]) => key.startsWith(attributePrefix))
        .map(([key, value]) => [key.slice(attributePrefix.length), value]),
    ),
    header,
    archive,
    ...place,
  };
}

function typeOf(flag: string, name: string): TarEntry['type'] | undefined {
  switch (flag) {
    case '0':
    case '\0':
    case '7':
      // Archives of before POSIX.
      return name.endsWith('/') ? 'directory' : 'file';
    case '1':
      return 'link';
    case '2':
      return 'symlink';
    case '5':
      return 'directory';
    case '3':
    case '4':
    case '6':
      return 'other';
    default:
      return undefined;
  }
}

/** @throws TarError when a name leads out of where the archive is unpacked */
function clean(name: string): string {
  const words = name.split('/').filter((word) => word !== '' && word !== '.');
  if (words.includes('..')) throw new TarError(`has the name ${JSON.stringify(name)}, which leads out of it`);
  return words.join('/');
}

function nameOf(header: Buffer): string {
  const name = stringOf(header, 0, 100);
  const isUstar = header.toString('latin1', 257, 263) === 'ustar\0';
  const prefix = isUstar ? stringOf(header, 345, 155) : '';
  return prefix === '' ? name : `${prefix}/${name}`;
}

function stringOf(header: Buffer, at: number, length: number): string {
  const field = header.subarray(at, at + length);
  return field.toString('utf8', 0, endOfString(field));
}

function endOfString(bytes: Buffer): number {
  const end = bytes.indexOf(0);
  return end === -1 ? bytes.length : end;
}

/** A number, of pax's records (decimal) or the header (octal, or of GNU's in base 256). */
function numberOf(record: Buffer | undefined, header: Buffer, at: number, length: number): number {
  if (record) return Number(record.toString());
  const field = header.subarray(at, at + length);
  if (((field[0] ?? 0) & 0x80) !== 0)
    return field.reduce((sum, byte, index) => (index === 0 ? byte & 0x7f : sum * 256 + byte), 0);
  return Number.parseInt(field.toString('latin1').replaceAll('\0', ' ').trim() || '0', 8);
}

function* paxRecords(text: Buffer): Generator<[string, Buffer]> {
  for (let at = 0; at < text.length;) {
    const space = text.indexOf(0x20, at);
    const length = Number(text.toString('latin1', at, space));
    const equals = text.indexOf(0x3d, space);
    if (space === -1 || equals === -1 || !(length > 0) || at + length > text.length)
      throw new TarError('has a damaged record');
    yield [text.toString('utf8', space + 1, equals), text.subarray(equals + 1, at + length - 1)];
    at += length;
  }
}

/** The sum of the header's bytes, with blanks instead of the field itself. By loops: an image has a hundred thousand headers. */
function checksumOf(header: Buffer): number {
  let sum = 8 * 0x20;
  for (let index = 0; index < blockSize; index++) if (index < 148 || index >= 156) sum += header[index] ?? 0;
  return sum;
}

function isEmpty(header: Buffer): boolean {
  return header[0] === 0 && header.equals(emptyBlock);
}

function hasChecksum(header: Buffer): boolean {
  return numberOf(undefined, header, 148, 8) === checksumOf(header);
}

interface HeaderFields {
  path: string;
  flag: string;
  size: number;
  target: string;
  uid?: number;
  gid?: number;
  attributes?: ReadonlyMap<string, Buffer>;
}

/** The largest numbers that fields of 8 and 12 bytes hold in octal. */
const mostOfEight = 0o7777777;
const mostOfTwelve = 0o77777777777;

function* headersOf(template: Buffer, fields: HeaderFields): Generator<Buffer> {
  const { path, flag, size, target, uid = 0, gid = 0, attributes = new Map<string, Buffer>() } = fields;
  const records: Buffer[] = [];
  const add = (key: string, value: string | Buffer): void => {
    records.push(paxRecord(key, Buffer.from(value)));
  };
  if (Buffer.byteLength(path) > 100) add('path', path);
  if (Buffer.byteLength(target) > 100) add('linkpath', target);
  if (uid > mostOfEight) add('uid', String(uid));
  if (gid > mostOfEight) add('gid', String(gid));
  for (const [name, value] of attributes) add(`${attributePrefix}${name}`, value);
  if (records.length > 0) {
    const content = Buffer.concat(records);
    const header = Buffer.alloc(blockSize);
    header.write('0000600', 100);
    yield finish(header, { path: 'pax', flag: 'x', size: content.length, target: '', uid: 0, gid: 0 });
    yield content;
    yield padding(content.length);
  }
  yield finish(Buffer.from(template), { path, flag, size, target, uid, gid });
}

/** The header of a file that is root's alone: one block, whatever its size. @param path 100 bytes at most */
export function fileHeader(path: string, size: number): Buffer {
  const header = Buffer.alloc(blockSize);
  header.write('0000600', 100);
  header.write('00000000000', 136);
  return finish(header, { path, flag: '0', size, target: '', uid: 0, gid: 0 });
}

function finish(header: Buffer, fields: Required<Omit<HeaderFields, 'attributes'>>): Buffer {
  header.fill(0, 0, 100);
  Buffer.from(fields.path).copy(header, 0, 0, 100);
  header.write(octal(fields.uid > mostOfEight ? 0 : fields.uid, 7), 108, 8, 'latin1');
  header.write(octal(fields.gid > mostOfEight ? 0 : fields.gid, 7), 116, 8, 'latin1');
  // More than octal digits hold is a GNU extension that every tar reads.
  if (fields.size <= mostOfTwelve) header.write(octal(fields.size, 11), 124, 12, 'latin1');
  else {
    header.fill(0, 124, 128);
    header[124] = 0x80;
    header.writeBigUInt64BE(BigInt(fields.size), 128);
  }
  header.write(fields.flag, 156, 'latin1');
  header.fill(0, 157, 257);
  Buffer.from(fields.target).copy(header, 157, 0, 100);
  header.write('ustar\u000000', 257, 'latin1');
  // The rest of a long name, for which there is a record; GNU's archives have times there.
  header.fill(0, 345, 512);
  header.write(`${checksumOf(header).toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return header;
}

function octal(value: number, digits: number): string {
  return `${value.toString(8).padStart(digits, '0')}\0`;
}

/** `LENGTH KEY=VALUE\n`, whose length counts its own digits. */
function paxRecord(key: string, value: Buffer): Buffer {
  const rest = Buffer.byteLength(key) + value.length + 3;
  let length = rest + String(rest).length;
  if (String(length).length !== String(rest).length) length = rest + String(length).length;
  return Buffer.concat([Buffer.from(`${length} ${key}=`), value, Buffer.from('\n')]);
}

async function* padded(
  pieces: Iterable<Buffer> | AsyncIterable<Buffer>,
  size: number,
): AsyncGenerator<Buffer> {
  yield* pieces;
  yield padding(size);
}

/** What fills a content up to whole blocks. */
export function padding(size: number): Buffer {
  return Buffer.alloc((blockSize - (size % blockSize)) % blockSize);
}

/** A file by pieces of which several are near each other. */
class Window {
  #buffer = Buffer.allocUnsafe(windowSize);
  #bytes = this.#buffer.subarray(0, 0);
  #start = 0;

  constructor(private readonly file: FileHandle) {}

  /** Fewer bytes than asked for mean that the file ends there. What it gives is overwritten by the next call. */
  async read(position: number, length: number): Promise<Buffer> {
    if (position < this.#start || position + length > this.#start + this.#bytes.length) {
      if (length > this.#buffer.length) this.#buffer = Buffer.allocUnsafe(length);
      const buffer = this.#buffer;
      let count = 0;
      while (count < buffer.length) {
        const { bytesRead } = await this.file.read(buffer, count, buffer.length - count, position + count);
        if (bytesRead === 0) break;
        count += bytesRead;
      }
      this.#bytes = buffer.subarray(0, count);
      this.#start = position;
    }
    return this.#bytes.subarray(position - this.#start, position - this.#start + length);
  }
}
