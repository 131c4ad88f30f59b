import { Buffer } from 'node:buffer';

import { PodmanBootcError } from '../errors.js';
import { checkPath, usage, type DomainSpecification } from './specification.js';
import { child, children, element, text, type XmlElement } from './xml.js';

/** Strings in one SMBIOS type 11 structure; their count is one byte (SMBIOS 3.x, 7.12), and QEMU does not check it. */
const maximumStrings = 255;
/** Bytes of the whole SMBIOS table, as QEMU refuses more ("SMBIOS 2.1 table length … exceeds 65535"). */
const maximumTable = 65535;
/** Of these, what QEMU's other structures take at most: about 300 bytes, and one processor structure per CPU. */
const otherStructures = 2048;
const processorStructure = 128;

/**
 * QEMU's FW_CFG_MAX_FILE_PATH is 56 bytes with the final NUL, and systemd looks below this prefix: that leaves 28
 * characters for the name (https://systemd.io/CREDENTIALS/, QEMU include/standard-headers/linux/qemu_fw_cfg.h).
 */
const fileNamePrefix = 'opt/io.systemd.credentials/';
const maximumFileName = 55 - fileNamePrefix.length;

/**
 * `<sysinfo>` elements that hand systemd credentials to the guest, and whether `<smbios mode='sysinfo'/>` is needed.
 * The text goes over SMBIOS as base64, so no content needs escaping anywhere on its way; files go over fw_cfg, where
 * only their path can be seen from outside.
 *
 * @throws PodmanBootcError `DOMAIN_SPECIFICATION` (usage): a bad name or path; `CREDENTIALS_TOO_LARGE`
 */
export function credentialElements(spec: Pick<DomainSpecification, 'credentials' | 'cpus'>): XmlElement[] {
  const strings = Object.entries(spec.credentials.smbios).map(([name, value]) => {
    checkName(name);
    return smbiosString(name, value);
  });
  const files = Object.entries(spec.credentials.files).map(([name, path]) => {
    checkName(name);
    if (name.length > maximumFileName)
      throw usage('the name of a credential in a file', `at most ${maximumFileName} characters long`, name);
    checkPath(`the path of the credential ${name}`, path);
    // libvirt 9.0 and 11.3 pass the path on to -fw_cfg without doubling commas, and QEMU takes the rest for an option.
    if (path.includes(',')) throw usage(`the path of the credential ${name}`, 'free of commas', path);
    return element('entry', { name: fileNamePrefix + name, file: path });
  });
  checkTable(strings, spec.cpus);
  const entries = strings.map((each) => element('entry', {}, each));
  return [
    ...(strings.length > 0
      ? [element('sysinfo', { type: 'smbios' }, element('oemStrings', {}, ...entries))]
      : []),
    ...(files.length > 0 ? [element('sysinfo', { type: 'fwcfg' }, ...files)] : []),
  ];
}

function smbiosString(name: string, value: string): string {
  return `${smbiosPrefix}${name}=${Buffer.from(value, 'utf8').toString('base64')}`;
}

const smbiosPrefix = 'io.systemd.credential.binary:';

/**
 * Changes the text of a credential that a domain hands over by SMBIOS, in place; one that it does not have stays away.
 *
 * @throws PodmanBootcError `CREDENTIALS_TOO_LARGE`
 */
export function changeCredential(domain: XmlElement, name: string, change: (value: string) => string): void {
  const entries = children(domain, 'sysinfo').flatMap((sysinfo) =>
    children(child(sysinfo, 'oemStrings'), 'entry'),
  );
  const start = `${smbiosPrefix}${name}=`;
  for (const entry of entries) {
    const found = text(entry) ?? '';
    if (!found.startsWith(start)) continue;
    entry.children = [
      smbiosString(name, change(Buffer.from(found.slice(start.length), 'base64').toString('utf8'))),
    ];
  }
  checkTable(
    entries.map((entry) => text(entry) ?? ''),
    Number(text(child(domain, 'vcpu')) ?? 1),
  );
}

/** Whether the domain's SMBIOS has to come from `<sysinfo>`. */
export function needsSmbios(spec: Pick<DomainSpecification, 'credentials'>): boolean {
  return Object.keys(spec.credentials.smbios).length > 0;
}

// systemd's credential_name_valid: a file name that could also name a file descriptor; "=" ends it in SMBIOS, and a
// comma in QEMU's options.
function checkName(name: string): void {
  if (!/^[!-~]{1,255}$/.test(name) || /[/:=,]/.test(name) || name === '.' || name === '..')
    throw usage('the name of a credential', 'printable ASCII without "/", ":", "=" and ","', name);
}

function checkTable(strings: string[], cpus: number): void {
  const limit = maximumTable - otherStructures - processorStructure * cpus;
  const size = strings.reduce((sum, each) => sum + each.length + 1, 0);
  if (strings.length > maximumStrings)
    throw tooLarge(`${strings.length} of them, and SMBIOS takes ${maximumStrings}`);
  if (size > limit) throw tooLarge(`${size} bytes of them, and beside ${cpus} CPUs SMBIOS takes ${limit}`);
}

function tooLarge(why: string): PodmanBootcError {
  return new PodmanBootcError('usage', 'CREDENTIALS_TOO_LARGE', `Too many credentials for SMBIOS: ${why}`, {
    remedy: 'Hand over fewer or shorter credentials',
  });
}
