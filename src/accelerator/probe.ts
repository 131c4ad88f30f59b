/** Whether guests can run under a hardware accelerator of this host. */
export interface AcceleratorProbe {
  usable: boolean;
  /** One sentence for people: why, or why not. */
  reason: string;
  /** A command line that helps, where there is one for sure. */
  fix?: string;
  /** Whether the answer was remembered rather than found out now. */
  cached: boolean;
}
