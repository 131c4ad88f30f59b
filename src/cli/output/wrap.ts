/** Below this a terminal is no place for sentences, and wraps as it likes. */
const narrowest = 20;

/**
 * Breaks a text at its spaces into lines of at most so many columns; a word that is longer has a line of its own. Line
 * breaks of its own stay.
 */
export function wrapWords(text: string, columns: number): string {
  if (columns < narrowest) return text;
  return text
    .split('\n')
    .map((line) => {
      const lines: string[] = [];
      let current = '';
      for (const word of line.split(' ')) {
        if (current !== '' && current.length + 1 + word.length > columns) {
          lines.push(current);
          current = word;
        } else current = current === '' ? word : `${current} ${word}`;
      }
      return [...lines, current].join('\n');
    })
    .join('\n');
}
