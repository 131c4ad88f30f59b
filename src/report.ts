/** How operations tell a person what they do. The CLI writes to stderr; a library user may listen, or not. */
export interface Reporter {
  /** A sentence for people who debug podman-bootc. */
  debug(message: string): void;
  /** A stage that began or a decision that was taken, in one sentence. */
  info(message: string): void;
  /** Something the user did not ask for and should know. */
  warn(message: string): void;
  /** Live output of another program (bootc, podman), as it came, in pieces of any size. */
  output(chunk: string): void;
}

/** Says nothing: the default of the library. */
export const silentReporter: Reporter = {
  debug() {
    /* silent */
  },
  info() {
    /* silent */
  },
  warn() {
    /* silent */
  },
  output() {
    /* silent */
  },
};
