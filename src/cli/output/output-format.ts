import { yamlText } from '../../terminal-text.js';
import { fieldsOf, type SchemaName } from './fields.js';
import { formatJson } from './format.js';
import { compileTemplate } from './template.js';

/**
 * How values are written for programs: all in one document, or line by line as a template says.
 * @param format `json`, `yaml` or a template
 * @throws PodmanBootcError `TEMPLATE_INVALID`, `TEMPLATE_FIELD`
 */
export async function machineFormat(
  format: string,
  schema: SchemaName,
): Promise<(values: readonly unknown[]) => string | Promise<string>> {
  if (format === 'json') return formatJson;
  if (format === 'yaml') return yamlText;
  const template = compileTemplate(format, await fieldsOf(schema));
  return (values) => values.map((value) => `${template(value)}\n`).join('');
}
