import { styleText } from 'node:util';
import { stageWords } from '../../boot/verdict.js';
import type { Progress, ProgressStage } from '../../report.js';
import { oneLine } from '../../terminal-text.js';
import { formatDecimalSize } from './format.js';

/** How a stage is called where people read it. */
export function stageName(stage: ProgressStage): string {
  switch (stage) {
    case 'image':
    case 'install':
    case 'write':
    case 'define':
      return stage;
    default:
      return stageWords(stage);
  }
}

/** `1.2 GB of 3.4 GB, 56 MB/s` */
export function transferWords({
  bytes,
  total,
  rate,
}: {
  bytes: number;
  total?: number | undefined;
  rate: number;
}): string {
  const amount = formatDecimalSize(bytes) + (total === undefined ? '' : ` of ${formatDecimalSize(total)}`);
  return rate > 0 ? `${amount}, ${formatDecimalSize(rate)}/s` : amount;
}

/** How progress is drawn. */
export interface Drawing {
  /** Of the terminal. */
  columns: number;
  rows: number;
  colour: boolean;
  /** False draws with ASCII only. */
  unicode: boolean;
  /** Cuts a text to so many columns. */
  truncate: (text: string, columns: number) => string;
}

interface Reached {
  stage: ProgressStage;
  /** Milliseconds, of the clock that the caller has. */
  begin: number;
  end: number | undefined;
  detail: string;
  transfer: string;
}

/** The stages reached so far, how long each took, and the console's last line; drawn as lines of fixed width. */
export class ProgressModel {
  readonly #reached: Reached[] = [];
  #console = '';
  #outcome: 'running' | 'done' | 'failed' = 'running';

  /** Takes a piece of progress that came at a time in milliseconds. */
  apply(progress: Progress, now: number): void {
    if (progress.type === 'console') {
      if (progress.text.trim() !== '') this.#console = progress.text;
      return;
    }
    const last = this.#reached.at(-1);
    const reached = last?.stage === progress.stage ? last : this.#begin(progress.stage, now);
    if (progress.type === 'transfer') reached.transfer = transferWords(progress);
    else reached.detail = oneLine(progress.detail ?? '');
  }

  /** Takes a line of the program that does the present stage's work. */
  output(line: string): void {
    const last = this.#reached.at(-1);
    if (last && line.trim() !== '') last.detail = line.trim();
  }

  finish(outcome: 'done' | 'failed', now: number): void {
    this.#outcome = outcome;
    const last = this.#reached.at(-1);
    if (last) last.end ??= now;
  }

  draw(now: number, drawing: Drawing): string[] {
    // The console's line and the empty one below the region take the rest.
    const room = Math.max(1, drawing.rows - 3);
    const lines = this.#reached.slice(-room).map((reached) => this.#line(reached, now, drawing));
    if (this.#outcome === 'running' && this.#console !== '' && drawing.rows > 2) {
      const bar = drawing.unicode ? '│' : '|';
      lines.push(style(drawing, 'dim', drawing.truncate(` ${bar} ${this.#console}`, drawing.columns)));
    }
    return lines;
  }

  #begin(stage: ProgressStage, now: number): Reached {
    const last = this.#reached.at(-1);
    if (last) last.end = now;
    const reached = { stage, begin: now, end: undefined, detail: '', transfer: '' };
    this.#reached.push(reached);
    return reached;
  }

  #line({ stage, begin, end, detail, transfer }: Reached, now: number, drawing: Drawing): string {
    const isLast = this.#reached.at(-1)?.begin === begin && this.#reached.at(-1)?.stage === stage;
    const state = !isLast ? 'done' : this.#outcome;
    const [mark, colour] = (drawing.unicode ? marks : asciiMarks)[state];
    const seconds = ((end ?? now) - begin) / 1000;
    const words = [transfer, detail].filter((text) => text !== '').join('  ');
    const text = `${stageName(stage).padEnd(11)} ${seconds.toFixed(1).padStart(6)} s  ${words}`;
    return `${style(drawing, colour, ` ${mark} `)}${drawing.truncate(text.trimEnd(), drawing.columns - 3)}`;
  }
}

const marks = { done: ['✓', 'green'], running: ['●', 'cyan'], failed: ['✗', 'red'] } as const;
const asciiMarks = { done: ['+', 'green'], running: ['*', 'cyan'], failed: ['x', 'red'] } as const;

function style({ colour }: Drawing, format: 'green' | 'cyan' | 'red' | 'dim', text: string): string {
  return colour ? styleText(format, text, { validateStream: false }) : text;
}
