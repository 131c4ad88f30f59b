import { execFileSync } from 'node:child_process';
import { chmodSync, linkSync, mkdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** What a layer of a test has, by paths: `null` is a directory, `-> TARGET` a symbolic link, `= PATH` another name of a file. */
export type Files = Readonly<Record<string, string | null>>;

/** Makes the archive of a layer by GNU tar, as another program's: with the names that this makes of `0` and `1` for `root`. */
export function makeLayer(directory: string, name: string, files: Files, options: string[] = []): string {
  const tree = join(directory, `${name}.tree`);
  rmSync(tree, { recursive: true, force: true });
  mkdirSync(tree, { recursive: true });
  for (const [path, content] of Object.entries(files)) {
    const file = join(tree, path);
    mkdirSync(content === null ? file : dirname(file), { recursive: true });
    if (content?.startsWith('-> ')) symlinkSync(content.slice(3), file);
    else if (content?.startsWith('= ')) linkSync(join(tree, content.slice(2)), file);
    else if (content !== null) {
      writeFileSync(file, content);
      chmodSync(file, 0o644);
    }
  }
  const archive = join(directory, `${name}.tar`);
  const words = ['--create', '--file', archive, '--directory', tree, '--sort=name'];
  execFileSync('tar', [...words, '--owner=0', '--group=0', '--mtime=@1', ...options, '.']);
  return archive;
}
