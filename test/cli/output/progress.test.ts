import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import xterm from '@xterm/headless';
import { BootRecognizer } from '../../../src/boot/recognizer.js';
import { ProgressModel } from '../../../src/cli/output/progress-model.js';
import { ConsoleView, JsonView, LiveView, PlainView, type View } from '../../../src/cli/output/views.js';
import type { Progress } from '../../../src/report.js';
import { assertGolden as assertGoldenFile } from '../../support/golden.js';
import { projectRoot } from '../../support/project.js';

function fixture(name: string): Buffer {
  return readFileSync(join(projectRoot, 'test', 'boot', 'fixtures', `${name}.console`));
}

/** A terminal of fixed size, and what was written to it. */
class Screen {
  readonly isTTY = true;
  readonly terminal: InstanceType<typeof xterm.Terminal>;
  titles: string[] = [];
  written = '';

  constructor(
    readonly columns = 80,
    readonly rows = 24,
  ) {
    this.terminal = new xterm.Terminal({ cols: columns, rows, allowProposedApi: true, convertEol: true });
    this.terminal.onTitleChange((title) => this.titles.push(title));
  }

  write(text: string): void {
    this.written += text;
    this.terminal.write(text);
  }

  /** What somebody sees. */
  async text(): Promise<string> {
    await new Promise<void>((resolve) => {
      this.terminal.write('', resolve);
    });
    const { active } = this.terminal.buffer;
    return Array.from(
      { length: active.length },
      (_, row) => active.getLine(row)?.translateToString(true) ?? '',
    )
      .join('\n')
      .trimEnd();
  }
}

function assertGolden(name: string, text: string): void {
  assertGoldenFile(join(projectRoot, 'test', 'cli', 'output', 'golden', name), `${text}\n`);
}

/** All that happens between `run` and a login, each piece a second after the one before. */
function* progressOfRun(console: Buffer): Generator<Progress> {
  yield { type: 'stage', stage: 'image', detail: 'quay.io/fedora/fedora-bootc:42' };
  yield { type: 'stage', stage: 'install' };
  yield { type: 'transfer', stage: 'install', bytes: 512e6, rate: 256e6 };
  yield { type: 'stage', stage: 'define', detail: 'web' };
  yield { type: 'stage', stage: 'firmware' };
  const seen: Progress[] = [];
  const boot = new BootRecognizer({
    onStage: (stage, detail) => seen.push({ type: 'stage', stage, detail }),
    onLine: (text, overwritten) => seen.push({ type: 'console', text, overwritten }),
  });
  for (const byte of console) {
    boot.push(Buffer.of(byte));
    yield* seen.splice(0);
  }
}

const plain = {
  colour: false,
  unicode: true,
  truncate: (text: string, columns: number) => text.slice(0, columns),
};

describe('the view of progress', () => {
  it('draws each stage with its time, and the last line of the console', () => {
    const model = new ProgressModel();
    let now = 0;
    for (const progress of progressOfRun(fixture('verbose').subarray(0, 40_500)))
      model.apply(progress, (now += 10));
    assertGolden('progress-80x24.txt', model.draw(now, { ...plain, columns: 80, rows: 24 }).join('\n'));
    assertGolden(
      'progress-40x6.txt',
      model.draw(now, { ...plain, columns: 40, rows: 6, unicode: false }).join('\n'),
    );
    model.apply({ type: 'stage', stage: 'ssh', detail: 'logging in' }, (now += 2000));
    model.finish('done', (now += 500));
    assertGolden(
      'progress-done.txt',
      model.draw(now + 60_000, { ...plain, columns: 80, rows: 24 }).join('\n'),
    );
  });

  it('leaves the stages on a terminal, with the messages above them, and nothing else', async () => {
    const screen = new Screen();
    const atExit = process.listeners('exit');
    const view = await LiveView.open(screen, { colour: true, unicode: true });
    let count = 0;
    for (const progress of progressOfRun(fixture('verbose'))) {
      view.progress(progress);
      if (progress.type === 'stage' && progress.stage === 'install')
        view.output('Installing image: docker://x\nDeploying');
      if (count++ % 20 === 0) view.message('info', 'told', `told ${count}\n`);
    }
    view.close('done');
    const before = screen.written;
    view.progress({ type: 'console', text: 'late', overwritten: false });
    view.close('failed');
    assert.equal(screen.written, before, 'not one byte after it is closed');
    assert.ok(before.endsWith('\u001b[?25h'), 'the cursor is shown');
    assert.equal(before.split('\u001b[?25l').length, 2, 'and was hidden once');
    assert.deepEqual(process.listeners('exit'), atExit, 'nothing is left for when the process exits');
    screen.write('[root@localhost ~]# ');
    // Times differ from run to run.
    const text = (await screen.text()).replace(/ \d+\.\d s/g, ' 0.0 s');
    const told = text.split('\n').filter((line) => line.startsWith('told '));
    assert.equal(told.length, Math.ceil(count / 20));
    assertGolden('progress-terminal.txt', text.slice(text.lastIndexOf('told ')).replace(/^.*\n/, ''));
  });

  it('gives a hostile guest no control over the terminal', async () => {
    for (const open of [
      (screen: Screen): Promise<View> => LiveView.open(screen, { colour: false, unicode: true }),
      (screen: Screen): Promise<View> => Promise.resolve(new ConsoleView(screen)),
      (screen: Screen): Promise<View> => Promise.resolve(new PlainView(screen)),
      (screen: Screen): Promise<View> => Promise.resolve(new JsonView(screen, true)),
    ]) {
      const screen = new Screen(40, 10);
      const view = await open(screen);
      const boot = new BootRecognizer({
        onStage: (stage, detail) => {
          view.progress({ type: 'stage', stage, detail });
        },
        onLine: (text, overwritten) => {
          view.progress({ type: 'console', text, overwritten });
        },
      });
      const attack =
        '\u001b]0;owned\u0007\u001b[2J\u001b[31m\u001b[?1049h\u009b5n\u0000\u202e漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字漢字';
      boot.push(`[  OK  ] Started ${attack} - x.\r\n${attack}\r\n`);
      view.output(`${attack}\n`);
      view.message('info', 'm', 'm\n');
      view.close('failed');
      await screen.text();
      assert.deepEqual(screen.titles, []);
      assert.equal(screen.terminal.buffer.active.type, 'normal');
      // eslint-disable-next-line no-control-regex -- control characters are what is looked for
      assert.doesNotMatch(screen.written, /owned\u0007|\u001b\[2J|\u001b\[31m|1049|\u009b|\u202e|\0/);
    }
  });

  it('is a line per stage with the time of day where there is no terminal', () => {
    let written = '';
    const view = new PlainView(
      { write: (text) => (written += text) },
      () => new Date(2026, 0, 1, 12, 34, 56),
    );
    for (const progress of progressOfRun(fixture('verbose'))) {
      view.progress(progress);
      if (progress.type === 'stage' && progress.stage === 'install')
        view.output('Installing image: x\r\n  10 %\r  20 %\r');
    }
    view.close();
    assertGolden('progress-plain.txt', written.trimEnd());
  });

  it('is the console, whole and without games, with --console', () => {
    let written = '';
    const view = new ConsoleView({ write: (text) => (written += text) });
    for (const progress of progressOfRun(fixture('quiet'))) view.progress(progress);
    view.close();
    view.progress({ type: 'console', text: 'late', overwritten: false });
    assertGolden('console-view.txt', written.trimEnd());
  });

  it('is a JSON object per event for tools', () => {
    let written = '';
    const view = new JsonView({ write: (text) => (written += text) }, false, () => new Date(0));
    for (const progress of progressOfRun(fixture('quiet'))) view.progress(progress);
    view.close('done');
    view.progress({ type: 'stage', stage: 'ssh' });
    assertGolden('progress.jsonl', written.trimEnd());
  });

  it('costs nothing to speak of when a guest talks much', async () => {
    const screen = new Screen();
    const view = await LiveView.open(screen, { colour: true, unicode: true });
    const begin = performance.now();
    for (let line = 0; line < 1e6; line++)
      view.progress({ type: 'console', text: `line ${line}`, overwritten: false });
    const milliseconds = performance.now() - begin;
    view.close('done');
    assert.ok(milliseconds < 5000, `${milliseconds} ms`);
    assert.ok(screen.written.length < 100_000, `${screen.written.length} characters drawn`);
  });
});
