import { readFile } from 'node:fs/promises';

/** What may stand behind a dot in a template: the fields of an object, by their names. */
export interface Fields {
  named: ReadonlyMap<string, Fields>;
  /** Whether it may have others too, as labels have. */
  open: boolean;
}

/** The part of JSON Schema that our schemas use. */
interface Schema {
  $id?: string;
  $ref?: string;
  allOf?: Schema[];
  items?: Schema;
  properties?: Record<string, Schema>;
  additionalProperties?: Schema;
  $defs?: Record<string, Schema>;
}

/** Which of our schemas. */
export type SchemaName = 'list' | 'inspect';

/** One of the schemas in the package. */
export async function readSchema(name: SchemaName): Promise<Schema> {
  const file = new URL(`../../../../schema/${name}.json`, import.meta.url);
  return JSON.parse(await readFile(file, 'utf8')) as Schema;
}

/** The fields of each VM that a command prints, as its schema has them: also when there is no VM to look at. */
export async function fieldsOf(name: SchemaName): Promise<Fields> {
  const schemas = await Promise.all((['list', 'inspect'] as const).map(readSchema));
  const root = schemas.find(({ $id }) => $id?.includes(`:${name}:`));
  return collect(root?.items ?? {}, root ?? {}, schemas);
}

function collect(schema: Schema, document: Schema, all: readonly Schema[]): Fields {
  const named = new Map<string, Fields>();
  let open = schema.additionalProperties !== undefined;
  const add = (name: string, fields: Fields): void => {
    const known = named.get(name)?.named ?? [];
    named.set(name, { named: new Map([...known, ...fields.named]), open: fields.open });
  };
  for (const [name, property] of Object.entries(schema.properties ?? {}))
    add(name, collect(property, document, all));
  const referred = schema.$ref === undefined ? undefined : resolve(schema.$ref, document, all);
  for (const part of [
    ...(schema.allOf ?? []).map((each) => collect(each, document, all)),
    ...(referred ? [referred] : []),
  ]) {
    for (const [name, fields] of part.named) add(name, fields);
    open ||= part.open;
  }
  return { named, open };
}

/** Follows a reference such as `#/$defs/vm`, in the same document or in another of ours. */
function resolve(reference: string, document: Schema, all: readonly Schema[]): Fields {
  const [id = '', pointer = ''] = reference.split('#');
  const target = id === '' ? document : (all.find(({ $id }) => $id === id) ?? {});
  return collect(target.$defs?.[pointer.replace('/$defs/', '')] ?? {}, target, all);
}
