import { failureOf, PodmanBootcError, type FailureKind } from '../errors.js';
import { lastLine } from './engine.js';

interface Translation {
  pattern: RegExp;
  failure: FailureKind<'image' | 'host'>;
  sentence: string;
  remedy: (registry: string) => string;
}

/** Words of podman 4.3 to 5.4 and of containers/image below it, the first that fits. */
const translations: readonly Translation[] = [
  {
    pattern: /no space left on device/,
    failure: { failureClass: 'host', code: 'IMAGE_STORE_FULL' },
    sentence: "podman's store is full",
    remedy: () => 'Free some space there: podman image prune',
  },
  {
    pattern: /short-name .* did not resolve|short-name resolution enforced/,
    failure: { failureClass: 'image', code: 'IMAGE_NAME_SHORT' },
    sentence: 'podman does not know which registry it comes from',
    remedy: () => 'Write the name out, such as quay.io/fedora/fedora-bootc:42',
  },
  {
    pattern: /no image found in (?:manifest list|image index) for architecture/,
    failure: { failureClass: 'image', code: 'IMAGE_FOREIGN_ARCHITECTURE' },
    sentence: 'the registry has none for the architecture of the podman host',
    remedy: () => 'Use an image for the architecture of the podman host',
  },
  {
    pattern: /x509:|certificate signed by unknown authority|server gave HTTP response to HTTPS client/,
    failure: { failureClass: 'image', code: 'REGISTRY_UNTRUSTED' },
    sentence: "the registry's certificate is not trusted",
    remedy: (registry) => `Put its authority's certificate into /etc/containers/certs.d/${registry}`,
  },
  {
    pattern: /unauthorized|authentication required|access to the resource is denied|denied: /,
    failure: { failureClass: 'image', code: 'IMAGE_UNAUTHORIZED' },
    sentence: 'the registry does not let you have it, or there is no such repository',
    remedy: (registry) => `Check the name, or log in: podman login ${registry}`,
  },
  {
    pattern: /manifest unknown|name unknown|repository .*not found|reading manifest .* not found/,
    failure: { failureClass: 'image', code: 'IMAGE_NOT_FOUND' },
    sentence: 'the registry has no image of that name and tag',
    remedy: () => 'Check its name and tag, or list the images at hand with `podman-bootc images`',
  },
  {
    pattern:
      /no such host|connection refused|i\/o timeout|network is unreachable|no route to host|TLS handshake timeout|pinging container registry/,
    failure: { failureClass: 'image', code: 'REGISTRY_UNREACHABLE' },
    sentence: 'the registry does not answer',
    remedy: (registry) => `Check the network of the podman host and the name of the registry, ${registry}`,
  },
];

/** Turns what podman said of a failed pull into its cause and one remedy; the original text goes along. */
export function pullError(reference: string, output: string): PodmanBootcError {
  const found = translations.find(({ pattern }) => pattern.test(output));
  const registry = reference.split('/', 1)[0] ?? reference;
  return found
    ? failureOf(found.failure, `The image ${reference} could not be pulled: ${found.sentence}`, {
        remedy: found.remedy(registry),
        output,
      })
    : new PodmanBootcError(
        'image',
        'IMAGE_NOT_FOUND',
        `The image ${reference} could not be pulled: ${lastLine(output)}`,
        {
          remedy: 'Check its name and your network, or list the images at hand with `podman-bootc images`',
          output,
        },
      );
}
