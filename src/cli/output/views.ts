import { ConsoleText } from '../../boot/console-text.js';
import { exitCodes, type PodmanBootcError } from '../../errors.js';
import type { Progress, ProgressStage } from '../../report.js';
import { jsonText, oneLine } from '../../terminal-text.js';
import { ProgressModel, stageName, transferWords, type Drawing } from './progress-model.js';

export type MessageLevel = 'debug' | 'info' | 'warn';

/** How progress and messages are shown on stderr while a command works. */
export interface View {
  progress(progress: Progress): void;
  /** Output of a program that works for us, in pieces of any size. */
  output(chunk: string): void;
  /** A sentence for people; `text` is how a terminal would show it. */
  message(level: MessageLevel, message: string, text: string): void;
  /** False when other programs' output is not left on the terminal; then a failure shows it. */
  readonly showsOutput?: boolean;
  /** The error that ended the command. @returns whether it has been shown */
  failure?(error: PodmanBootcError): boolean;
  /** Leaves the terminal alone, for a question to the user. @returns what goes on with it */
  pause?(): () => void;
  /** Nothing of the progress is written after this. */
  close(outcome: 'done' | 'failed'): void;
}

/** Where views write. */
export interface Stream {
  isTTY?: boolean;
  columns?: number;
  rows?: number;
  write(text: string): unknown;
}

/** Milliseconds between two drawings: a guest that talks much is shown no more often than eyes need. */
const drawInterval = 100;

/** One live region that is drawn over itself, with what was said above it. */
export class LiveView implements View {
  readonly showsOutput = false;
  readonly #model = new ProgressModel();
  readonly #text = new ConsoleText((line) => {
    this.#model.output(line);
  });
  readonly #timer: NodeJS.Timeout;
  #isClosed = false;
  #isPaused = false;
  #isCursorHidden = false;
  readonly #showCursor = (): void => {
    this.#setCursor('shown');
  };

  private constructor(
    private readonly stream: Stream,
    private readonly region: { (text: string): void; clear(): void; done(): void },
    private readonly truncate: Drawing['truncate'],
    private readonly looks: { colour: boolean; unicode: boolean },
  ) {
    this.#timer = setInterval(() => {
      this.#draw();
    }, drawInterval).unref();
  }

  static async open(stream: Stream, looks: { colour: boolean; unicode: boolean }): Promise<LiveView> {
    const [{ createLogUpdate }, { default: cliTruncate }] = await Promise.all([
      import('log-update'),
      import('cli-truncate'),
    ]);
    // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- it uses no more of it than ours has
    const region = createLogUpdate(stream as NodeJS.WriteStream, { showCursor: true });
    return new LiveView(stream, region, (text, columns) => cliTruncate(text, Math.max(1, columns)), looks);
  }

  progress(progress: Progress): void {
    this.#model.apply(progress, performance.now());
  }

  output(chunk: string): void {
    this.#text.push(chunk);
  }

  message(_level: MessageLevel, _message: string, text: string): void {
    if (!this.#isClosed) this.region.clear();
    this.stream.write(text);
    this.#draw();
  }

  pause(): () => void {
    if (!this.#isClosed) this.region.clear();
    this.#setCursor('shown');
    this.#isPaused = true;
    return () => {
      this.#isPaused = false;
    };
  }

  close(outcome: 'done' | 'failed'): void {
    if (this.#isClosed) return;
    clearInterval(this.#timer);
    this.#model.finish(outcome, performance.now());
    this.#draw();
    this.region.done();
    this.#setCursor('shown');
    this.#isClosed = true;
  }

  /**
   * log-update would do it too, but show the cursor once more when the process exits, behind the session's last byte, and
   * have listeners for signals that are ssh's by then.
   */
  #setCursor(cursor: 'shown' | 'hidden'): void {
    const isHidden = cursor === 'hidden';
    if (isHidden === this.#isCursorHidden) return;
    this.#isCursorHidden = isHidden;
    this.stream.write(isHidden ? '\u001b[?25l' : '\u001b[?25h');
    process[isHidden ? 'once' : 'off']('exit', this.#showCursor);
  }

  #draw(): void {
    if (this.#isClosed || this.#isPaused) return;
    const { columns = 80, rows = 24 } = this.stream;
    const lines = this.#model.draw(performance.now(), {
      ...this.looks,
      columns,
      rows,
      truncate: this.truncate,
    });
    if (lines.length === 0) return;
    this.#setCursor('hidden');
    this.region(lines.join('\n'));
  }
}

/** A line per stage, with the time of day; for files, pipes and the logs of CI. */
export class PlainView implements View {
  #stage: ProgressStage | undefined;
  #transfer: Extract<Progress, { type: 'transfer' }> | undefined;
  readonly #text = new ConsoleText((line, overwritten) => {
    if (!overwritten && line.trim() !== '') this.#line(`${this.#stage ?? 'install'}: ${line}`);
  });

  constructor(
    private readonly stream: Stream,
    private readonly now: () => Date = () => new Date(),
  ) {}

  progress(progress: Progress): void {
    if (progress.type === 'console') return;
    if (progress.type === 'transfer') {
      this.#transfer = progress;
      return;
    }
    if (progress.stage === this.#stage) return;
    this.#endTransfer();
    this.#stage = progress.stage;
    this.#line(
      stageName(progress.stage) + (progress.detail === undefined ? '' : `: ${oneLine(progress.detail)}`),
    );
  }

  output(chunk: string): void {
    this.#text.push(chunk);
  }

  message(_level: MessageLevel, _message: string, text: string): void {
    this.stream.write(text);
  }

  close(): void {
    this.#endTransfer();
  }

  #endTransfer(): void {
    if (this.#transfer) this.#line(`${stageName(this.#transfer.stage)}: ${transferWords(this.#transfer)}`);
    this.#transfer = undefined;
  }

  #line(text: string): void {
    this.stream.write(`${this.now().toTimeString().slice(0, 8)} ${text}\n`);
  }
}

/** The guest's console instead of stages, line by line and without anything that a terminal obeys. */
export class ConsoleView implements View {
  #isClosed = false;
  readonly #text = new ConsoleText((line, overwritten) => {
    if (!overwritten) this.stream.write(`${line}\n`);
  });

  constructor(private readonly stream: Stream) {}

  progress(progress: Progress): void {
    if (progress.type === 'console' && !progress.overwritten && !this.#isClosed)
      this.stream.write(`${progress.text}\n`);
  }

  output(chunk: string): void {
    this.#text.push(chunk);
  }

  message(_level: MessageLevel, _message: string, text: string): void {
    this.stream.write(text);
  }

  close(): void {
    this.#isClosed = true;
  }
}

/** One JSON object per line and event. Keys are only ever added. */
export class JsonView implements View {
  #isClosed = false;
  readonly #text = new ConsoleText((line, overwritten) => {
    if (!overwritten && line.trim() !== '') this.#event({ type: 'output', text: line });
  });

  constructor(
    private readonly stream: Stream,
    private readonly withConsole: boolean,
    private readonly now: () => Date = () => new Date(),
  ) {}

  progress(progress: Progress): void {
    if (this.#isClosed || (progress.type === 'console' && !this.withConsole)) return;
    this.#event(progress);
  }

  output(chunk: string): void {
    this.#text.push(chunk);
  }

  message(level: MessageLevel, message: string): void {
    this.#event({ type: 'message', level, text: message });
  }

  failure(error: PodmanBootcError): boolean {
    const { code, message, remedy, output, failureClass } = error;
    const exitCode = exitCodes[failureClass];
    this.#event({ type: 'error', code, class: failureClass, exitCode, message, remedy, output });
    return true;
  }

  close(outcome: 'done' | 'failed'): void {
    if (!this.#isClosed && outcome === 'done') this.#event({ type: 'ready' });
    this.#isClosed = true;
  }

  #event(event: Record<string, unknown>): void {
    this.stream.write(`${jsonText({ time: this.now().toISOString(), ...event })}\n`);
  }
}
