import { chmod, readFile, writeFile } from 'node:fs/promises';
import { tmpfilesExtra } from '../../ssh/credentials.js';
import { generateKeyPair } from '../../ssh/keys.js';
import { formatKnownHost } from '../../ssh/known-hosts.js';
import { withVolumeLines } from '../guest/volume-units.js';
import { idOf } from '../identity.js';
import type { VmPlan } from './plan.js';

type Login = Pick<VmPlan, 'identity' | 'directory' | 'account' | 'hostKey' | 'options' | 'files'>;

/**
 * Makes the key that logs in and the guest's host key, and the credentials that hand them over. The public
 * key goes through SMBIOS as part of the domain. The private host key goes through fw_cfg from a file that
 * only QEMU reads, because QEMU's arguments are public; where a guest takes both, the file wins.
 * @returns the credential for SMBIOS
 */
export async function makeLogin(plan: Login): Promise<string> {
  const { directory } = plan;
  const alias = `podman-bootc-${idOf(plan.identity.uuid)}`;
  await generateKeyPair(directory.identity, alias);
  await generateKeyPair(directory.hostKey, alias);
  const [ownKey, privateKey, publicKey] = await Promise.all([
    readFile(`${directory.identity}.pub`, 'utf8'),
    readFile(directory.hostKey, 'utf8'),
    readFile(`${directory.hostKey}.pub`, 'utf8'),
  ]);
  const hostKey = { private: privateKey, public: publicKey };
  const secret = tmpfilesExtra({ ...loginOf(plan, ownKey), hostKey });
  await writeFile(directory.tmpfilesCredential, withVolumeLines(secret, plan.files.volumes ?? []), {
    mode: 0o600,
  });
  await chmod(directory.tmpfilesCredential, 0o600);
  if (plan.hostKey === 'handed-over')
    await writeFile(directory.knownHosts, formatKnownHost(alias, publicKey), { mode: 0o600 });
  return publicCredential(plan, ownKey);
}

/** The credential with what everybody may see: who may log in, the host name, and how volumes are mounted. */
export function publicCredential(plan: Login, ownKey: string): string {
  return withVolumeLines(tmpfilesExtra(loginOf(plan, ownKey)), plan.files.volumes ?? []);
}

function loginOf({ account, options, files }: Login, ownKey: string): Parameters<typeof tmpfilesExtra>[0] {
  const given = [
    ...(files.identity ? [files.identity.line] : []),
    ...(files.sshKeys ?? []).map(({ line }) => line),
  ];
  const authorizedKeys = [ownKey.trimEnd(), ...given].join('\n');
  return { account, authorizedKeys, hostname: options.hostname };
}
