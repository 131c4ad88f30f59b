import { ServingRefused, serveInGuest, type ServedResult } from '../../bootc/serve.js';
import { servedRepository, type ImageSource } from '../../bootc/guest.js';
import { codeOf, messageOf, PodmanBootcError } from '../../errors.js';
import { planArchive, type Archive } from '../../oci/archive.js';
import { blobsOf, type LaidOutImage } from '../../oci/layout.js';
import { ImageRegistry } from '../../oci/registry.js';
import type { VmDirectory } from '../files/vm-directory.js';
import type { Host } from '../host/host.js';
import type { VirtualMachine } from '../virtual-machine.js';
import type { OpenGuest } from './judge.js';
import { plugUpdateDisk, removeUpdateDisk } from './update-disk.js';

/** A version that is to come into a guest. */
export interface Offer {
  image: LaidOutImage;
  reference: string;
  repository: string;
  /** The digests of the layers that the guest should have already. bootc knows better: what it wants all the same it gets. */
  findKnown: () => Promise<ReadonlySet<string>>;
}

/** What is done while the guest can have a version. */
export type Use<T> = (source: ImageSource) => Promise<T>;

/** A way by which a version comes into a guest. Whichever it is, bootc pulls it by the user's reference from a port of its own. */
export interface Transport {
  name: 'forwarding' | 'disk' | 'tar';
  /** In words, behind "the new version comes". */
  how: string;
  /**
   * Lets the guest have a version while something is done. Nothing is left of it afterwards.
   * @throws NoWay where it does not work for this guest; nothing has been done then
   */
  bring<T>(offer: Offer, use: Use<T>): Promise<T>;
}

/** That a way is barred, for a reason that is a sentence. */
export class NoWay extends Error {}

/** Who is to be brought something. */
export interface Recipient {
  host: Host;
  vm: VirtualMachine;
  guest: OpenGuest;
  /** The VM's, on this host. */
  directory: VmDirectory;
  /** Called with the bytes of all that moves. */
  onMoved: (bytes: number) => void;
  signal?: AbortSignal | undefined;
}

/** The ways into a guest, the best one first. */
export function transportsInto(to: Recipient): Transport[] {
  return [forwarding(to), disk(to), tar(to)];
}

/**
 * Brings a version in by the first way that the guest allows, and says why where that is not the first of all.
 * @throws PodmanBootcError `UPDATE_NO_WAY_IN`
 */
export async function bringIn<T>(
  ways: readonly Transport[],
  offer: Offer,
  { host, vm }: Pick<Recipient, 'host' | 'vm'>,
  use: Use<T>,
): Promise<T> {
  const reasons: string[] = [];
  for (const [index, way] of ways.entries()) {
    try {
      return await way.bring(offer, use);
    } catch (error) {
      if (!(error instanceof NoWay)) throw error;
      reasons.push(error.message);
      const next = ways[index + 1];
      if (next) host.report.info(`${error.message}: the new version comes ${next.how}`);
    }
  }
  throw new PodmanBootcError(
    'update',
    'UPDATE_NO_WAY_IN',
    `${offer.reference} cannot be brought into ${vm.name}: ${reasons.join('; ')}`,
    { remedy: 'Set AllowTcpForwarding to yes or remote in the sshd_config of the guest' },
  );
}

/** Over a port of the guest that leads to a registry in our process: bootc gets what it lacks. */
function forwarding({ guest, onMoved }: Recipient): Transport {
  return {
    name: 'forwarding',
    how: 'over a forwarded port',
    async bring({ image, reference, repository }, use) {
      using registry = new ImageRegistry(image, servedRepository, tagOf(reference), onMoved);
      let port: number;
      try {
        port = await guest.connection.forward((socket) => {
          registry.serve(socket);
        });
      } catch (error) {
        if (codeOf(error) !== 'FORWARDING_REFUSED') throw error;
        throw new NoWay(messageOf(error));
      }
      return await use({ reference, repository, port });
    },
  };
}

/** On a disk that is plugged into the VM, from which the guest serves itself. */
function disk(to: Recipient): Transport {
  const { host, vm, directory, signal, onMoved } = to;
  return {
    name: 'disk',
    how: 'on a disk that is plugged in meanwhile',
    bring: (offer, use) =>
      withLayers(offer, async (archive) => {
        await removeUpdateDisk(host, vm, directory);
        try {
          const serial = await plugUpdateDisk(vm, directory, archive, signal).catch((error: unknown) => {
            signal?.throwIfAborted();
            throw new NoWay(`No disk can be plugged into ${vm.name} (${messageOf(error)})`);
          });
          onMoved(archive.size);
          return await serve(to, offer, archive, use, serial);
        } finally {
          await removeUpdateDisk(host, vm, directory);
        }
      }),
  };
}

/** As an archive over SSH, from which the guest serves itself. */
function tar(to: Recipient): Transport {
  return {
    name: 'tar',
    how: 'as an archive over SSH',
    bring: (offer, use) => withLayers(offer, (archive) => serve(to, offer, archive, use)),
  };
}

function serve<T>(
  { guest, vm, onMoved, signal }: Recipient,
  { image, reference, repository }: Offer,
  archive: Archive,
  use: Use<T>,
  serial?: string,
): Promise<ServedResult<T>> {
  return serveInGuest(
    guest.bootc,
    { image, archive, tag: tagOf(reference), serial },
    (port) => use({ reference, repository, port }),
    { onSent: onMoved, signal },
  ).catch((error: unknown) => {
    if (error instanceof ServingRefused) throw new NoWay(`${vm.name} cannot read it so (${error.message})`);
    throw error;
  });
}

/** Brings the layers that the guest is not known to have; and all of them, where it wanted another one. */
async function withLayers<T>(
  { image, findKnown }: Offer,
  bring: (archive: Archive) => Promise<ServedResult<T>>,
): Promise<T> {
  const all = blobsOf(image);
  const known = await findKnown();
  const lacking = all.filter(({ digest }) => !known.has(digest));
  const { value, missed } = await bring(planArchive(image.directory, lacking));
  if (missed === undefined || lacking.length === all.length) return value;
  return (await bring(planArchive(image.directory, all))).value;
}

/** The name by which a registry is asked for a version. */
function tagOf(reference: string): string {
  const [, digest] = reference.split('@', 2);
  return digest ?? /:([^:/]+)$/.exec(reference)?.[1] ?? 'latest';
}
