import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Descriptor } from '../../src/oci/layout.js';

/** Writes a blob into a layout, and describes it. */
export function writeBlob(directory: string, mediaType: string, content: string): Descriptor {
  const hex = createHash('sha256').update(content).digest('hex');
  mkdirSync(join(directory, 'blobs', 'sha256'), { recursive: true });
  writeFileSync(join(directory, 'blobs', 'sha256', hex), content);
  return { mediaType, digest: `sha256:${hex}`, size: Buffer.byteLength(content) };
}

/** Writes a version of an image, as `podman save --format oci-dir` does, and names it in index.json behind those that are there. */
export function writeVersion(
  directory: string,
  reference: string,
  layers: string[],
  before: object[] = [],
): { manifest: Descriptor; entries: object[] } {
  const config = writeBlob(directory, 'application/vnd.oci.image.config.v1+json', JSON.stringify({ layers }));
  const manifest = writeBlob(
    directory,
    'application/vnd.oci.image.manifest.v1+json',
    JSON.stringify({
      schemaVersion: 2,
      config,
      layers: layers.map((layer) => writeBlob(directory, 'application/vnd.oci.image.layer.v1.tar', layer)),
    }),
  );
  const entries = [
    ...before,
    { ...manifest, annotations: { 'org.opencontainers.image.ref.name': reference } },
  ];
  writeFileSync(join(directory, 'index.json'), JSON.stringify({ schemaVersion: 2, manifests: entries }));
  return { manifest, entries };
}
