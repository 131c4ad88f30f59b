import { specialCharacters } from '../terminal-text.js';

/**
 * A console's bytes as lines that no terminal obeys. A guest decides what it writes, and firmware draws on its
 * console as on a screen: escape sequences (ECMA-48), control characters and invisible formatting are taken out,
 * jumps of the cursor begin a new line. Sequences, characters and lines may be cut anywhere between two chunks.
 * Memory is bounded, whatever comes.
 */
export class ConsoleText {
  readonly #onLine: (line: string, overwritten: boolean) => void;
  readonly #decoder = new TextDecoder('utf-8');
  #line = '';
  /** After a carriage return: what is written next takes the line's place. */
  #returned = false;
  #mode: 'text' | 'escape' | 'control' | 'string' | 'string-escape' = 'text';
  #sequence = '';

  /**
   * @param onLine gets each line that ended, without its end. `overwritten` tells that it ended by a carriage
   *   return and something written over it, as a spinner or a bar of progress does.
   */
  constructor(onLine: (line: string, overwritten: boolean) => void) {
    this.#onLine = onLine;
  }

  /** The line that has not ended yet, such as a prompt. */
  get partial(): string {
    return this.#line;
  }

  push(chunk: Uint8Array | string): void {
    const text = typeof chunk === 'string' ? chunk : this.#decoder.decode(chunk, { stream: true });
    let at = 0;
    while (at < text.length) {
      if (this.#mode !== 'text') {
        this.#escape(text[at] ?? '');
        at++;
        continue;
      }
      special.lastIndex = at;
      const found = special.exec(text);
      const end = found?.index ?? text.length;
      if (end > at) this.#write(text.slice(at, end));
      if (!found) return;
      this.#control(found[0]);
      // Whole: from within a pair of surrogates, the next search would go back to its beginning, for ever.
      at = end + found[0].length;
    }
  }

  #write(text: string): void {
    if (this.#returned) {
      this.#returned = false;
      if (this.#line !== '') this.#end(true);
    }
    this.#line += text;
    while (this.#line.length > longestLine) {
      const rest = this.#line.slice(longestLine);
      this.#line = this.#line.slice(0, longestLine);
      this.#end(false);
      this.#line = rest;
    }
  }

  #control(character: string): void {
    switch (character) {
      case '\n':
      case '\u0085':
        this.#end(false);
        break;
      case '\r':
        this.#returned = true;
        break;
      case '\t':
        this.#write(' '.repeat(8 - (this.#line.length % 8)));
        break;
      case '\b':
        this.#line = this.#line.slice(0, -1);
        break;
      case '\u001b':
        this.#mode = 'escape';
        break;
      case '\u009b':
        this.#mode = 'control';
        this.#sequence = '';
        break;
      case '\u0090':
      case '\u0098':
      case '\u009d':
      case '\u009e':
      case '\u009f':
        this.#mode = 'string';
        break;
      default:
      // Neither seen nor obeyed.
    }
  }

  #escape(character: string): void {
    // CAN and SUB end any sequence; ESC begins another.
    if (character === '\u0018' || character === '\u001a') {
      this.#mode = 'text';
      return;
    }
    switch (this.#mode) {
      case 'escape':
        if (character === '[') {
          this.#mode = 'control';
          this.#sequence = '';
        } else if (/[PX\]^_]/.test(character)) this.#mode = 'string';
        else if (character === '\u001b' || /[ -/]/.test(character)) return;
        else this.#mode = 'text';
        break;
      case 'control':
        if (character === '\u001b') this.#mode = 'escape';
        else if (/[@-~]/.test(character)) {
          this.#mode = 'text';
          this.#cursor(character);
        } else if (character === '\n' || this.#sequence.length > longestSequence) {
          // Not a sequence after all: what follows must not vanish in it.
          this.#mode = 'text';
          if (character === '\n') this.#end(false);
        } else this.#sequence += character;
        break;
      case 'string':
        if (character === '\u0007' || character === '\u009c') this.#mode = 'text';
        else if (character === '\u001b') this.#mode = 'string-escape';
        // An unfinished one would otherwise hide all that follows.
        else if (character === '\n') {
          this.#mode = 'text';
          this.#end(false);
        }
        break;
      default:
        this.#mode = 'text';
        // ESC \ ends the string; any other ESC began the next sequence.
        if (character !== '\\') {
          this.#mode = 'escape';
          this.#escape(character);
        }
    }
  }

  /** What a control sequence did to the cursor, as far as lines are concerned. */
  #cursor(final: string): void {
    if ('ABEFHdfJ'.includes(final)) {
      if (this.#line !== '') this.#end(false);
    } else if (final === 'C' || final === 'G') {
      if (this.#line !== '' && !this.#line.endsWith(' ')) this.#write(' ');
    }
  }

  #end(overwritten: boolean): void {
    const line = this.#line.trimEnd();
    this.#line = '';
    this.#returned = false;
    this.#onLine(line, overwritten);
  }
}

/** Characters; a guest that writes none of its line ends would otherwise fill our memory. */
const longestLine = 4096;
const longestSequence = 64;

const special = specialCharacters();

/** Text of several lines from outside, for a terminal; see `ConsoleText`. */
export function printable(text: string): string {
  const lines: string[] = [];
  const console = new ConsoleText((line, overwritten) => {
    if (!overwritten) lines.push(line);
  });
  console.push(text);
  return [...lines, console.partial].join('\n');
}
