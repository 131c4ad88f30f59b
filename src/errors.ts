import type { CheckId } from './checks.js';
import { errorCodes, type ErrorCode, type FailureClass } from './error-codes.js';

export type { ErrorCode, FailureClass } from './error-codes.js';

/**
 * Exit codes of the CLI per class of failure, so that scripts and `git bisect run` can tell a broken image from a broken
 * host. A remote command's own exit code passes through unchanged.
 */
export const exitCodes: Readonly<Record<FailureClass, number>> = {
  failure: 1,
  usage: 2,
  update: 119,
  host: 120,
  image: 121,
  install: 122,
  define: 123,
  boot: 124,
  ssh: 255,
  interrupted: 130,
};

/** What a `PodmanBootcError` says besides its sentence. */
export interface FailureDetails {
  /** What the user can do about it: one line, ideally one command. */
  remedy?: string | undefined;
  /** The error that led here; shown with `--log-level debug`. */
  cause?: unknown;
  /** Output of another program that explains the failure; printed below the sentence. */
  output?: string | undefined;
  /** The check of `podman-bootc doctor` that tells more; by default the one for the code, if there is one. */
  check?: CheckId | undefined;
}

/** A class of failure with one of its codes. */
export type FailureKind<Class extends FailureClass = FailureClass> = {
  [Each in Class]: { failureClass: Each; code: ErrorCode<Each> };
}[Class];

/** The same with what else makes an error. */
type Failure = {
  [Class in FailureClass]: [
    failureClass: Class,
    code: ErrorCode<Class>,
    message: string,
    details?: FailureDetails,
  ];
}[FailureClass];

/** The one way this project fails: a stable code for programs, a sentence and a remedy for people. */
export class PodmanBootcError extends Error {
  /** Stable, see `docs/errors.md`. Decide on this, never on the message. */
  readonly code: ErrorCode;
  readonly failureClass: FailureClass;
  readonly remedy: string | undefined;
  readonly output: string | undefined;
  /** The check of `podman-bootc doctor` that tells more. */
  readonly check: CheckId | undefined;

  constructor(...[failureClass, code, message, details = {}]: Failure) {
    super(message, details.cause === undefined ? undefined : { cause: details.cause });
    this.name = 'PodmanBootcError';
    this.failureClass = failureClass;
    this.code = code;
    this.remedy = details.remedy;
    this.output = details.output;
    const entries: Readonly<Partial<Record<string, readonly (string | undefined)[]>>> =
      errorCodes[failureClass];
    this.check = details.check ?? (entries[code]?.[2] as CheckId | undefined);
  }
}

/** An error whose class and code come together, as from a table. */
export function failureOf(
  { failureClass, code }: FailureKind,
  message: string,
  details?: FailureDetails,
): PodmanBootcError {
  return new PodmanBootcError(...([failureClass, code, message, details] as Failure));
}

/** The message of anything that was thrown. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

/** The `code` property of anything that was thrown (Node's `ENOENT`, libvirt's `VIR_ERR_…`, ours), if it has one. */
export function codeOf(error: unknown): string | undefined {
  if (typeof error === 'object' && error !== null && 'code' in error && typeof error.code === 'string')
    return error.code;
  return undefined;
}
