import { randomUUID } from 'node:crypto';
import { mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises';
import { dirname } from 'node:path';

/** What a probe found out. */
export interface Answer {
  usable: boolean;
  reason: string;
}

/** Everything the answer depends on; another value of any of these makes it worthless. */
export type Circumstances = Readonly<Record<string, string | number>>;

/** The remembered answer, or undefined if there is none for these circumstances, or none that is readable. */
export async function recall(file: string, circumstances: Circumstances): Promise<Answer | undefined> {
  try {
    const record: unknown = JSON.parse(await readFile(file, 'utf8'));
    if (!isRecord(record) || !isRecord(record.circumstances)) return undefined;
    const { usable, reason, expires, circumstances: then } = record;
    if (typeof usable !== 'boolean' || typeof reason !== 'string') return undefined;
    if (typeof expires === 'number' && expires <= Date.now()) return undefined;
    const names = Object.keys(circumstances);
    if (names.length !== Object.keys(then).length) return undefined;
    return names.every((name) => then[name] === circumstances[name]) ? { usable, reason } : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Remembers an answer. The file is replaced as a whole; that it cannot be written is no failure, for the
 * next call finds the answer out again.
 * @param lifetime in milliseconds; by default for as long as the circumstances are the same
 */
export async function remember(
  file: string,
  circumstances: Circumstances,
  answer: Answer,
  lifetime?: number,
): Promise<void> {
  const temporary = `${file}.${randomUUID()}`;
  const expires = lifetime === undefined ? undefined : Date.now() + lifetime;
  try {
    await mkdir(dirname(file), { recursive: true, mode: 0o700 });
    await writeFile(temporary, `${JSON.stringify({ ...answer, expires, circumstances })}\n`, { mode: 0o600 });
    await rename(temporary, file);
  } catch {
    await rm(temporary, { force: true }).catch(() => undefined);
  }
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
