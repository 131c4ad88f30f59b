/*
 * Text from outside may hold characters that a terminal obeys (C0 and C1 control characters: escape sequences begin with
 * them), or that show nothing but change how what is around them is read: bidirectional overrides, zero width, line and
 * paragraph separators, fillers. Whatever a person reads goes through here, or through `ConsoleText` where it is a
 * console's; JSON and YAML keep it exactly, by their escapes.
 */
const beyondAscii = String.raw`\u007f-\u009f\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}`;

/** Any of those characters, for a search: the flags are `gu`. */
export function specialCharacters(): RegExp {
  return new RegExp(String.raw`[\u0000-\u001f${beyondAscii}]`, 'gu');
}

const special = specialCharacters();
const specialBeyondAscii = new RegExp(`[${beyondAscii}]`, 'gu');

/** Text from outside on one line, for a terminal: what is special in it is shown as U+FFFD, and not obeyed. */
export function oneLine(text: string): string {
  return text.replace(special, '\uFFFD');
}

/** Whether there is nothing in it that `oneLine` would replace. */
export function isPlain(text: string): boolean {
  return oneLine(text) === text;
}

/** A value as JSON that a terminal may get: what reads it finds the value as it was. */
export function jsonText(value: unknown, indentation?: number): string {
  return JSON.stringify(value, null, indentation).replace(specialBeyondAscii, (character) =>
    // JSON knows no code points, only their halves in UTF-16.
    character
      .split('')
      .map((half) => `\\u${hex(half.charCodeAt(0)).padStart(4, '0')}`)
      .join(''),
  );
}

/** A value as YAML, likewise. */
export async function yamlText(value: unknown): Promise<string> {
  const { stringify } = await import('yaml');
  const options = { lineWidth: 0, aliasDuplicateObjects: false } as const;
  const text = stringify(value, options);
  if (text.search(specialBeyondAscii) === -1) return text;
  // Only double quotes know escapes.
  return stringify(value, { ...options, defaultStringType: 'QUOTE_DOUBLE' }).replace(
    specialBeyondAscii,
    (character) => `\\U${hex(character.codePointAt(0) ?? 0).padStart(8, '0')}`,
  );
}

/** XML, likewise; it has no such characters outside of text and attributes. */
export function xmlText(xml: string): string {
  return xml.replace(specialBeyondAscii, (character) => `&#x${hex(character.codePointAt(0) ?? 0)};`);
}

function hex(code: number): string {
  return code.toString(16);
}
