import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { host } from './cli.js';

/** What a new version of an image has that the one before has not. */
export interface Changes {
  /** Contents by absolute path; null removes what is there. */
  files?: Readonly<Record<string, string | null>>;
  labels?: Readonly<Record<string, string>>;
}

/**
 * Makes a new version of an image: one more layer of a few KB, none where only labels change.
 * @param name of the new version, below localhost: `rebuilt` or `rebuilt:2`
 * @param from default: the image that has the name
 * @returns the digest of its manifest, which is what bootc says of it
 */
export function rebuild(
  name: string,
  { files = {}, labels = {} }: Changes,
  from = `localhost/${name}`,
): string {
  const reference = `localhost/${name}`;
  const context = mkdtempSync(join(tmpdir(), 'rebuild-'));
  try {
    const added = Object.entries(files).filter(([, content]) => content !== null);
    const removed = Object.entries(files).filter(([, content]) => content === null);
    for (const [path, content] of added) {
      const file = join(context, 'files', path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, content ?? '', { mode: 0o644 });
    }
    const lines = [
      `FROM ${from}`,
      // One by one, because directories that are there keep their modes only so.
      ...added.map(([path]) => `COPY ${JSON.stringify([join('files', path), path])}`),
      ...(removed.length === 0
        ? []
        : [`RUN ${JSON.stringify(['rm', '-rf', '--', ...removed.map(([path]) => path)])}`]),
      ...Object.entries(labels).map(([label, value]) => `LABEL ${label}=${JSON.stringify(value)}`),
    ];
    // With layers each line that changes a file makes one, without them the whole makes one, whatever it changes.
    const isLabelsOnly = Object.keys(files).length === 0;
    writeFileSync(join(context, 'Containerfile'), lines.map((line) => `${line}\n`).join(''));
    // prettier-ignore
    host('podman', 'build', '--quiet', '--pull=never', '--format', 'oci', '--no-cache', `--layers=${isLabelsOnly}`, '--network', 'none', '--tag', reference, context);
  } finally {
    rmSync(context, { recursive: true });
  }
  return host('podman', 'image', 'inspect', '--format', '{{.Digest}}', reference).trim();
}
