/** What runs a VM's CPUs: `auto` takes hardware virtualization only where a guest really runs under it. */
export const acceleratorPreferences = ['auto', 'kvm', 'tcg'] as const;
export type AcceleratorPreference = (typeof acceleratorPreferences)[number];
