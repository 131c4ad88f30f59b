import type { TypedParameters } from '../addon/domain.js';
import { ParameterTree } from '../parameter-tree.js';

/** What the agent in a guest tells (`virDomainGetGuestInfo`). What was not asked for, or is not known, is absent. */
export interface GuestInfo {
  hostname?: string | undefined;
  timezone?:
    { name?: string | undefined; /** Seconds east of UTC. */ offset?: number | undefined } | undefined;
  /** As in the guest's os-release(5). */
  os?:
    | {
        id?: string | undefined;
        name?: string | undefined;
        prettyName?: string | undefined;
        version?: string | undefined;
        versionId?: string | undefined;
        variant?: string | undefined;
        variantId?: string | undefined;
        machine?: string | undefined;
        kernelRelease?: string | undefined;
        kernelVersion?: string | undefined;
      }
    | undefined;
  users: {
    name?: string | undefined;
    /** On Windows. */
    domain?: string | undefined;
    /** Milliseconds since 1970. */
    loginTime?: bigint | undefined;
  }[];
  filesystems: {
    mountpoint?: string | undefined;
    name?: string | undefined;
    type?: string | undefined;
    /** In bytes. */
    total?: bigint | undefined;
    /** In bytes. */
    used?: bigint | undefined;
    disks: { alias?: string | undefined; serial?: string | undefined; device?: string | undefined }[];
  }[];
  disks: {
    name?: string | undefined;
    partition?: boolean | undefined;
    /** The disk's name in the domain, such as `vda`. */
    alias?: string | undefined;
    /** The name the guest gives it beyond the device's. */
    guestAlias?: string | undefined;
    dependencies: string[];
  }[];
  interfaces: {
    name?: string | undefined;
    mac?: string | undefined;
    addresses: {
      family?: 'ipv4' | 'ipv6' | undefined;
      address?: string | undefined;
      /** In bits. */
      prefix?: number | undefined;
    }[];
  }[];
}

function family(type: string | undefined): 'ipv4' | 'ipv6' | undefined {
  return type === 'ipv4' || type === 'ipv6' ? type : undefined;
}

export function guestInfo(parameters: TypedParameters): GuestInfo {
  const tree = new ParameterTree(parameters);
  const os = tree.at('os');
  const timezone = tree.at('timezone');
  return {
    hostname: tree.string('hostname'),
    timezone: tree.has('timezone')
      ? { name: timezone.string('name'), offset: timezone.number('offset') }
      : undefined,
    os: tree.has('os')
      ? {
          id: os.string('id'),
          name: os.string('name'),
          prettyName: os.string('pretty-name'),
          version: os.string('version'),
          versionId: os.string('version-id'),
          variant: os.string('variant'),
          variantId: os.string('variant-id'),
          machine: os.string('machine'),
          kernelRelease: os.string('kernel-release'),
          kernelVersion: os.string('kernel-version'),
        }
      : undefined,
    users: tree.list('user').map(([, user]) => ({
      name: user.string('name'),
      domain: user.string('domain'),
      loginTime: user.bigint('login-time'),
    })),
    filesystems: tree.list('fs').map(([, filesystem]) => ({
      mountpoint: filesystem.string('mountpoint'),
      name: filesystem.string('name'),
      type: filesystem.string('fstype'),
      total: filesystem.bigint('total-bytes'),
      used: filesystem.bigint('used-bytes'),
      disks: filesystem.list('disk').map(([, disk]) => ({
        alias: disk.string('alias'),
        serial: disk.string('serial'),
        device: disk.string('device'),
      })),
    })),
    disks: tree.list('disk').map(([, disk]) => ({
      name: disk.string('name'),
      partition: disk.boolean('partition'),
      alias: disk.string('alias'),
      guestAlias: disk.string('guest_alias'),
      dependencies: disk.list('dependency').flatMap(([, dependency]) => dependency.string('name') ?? []),
    })),
    interfaces: tree.list('if').map(([, each]) => ({
      name: each.string('name'),
      mac: each.string('hwaddr'),
      addresses: each.list('addr').map(([, address]) => ({
        family: family(address.string('type')),
        address: address.string('addr'),
        prefix: address.number('prefix'),
      })),
    })),
  };
}
