/** What `guest-network-get-interfaces` of the guest's agent answers (qga/qapi-schema.json), as far as we look at it. */
interface Interface {
  'ip-addresses'?: { 'ip-address'?: string }[];
}

/** Addresses that nobody else can reach: loopback, and those that a link gives itself. */
const local = /^(?:127\.|::1$|169\.254\.|fe80:)/i;

/** Whether a guest has an address that others can reach, by the answer of its agent. */
export function hasAddress(answer: unknown): boolean {
  if (!Array.isArray(answer)) return false;
  return (answer as Interface[]).some((each) =>
    (each['ip-addresses'] ?? []).some(
      ({ 'ip-address': address = '' }) => address !== '' && !local.test(address),
    ),
  );
}
