/** The stages of a boot, in the order in which they come. A guest that says little may leave some of them out. */
export const bootStages = ['firmware', 'boot-loader', 'kernel', 'initrd', 'systemd', 'ssh'] as const;

export type BootStage = (typeof bootStages)[number];

/** What a console said that ends a boot without SSH. */
export interface BootFailure {
  kind:
    | 'nothing-bootable'
    | 'secure-boot'
    | 'kernel-panic'
    | 'root-missing'
    | 'emergency'
    /** A unit without which there is no SSH. */
    | 'unit';
  /** The guest's own words, free of control characters. */
  words: string;
  /** For `emergency`: it is the initrd's, and the real root file system was not reached. */
  inInitrd?: true;
  /** The unit, for `unit`. */
  unit?: string;
}
