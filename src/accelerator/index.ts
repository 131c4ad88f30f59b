export { onlyUserOf } from './device.js';
export { probeHvf } from './hvf.js';
export { probeKvm } from './kvm.js';
export type { AcceleratorProbe } from './probe.js';
