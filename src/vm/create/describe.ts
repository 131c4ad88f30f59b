import type { VmMetadata } from '../../domain/metadata.js';
import type { DomainSpecification } from '../../domain/specification.js';
import { engineName } from '../../podman/engine.js';
import { recordOf } from '../disks/disk-file.js';
import type { VmDisk } from '../disks/vm-disk.js';
import { hostnameCredential } from '../guest/hostname.js';
import { passwordCredential } from '../guest/password.js';
import type { PlanOfImage, VmPlan } from './plan.js';

/** What is known of a VM only when it has been made. */
export interface MadeParts {
  disk: VmDisk;
  /** Port on 127.0.0.1 that leads to its SSH server. */
  sshPort: number;
  /** See `publicCredential`. */
  publicCredential: string;
  /** ISO 8601 time. */
  created: string;
}

/** The domain of a VM that is planned, with its record. */
export function describeVirtualMachine(plan: VmPlan, made: MadeParts): DomainSpecification {
  const { identity, requirements, hardware, directory, options, files, guestAgent } = plan;
  return {
    ...identity,
    title: `podman-bootc: ${plan.disk ? plan.disk.path : plan.reference}`,
    arch: hardware.arch,
    domainType: hardware.domainType,
    cpus: requirements.cpus,
    memory: requirements.memory,
    disk: made.disk,
    ...(files.cloudInit !== undefined && { cloudInitIso: directory.cloudInitIso }),
    consoleLog: directory.consoleLog,
    ...(guestAgent && { guestAgent }),
    sshPort: made.sshPort,
    network: plan.network,
    firmware: plan.firmware,
    nvram: directory.nvram,
    tpm: plan.tpm,
    volumes: plan.volumes,
    credentials: {
      smbios: {
        'tmpfiles.extra': made.publicCredential,
        ...(options.hostname !== undefined && hostnameCredential(options.hostname)),
      },
      files: {
        'tmpfiles.extra': directory.tmpfilesCredential,
        ...(files.passwordFile !== undefined && { [passwordCredential]: directory.password }),
      },
    },
    metadata: describeRecord(plan, made),
    capabilities: hardware.capabilities,
  };
}

function describeRecord(plan: VmPlan, { disk, sshPort, created }: MadeParts): VmMetadata {
  const { requirements, options, files } = plan;
  return {
    uuid: plan.identity.uuid,
    created,
    directory: plan.directory.path,
    ...(plan.disk ? { source: recordOf(plan.disk, options.inPlace === true) } : describeImage(plan)),
    disk: {
      path: disk.path,
      size: disk.size,
      format: disk.format,
      ...(!plan.disk && { base: plan.base }),
    },
    ssh: {
      port: sshPort,
      user: plan.account.user,
      hostKey: plan.hostKey,
      ...(files.identity && { identity: files.identity.path }),
      keys: (files.sshKeys ?? []).map(({ fingerprint }) => fingerprint),
    },
    ports: [...requirements.ports],
    volumes: plan.volumes.map(({ volume }) => volume),
    ...(options.hostname !== undefined && { hostname: options.hostname }),
    origins: requirements.origins,
    ...(files.cloudInit !== undefined && { cloudInit: { directory: files.cloudInit } }),
    ...(options.labels && { labels: options.labels }),
  };
}

function describeImage(plan: PlanOfImage): Pick<VmMetadata, 'image' | 'install'> {
  const { image, requirements, probe, backend, options } = plan;
  return {
    image: {
      reference: plan.reference,
      id: image.id,
      ...(image.digest !== undefined && { digest: image.digest }),
    },
    install: {
      podman: engineName(plan.engine),
      filesystem: plan.filesystem.effective,
      ...(options.rootSizeMax !== undefined && { rootSizeMax: options.rootSizeMax }),
      bootcVersion: probe.bootcVersion,
      kargs: [...plan.parts.kargs],
      composefsBackend: backend.composefs,
      ...(backend.bootloader !== undefined && { bootloader: backend.bootloader }),
      bootcArgs: [...requirements.bootcArgs],
    },
  };
}
