import { describeEngine } from '../../podman/engine.js';
import type { ListedImage } from '../../podman/images.js';
import { PodmanBootc } from '../../vm/client.js';
import { formatAge, formatDecimalSize, formatJson, formatTable } from '../output/format.js';
import { oneLine } from '../../terminal-text.js';
import { terminalReporter } from '../output/terminal.js';
import type { GlobalOptions } from '../options.js';

/** `podman-bootc images` */
export async function images(
  options: GlobalOptions & { format?: string; quiet?: boolean; podman?: string },
): Promise<void> {
  const { engine, images: listed } = await PodmanBootc.images(options.podman);
  terminalReporter.info(`Images of ${describeEngine(engine)}`);
  if (options.quiet) process.stdout.write(listed.map((image) => `${shortId(image)}\n`).join(''));
  else if (options.format === 'json') process.stdout.write(formatJson(listed));
  else process.stdout.write(imageTable(listed));
}

function shortId(image: ListedImage): string {
  return oneLine(image.id.slice(0, 12));
}

/** One line per tag, as `podman images` prints them. */
export function imageTable(listed: readonly ListedImage[]): string {
  const rows = listed.flatMap((image) =>
    (image.names.length === 0 ? ['<none>:<none>'] : image.names).map((name) => {
      // The tag is what follows the last colon, unless that colon belongs to a registry's port.
      const [, repository = name, tag = '<none>'] = /^(.*?)(?::([^:/]+))?$/.exec(name) ?? [];
      // prettier-ignore
      return [oneLine(repository), oneLine(tag), shortId(image), formatAge(image.created), formatDecimalSize(image.size)];
    }),
  );
  return formatTable(['REPOSITORY', 'TAG', 'IMAGE ID', 'CREATED', 'SIZE'], rows);
}
