import * as v from 'valibot';

/*
 * The form of what we write beside disks and keys. A later version may add to it: what is not known here is passed over.
 * Loaded only where such a record is.
 */

const text = v.pipe(v.string(), v.minLength(1), v.maxLength(4096));
const uuid = v.pipe(v.string(), v.regex(/^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/));
const path = v.pipe(text, v.regex(/^\/[^\0]*$/));
const time = v.pipe(
  text,
  v.check((value) => !Number.isNaN(Date.parse(value)), 'expected a time'),
);
const key = v.pipe(v.string(), v.regex(/^[0-9a-f]{24}$/));
const bytes = v.pipe(v.number(), v.safeInteger(), v.minValue(0));
const port = v.pipe(v.number(), v.integer(), v.minValue(1), v.maxValue(65535));

export const journalSchema = v.object({
  operation: v.picklist(['create', 'transient', 'remove']),
  uri: text,
  name: text,
  image: text,
  since: time,
  base: v.exactOptional(key),
});

export const keptDefinitionSchema = v.object({
  version: v.literal(1),
  uri: text,
  uuid,
  name: text,
  image: text,
  ports: v.array(port),
  disks: v.array(v.object({ path, directory: v.number() })),
  base: v.exactOptional(key),
  definition: v.pipe(v.string(), v.minLength(1)),
});

/** What an image is recorded by. */
const imageSchema = v.object({
  reference: text,
  id: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
  digest: v.exactOptional(text),
});

export const updateSchema = v.object({
  version: v.literal(1),
  uri: text,
  phase: v.picklist(['checkpoint', 'boot', 'keep', 'undo', 'failed']),
  since: time,
  image: imageSchema,
  digests: v.array(text),
  from: v.exactOptional(text),
  disk: v.object({ path, target: text, xml: v.pipe(v.string(), v.minLength(1)) }),
  overlay: path,
  nvram: v.exactOptional(path),
  health: v.exactOptional(text),
  keepFailed: v.exactOptional(v.boolean()),
  cause: v.exactOptional(v.string()),
});

const engineSchema = v.object({
  kind: v.picklist(['local', 'machine', 'connection', 'url']),
  connection: v.exactOptional(text),
  machine: v.exactOptional(text),
  url: v.exactOptional(text),
});

export const baseRecordSchema = v.object({
  // Further parts of later versions are part of the key, and pass.
  parts: v.looseObject({
    imageId: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)),
    reference: text,
    filesystem: text,
    rootSizeMax: v.optional(bytes),
    diskSize: bytes,
    kargs: v.array(v.string()),
    bootcVersion: v.string(),
  }),
  created: time,
  install: v.exactOptional(
    v.object({ engine: engineSchema, partialDisk: path, scratch: v.exactOptional(path) }),
  ),
  content: v.exactOptional(v.object({ size: bytes, head: v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/)) })),
});

export const baseUserSchema = v.object({
  uuid,
  name: text,
  uri: text,
  place: text,
  disk: path,
  directory: path,
});

/**
 * Checks a record.
 * @throws Error which says what of it is not as it should be
 */
export function checkRecord<T>(schema: v.GenericSchema<unknown, T>, value: unknown): T {
  const result = v.safeParse(schema, value);
  if (result.success) return result.output;
  const [issue] = result.issues;
  const where = v.getDotPath(issue);
  throw new Error(`${where === null ? '' : `${where}: `}${issue.message}`);
}
