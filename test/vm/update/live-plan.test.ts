import assert from 'node:assert/strict';
import { ImageTree, stateIn } from '../../../src/oci/tree.js';
import {
  affectedUnits,
  changedInEtc,
  leaveOut,
  membersOf,
  parseUnits,
  pathsInEtc,
  planLive,
  type LivePlan,
  type PathState,
} from '../../../src/vm/update/live-plan.js';
import { makeLayer, type Files } from '../../oci/archive-support.js';
import { temporaryDirectory } from '../../support/temporary.js';

describe('what a live update does', () => {
  let directory: string;
  let count = 0;

  before(function () {
    directory = temporaryDirectory(this);
  });

  const above = (tree: ImageTree, files: Files, ...options: string[]): Promise<ImageTree> =>
    tree.with([makeLayer(directory, `layer-${++count}`, files, options)]);
  const base: Files = {
    'usr/lib/one': '1',
    'usr/lib/two': '2',
    'usr/dir/below/file': 'f',
    'usr/lib/modules/6.1/vmlinuz': 'kernel',
    'etc/conf': 'c',
    'var/data': 'v',
  };
  const image = (): Promise<ImageTree> => above(ImageTree.empty(), base);

  const written = ({ write }: LivePlan): string[] => write.map(({ path }) => path);
  /** What a guest is like after a plan. */
  const after = async (plan: LivePlan): Promise<Record<string, PathState>> => Promise.resolve(plan.paths);

  it('is nothing where only times differ', async () => {
    const booted = await image();
    const plan = await planLive(booted, await above(booted, base, '--mtime=@99'), {});
    assert.deepEqual(plan, {
      write: [],
      remove: [],
      refused: [],
      concernsUnits: false,
      elsewhere: 0,
      paths: {},
    });
  });

  it('is writing what has changed and removing what is gone, deepest first', async () => {
    const booted = await image();
    const wanted = await above(booted, { 'usr/lib/one': 'new', 'usr/.wh.dir': '', 'etc/.wh.conf': '' });
    const plan = await planLive(booted, wanted, {});
    assert.deepEqual(written(plan), ['usr/lib/one']);
    assert.deepEqual(plan.remove, ['usr/dir/below/file', 'usr/dir/below', 'usr/dir', 'etc/conf']);
    assert.deepEqual(Object.keys(plan.paths), [
      'etc/conf',
      'usr/dir',
      'usr/dir/below',
      'usr/dir/below/file',
      'usr/lib/one',
    ]);
    assert.equal(plan.paths['usr/dir'], null);
    assert.ok(!plan.concernsUnits);
    const programs = await above(booted, { 'usr/bin/tool': 'x' }, '--mode=a+x');
    assert.ok((await planLive(booted, programs, {})).concernsUnits);
    assert.ok((await planLive(programs, booted, {})).concernsUnits, 'also when one is removed');
    const units = await above(booted, { 'etc/systemd/system/a.service.d/b.conf': '' });
    assert.ok((await planLive(booted, units, {})).concernsUnits);
  });

  it('is making way for a file where a directory was, and for a directory where a file was', async () => {
    const booted = await image();
    const file = await above(booted, { 'usr/dir': 'now a file' });
    const there = await planLive(booted, file, {});
    assert.deepEqual(written(there), ['usr/dir']);
    assert.deepEqual(there.remove, ['usr/dir/below/file', 'usr/dir/below', 'usr/dir']);
    const back = await planLive(booted, booted, await after(there));
    assert.deepEqual(written(back), ['usr/dir', 'usr/dir/below', 'usr/dir/below/file']);
    assert.deepEqual(back.remove, [], 'tar replaces a file');
    assert.deepEqual(back.paths, {}, 'it is as it was booted');
  });

  it('is taking back what the live update before has brought and this version has not', async () => {
    const booted = await image();
    const first = await planLive(
      booted,
      await above(booted, { 'usr/lib/one': '1b', 'usr/lib/extra': 'x' }),
      {},
    );
    const second = await planLive(booted, await above(booted, { 'usr/lib/one': '1b' }), await after(first));
    assert.deepEqual([written(second), second.remove], [[], ['usr/lib/extra']]);
    assert.deepEqual(Object.keys(second.paths), ['usr/lib/one']);
  });

  it('is everything again that an interrupted one may have changed', async () => {
    const booted = await image();
    const unknown = { 'usr/lib/one': '', 'usr/lib/extra': '', 'usr/dir': '' };
    const plan = await planLive(booted, booted, unknown);
    assert.ok(plan.concernsUnits);
    assert.deepEqual(written(plan), ['usr/dir', 'usr/lib/one']);
    // Not the directory: what is in it was not written again.
    assert.deepEqual(plan.remove, ['usr/lib/one', 'usr/lib/extra']);
  });

  it('is refused by name for kernel, initramfs and what the boot loader is told', async () => {
    const booted = await image();
    const files = {
      'usr/lib/modules/6.1/vmlinuz': 'other',
      'usr/lib/modules/6.1/extra/a.ko': 'm',
      'usr/lib/bootc/kargs.d/a.toml': 'k',
      'boot/EFI/Linux/a.efi': 'u',
      'usr/lib/modules-load.d/a.conf': 'a',
    };
    const plan = await planLive(booted, await above(booted, files), {});
    assert.deepEqual(plan.refused.filter((path) => path.includes('.') && !path.endsWith('.d')).sort(), [
      'boot/EFI/Linux/a.efi',
      'usr/lib/bootc/kargs.d/a.toml',
      'usr/lib/modules/6.1/extra',
      'usr/lib/modules/6.1/extra/a.ko',
      'usr/lib/modules/6.1/vmlinuz',
    ]);
    const removed = await planLive(booted, await above(booted, { 'usr/lib/.wh.modules': '' }), {});
    assert.ok(removed.refused.includes('usr/lib/modules/6.1/vmlinuz'));
    const touched = await planLive(
      booted,
      await above(booted, { 'usr/lib/modules/6.1/vmlinuz': 'kernel' }),
      {},
    );
    assert.deepEqual(touched.refused, [], 'a kernel that was only touched is the same');
  });

  it('leaves out what is neither in /usr nor in /etc, and counts it', async () => {
    const booted = await image();
    const plan = await planLive(booted, await above(booted, { 'var/data': 'w', 'opt/x': 'x' }), {});
    assert.deepEqual([written(plan), plan.elsewhere], [[], 3]);
  });

  it('keeps what somebody has changed in /etc', async () => {
    const booted = await image();
    const wanted = await above(booted, { 'etc/conf': 'new', 'etc/added': 'a', 'etc/dir/x': 'x' });
    const plan = await planLive(booted, wanted, {});
    assert.deepEqual(pathsInEtc(plan), ['etc/added', 'etc/conf', 'etc/dir', 'etc/dir/x']);
    const state = async (tree: ImageTree, path: string): Promise<string> => (await stateIn(tree, path)) ?? '';
    const changed = async (found: Record<string, string>, applied = {}): Promise<string[]> => [
      ...(await changedInEtc(plan, booted, applied, new Map(Object.entries(found)))),
    ];
    const conf = await state(booted, 'etc/conf');
    assert.deepEqual(await changed({ 'etc/conf': conf }), []);
    assert.deepEqual(await changed({ 'etc/conf': conf.replace('644', '600') }), ['etc/conf']);
    assert.deepEqual(await changed({}), ['etc/conf'], 'it was removed there');
    assert.deepEqual(await changed({ 'etc/conf': conf, 'etc/added': conf }), ['etc/added']);
    assert.deepEqual(
      await changed({ 'etc/conf': await state(wanted, 'etc/conf') }),
      [],
      'it is there already',
    );
    assert.deepEqual(await changed({ 'etc/conf': conf, 'etc/dir': conf }), ['etc/dir', 'etc/dir/x']);
    const live = { 'etc/conf': `${conf} user.x=YQ==` };
    assert.deepEqual(await changed({ 'etc/conf': conf }, live), [], 'attributes are not looked at');
    assert.deepEqual(await changed({ 'etc/conf': 'whatever' }, { 'etc/conf': '' }), [], 'nobody knows');
    const rest = leaveOut(plan, new Set(['etc/conf']));
    assert.deepEqual(
      [written(rest), Object.keys(rest.paths)],
      [
        ['etc/added', 'etc/dir', 'etc/dir/x'],
        ['etc/added', 'etc/dir', 'etc/dir/x'],
      ],
    );
  });

  it('sends what several names have once, but not from /usr into /etc', async () => {
    const wanted = await above(ImageTree.empty(), {
      'usr/a': 'same',
      'usr/b': '= usr/a',
      'etc/c': '= usr/a',
    });
    const plan = await planLive(ImageTree.empty(), wanted, {});
    const members = [...membersOf(plan, { path: 'record', text: '' })].slice(1);
    assert.deepEqual(
      members.map((member) => 'entry' in member && [member.entry.path, member.sameAs]),
      [
        ['etc/c', undefined],
        ['usr/a', undefined],
        ['usr/b', 'usr/a'],
      ],
    );
  });
});

describe('the units that a live update concerns', () => {
  const show = `Id=web.service
ActiveState=active
FragmentPath=/usr/lib/systemd/system/web.service
DropInPaths=/etc/systemd/system/web.service.d/a.conf /usr/lib/systemd/system/service.d/b.conf
ExecStart={ path=/usr/bin/python3 ; argv[]=/usr/bin/python3 /usr/libexec/web.py --port=80 ; ignore_errors=no ; pid=7 }
NeedDaemonReload=no

Id=sshd@3.service
ActiveState=active
FragmentPath=/lib/systemd/system/sshd@.service
ExecStart={ path=/sbin/sshd ; argv[]=/sbin/sshd -D ; ignore_errors=no }
NeedDaemonReload=no

Id=old.service
ActiveState=inactive
FragmentPath=/usr/lib/systemd/system/old.service
NeedDaemonReload=yes
`;
  const affected = (changed: string[], removed: string[] = []): object =>
    affectedUnits(parseUnits(show), new Set(changed), new Set(removed));
  const nothing = { restart: [], stop: [], spared: [] };

  it('are those that run and whose file, drop-in, program or script is another one', () => {
    for (const path of [
      'usr/lib/systemd/system/web.service',
      'etc/systemd/system/web.service.d/a.conf',
      'usr/lib/systemd/system/service.d/b.conf',
      'usr/bin/python3',
      'usr/libexec/web.py',
    ])
      assert.deepEqual(affected([path]), { ...nothing, restart: ['web.service'] }, path);
    assert.deepEqual(affected(['usr/lib/systemd/system/old.service', 'usr/bin/other']), nothing);
  });

  it('are stopped where their file is gone', () => {
    assert.deepEqual(affected([], ['usr/lib/systemd/system/web.service']), {
      ...nothing,
      stop: ['web.service'],
    });
    assert.deepEqual(affected([], ['etc/systemd/system/web.service.d/a.conf']), {
      ...nothing,
      restart: ['web.service'],
    });
  });

  it('are spared where logins depend on them, by whatever name of its directory a file is called', () => {
    assert.deepEqual(affected(['usr/sbin/sshd']), { ...nothing, spared: ['sshd@3.service'] });
    assert.deepEqual(affected(['usr/bin/sshd']), { ...nothing, spared: ['sshd@3.service'] });
  });
});
