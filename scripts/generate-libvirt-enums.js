/**
 * Writes the tables of libvirt's enumerations (src/libvirt/enums/) from the API description that libvirt's
 * development files bring along. With --check it writes nothing, and fails when a value in the files differs from
 * the description, or when they lack one that the libvirt that they were written from has. Symbols of a newer
 * libvirt are not missed: the files list what the oldest supported one has.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Which enumerations each file of src/libvirt/enums has. */
const files = {
  'connection.ts': ['virConnectCloseReason', 'virConnectCredentialType'],
  'domain.ts': [
    'virConnectGetAllDomainStatsFlags',
    'virConnectListAllDomainsFlags',
    'virDomainBlockCommitFlags',
    'virDomainBlockJobAbortFlags',
    'virDomainBlockJobInfoFlags',
    'virDomainBlockJobType',
    'virDomainBlockResizeFlags',
    'virDomainBlockedReason',
    'virDomainChannelFlags',
    'virDomainConsoleFlags',
    'virDomainCrashedReason',
    'virDomainCreateFlags',
    'virDomainDefineFlags',
    'virDomainDestroyFlagsValues',
    'virDomainDeviceModifyFlags',
    'virDomainGetHostnameFlags',
    'virDomainGetJobStatsFlags',
    'virDomainGuestInfoTypes',
    'virDomainInterfaceAddressesSource',
    'virDomainJobOperation',
    'virDomainJobType',
    'virDomainMemoryModFlags',
    'virDomainMemoryStatTags',
    'virDomainMessageType',
    'virDomainMetadataType',
    'virDomainModificationImpact',
    'virDomainNostateReason',
    'virDomainPMSuspendedReason',
    'virDomainPausedReason',
    'virDomainRebootFlagValues',
    'virDomainRunningReason',
    'virDomainSaveRestoreFlags',
    'virDomainShutdownFlagValues',
    'virDomainShutdownReason',
    'virDomainShutoffReason',
    'virDomainState',
    'virDomainStatsTypes',
    'virDomainUndefineFlagsValues',
    'virDomainVcpuFlags',
    'virDomainXMLFlags',
    'virKeycodeSet',
    'virVcpuState',
  ],
  'domain-event.ts': [
    'virConnectDomainEventAgentLifecycleReason',
    'virConnectDomainEventAgentLifecycleState',
    'virConnectDomainEventBlockJobStatus',
    'virDomainEventCrashedDetailType',
    'virDomainEventDefinedDetailType',
    'virDomainEventID',
    'virDomainEventPMSuspendedDetailType',
    'virDomainEventResumedDetailType',
    'virDomainEventShutdownDetailType',
    'virDomainEventStartedDetailType',
    'virDomainEventStoppedDetailType',
    'virDomainEventSuspendedDetailType',
    'virDomainEventType',
    'virDomainEventUndefinedDetailType',
  ],
  'domain-snapshot.ts': [
    'virDomainSnapshotCreateFlags',
    'virDomainSnapshotDeleteFlags',
    'virDomainSnapshotListFlags',
    'virDomainSnapshotRevertFlags',
  ],
  'error.ts': ['virErrorDomain', 'virErrorLevel', 'virErrorNumber'],
  'network.ts': [
    'virConnectListAllNetworksFlags',
    'virIPAddrType',
    'virNetworkCreateFlags',
    'virNetworkDefineFlags',
    'virNetworkXMLFlags',
  ],
  'storage-pool.ts': [
    'virConnectListAllStoragePoolsFlags',
    'virStoragePoolBuildFlags',
    'virStoragePoolCreateFlags',
    'virStoragePoolDefineFlags',
    'virStoragePoolDeleteFlags',
    'virStoragePoolState',
    'virStorageXMLFlags',
  ],
  'storage-volume.ts': [
    'virStorageVolCreateFlags',
    'virStorageVolDeleteFlags',
    'virStorageVolDownloadFlags',
    'virStorageVolInfoFlags',
    'virStorageVolResizeFlags',
    'virStorageVolType',
    'virStorageVolUploadFlags',
    'virStorageVolWipeAlgorithm',
  ],
};

const pathOf = (file) => fileURLToPath(new URL(`../src/libvirt/enums/${file}`, import.meta.url));
const pkgConfig = (...args) => execFileSync('pkg-config', [...args, 'libvirt'], { encoding: 'utf8' }).trim();

const installedVersion = () => pkgConfig('--modversion');

/** name → { type, value } of every enumerator; the sentinels behind the last one change with each release. */
function readDescription() {
  const description = readFileSync(pkgConfig('--variable=libvirt_api'), 'utf8');
  const found = new Map();
  for (const [, attributes] of description.matchAll(/<enum ([^>]*?)\/?>/g)) {
    const read = (name) => new RegExp(`\\b${name}='([^']*)'`).exec(attributes)?.[1];
    const name = read('name');
    const value = read('value');
    if (name === undefined || value === undefined || /_(LAST|NR)$/.test(name)) continue;
    found.set(name, { type: read('type'), value });
  }
  // Some stand for another one, by its name.
  const resolve = (value) => (found.has(value) ? resolve(found.get(value).value) : Number(value));
  for (const entry of found.values()) entry.value = resolve(entry.value);
  for (const [name, { value }] of found)
    if (!Number.isSafeInteger(value)) throw new Error(`The API description gives ${name} no number`);
  return found;
}

function generate(enumTypes, version) {
  const found = readDescription();
  const parts = [
    `// Written by scripts/generate-libvirt-enums.js from the API description of libvirt ${version}.\n`,
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

function differences(file, enumTypes) {
  const found = readDescription();
  const text = readFileSync(pathOf(file), 'utf8');
  const committed = [...text.matchAll(/^ {2}(VIR_\w+): (-?\d+),$/gm)];
  if (committed.length === 0) return [`src/libvirt/enums/${file} lists no values`];
  const wrong = committed
    .filter(([, name, value]) => found.get(name)?.value !== Number(value))
    .map(([, name, value]) => `${name} is ${value}, but ${found.get(name)?.value ?? 'missing'} in libvirt`);
  // Only this libvirt can say whether the file is what the script writes.
  const version = installedVersion();
  const sameVersion = text.includes(` of libvirt ${version}.\n`);
  if (wrong.length === 0 && sameVersion && text !== generate(enumTypes, version))
    wrong.push(`src/libvirt/enums/${file} is not what scripts/generate-libvirt-enums.js writes`);
  return wrong;
}

if (process.argv.includes('--check')) {
  const found = Object.entries(files).flatMap(([file, enumTypes]) => differences(file, enumTypes));
  for (const difference of found) console.error(difference);
  process.exitCode = found.length === 0 ? 0 : 1;
} else {
  for (const [file, enumTypes] of Object.entries(files))
    writeFileSync(pathOf(file), generate(enumTypes, installedVersion()));
}
