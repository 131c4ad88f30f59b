import { lastLine } from '../podman/engine.js';

/** Characters; bootc quotes whole lists of digests in a line. */
const longest = 600;

/**
 * What bootc says went wrong: all of `error: A: B: C`, each part the cause of the one before it, of which the file is
 * named in the middle as often as at the end. The chain may go over several lines, as a TOML error does with the line it
 * shows; those that only show and point are left out. bootc before 1.2 writes `ERROR ` (tracing) instead of `error: `.
 * @returns one line; where there is no such chain, the last line that says something
 */
export function errorChain(output: string): string {
  const lines = output.split('\n').map((line) => line.trimEnd());
  const at = lines.findLastIndex((line) => chainBegin.test(line));
  if (at < 0) return cut(lastLine(output));
  const [first = '', ...rest] = lines.slice(at);
  // What clap says of a wrong command line ends with an empty line and the usage.
  const end = rest.indexOf('');
  const more = (end < 0 ? rest : rest.slice(0, end)).filter((line) => !/^\s*\d*\s*\|/.test(line));
  return cut([first.replace(chainBegin, ''), ...more.map((line) => line.trim())].join(': '));
}

const chainBegin = /^\s*(?:error: |ERROR )/;

function cut(text: string): string {
  return text.length > longest ? `${text.slice(0, longest)}…` : text;
}

/** Output for people: lines that go on without end are cut. */
export function cutLines(output: string): string {
  return output.split('\n').map(cut).join('\n');
}
