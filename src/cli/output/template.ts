import { PodmanBootcError } from '../../errors.js';
import { jsonText, oneLine } from '../../terminal-text.js';
import type { Fields } from './fields.js';

/** Writes one value as the template says. */
export type Template = (value: unknown) => string;

/** How a path of fields is followed: by the names as the value has them. */
type Path = readonly string[];

/**
 * Compiles what podman's users know of Go's templates: `{{.Name}}`, `{{.SSH.Port}}`, `{{json .Image}}`,
 * `{{index .Labels "stage"}}`, and outside of them `\t`, `\n` and `\\`. The case of fields does not matter. Objects are
 * written as JSON; what is null, as nothing.
 * @param fields what there is; others are refused, whether or not there will be values
 * @throws PodmanBootcError `TEMPLATE_INVALID`, `TEMPLATE_FIELD`
 */
export function compileTemplate(source: string, fields: Fields): Template {
  const parts: Template[] = [];
  for (let at = 0; at < source.length;) {
    const begin = source.indexOf('{{', at);
    const end = begin === -1 ? -1 : source.indexOf('}}', begin + 2);
    const text = source.slice(at, end === -1 ? undefined : begin);
    if (/\{\{|\}\}/.test(text)) throw invalid(`Expected '{{' and '}}' in pairs`, text);
    const written = unescape(text);
    parts.push(() => written);
    if (end === -1) break;
    parts.push(compileAction(source.slice(begin, end + 2), fields));
    at = end + 2;
  }
  return (value) => parts.map((part) => part(value)).join('');
}

function compileAction(action: string, fields: Fields): Template {
  const path = String.raw`(\.|(?:\.[\p{L}\p{N}_-]+)+)`;
  const pattern = new RegExp(
    String.raw`^\{\{\s*(?:(json)\s+${path}|index\s+${path}\s+"([^"\\]*)"|${path})\s*\}\}$`,
    'u',
  );
  const found = pattern.exec(action);
  if (!found)
    throw invalid('Expected a field such as {{.Name}}, {{json .}} or {{index .Labels "name"}}', action);
  const [, json, jsonPath, indexPath, index, plainPath] = found;
  const names = resolve((jsonPath ?? indexPath ?? plainPath ?? '.').split('.').filter(Boolean), fields);
  if (index !== undefined) names.push(index);
  return (value) => {
    const field = follow(value, names);
    return json === undefined ? plain(field) : jsonText(field ?? null);
  };
}

/** The names as the values have them: Go's users begin them with capitals. */
function resolve(path: Path, fields: Fields): string[] {
  const names: string[] = [];
  let current = fields;
  for (const [index, word] of path.entries()) {
    const name = [...current.named.keys()].find((each) => each.toLowerCase() === word.toLowerCase());
    if (name === undefined && !current.open) throw unknownField(path.slice(0, index + 1), current);
    names.push(name ?? word);
    current = (name === undefined ? undefined : current.named.get(name)) ?? { named: new Map(), open: false };
  }
  return names;
}

function follow(value: unknown, names: Path): unknown {
  return names.reduce<unknown>(
    (current, name) =>
      typeof current === 'object' && current !== null && Object.hasOwn(current, name)
        ? (current as Record<string, unknown>)[name]
        : undefined,
    value,
  );
}

function plain(field: unknown): string {
  if (field === undefined || field === null) return '';
  // Exact is only JSON: a line break in a name would make two VMs of one.
  return typeof field === 'string' ? oneLine(field) : jsonText(field);
}

function unescape(text: string): string {
  const meanings: Readonly<Record<string, string>> = { t: '\t', n: '\n', '\\': '\\' };
  return text.replace(/\\([tn\\])/g, (all, letter: string) => meanings[letter] ?? all);
}

function invalid(expected: string, got: string): PodmanBootcError {
  return new PodmanBootcError('usage', 'TEMPLATE_INVALID', `${expected}, got ${JSON.stringify(got)}`, {
    remedy: String.raw`For example --format '{{.Name}}\t{{.State}}'`,
  });
}

function unknownField(path: Path, { named }: Fields): PodmanBootcError {
  const capital = (name: string): string => name.replace(/^./, (first) => first.toUpperCase());
  const names = [...named.keys()].map((name) => [...path.slice(0, -1), name].map(capital).join('.'));
  return new PodmanBootcError(
    'usage',
    'TEMPLATE_FIELD',
    names.length === 0
      ? `There is no field .${path.join('.')}: .${path.slice(0, -1).join('.')} has no fields`
      : `There is no field .${path.join('.')}`,
    names.length === 0 ? {} : { remedy: `There are ${names.map((name) => `.${name}`).join(', ')}` },
  );
}
