import { PodmanBootcError } from '../errors.js';
import { JsonError, readJson, type JsonSchema } from '../json.js';

/** A deployment of a guest: a version of an image that is installed and can be booted. */
export interface Deployment {
  /** What it was made of; undefined where bootc does not know, as after an install by other means. */
  reference: string | undefined;
  /** Digest of the image's manifest: podman's. */
  digest: string | undefined;
  backend: 'ostree' | 'composefs' | undefined;
  /** What bootc calls it itself: of composefs the digest of its file system. */
  id: string | undefined;
  /** Whether a soft reboot could bring it up, as far as bootc knows. */
  softRebootCapable: boolean;
}

/** What `bootc status` says of a guest. */
export interface BootcStatus {
  /** What updates come from. */
  reference: string | undefined;
  booted: Deployment | undefined;
  /** Comes with the next boot. */
  staged: Deployment | undefined;
  /** The one before. */
  rollback: Deployment | undefined;
  /** Whether the one before comes with the next boot. */
  rollbackQueued: boolean;
}

/**
 * Reads what `bootc status --format json` printed (bootc 1.1 to 1.16, org.containers.bootc/v1). Both backends leave out or set to
 * null what they have not.
 * @throws PodmanBootcError `BOOTC_STATUS_UNREADABLE`
 */
export async function parseStatus(text: string): Promise<BootcStatus> {
  try {
    const { spec, status } = await readJson('bootc status', text, schema);
    const rollback = deploymentOf(status.rollback);
    return {
      reference: spec?.image?.image,
      booted: deploymentOf(status.booted),
      staged: deploymentOf(status.staged),
      rollback,
      // After an install with a UKI bootc 1.16 says so of one that there is not.
      rollbackQueued: rollback !== undefined && status.rollbackQueued === true,
    };
  } catch (error) {
    if (!(error instanceof JsonError)) throw error;
    throw new PodmanBootcError('image', 'BOOTC_STATUS_UNREADABLE', `Expected ${error.message}`, {
      remedy: 'Look at `bootc status --format json` in the guest, and update bootc in the image',
      cause: error,
    });
  }
}

/** Whether a deployment is a version that goes by one of these digests. */
export function isOneOf(deployment: Deployment | undefined, digests: readonly string[]): boolean {
  return deployment?.digest !== undefined && digests.includes(deployment.digest);
}

interface Entry {
  image?:
    | { image?: { image: string } | null | undefined; imageDigest?: string | null | undefined }
    | null
    | undefined;
  ostree?: { checksum?: string | undefined } | null | undefined;
  composefs?: { verity?: string | undefined } | null | undefined;
  softRebootCapable?: boolean | null | undefined;
}

function deploymentOf(entry: Entry | null | undefined): Deployment | undefined {
  if (!entry) return undefined;
  return {
    reference: entry.image?.image?.image,
    digest: entry.image?.imageDigest ?? undefined,
    backend: entry.composefs ? 'composefs' : entry.ostree ? 'ostree' : undefined,
    id: entry.composefs?.verity ?? entry.ostree?.checksum,
    softRebootCapable: entry.softRebootCapable ?? false,
  };
}

const schema = ((v) => {
  const entry = v.nullish(
    v.object({
      image: v.nullish(
        v.object({
          image: v.nullish(v.object({ image: v.string() })),
          imageDigest: v.nullish(v.string()),
        }),
      ),
      ostree: v.nullish(v.object({ checksum: v.optional(v.string()) })),
      composefs: v.nullish(v.object({ verity: v.optional(v.string()) })),
      softRebootCapable: v.nullish(v.boolean()),
    }),
  );
  return v.object({
    spec: v.nullish(v.object({ image: v.nullish(v.object({ image: v.string() })) })),
    status: v.object({
      booted: entry,
      staged: entry,
      rollback: entry,
      rollbackQueued: v.nullish(v.boolean()),
    }),
  });
}) satisfies JsonSchema<unknown>;
