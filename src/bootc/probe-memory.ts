import { createHash } from 'node:crypto';
import * as v from 'valibot';
import { DamagedRecord, readRecord, writeDurably } from '../durable-file.js';
import type { ImageProbe } from './probe.js';

/** What an image's answer depends on besides the questions. */
export interface ProbeSubject {
  /** Name of the podman that ran the container. */
  engine: string;
  imageId: string;
  /** The account that was asked for. */
  user: string;
}

const answerSchema = v.object({
  bootcVersion: v.string(),
  installOptions: v.array(v.string()),
  defaultFilesystem: v.exactOptional(v.string()),
  defaultBootloader: v.exactOptional(v.string()),
  hasUki: v.boolean(),
  hasBootupd: v.boolean(),
  hasSystemdBoot: v.boolean(),
  filesystems: v.array(v.string()),
  systemdVersion: v.exactOptional(v.number()),
  account: v.exactOptional(
    v.object({ user: v.string(), uid: v.number(), gid: v.number(), home: v.string() }),
  ),
});

const entrySchema = v.object({ key: v.string(), answer: answerSchema });

type Entry = v.InferOutput<typeof entrySchema>;

/** Beyond these the oldest are forgotten. */
const mostEntries = 100;

/** Answers to other questions, or written in another form, have another key. */
const form = 1;

function keyOf(subject: ProbeSubject, questions: string): string {
  return createHash('sha256')
    .update(JSON.stringify([form, questions, subject.engine, subject.imageId, subject.user]))
    .digest('hex');
}

async function read(file: string): Promise<Entry[] | DamagedRecord> {
  const entries = await readRecord(file, (value) => {
    if (!Array.isArray(value)) throw new Error('expected a list');
    // One that is damaged, or of another version, does not cost the others.
    return value.filter((entry) => v.is(entrySchema, entry));
  });
  return entries ?? [];
}

/**
 * What an image answered before; undefined when it has not been asked.
 * @param questions the script that asks
 * @returns a damaged record where nothing of it can be read: then the image is asked anew
 */
export async function recallProbe(
  file: string,
  subject: ProbeSubject,
  questions: string,
): Promise<ImageProbe | DamagedRecord | undefined> {
  const key = keyOf(subject, questions);
  const entries = await read(file);
  if (entries instanceof DamagedRecord) return entries;
  const entry = entries.find((each) => each.key === key);
  if (!entry) return undefined;
  const { installOptions, defaultFilesystem, defaultBootloader, systemdVersion, account, ...rest } =
    entry.answer;
  return {
    ...rest,
    installOptions: new Set(installOptions),
    defaultFilesystem,
    defaultBootloader,
    systemdVersion,
    account,
  };
}

/**
 * Remembers an image's answer. That the file cannot be written is no failure: the next call then asks again. What was
 * damaged of it is made anew.
 * @param file in a directory that exists
 */
export async function rememberProbe(
  file: string,
  subject: ProbeSubject,
  questions: string,
  probe: ImageProbe,
): Promise<void> {
  const key = keyOf(subject, questions);
  const known = await read(file);
  const others = known instanceof DamagedRecord ? [] : known.filter((each) => each.key !== key);
  const answer = { ...probe, installOptions: [...probe.installOptions] };
  const entries = [...others, { key, answer }].slice(-mostEntries);
  await writeDurably(file, JSON.stringify(entries)).catch(() => undefined);
}
