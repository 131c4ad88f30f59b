/**
 * Writes src/libvirt/enums.ts from the API description that libvirt's development files bring along.
 * With --check it writes nothing, and fails when a value in the file differs from the description. Symbols of
 * a newer libvirt are not missed: the file lists what the oldest supported one has.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const enumTypes = [
  'virErrorNumber',
  'virErrorDomain',
  'virErrorLevel',
  'virConnectFlags',
  'virConnectCloseReason',
  'virConnectListAllDomainsFlags',
  'virDomainState',
  'virDomainDefineFlags',
  'virDomainCreateFlags',
  'virDomainShutdownFlagValues',
  'virDomainDestroyFlagsValues',
  'virDomainUndefineFlagsValues',
  'virDomainXMLFlags',
  'virDomainModificationImpact',
  'virDomainMetadataType',
  'virDomainEventType',
  'virDomainEventDefinedDetailType',
  'virDomainEventUndefinedDetailType',
  'virDomainEventStartedDetailType',
  'virDomainEventSuspendedDetailType',
  'virDomainEventResumedDetailType',
  'virDomainEventStoppedDetailType',
  'virDomainEventShutdownDetailType',
  'virDomainEventPMSuspendedDetailType',
  'virDomainEventCrashedDetailType',
];

const target = fileURLToPath(new URL('../src/libvirt/enums.ts', import.meta.url));
const pkgConfig = (...args) => execFileSync('pkg-config', [...args, 'libvirt'], { encoding: 'utf8' }).trim();

/** name → { type, value } of every enumerator; the `_LAST` sentinels change with each release. */
function readDescription() {
  const description = readFileSync(pkgConfig('--variable=libvirt_api'), 'utf8');
  const found = new Map();
  for (const [, attributes] of description.matchAll(/<enum ([^>]*?)\/?>/g)) {
    const read = (name) => new RegExp(`\\b${name}='([^']*)'`).exec(attributes)?.[1];
    const name = read('name');
    const value = read('value');
    if (name === undefined || value === undefined || name.endsWith('_LAST')) continue;
    found.set(name, { type: read('type'), value: Number(value) });
  }
  return found;
}

function generate() {
  const found = readDescription();
  const parts = [
    `// Written by scripts/generate-libvirt-enums.js from the API description of libvirt ${pkgConfig('--modversion')}.\n`,
  ];
  for (const type of enumTypes) {
    const members = [...found]
      .filter(([, entry]) => entry.type === type)
      .sort(([, one], [, other]) => one.value - other.value);
    if (members.length === 0) throw new Error(`The API description has no ${type}`);
    const lines = members.map(([name, { value }]) => `  ${name}: ${value},\n`);
    parts.push(`export const ${type} = {\n${lines.join('')}} as const;\n`);
  }
  return parts.join('\n');
}

function differences() {
  const found = readDescription();
  const committed = [...readFileSync(target, 'utf8').matchAll(/^ {2}(VIR_\w+): (-?\d+),$/gm)];
  if (committed.length === 0) return ['src/libvirt/enums.ts lists no values'];
  return committed
    .filter(([, name, value]) => found.get(name)?.value !== Number(value))
    .map(([, name, value]) => `${name} is ${value}, but ${found.get(name)?.value ?? 'missing'} in libvirt`);
}

if (process.argv.includes('--check')) {
  const found = differences();
  for (const difference of found) console.error(difference);
  process.exitCode = found.length === 0 ? 0 : 1;
} else {
  writeFileSync(target, generate());
}
