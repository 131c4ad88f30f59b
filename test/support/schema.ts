import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv2020 } from 'ajv/dist/2020.js';
import { fieldsOf, type Fields, type SchemaName } from '../../src/cli/output/fields.js';
import { projectRoot } from './project.js';

/** Asserts that what a command printed is what its schema describes, key by key. */
export async function assertMatchesSchema(name: SchemaName, json: string): Promise<void> {
  const value: unknown = JSON.parse(json);
  const ajv = new Ajv2020({ allErrors: true, strict: true, allowUnionTypes: true, strictRequired: false });
  // Formats without a package of their own.
  ajv.addFormat('uuid', /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  ajv.addFormat('date-time', { validate: (text: string) => new Date(text).toISOString() === text });
  for (const each of ['list', 'inspect']) {
    ajv.addSchema(
      JSON.parse(readFileSync(join(projectRoot, 'schema', `${each}.json`), 'utf8')) as object,
      each,
    );
  }
  assert.ok(ajv.validate(name, value), `${ajv.errorsText()}\n${json}`);
  const fields = await fieldsOf(name);
  for (const item of value as unknown[]) assertDescribed(item, fields, name);
}

/** A validator lets pass what nobody described: whoever reads the schema would not know of it. */
function assertDescribed(value: unknown, fields: Fields, path: string): void {
  if (typeof value !== 'object' || value === null || Array.isArray(value) || fields.open) return;
  for (const [key, inner] of Object.entries(value)) {
    const described = fields.named.get(key);
    assert.ok(described, `the schema does not describe ${path}.${key}`);
    assertDescribed(inner, described, `${path}.${key}`);
  }
}
