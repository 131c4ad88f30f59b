import type { TarEntry, TarMember } from '../../oci/tar.js';
import { fingerprint, stateIn, type ImageTree } from '../../oci/tree.js';

/*
 * What a live update has to do, from what the guest has and what the image has. Everything here is a look at texts and trees.
 */

/** What a path is, as `fingerprint` says it; null for nothing there, '' for what is not known. */
export type PathState = string | null;

/** What live updates since the boot have made of a guest. It is in the guest, in /run, and gone with what it is about. */
export interface LiveRecord {
  version: 1;
  /** Digest of the manifest that was booted. */
  booted: string;
  /** What it was brought to last. */
  image: { reference: string; id: string };
  /** All that is not as it was booted. */
  paths: Record<string, PathState>;
}

/** What a live update does. */
export interface LivePlan {
  /** Written, directories before what is in them. */
  write: TarEntry[];
  /** Removed: what is below goes before it. */
  remove: string[];
  /** What cannot be changed while the system runs. */
  refused: string[];
  /** Whether systemd has to be asked about its units: among it all are files of units, or what may be their programs. */
  concernsUnits: boolean;
  /** How many paths differ outside /usr and /etc. */
  elsewhere: number;
  /** The record when that is done. */
  paths: Record<string, PathState>;
}

/** Kernel, initramfs and what the boot loader is told; and what we could not name to a shell by lines. */
const needsReboot = [
  /^usr\/lib\/modules\//,
  /^usr\/lib\/bootc\/kargs\.d\//,
  /^usr\/lib\/ostree-boot(\/|$)/,
  /^boot(\/|$)/,
  /\n/,
];

/**
 * Compares what a guest has with a version of its image.
 * @param booted what its image had when it was booted
 * @param applied what was made of it since; '' where that is not known
 */
export async function planLive(
  booted: ImageTree,
  wanted: ImageTree,
  applied: Readonly<Record<string, PathState>>,
): Promise<LivePlan> {
  const plan: LivePlan = {
    write: [],
    remove: [],
    refused: [],
    concernsUnits: false,
    elsewhere: 0,
    paths: {},
  };
  const candidates = new Set([...booted.differing(wanted), ...Object.keys(applied)]);
  for (const path of [...candidates].sort()) {
    const [before, after] = [await stateIn(booted, path), await stateIn(wanted, path)];
    const present = path in applied ? (applied[path] ?? null) : before;
    if (after === present) {
      if (after !== before) plan.paths[path] = after;
      continue;
    }
    const refuses = needsReboot.some((pattern) => pattern.test(path));
    if (refuses) plan.refused.push(path);
    else if (!/^(usr|etc)\//.test(path)) plan.elsewhere++;
    else {
      if (after !== before) plan.paths[path] = after;
      if (isUnitFile(path) || mayBeProgram(present) || mayBeProgram(after)) plan.concernsUnits = true;
      // tar replaces what is there, but for a directory that becomes something else: which what is not known may be.
      const mayBeDirectory = present === '' || kindOf(present) === 'directory';
      if (after === null || (mayBeDirectory && kindOf(after) !== 'directory')) plan.remove.push(path);
      const entry = wanted.get(path);
      if (after !== null && entry) plan.write.push(entry);
    }
  }
  // Before a directory goes, what is in it.
  plan.remove.reverse();
  return plan;
}

function kindOf(state: PathState): string | undefined {
  return state?.split(' ', 1)[0];
}

/** Whether a state is that of a file that can be executed, or not known. */
function mayBeProgram(state: PathState): boolean {
  if (state === null) return false;
  const [, mode = '0'] = /^file ([0-7]+) /.exec(state) ?? [];
  return state === '' || (Number.parseInt(mode, 8) & 0o111) !== 0;
}

/** Takes paths out of a plan: they stay as they are in the guest. */
export function leaveOut(plan: LivePlan, kept: ReadonlySet<string>): LivePlan {
  return {
    ...plan,
    write: plan.write.filter(({ path }) => !kept.has(path)),
    remove: plan.remove.filter((path) => !kept.has(path)),
    paths: Object.fromEntries(Object.entries(plan.paths).filter(([path]) => !kept.has(path))),
  };
}

/** The paths in /etc that a plan changes. */
export function pathsInEtc(plan: LivePlan): string[] {
  const paths = [...plan.remove, ...plan.write.map(({ path }) => path)];
  return [...new Set(paths.filter((path) => path.startsWith('etc/')))].sort();
}

/**
 * Which of them somebody has changed in the guest, who keeps them: what there is is neither what was booted or a live update has
 * made of it, nor what it is to become.
 * @param found what there is, by `fingerprint` without attributes
 */
export async function changedInEtc(
  plan: LivePlan,
  booted: ImageTree,
  applied: Readonly<Record<string, PathState>>,
  found: ReadonlyMap<string, string>,
): Promise<Set<string>> {
  const changed = new Set<string>();
  const wanted = new Map(plan.write.map((entry) => [entry.path, entry]));
  for (const path of pathsInEtc(plan)) {
    const present = found.get(path) ?? null;
    const [before, after] = [booted.get(path), wanted.get(path)];
    const expected =
      path in applied
        ? withoutAttributes(applied[path] ?? null)
        : before
          ? await fingerprint(before, { attributes: false })
          : await stateIn(booted, path);
    const isAsExpected = expected === '' || present === expected;
    const isThereAlready =
      after !== undefined && present === (await fingerprint(after, { attributes: false }));
    // What has no directory any longer cannot be there.
    const isBelow = [...changed].some(
      (other) => path.startsWith(`${other}/`) && kindOf(found.get(other) ?? null) !== 'directory',
    );
    if (isBelow || !(isAsExpected || isThereAlready)) changed.add(path);
  }
  return changed;
}

function withoutAttributes(state: PathState): PathState {
  return state?.replace(/(?: [\w.]+=[\w+/=]*)+$/, '') ?? null;
}

/** What goes into the archive for the guest; contents that several names have go once. */
export function* membersOf(plan: LivePlan, record: { path: string; text: string }): Generator<TarMember> {
  yield record;
  const sent = new Map<string, string>();
  for (const entry of plan.write) {
    // Names of one file are in one file system: /usr and /etc are two.
    const key = `${entry.path.slice(0, 3)} ${entry.archive} ${entry.offset}`;
    const sameAs = entry.type === 'file' && entry.size > 0 ? sent.get(key) : undefined;
    if (sameAs === undefined) sent.set(key, entry.path);
    yield { entry, ...(sameAs !== undefined && { sameAs }) };
  }
}

/** A unit of systemd's, as `systemctl show` says. */
export interface LoadedUnit {
  id: string;
  isActive: boolean;
  needsReload: boolean;
  /** Its file and its drop-ins. */
  files: string[];
  /** The words of the command lines that it runs. */
  words: string[];
}

/** Properties that `parseUnits` reads. */
export const unitProperties = 'Id,ActiveState,NeedDaemonReload,FragmentPath,DropInPaths,ExecStart';

/** Reads what `systemctl show` printed of several units. */
export function parseUnits(text: string): LoadedUnit[] {
  return text
    .split(/\n\s*\n/)
    .map((block) => {
      const unit: LoadedUnit = { id: '', isActive: false, needsReload: false, files: [], words: [] };
      for (const line of block.split('\n')) {
        const [, key, value = ''] = /^(\w+)=(.*)$/.exec(line) ?? [];
        if (key === 'Id') unit.id = value;
        else if (key === 'ActiveState') unit.isActive = value === 'active' || value === 'reloading';
        else if (key === 'NeedDaemonReload') unit.needsReload = value === 'yes';
        else if (key === 'FragmentPath' || key === 'DropInPaths')
          unit.files.push(...value.split(' ').filter((path) => path !== ''));
        else if (key === 'ExecStart')
          unit.words.push(...value.split(/[\s=]+/).filter((word) => word.startsWith('/')));
      }
      return unit;
    })
    .filter(({ id }) => id !== '');
}

/** Without these there is no way in, or no way to tell what goes on. */
const neverRestarted =
  /^(dbus|dbus-broker|systemd-logind|systemd-journald|user@.*|sshd?@.*)\.(service|socket)$/;

/**
 * What is to be done with the units that run, now that files have changed.
 * @param changed paths that were written or removed
 */
export function affectedUnits(
  units: readonly LoadedUnit[],
  changed: ReadonlySet<string>,
  removed: ReadonlySet<string>,
): { restart: string[]; stop: string[]; spared: string[] } {
  const isAmong = (paths: ReadonlySet<string>, path: string): boolean =>
    namesOf(path).some((name) => paths.has(name));
  const concerned = units.filter(
    ({ isActive, needsReload, files, words }) =>
      isActive &&
      (needsReload || [...files, ...words].some((path) => isAmong(changed, path) || isAmong(removed, path))),
  );
  const isSpared = ({ id }: LoadedUnit): boolean => neverRestarted.test(id);
  const isGone = ({ files }: LoadedUnit): boolean => files[0] !== undefined && isAmong(removed, files[0]);
  const others = concerned.filter((unit) => !isSpared(unit));
  const names = (list: readonly LoadedUnit[]): string[] => list.map(({ id }) => id).sort();
  return {
    restart: names(others.filter((unit) => !isGone(unit))),
    stop: names(others.filter(isGone)),
    spared: names(concerned.filter(isSpared)),
  };
}

/** How a path in the guest may be called in the image: /bin, /lib and /sbin lead into /usr, and in some /usr/sbin to /usr/bin. */
function namesOf(path: string): string[] {
  const name = path.slice(1);
  const inUsr = /^(bin|sbin|lib|lib64)\//.test(name) ? `usr/${name}` : name;
  return [inUsr, inUsr.replace(/^usr\/sbin\//, 'usr/bin/')];
}

/** Whether a path is of what systemd reads to know its units. */
export function isUnitFile(path: string): boolean {
  return /^(usr\/lib|etc)\/systemd\/system\//.test(path);
}
