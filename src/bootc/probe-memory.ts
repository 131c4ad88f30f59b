import { createHash } from 'node:crypto';
import { readFile, writeFile } from 'node:fs/promises';
import type { ImageProbe } from './probe.js';

/** What an image's answer depends on besides the questions. */
export interface ProbeSubject {
  /** Name of the podman that ran the container. */
  engine: string;
  imageId: string;
  /** The account that was asked for. */
  user: string;
}

type Answer = Omit<ImageProbe, 'installOptions'> & { installOptions: string[] };

interface Entry {
  key: string;
  answer: Answer;
}

/** Beyond these the oldest are forgotten. */
const mostEntries = 100;

/** Answers to other questions, or written in another form, have another key. */
const form = 1;

function keyOf(subject: ProbeSubject, questions: string): string {
  return createHash('sha256')
    .update(JSON.stringify([form, questions, subject.engine, subject.imageId, subject.user]))
    .digest('hex');
}

async function read(file: string): Promise<Entry[]> {
  try {
    const entries: unknown = JSON.parse(await readFile(file, 'utf8'));
    return Array.isArray(entries) ? entries.filter(isEntry) : [];
  } catch {
    return [];
  }
}

function isEntry(value: unknown): value is Entry {
  const { key, answer } = (value ?? {}) as Partial<Record<keyof Entry, unknown>>;
  const { bootcVersion, installOptions, filesystems } = (answer ?? {}) as Partial<
    Record<keyof Answer, unknown>
  >;
  return (
    typeof key === 'string' &&
    typeof bootcVersion === 'string' &&
    Array.isArray(installOptions) &&
    Array.isArray(filesystems)
  );
}

/**
 * What an image answered before; undefined when it has not been asked, or nothing readable is left of it.
 * @param questions the script that asks
 */
export async function recallProbe(
  file: string,
  subject: ProbeSubject,
  questions: string,
): Promise<ImageProbe | undefined> {
  const key = keyOf(subject, questions);
  const entry = (await read(file)).find((each) => each.key === key);
  return entry && { ...entry.answer, installOptions: new Set(entry.answer.installOptions) };
}

/**
 * Remembers an image's answer. Neither that the file cannot be written is a failure, nor that it is torn by a crash or
 * by somebody who writes at the same time: the next call then asks again.
 * @param file in a directory that exists
 */
export async function rememberProbe(
  file: string,
  subject: ProbeSubject,
  questions: string,
  probe: ImageProbe,
): Promise<void> {
  const key = keyOf(subject, questions);
  const others = (await read(file)).filter((each) => each.key !== key);
  const answer: Answer = { ...probe, installOptions: [...probe.installOptions] };
  const entries = [...others, { key, answer }].slice(-mostEntries);
  await writeFile(file, JSON.stringify(entries), { mode: 0o600 }).catch(() => undefined);
}
