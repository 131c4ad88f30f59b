import assert from 'node:assert/strict';
import { fieldsOf } from '../../../src/cli/output/fields.js';
import { compileTemplate } from '../../../src/cli/output/template.js';
import { rejectsWithCode } from '../../support/rejects.js';

const vm = {
  name: 'web',
  running: true,
  cpus: null,
  ssh: { port: 40022 },
  labels: { stage: 'test', 'io.example/a': 'b', Stage: 'other' },
};

describe('a template', () => {
  const cases: [template: string, text: string][] = [
    ['{{.Name}}', 'web'],
    ['{{ .name }}', 'web'],
    [String.raw`{{.Name}}\t{{.Running}}\n\\`, 'web\ttrue\n\\'],
    ['{{.SSH.Port}}', '40022'],
    ['{{.CPUs}}', ''],
    ['{{json .CPUs}}', 'null'],
    ['{{json .Name}}', '"web"'],
    ['{{.SSH}}', '{"port":40022}'],
    ['{{.Labels.stage}}', 'test'],
    ['{{index .Labels "io.example/a"}}', 'b'],
    ['{{index .Labels "nothing"}}', ''],
    ['{{index .Labels "constructor"}}', ''],
    ['{{json .}}', JSON.stringify(vm)],
    ['{{.}}', JSON.stringify(vm)],
  ];
  for (const [template, text] of cases) {
    it(`writes ${template} as ${JSON.stringify(text).slice(0, 40)}`, async () => {
      assert.equal(compileTemplate(template, await fieldsOf('list'))(vm), text);
    });
  }

  it('has the fields of list and more in inspect', async () => {
    const fields = await fieldsOf('inspect');
    for (const template of ['{{.Name}}', '{{.SSH.Port}}', '{{.SSH.IdentityFile}}', '{{.AtNextStart.CPUs}}']) {
      assert.equal(typeof compileTemplate(template, fields), 'function', template);
    }
    await rejectsWithCode('TEMPLATE_FIELD', async () =>
      compileTemplate('{{.AtNextStart}}', await fieldsOf('list')),
    );
  });

  for (const template of [
    '{{.Nmae}}',
    '{{.SSH.Prot}}',
    '{{.Name.First}}',
    '{{json .Nmae}}',
    '{{.labels.a.b}}',
  ]) {
    it(`is refused for a field that there is not: ${template}`, async () => {
      const fields = await fieldsOf('list');
      const error = await rejectsWithCode('TEMPLATE_FIELD', () => compileTemplate(template, fields));
      if (template === '{{.SSH.Prot}}')
        assert.equal(error.remedy, 'There are .SSH.Host, .SSH.Port, .SSH.User');
    });
  }

  for (const template of [
    '{{',
    '}}',
    '{{.Name',
    '{{}}',
    '{{Name}}',
    '{{range .}}',
    '{{.Name | upper}}',
    '{{json}}',
  ]) {
    it(`is refused when it is more than fields: ${template}`, async () => {
      const fields = await fieldsOf('list');
      await rejectsWithCode('TEMPLATE_INVALID', () => compileTemplate(template, fields));
    });
  }

  it('is read in the time that its length says', async () => {
    const fields = await fieldsOf('list');
    const began = performance.now();
    await rejectsWithCode('TEMPLATE_INVALID', () => compileTemplate('{'.repeat(200_000), fields));
    assert.equal(compileTemplate('{{.Name}}'.repeat(10_000), fields)(vm), 'web'.repeat(10_000));
    assert.ok(performance.now() - began < 1_000);
  });
});
