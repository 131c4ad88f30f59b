import { randomInt } from 'node:crypto';
import { readArchive, type Archive } from '../oci/archive.js';
import type { LaidOutImage } from '../oci/layout.js';
import type { GuestResult } from '../ssh/connection.js';
import { servedRepository, type GuestBootc } from './guest.js';

/*
 * A registry inside the guest, for guests that cannot reach ours. It serves an archive of the guest's own: so bootc knows the
 * image by the user's reference, as it does over a forwarded port, and not by the path of a directory that is gone afterwards. All
 * that it takes is systemd, which every guest has.
 */

/** What is served. */
export interface Served {
  image: LaidOutImage;
  /** What of the image's blobs is there. */
  archive: Archive;
  tag: string;
  /** Where the archive is in the guest: on the disk with this serial, or nowhere, and it is sent. */
  serial?: string | undefined;
}

/** What became of it. */
export interface ServedResult<T> {
  value: T;
  /** A blob that bootc wanted and that the archive has not. */
  missed: string | undefined;
}

/** That a guest cannot serve, for a reason that is the rest of a sentence. */
export class ServingRefused extends Error {}

/** Where it all lies in the guest. */
const places = { run: '/run/podman-bootc', temporary: '/var/tmp' };

/** How many ports are tried. */
const portsTried = 8;

/**
 * Answers one request, on a connection that is its standard input and output. Its words: file of the archive, index of it,
 * beginning of the paths, where to note what it has not.
 */
const answer = `
file=$1 index=$2 prefix=$3 missed=$4
# Who may do without TLS tries it all the same, and would wait for an answer to what is no line.
first=$(dd bs=1 count=1 status=none)
case $first in [A-Z]) ;; *) exit ;; esac
IFS=' ' read -r method path version || exit 0
while IFS= read -r line && [ "\${#line}" -gt 1 ]; do :; done
begin() {
  printf 'HTTP/1.1 %s\\r\\nDocker-Distribution-Api-Version: registry/2.0\\r\\nConnection: close\\r\\nContent-Length: %s\\r\\n' "$1" "$2"
}
case $path in
  /v2 | /v2/) begin '200 OK' 2; printf '\\r\\n{}'; exit ;;
  "$prefix"/manifests/* | "$prefix"/blobs/*) wanted=\${path##*/} ;;
  *) wanted=none ;;
esac
while read -r name digest offset size type; do
  if [ "$name" = "$wanted" ] || [ "$digest" = "$wanted" ]; then
    begin '200 OK' "$size"
    printf 'Content-Type: %s\\r\\nDocker-Content-Digest: %s\\r\\n\\r\\n' "$type" "$digest"
    [ "$first$method" = HEAD ] || dd if="$file" iflag=skip_bytes,count_bytes,fullblock skip="$offset" count="$size" bs=262144 status=none
    exit
  fi
done <"$index"
case $wanted in sha256:*) printf '%s\\n' "$wanted" >>"$missed" ;; esac
begin '404 Not Found' 2
printf 'Content-Type: application/json\\r\\n\\r\\n{}'
`;

/**
 * Gets an archive, serves it until its standard input ends, which it does with us, and leaves nothing behind; nor of another
 * one, that ended with the guest. Its words: where it all lies, the serial of the disk that is the archive (or nothing, then it
 * is sent), the archive's size, the index, the beginning of the paths, the script above, ports.
 */
const serve = `
set -eu
run=$1 temporary=$2 serial=$3 size=$4 index=$5 prefix=$6 answer=$7
shift 7
umask 022
mkdir -p "$run"
umask 077
rm -rf "$temporary"/podman-bootc-update.* "$run"/serve.*
own= directory= server=
finish() {
  [ -z "$server" ] || kill "$server" 2>/dev/null || :
  rm -rf "$directory" "$own"
}
trap finish EXIT
trap 'exit 129' HUP INT TERM PIPE
own=$(mktemp -d "$run/serve.XXXXXXXX")
command -v systemd-socket-activate >"$own/log" || { echo 'there is no systemd-socket-activate in it' >&2; exit 3; }
if [ -n "$serial" ]; then
  file=/dev/disk/by-id/virtio-$serial tries=0
  until [ -b "$file" ]; do
    tries=$((tries + 1))
    [ "$tries" -lt 150 ] || { echo "the disk does not appear in it" >&2; exit 4; }
    sleep 0.2
  done
else
  directory=$(mktemp -d "$temporary/podman-bootc-update.XXXXXXXX")
  file=$directory/layers.tar
  head -c "$size" >"$file"
  [ "$(wc -c <"$file")" -eq "$size" ] || { echo 'the archive arrived in part only' >&2; exit 5; }
fi
printf '%s' "$index" >"$own/index"
printf '%s' "$answer" >"$own/answer"
for port in "$@"; do
  SYSTEMD_LOG_TARGET=console SYSTEMD_LOG_LEVEL=info SYSTEMD_LOG_COLOR=0 systemd-socket-activate --accept --inetd \\
    --listen="127.0.0.1:$port" sh "$own/answer" "$file" "$own/index" "$prefix" "$own/missed" >/dev/null 2>"$own/log" &
  server=$!
  tries=0
  until grep -q '^Listening on' "$own/log"; do
    tries=$((tries + 1))
    kill -0 "$server" 2>/dev/null && [ "$tries" -lt 150 ] || { server=; break; }
    sleep 0.2
  done
  [ -z "$server" ] || break
done
[ -n "$server" ] || { cat "$own/log" >&2; exit 6; }
echo "listening $port"
cat >/dev/null
[ ! -e "$own/missed" ] || sed 's/^/missed /' "$own/missed"
`;

/**
 * Serves an archive in a guest while something is done.
 * @param use is given the port of the guest's loopback address
 * @param o.places default those of a guest
 * @param o.onSent called with the bytes of each piece of the archive that is sent
 * @throws ServingRefused where the guest cannot, before `use` was called; what reading the archive does
 */
export async function serveInGuest<T>(
  bootc: GuestBootc,
  served: Served,
  use: (port: number) => Promise<T>,
  o: {
    onSent?: (bytes: number) => void;
    signal?: AbortSignal | undefined;
    places?: { run: string; temporary: string };
  } = {},
): Promise<ServedResult<T>> {
  let end!: () => void;
  const over = new Promise<void>((resolve) => {
    end = resolve;
  });
  let ended: Promise<GuestResult> | undefined;
  try {
    const port = await new Promise<number>((resolve, reject) => {
      let said = '';
      ended = bootc.asRoot(['sh', '-c', serve, 'sh', ...wordsOf(served, o.places ?? places)], {
        input: inputOf(served, over, o.onSent),
        signal: o.signal,
        onOutput: (chunk) => {
          said += chunk;
          const found = /^listening (\d+)$/m.exec(said)?.[1];
          if (found !== undefined) resolve(Number(found));
        },
      });
      ended.then((result) => {
        reject(new ServingRefused(reasonOf(result)));
      }, reject);
    });
    const value = await use(port);
    end();
    const missed = /^missed (\S+)$/m.exec((await ended)?.stdout ?? '')?.[1];
    return { value, missed };
  } finally {
    end();
    await ended?.catch(() => undefined);
  }
}

/** The archive, where it is sent; the end comes when all is over. */
async function* inputOf(
  { archive, serial }: Served,
  over: Promise<void>,
  onSent?: (bytes: number) => void,
): AsyncGenerator<Buffer, void> {
  if (serial === undefined) {
    for await (const chunk of readArchive(archive)) {
      onSent?.((chunk as Buffer).length);
      yield chunk as Buffer;
    }
  }
  await over;
}

function reasonOf({ exitCode, stderr }: GuestResult): string {
  const said = stderr.trim().split('\n').at(-1) ?? '';
  if (said !== '') return said;
  return exitCode === undefined ? 'the connection ended' : `exit code ${exitCode}`;
}

function wordsOf(
  { image, archive, tag, serial }: Served,
  { run, temporary }: { run: string; temporary: string },
): string[] {
  const index = archive.blobs.map(
    ({ digest, offset, size, mediaType }) =>
      `${digest === image.manifest.digest ? tag : digest} ${digest} ${offset} ${size} ${mediaType}\n`,
  );
  // What the kernel gives to nobody who does not ask for it (ip_local_port_range, ip(7)).
  const ports = Array.from({ length: portsTried }, () => String(randomInt(20_000, 32_768)));
  return [
    ...[run, temporary, serial ?? '', String(archive.size), index.join('')],
    ...[`/v2/${servedRepository}`, answer, ...ports],
  ];
}
