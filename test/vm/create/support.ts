import type { ImageProbe } from '../../../src/bootc/probe.js';
import type { Image } from '../../../src/podman/images.js';

/** The plainest image that there is. */
export function imageOf(reference: string, digest?: string): Image {
  return {
    id: '5'.repeat(64),
    digest,
    names: [reference],
    digests: [],
    architecture: 'amd64',
    size: 1024 ** 3,
    labels: {},
    layers: [],
  };
}

/** What it says of itself. */
export const plainProbe: ImageProbe = {
  bootcVersion: 'bootc 1.1.6',
  installOptions: new Set(['via-loopback']),
  defaultFilesystem: 'xfs',
  defaultBootloader: undefined,
  hasUki: false,
  hasBootupd: true,
  hasSystemdBoot: false,
  filesystems: ['xfs'],
  systemdVersion: 257,
  account: undefined,
};
