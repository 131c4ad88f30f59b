import { reasonOf } from '../../bootc/guest.js';
import { incomingRecord, LiveGuest, nothingChanged, type LiveState } from '../../bootc/live-guest.js';
import { messageOf, PodmanBootcError } from '../../errors.js';
import { JsonError, readJson, type JsonSchema } from '../../json.js';
import { blobPath, type LaidOutImage } from '../../oci/layout.js';
import { someOf } from '../../names.js';
import { TarError, writeTar } from '../../oci/tar.js';
import { ImageTree } from '../../oci/tree.js';
import { inspectImage, type Image } from '../../podman/images.js';
import { loginWhenReady } from '../boot/login-when-ready.js';
import { isPasswordPending } from '../guest/password.js';
import type { Host } from '../host/host.js';
import { localDirectoryOf, vmReference, type VirtualMachine } from '../virtual-machine.js';
import { finishUpdate } from './finish.js';
import { isVerdict, judgeGuest, openGuest, type BootPatience, type OpenGuest } from './judge.js';
import type { UpdateImage } from './journal.js';
import { holdLayout, type EarlierVersion, type HeldLayout } from './layouts.js';
import {
  affectedUnits,
  changedInEtc,
  isUnitFile,
  leaveOut,
  membersOf,
  parseUnits,
  pathsInEtc,
  planLive,
  unitProperties,
  type LivePlan,
  type LiveRecord,
  type PathState,
} from './live-plan.js';
import { startFirst } from './upgrade.js';
import { findVersion, type ImageVersion, type VersionOptions } from './version.js';

/** How the files of a VM that runs are changed. */
export interface LiveOptions extends VersionOptions, BootPatience {
  /** A command line that has to succeed in the guest afterwards. Nothing is undone when it does not. */
  health?: string | undefined;
}

/** What became of a live update. Paths begin with `/`. */
export interface LiveOutcome {
  /** `unchanged`: the guest has the files of that version already. */
  outcome: 'unchanged' | 'live';
  vm: VirtualMachine;
  image: UpdateImage;
  /** Written anew. */
  changed: string[];
  removed: string[];
  /** Of /etc, and changed in the guest: they stay as they are. */
  kept: string[];
  /** How many files outside /usr and /etc differ, and come with a reboot. */
  elsewhere: number;
  /** Units that were restarted. */
  restarted: string[];
  /** Units that run, though their file is gone: they were stopped. */
  stopped: string[];
  /** Units whose files have changed and that go on as they were: nobody could log in otherwise. */
  spared: string[];
  /** Units that have failed and had not before. */
  newlyFailed: string[];
  /** Whether changes of /etc are gone with the next boot, whoever makes them. */
  etcIsTransient: boolean;
  /** Bytes that were moved into the guest. */
  transferred: number;
}

/** Milliseconds in which the sshd of a guest that is up answers, also of a busy one. */
const bannerPatience = 5_000;

/** As many names as a sentence holds. */
const mostNames = 6;

/**
 * Brings the files of a version of an image into a VM that runs, without a reboot: those of /usr and /etc. The next boot brings
 * back what is installed. The caller holds the VM's lock.
 * @throws PodmanBootcError `LIVE_NEEDS_REBOOT` where it is about the kernel, `LIVE_VERSION_UNKNOWN` where podman has not got what the
 *   VM runs, `LIVE_IMPOSSIBLE` before anything has changed, `LIVE_FAILED` afterwards; `UPDATE_UNHEALTHY`; those of `findVersion`,
 *   `holdLayout` and `waitUntilReady`
 */
export async function upgradeLive(
  host: Host,
  vm: VirtualMachine,
  options: LiveOptions = {},
): Promise<LiveOutcome> {
  const { signal } = options;
  const directory = (await vm.domain.isPersistent()) ? localDirectoryOf(host, vm) : undefined;
  if (directory) await finishUpdate(host, vm, directory, options);
  const { vm: current, started } = await startFirst(host, vm);
  // A guest takes seconds to answer, above all an emulated one: meanwhile what it runs is taken to be what its record says.
  const looking = lookAt(host, current, started, options);
  looking.catch(() => undefined);
  let prepared: Prepared | undefined;
  try {
    const version = await findVersion(host, current, options, signal);
    host.report.progress?.({ type: 'stage', stage: 'image', detail: version.image.reference });
    const digest = current.metadata.image?.digest;
    if (digest !== undefined) prepared = await prepare(host, current, version, digest, signal);
    const seen = await looking;
    if (seen.booted === undefined) throw versionUnknown(current, 'its bootc does not say what it has booted');
    if (prepared?.booted !== seen.booted) {
      await prepared?.layout[Symbol.asyncDispose]();
      prepared = await prepare(host, current, version, seen.booted, signal);
    }
    return await bring(host, current, { ...seen, ...prepared, version }, options);
  } finally {
    await prepared?.layout[Symbol.asyncDispose]();
    await looking.then(
      ({ guest }) => {
        guest[Symbol.dispose]();
      },
      () => undefined,
    );
  }
}

/** What there is to know of the guest. */
interface Seen {
  guest: OpenGuest;
  live: LiveGuest;
  state: LiveState;
  record: LiveRecord | undefined;
  /** Digest of what it has booted. */
  booted: string | undefined;
}

/** What there is to know of its image. */
interface Prepared {
  /** Held as long as files are read from it. */
  layout: HeldLayout;
  /** The version that the trees are compared for, by its digest. */
  booted: string;
  /** Undefined where podman has no such version any longer. */
  trees: { booted: ImageTree; wanted: ImageTree } | undefined;
}

async function prepare(
  host: Host,
  vm: VirtualMachine,
  version: ImageVersion,
  booted: string,
  signal: AbortSignal | undefined,
): Promise<Prepared> {
  const { engine, image, repository } = version;
  const before = { manifest: booted, among: await earlierVersions(vm, version, booted, signal) };
  const layout = await holdLayout(host, engine, { repository, reference: image.reference, before }, signal);
  try {
    const trees = layout.before && (await readTrees(layout.image, layout.before));
    return { layout, booted, trees };
  } catch (error) {
    await layout[Symbol.asyncDispose]();
    throw error;
  }
}

/** Logs in on a guest, which may still boot, and looks how it stands. */
async function lookAt(host: Host, vm: VirtualMachine, started: boolean, options: LiveOptions): Promise<Seen> {
  const guest = (started ? undefined : await openNow(host, vm, options.signal)) ?? (await openLater());
  try {
    const live = new LiveGuest(guest.bootc);
    const state = await live.look(options.signal);
    const record = await readLiveRecord(state.record);
    return {
      guest,
      live,
      state,
      record,
      booted: state.status ? state.status.booted?.digest : record?.booted,
    };
  } catch (error) {
    guest[Symbol.dispose]();
    throw error;
  }

  async function openLater(): Promise<OpenGuest> {
    await loginWhenReady(host, vm, options);
    return openGuest(host, vm, options.signal);
  }
}

/** Without a look first whether it is up: of most it is, and each connection costs an emulated guest half a second. */
async function openNow(
  host: Host,
  vm: VirtualMachine,
  signal: AbortSignal | undefined,
): Promise<OpenGuest | undefined> {
  if (vm.metadata.ssh.hostKey !== 'handed-over' || (await isPasswordPending(vm))) return undefined;
  try {
    return await openGuest(host, vm, signal, bannerPatience);
  } catch (error) {
    if (!isVerdict(error)) throw error;
    return undefined;
  }
}

async function bring(
  host: Host,
  vm: VirtualMachine,
  { guest, live, state, record, booted, trees, version }: Seen & Prepared & { version: ImageVersion },
  options: LiveOptions,
): Promise<LiveOutcome> {
  const { signal } = options;
  const { image } = version;
  if (!trees)
    throw versionUnknown(vm, `podman has no image any longer that is what it has booted, ${booted}`);
  if (state.status?.staged)
    host.report.warn(`An update is staged in ${vm.name} as well, and comes with its next boot`);
  const applied = await appliedPaths(state, record);
  let plan = await planLive(trees.booted, trees.wanted, applied);
  if (plan.refused.length > 0) throw needsReboot(vm, image, plan.refused);
  const kept = await keptInEtc(live, plan, trees.booted, applied, signal);
  plan = leaveOut(plan, kept.all);

  const outcome: LiveOutcome = {
    outcome: 'live',
    vm,
    image,
    changed: absolute(plan.write.map(({ path }) => path)),
    removed: absolute(plan.remove.filter((path) => trees.wanted.get(path) === undefined)).sort(),
    kept: absolute(kept.told),
    elsewhere: plan.elsewhere,
    restarted: [],
    stopped: [],
    spared: [],
    newlyFailed: [],
    etcIsTransient: state.etc,
    transferred: 0,
  };
  if (plan.write.length + plan.remove.length === 0) {
    await judge(vm, guest, options);
    return { ...outcome, outcome: 'unchanged' };
  }
  if (!state.tar) throw impossible(vm, 'there is no tar in it', 'Add the package tar to the image');
  host.report.info(`Bringing the files of ${image.reference} into ${vm.name}`);
  host.report.progress?.({ type: 'stage', stage: 'install', detail: 'files go into the guest' });
  const done = await apply(
    vm,
    { live, state },
    plan,
    { version: 1, booted, image: recorded(image), paths: plan.paths },
    signal,
  );
  Object.assign(outcome, done);
  await judge(vm, guest, options);
  return outcome;
}

function recorded({ reference, id }: UpdateImage): LiveRecord['image'] {
  return { reference, id };
}

async function apply(
  vm: VirtualMachine,
  { live, state }: Pick<Seen, 'live' | 'state'>,
  plan: LivePlan,
  record: LiveRecord,
  signal: AbortSignal | undefined,
): Promise<
  Pick<LiveOutcome, 'restarted' | 'stopped' | 'spared' | 'newlyFailed' | 'etcIsTransient' | 'transferred'>
> {
  const paths = [...plan.write.map(({ path }) => path), ...plan.remove];
  const isWritten = (pattern: RegExp): string[] =>
    plan.write.map(({ path }) => path).filter((path) => pattern.test(path));
  const users = isWritten(/^(usr\/lib|etc)\/sysusers\.d\/[^/]+\.conf$/);
  const tmpfiles = isWritten(/^(usr\/lib|etc)\/tmpfiles\.d\/[^/]+\.conf$/);
  const asks = plan.concernsUnits || users.length + tmpfiles.length > 0;
  // What these two write into /etc would be there for ever, as if the user had.
  const changesEtc = users.length + tmpfiles.length > 0 || paths.some((path) => path.startsWith('etc/'));
  const overlays: ('usr' | 'etc')[] = [
    ...(paths.some((path) => path.startsWith('usr/')) ? (['usr'] as const) : []),
    ...(changesEtc ? (['etc'] as const) : []),
  ];
  const archive = new Counted(
    writeTar(membersOf(plan, { path: incomingRecord, text: `${JSON.stringify(record)}\n` })),
  );
  const { result, units, failedUnits } = await live.apply(plan.remove, archive, {
    overlays,
    attributes: plan.write.some(({ attributes }) => attributes.size > 0),
    show: asks ? unitProperties : undefined,
    signal,
  });
  if (result.exitCode === nothingChanged)
    throw impossible(vm, reasonOf(result), upgradeInstead(vm), result.stderr);
  if (result.exitCode !== 0) throw failed(vm, reasonOf(result), result.stderr);
  const about = { etcIsTransient: state.etc || changesEtc, transferred: archive.bytes };
  if (!asks) return { ...about, restarted: [], stopped: [], spared: [], newlyFailed: [] };

  const { restart, stop, spared } = affectedUnits(
    parseUnits(units),
    new Set(plan.write.map(({ path }) => path)),
    new Set(plan.remove),
  );
  const activated = await live.activate(
    { reload: paths.some(isUnitFile), users: users.length > 0, tmpfiles: absolute(tmpfiles), restart, stop },
    signal,
  );
  if (activated.result.exitCode !== 0) throw failed(vm, reasonOf(activated.result), activated.result.stderr);
  return {
    ...about,
    restarted: restart,
    stopped: stop,
    spared,
    newlyFailed: activated.failedUnits.filter((unit) => !failedUnits.includes(unit)),
  };
}

/** Bytes that are counted on their way. */
class Counted implements AsyncIterable<Buffer> {
  bytes = 0;

  constructor(private readonly source: AsyncIterable<Buffer>) {}

  async *[Symbol.asyncIterator](): AsyncGenerator<Buffer> {
    for await (const piece of this.source) {
      this.bytes += piece.length;
      yield piece;
    }
  }
}

/** What the VM may have booted, as podman has it: what its record says, and what is there now. */
async function earlierVersions(
  vm: VirtualMachine,
  { engine, image }: ImageVersion,
  booted: string,
  signal: AbortSignal | undefined,
): Promise<EarlierVersion[]> {
  const { image: present, previous } = vm.metadata;
  const images = [present, previous, image].filter((one) => one !== undefined);
  // Mostly one says that it is it, and podman need not be asked about the others.
  const known = images.find(({ digest }) => digest === booted);
  const versions = new Map<string, EarlierVersion>();
  for (const { id, digest } of known ? [known] : images) {
    const found: Image | undefined = versions.has(id) ? undefined : await inspectImage(engine, id, signal);
    const digests = [found?.digest, digest].filter((one) => one !== undefined);
    if (found) versions.set(id, { id: found.id, digests, layers: found.layers });
  }
  return [...versions.values()];
}

/** What live updates have made of the guest since it booted, as far as that is still there. */
async function appliedPaths(
  state: LiveState,
  record: LiveRecord | undefined,
): Promise<Record<string, PathState>> {
  const incoming = await readLiveRecord(state.incoming);
  const isInterrupted = state.incoming !== '' || state.removing.length > 0;
  const paths = { ...record?.paths };
  if (isInterrupted)
    for (const path of [...Object.keys(paths), ...Object.keys(incoming?.paths ?? {}), ...state.removing])
      paths[path] = '';
  return Object.fromEntries(
    Object.entries(paths).filter(([path]) => (path.startsWith('etc/') ? state.etc : state.usr)),
  );
}

async function readLiveRecord(text: string): Promise<LiveRecord | undefined> {
  if (text === '') return undefined;
  try {
    return await readJson('the record of live updates', text, recordSchema);
  } catch (error) {
    // Cut short: what it was to say is not known.
    if (error instanceof JsonError) return undefined;
    throw error;
  }
}

const recordSchema = ((v) =>
  v.object({
    version: v.literal(1),
    booted: v.string(),
    image: v.object({ reference: v.string(), id: v.string() }),
    paths: v.record(v.string(), v.nullable(v.string())),
  })) satisfies JsonSchema<LiveRecord>;

/** Both versions; of the layers that they have in common one tree. */
async function readTrees(
  image: LaidOutImage,
  before: EarlierVersion,
): Promise<{ booted: ImageTree; wanted: ImageTree }> {
  const wanted = image.layers.map(({ digest, mediaType }) => {
    // podman leaves them uncompressed, because it is told to.
    if (!/[.+]tar$/.test(mediaType)) throw damagedLayer(digest, `is of the type ${mediaType}`);
    return digest;
  });
  const shared = before.layers.findIndex((digest, index) => wanted[index] !== digest);
  const common = shared === -1 ? before.layers.length : shared;
  const archives = (digests: readonly string[]): string[] =>
    digests.map((digest) => blobPath(image.directory, digest));
  try {
    const base = await ImageTree.empty().with(archives(wanted.slice(0, common)));
    return {
      booted: await base.with(archives(before.layers.slice(common))),
      wanted: await base.with(archives(wanted.slice(common))),
    };
  } catch (error) {
    if (error instanceof TarError) throw damagedLayer('of the image', messageOf(error), error);
    throw error;
  }
}

async function keptInEtc(
  live: LiveGuest,
  plan: LivePlan,
  booted: ImageTree,
  applied: Readonly<Record<string, PathState>>,
  signal: AbortSignal | undefined,
): Promise<{ all: Set<string>; told: string[] }> {
  const paths = pathsInEtc(plan);
  if (paths.length === 0) return { all: new Set(), told: [] };
  const found = await live.describe(paths, signal);
  const all = await changedInEtc(plan, booted, applied, found);
  // A directory that is there for one that is to be there is no loss.
  const isDirectory = (path: string): boolean =>
    found.get(path)?.startsWith('directory ') === true &&
    plan.write.some((entry) => entry.path === path && entry.type === 'directory');
  return { all, told: [...all].filter((path) => !isDirectory(path)) };
}

async function judge(vm: VirtualMachine, guest: OpenGuest, { health, signal }: LiveOptions): Promise<void> {
  if (health === undefined) return;
  try {
    await judgeGuest(vm, guest, { health }, signal);
  } catch (error) {
    if (!(error instanceof PodmanBootcError) || error.code !== 'UPDATE_UNHEALTHY') throw error;
    throw new PodmanBootcError('update', 'UPDATE_UNHEALTHY', error.message, {
      remedy: `Nothing is undone; a boot brings back what is installed: \`podman-bootc restart ${vmReference(vm)}\``,
      cause: error,
    });
  }
}

function absolute(paths: readonly string[]): string[] {
  return paths.map((path) => `/${path}`);
}

function needsReboot(vm: VirtualMachine, image: UpdateImage, refused: readonly string[]): PodmanBootcError {
  return new PodmanBootcError(
    'update',
    'LIVE_NEEDS_REBOOT',
    `${image.reference} has other files of the kernel or its boot than what ${vm.name} runs, and they come with a reboot only: ${someOf(absolute(refused), mostNames)}`,
    { remedy: `Nothing has changed; \`podman-bootc upgrade ${vmReference(vm)}\` brings all of it` },
  );
}

function versionUnknown(vm: VirtualMachine, why: string): PodmanBootcError {
  return new PodmanBootcError(
    'update',
    'LIVE_VERSION_UNKNOWN',
    `What has changed in the image of ${vm.name} cannot be told: ${why}`,
    { remedy: upgradeInstead(vm) },
  );
}

function upgradeInstead(vm: VirtualMachine): string {
  return `\`podman-bootc upgrade ${vmReference(vm)}\` brings all of it, and boots it`;
}

function impossible(vm: VirtualMachine, why: string, remedy: string, output?: string): PodmanBootcError {
  return new PodmanBootcError(
    'update',
    'LIVE_IMPOSSIBLE',
    `Files of ${vm.name} cannot be changed while it runs: ${why}`,
    { remedy, output },
  );
}

function failed(vm: VirtualMachine, reason: string, output: string): PodmanBootcError {
  return new PodmanBootcError(
    'update',
    'LIVE_FAILED',
    `The files of ${vm.name} were changed in part only: ${reason}`,
    {
      remedy: `The same command goes on with it; a boot brings back what is installed: \`podman-bootc restart ${vmReference(vm)}\``,
      output,
    },
  );
}

function damagedLayer(which: string, why: string, cause?: unknown): PodmanBootcError {
  return new PodmanBootcError('image', 'LAYOUT_DAMAGED', `The layer ${which} cannot be read: it ${why}`, {
    remedy: 'Run `podman-bootc upgrade` without live, which leaves reading to bootc',
    cause,
  });
}
