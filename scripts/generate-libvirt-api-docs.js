/**
 * Writes docs/libvirt-api.md from what src/libvirt/index.ts exports: declarations and their comments.
 * With --check it writes nothing, and fails when the page is not up to date.
 */
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as prettier from 'prettier';
import ts from 'typescript';

const entry = fileURLToPath(new URL('../src/libvirt/index.ts', import.meta.url));
const target = fileURLToPath(new URL('../docs/libvirt-api.md', import.meta.url));

const config = ts.getParsedCommandLineOfConfigFile(
  fileURLToPath(new URL('../tsconfig.json', import.meta.url)),
  { noEmit: true },
  { ...ts.sys, onUnRecoverableConfigFileDiagnostic: () => process.exit(1) },
);
const program = ts.createProgram([entry], {
  ...config.options,
  // Nothing that is shown depends on Node's types, and they are most of the work.
  types: [],
});
const checker = program.getTypeChecker();
const printer = ts.createPrinter({ removeComments: true });

/** What a page about libvirt need not explain: what every class of JavaScript has. */
const wellKnown = new Set(['prototype', '__@asyncDispose', '__@asyncIterator']);

function isHidden(declaration) {
  const flags = ts.getCombinedModifierFlags(declaration);
  const internal = ts.getJSDocTags(declaration).some(({ tagName }) => tagName.text === 'internal');
  return internal || (flags & (ts.ModifierFlags.Private | ts.ModifierFlags.Protected)) !== 0;
}

/** The comment and its tags as paragraphs. */
function comment(symbol) {
  const text = ts.displayPartsToString(symbol.getDocumentationComment(checker));
  const tags = symbol
    .getJsDocTags(checker)
    .filter(({ name }) => name === 'throws')
    .map((tag) => `Throws ${ts.displayPartsToString(tag.text).replace(/\s+/g, ' ')}.`);
  return [text, ...tags].filter((part) => part !== '').join('\n\n');
}

/** A declaration without body, value and comments. */
function signature(declaration) {
  const print = (node) => printer.printNode(ts.EmitHint.Unspecified, node, declaration.getSourceFile());
  if (ts.isMethodDeclaration(declaration) || ts.isFunctionDeclaration(declaration)) {
    const parameters = declaration.parameters.map((parameter) => {
      const optional = parameter.questionToken || parameter.initializer ? '?' : '';
      const type = parameter.type
        ? print(parameter.type)
        : checker.typeToString(checker.getTypeAtLocation(parameter));
      return `${print(parameter.name)}${optional}: ${type}`;
    });
    const generics = declaration.typeParameters
      ? `<${declaration.typeParameters.map(print).join(', ')}>`
      : '';
    const result = declaration.type ? print(declaration.type) : 'void';
    return `${print(declaration.name)}${generics}(${parameters.join(', ')}): ${result}`;
  }
  if (ts.isGetAccessor(declaration)) return `readonly ${print(declaration.name)}: ${print(declaration.type)}`;
  if (ts.isPropertyDeclaration(declaration)) {
    const readonly = declaration.modifiers?.some(({ kind }) => kind === ts.SyntaxKind.ReadonlyKeyword);
    return `${readonly ? 'readonly ' : ''}${print(declaration.name)}: ${print(declaration.type)}`;
  }
  return declaration.getText();
}

/** TypeScript as the project formats it; `wrap` makes a fragment into a whole. */
async function code(text, wrap = (fragment) => fragment, unwrap = (whole) => whole) {
  const formatted = await prettier.format(wrap(text), {
    parser: 'typescript',
    printWidth: 100,
    singleQuote: true,
  });
  return `\`\`\`ts\n${unwrap(formatted).trim()}\n\`\`\`\n`;
}

const member = (text) =>
  code(
    text,
    (fragment) => `declare class C {\n${fragment};\n}`,
    (whole) => whole.split('\n').slice(1, -2).join('\n').replace(/^ {2}/gm, '').replace(/;$/, ''),
  );

async function classSection(symbol) {
  const parts = [];
  const type = checker.getDeclaredTypeOfSymbol(symbol);
  for (const property of checker.getPropertiesOfType(type)) {
    const declaration = property.declarations?.find((each) => !ts.isSetAccessor(each));
    const name = property.getName();
    if (
      !declaration ||
      isHidden(declaration) ||
      [...wellKnown].some((known) => name.startsWith(known)) ||
      name.startsWith('#')
    )
      continue;
    // Those of Error and the streams are Node's to explain.
    if (declaration.getSourceFile().fileName.includes('node_modules')) continue;
    const text = comment(property);
    parts.push(
      `### ${symbol.getName()}.${name}\n`,
      await member(signature(declaration)),
      text && `${text}\n`,
    );
  }
  const disposable = checker
    .getPropertiesOfType(type)
    .some((each) => each.getName().startsWith('__@asyncDispose'));
  if (disposable)
    parts.push(`\`Symbol.asyncDispose\` ends it, so that \`await using\` does at the end of a scope.\n`);
  return parts.filter(Boolean);
}

/** A type with all its parts in place of their names. */
function expanded(type) {
  const flags = ts.TypeFormatFlags.NoTruncation | ts.TypeFormatFlags.InTypeAlias;
  return checker.typeToString(type, undefined, flags);
}

async function section(exported) {
  const symbol = exported.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(exported) : exported;
  const [declaration] = symbol.declarations ?? [];
  if (!declaration) throw new Error(`${exported.getName()} has no declaration`);
  const heading = [`## ${exported.getName()}\n`];
  const text = comment(symbol);
  if (text) heading.push(`${text}\n`);
  if (ts.isClassDeclaration(declaration)) return [...heading, ...(await classSection(symbol))];
  if (ts.isFunctionDeclaration(declaration))
    return [
      ...heading,
      await code(`declare function ${signature(declaration)};`, undefined, (whole) =>
        whole.replace(/^declare /, ''),
      ),
    ];
  if (ts.isTypeAliasDeclaration(declaration) && !ts.isUnionTypeNode(declaration.type)) {
    // Names that come from a table say more than the table's type.
    const type = checker.getDeclaredTypeOfSymbol(symbol);
    const isNames = type.isUnion() && type.types.every((each) => each.isStringLiteral());
    // Sorted, because the compiler's order changes with every other change.
    const names = isNames ? type.types.map(({ value }) => `'${value}'`).sort() : [];
    if (isNames) return [...heading, await code(`type ${exported.getName()} = ${names.join(' | ')};`)];
    if (type.isUnion() && ts.isIndexedAccessTypeNode(declaration.type) && !declaration.typeParameters)
      return [...heading, await code(`type ${exported.getName()} = ${expanded(type)};`)];
  }
  // Interfaces and types: as they are, with the comments of their members.
  return [...heading, await code(declaration.getText().replace(/^export /, ''))];
}

async function page() {
  const module = checker.getSymbolAtLocation(program.getSourceFile(entry));
  const exported = checker.getExportsOfModule(module);
  const rank = (each) => {
    const symbol = each.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(each) : each;
    if (symbol.flags & ts.SymbolFlags.Function) return 0;
    return symbol.flags & ts.SymbolFlags.Class ? 1 : 2;
  };
  const sorted = exported.toSorted(
    (one, other) => rank(one) - rank(other) || (one.getName() < other.getName() ? -1 : 1),
  );
  const [names, sections] = [[], []];
  for (const each of sorted) {
    names.push(`[${each.getName()}](#${each.getName().toLowerCase()})`);
    sections.push(...(await section(each)));
  }
  const [intro] = /\/\*\*\n([^]*?)\*\//.exec(readFileSync(entry, 'utf8'))?.slice(1) ?? [''];
  const text = [
    '# libvirt for Node\n',
    '<!-- Written by scripts/generate-libvirt-api-docs.js from src/libvirt. -->\n',
    `${intro.replace(/^ *\* ?/gm, '').trim()}\n`,
    'Functions and classes first, then the types of their arguments and results. Calls are rejected with a `LibvirtError`, or with a `TypeError` for a wrong argument. Numbers of 64 bits are bigints.\n',
    names.join(' · ') + '\n',
    ...sections,
  ].join('\n');
  const options = await prettier.resolveConfig(target);
  return prettier.format(text, { ...options, parser: 'markdown', filepath: target });
}

const text = await page();
if (!process.argv.includes('--check')) {
  writeFileSync(target, text);
} else if (readFileSync(target, 'utf8') !== text) {
  console.error('docs/libvirt-api.md is not up to date: run node scripts/generate-libvirt-api-docs.js');
  process.exitCode = 1;
}
