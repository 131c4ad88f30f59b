import { createHash } from 'node:crypto';
import { gunzipSync } from 'node:zlib';

/*
 * cloud-init's cc_ssh deletes all host keys at the first boot of an instance and makes new ones, unless `ssh_deletekeys` is
 * false. It merges the configuration of the image, of vendor-data and of user-data; the later wins
 * (https://docs.cloud-init.io/en/latest/explanation/vendor-data.html).
 */
const keepKeys = '#cloud-config\nssh_deletekeys: false\n';

/**
 * The vendor-data with which cloud-init keeps the host keys, and does besides what the user's own vendor-data says: any
 * format that cloud-init knows, as a part behind ours of a MIME archive (cloud-init merges the later over the earlier).
 * @param own the user's
 * @returns undefined where that speaks of the keys itself
 */
export function vendorDataWith(own: Buffer | undefined): Buffer | undefined {
  if (own === undefined || own.toString('latin1').trim() === '') return Buffer.from(keepKeys);
  const data = unzip(own);
  if (/\bssh_deletekeys\b/.test(data.toString('latin1'))) return undefined;
  const boundary = `podman-bootc-${createHash('sha256').update(data).digest('hex').slice(0, 32)}`;
  const parts = [
    Buffer.from(`Content-Type: text/cloud-config\n\n${keepKeys}`),
    isMime(data) ? data : Buffer.from(`${header}${data.toString('base64').replace(/.{76}/g, '$&\n')}\n`),
  ];
  return Buffer.concat([
    Buffer.from(`Content-Type: multipart/mixed; boundary="${boundary}"\nMIME-Version: 1.0\n\n`),
    ...parts.flatMap((part) => [Buffer.from(`--${boundary}\n`), part, Buffer.from('\n')]),
    Buffer.from(`--${boundary}--\n`),
  ]);
}

// Of a plain part cloud-init tells the kind by its first line, as it does of a whole file.
const header = 'Content-Type: text/plain\nContent-Transfer-Encoding: base64\n\n';

/**
 * The setting of user-data or vendor-data by which cloud-init replaces the host key, as one writes it; undefined where
 * none is found. What lies elsewhere (`#include`, encoded parts) is not seen.
 */
export function changesHostKeys(data: Buffer): string | undefined {
  const text = unzip(data).toString('utf8');
  if (
    /^\s*["'{]*ssh_deletekeys["']?\s*[:=]\s*["']?(?!false|no\b|off|0|null|~|n\b|\s|$)[^\s"',}]/im.test(text)
  )
    return 'ssh_deletekeys: true';
  if (/^\s*["'{]*ssh_keys["']?\s*:/m.test(text) && /^\s*["'{]*ed25519_private["']?\s*:/m.test(text))
    return 'ssh_keys';
  return undefined;
}

/** As cloud-init does with all that it is given. */
function unzip(data: Buffer): Buffer {
  if (data[0] !== 0x1f || data[1] !== 0x8b) return data;
  try {
    return gunzipSync(data, { maxOutputLength: 64 * 1024 * 1024 });
  } catch {
    return data;
  }
}

/** cloud-init's own test (user_data.py, convert_string). */
function isMime(data: Buffer): boolean {
  return /mime-version:/i.test(data.toString('latin1', 0, 4096));
}
