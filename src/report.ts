import type { BootStage } from './boot/stage.js';

/** What `run` goes through: the image, its install, the domain, and then the boot; `to-disk` writes a file instead. */
export type ProgressStage = 'image' | 'install' | 'write' | 'define' | BootStage;

/** How far an operation has come, for programs and for what is drawn. */
export type Progress =
  /** A stage began, or is busy with something new. Texts of guests and images are free of control characters. */
  | { type: 'stage'; stage: ProgressStage; detail?: string | undefined }
  /** Bytes that a pull or a copy has moved so far; `rate` in bytes per second. */
  | { type: 'transfer'; stage: ProgressStage; bytes: number; total?: number | undefined; rate: number }
  /** A line of the guest's console; `overwritten` when the guest wrote over it, as spinners do. */
  | { type: 'console'; text: string; overwritten: boolean };

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
  /** How far it has come. Whoever does not care leaves it out. */
  progress?(progress: Progress): void;
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
