import assert from 'node:assert/strict';
import { ConsoleText } from '../../src/boot/console-text.js';
import { host, podmanBootc, start, startCli, succeed, until, type Running } from './support/cli.js';
import { assertNoTraces, traces } from './support/leftovers.js';
import { isCursorShown, screenOf, startOnTerminal, type OnTerminal } from './support/terminal.js';

const image = 'localhost/podman-bootc-demo:latest';
const name = 'view';
/** Seconds for a boot on a machine that is busy with other things. */
const boot = 600;

/** The lines of a console as somebody would read them. */
function linesOf(console: string): string[] {
  const lines: string[] = [];
  const text = new ConsoleText((line, overwritten) => {
    if (!overwritten) lines.push(line);
  });
  text.push(console);
  return lines;
}

/** Writes to the guest's console from inside. */
const write = (text: string): Promise<string> => succeed('ssh', name, `printf '${text}' > /dev/ttyS0`);

/*
 * Two boots of one VM, which tells everything, and real terminals. The second test goes on with the boot of the first,
 * and the third asks for it.
 */
describe('a boot on a terminal', () => {
  let initial: Record<string, string[]>;
  let followed: Running;
  const terminals: Running[] = [];

  const onTerminal = (...args: string[]): OnTerminal => {
    const terminal = startOnTerminal(...args);
    terminals.push(terminal);
    return terminal;
  };

  before(() => {
    initial = traces();
  });

  after(async () => {
    for (const { child } of terminals) child.kill();
    await podmanBootc('rm', '--force', '--all');
    await podmanBootc('disk', 'prune', '--all');
    assertNoTraces(initial);
  });

  it('is shown by its stages, one after the other, until the session begins', async () => {
    const verbose = ['--karg', 'loglevel=7', '--karg', 'systemd.show_status=yes'];
    const run = onTerminal('run', ...verbose, '--cpus', '1', '--name', name, image);
    const runs = (): boolean => {
      assert.equal(run.child.exitCode, null, run.stdout());
      return true;
    };
    await until('the kernel runs', () => runs() && run.written().includes(' kernel '), boot);
    followed = startCli(['logs', '--follow', name]);
    await until('there is a prompt', () => runs() && run.written().includes('root@localhost:~#'), boot);
    // Not what is typed, which is echoed, but what it does.
    run.type("printf 'no%s\\n' ise-of-boot-1 > /dev/ttyS0; stty size; sleep 3; exit 5\n");
    const { exitCode } = await run.done;
    assert.equal(exitCode, 5, run.stdout());

    const written = run.written();
    const end = written.lastIndexOf('\u001b[?25h') + '\u001b[?25h'.length;
    const [view, session] = [written.slice(0, end), written.slice(end)];
    const stages = [
      'image',
      'install',
      'define',
      'firmware',
      'boot loader',
      'kernel',
      'initrd',
      'systemd',
      'SSH',
    ];
    const firsts = stages.map((stage) => view.indexOf(` ${stage.padEnd(11)} `));
    assert.deepEqual(
      firsts,
      firsts.toSorted((a, b) => a - b),
    );
    const { text } = await screenOf(view);
    const drawn = [...text.matchAll(/^ (.) ([\w ]{11}) +\d+\.\d s/gm)].map(([, mark, stage = '']) => [
      mark,
      stage.trim(),
    ]);
    assert.deepEqual(
      drawn.slice(-stages.length),
      stages.map((stage) => ['✓', stage]),
      text,
    );
    assert.match(view, /│ \[ +\d+\.\d+\] /, 'the console’s last line was shown');
    assert.doesNotMatch(text, /│/, 'and is not left behind');
    // The session has the terminal to itself.
    assert.match(session, /root@localhost:~# /);
    assert.match(session, /24 80/);
    assert.doesNotMatch(session, /[✓●✗│]|noise-of-boot-1|\[ +OK +\]/);
    assert.ok(isCursorShown(written));
    const [before, after] = run.modes();
    assert.equal(after, before);
  });

  it('has a console that is shared with virsh, and gives the terminal back whatever happens', async () => {
    const virsh = start('script', ['-qec', `virsh console ${name}`, '/dev/null'], { keepsInputOpen: true });
    terminals.push(virsh);
    await until('virsh has the console', () => virsh.stdout().includes('Escape character'));
    const busy = await podmanBootc('console', name);
    assert.equal(busy.exitCode, 1);
    assert.match(
      busy.stderr,
      /^Error: Somebody else has the console of view\nTake it with `podman-bootc console --force/,
    );

    const forced = onTerminal('console', '--force', name);
    await virsh.done;
    await until('it is connected', () => forced.written().includes('the escape is ^]'));
    // To the guest, not to us: it would end podman-bootc if the terminal were not raw.
    forced.type('\u0003\n');
    await until('the guest asks again', () => forced.written().includes('localhost login:'), boot);
    const late = start('script', ['-qec', `virsh console ${name}`, '/dev/null']);
    assert.match((await late.done).stdout, /Active console session exists/);
    forced.type('\u001d');
    assert.equal((await forced.done).exitCode, 0, forced.stdout());

    const signalled = onTerminal('console', name);
    await until('it is connected', () => signalled.written().includes('the escape is ^]'));
    await write('\\033[?1049h\\033[?25lscreen-of-the-guest');
    await until('the guest draws', () => signalled.written().includes('screen-of-the-guest'));
    process.kill(signalled.pid(), 'SIGTERM');
    assert.equal((await signalled.done).exitCode, 143, signalled.stdout());

    const bereft = onTerminal('console', name);
    await until('it is connected', () => bereft.written().includes('the escape is ^]'));
    await write('\\033[?25llast-words-of-the-guest');
    await until('the guest draws', () => bereft.written().includes('last-words-of-the-guest'));
    host('virsh', 'destroy', name);
    assert.equal((await bereft.done).exitCode, 0, bereft.stdout());
    assert.match(bereft.written(), /The console was closed: the VM stopped/);

    for (const terminal of [forced, signalled, bereft]) {
      const [before, after] = terminal.modes();
      assert.equal(after, before);
      assert.ok(isCursorShown(terminal.written()));
      assert.equal((await screenOf(terminal.written())).buffer, 'normal');
    }
    // The VM's end is that of its log, too.
    const { exitCode, stdout } = await followed.done;
    assert.equal(exitCode, 0, followed.stderr());
    for (const words of [
      'Linux version',
      'noise-of-boot-1',
      'screen-of-the-guest',
      'last-words-of-the-guest',
    ])
      assert.ok(stdout.includes(words), words);
  });

  it('is the whole console with --console, until the session begins', async () => {
    const command = 'echo begin-of-session; echo noise-of-boot-2 > /dev/ttyS0; sleep 3; echo end-of-session';
    // A boot in between, and not by us, which would have put the log of the boot before aside.
    host('virsh', 'start', name);
    await until('its firmware writes', async () => (await succeed('logs', name)).includes('BdsDxe'), boot);
    host('virsh', 'destroy', name);
    const run = onTerminal('run', '--console', '--name', name, image, command);
    const { exitCode } = await run.done;
    assert.equal(exitCode, 0, run.stdout());
    const written = run.written();
    const begin = written.indexOf('begin-of-session');
    const [view, session] = [written.slice(0, begin), written.slice(begin)];
    assert.equal(session, 'begin-of-session\r\nend-of-session\r\n');
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    assert.doesNotMatch(view, /[\u0000-\u0009\u000b\u000c\u000e-\u001f\u007f-\u009f]/);
    const log = await succeed('logs', name);
    // eslint-disable-next-line no-control-regex -- likewise
    assert.match(log, /\u001b\[/, 'the guest does write them');
    const shown = view.split('\r\n').slice(0, -1);
    const all = linesOf(log);
    const consoleBegins = shown.findIndex(
      (line) => line.includes('BdsDxe') || line.includes('Linux version'),
    );
    const first = shown[consoleBegins] ?? '';
    const expected = all.slice(all.indexOf(first));
    assert.ok(shown.length - consoleBegins > 100, view);
    assert.deepEqual(shown.slice(consoleBegins), expected.slice(0, shown.length - consoleBegins));
    assert.ok(shown.some((line) => line.includes('Reached target')));
  });

  it('leaves a log of each boot, whoever started it, also of a part of it', async () => {
    const [before, present] = [await succeed('logs', '--boot', '-2', name), await succeed('logs', name)];
    assert.ok(before.includes('noise-of-boot-1') && !before.includes('noise-of-boot-2'));
    assert.ok(present.includes('noise-of-boot-2') && !present.includes('noise-of-boot-1'));
    const { boot } = JSON.parse(await succeed('status', '--format', 'json', name)) as {
      boot: { began: string };
    };
    const stamps = (log: string): number[] =>
      [...log.matchAll(/^\[ *(\d+\.\d+)\]/gm)].map(([, stamp]) => Number(stamp));
    const all = stamps(present);
    const middle = all[Math.floor(all.length / 2)] ?? 0;
    const since = await succeed(
      'logs',
      '--since',
      new Date(Date.parse(boot.began) + middle * 1000).toISOString(),
      name,
    );
    assert.ok(present.endsWith(since));
    const some = stamps(since);
    assert.ok(
      some.length > 0 && some.length < all.length && (some[0] ?? 0) >= middle - 0.001,
      `${middle}: ${some[0]}`,
    );
    assert.equal(await succeed('logs', '--since', '0s', name), '');
  });
});
