import type * as Valibot from 'valibot';
import { messageOf } from './errors.js';

/** What JSON from outside has to be like. A function, so that valibot is loaded with the first JSON. */
export type JsonSchema<T> = (v: typeof Valibot) => Valibot.GenericSchema<unknown, T>;

/** JSON that is none, or not like its schema. The message goes on after "Expected". */
export class JsonError extends Error {}

/**
 * Reads JSON that another program wrote.
 * @param what whose it is, such as `podman info`
 * @throws JsonError
 */
export async function readJson<T>(what: string, text: string, schema: JsonSchema<T>): Promise<T> {
  if (text.trim() === '') throw new JsonError(`${what} to print JSON, got nothing`);
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new JsonError(`${what} to print JSON, got ${excerpt(JSON.stringify(text.slice(0, 200)))}`, {
      cause: messageOf(cause),
    });
  }
  const v = await import('valibot');
  const result = v.safeParse(schema(v), value, { abortEarly: true });
  if (result.success) return result.output;
  const [issue] = result.issues;
  const path = v.getDotPath(issue);
  const where = path === null ? `the JSON of ${what}` : `the field ${excerpt(path)} in the JSON of ${what}`;
  if (issue.received === 'undefined') throw new JsonError(`${where}, got none`);
  // An issue of a kind of value names it; one of its content has words of ours.
  const wanted = issue.kind === 'schema' ? issue.expected : issue.message;
  throw new JsonError(`${where} to be ${wanted ?? 'another'}, got ${excerpt(issue.received)}`);
}

function excerpt(text: string): string {
  return text.length > 60 ? `${text.slice(0, 59)}…` : text;
}
