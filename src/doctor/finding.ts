import { busyWords, type Load } from '../busy.js';
import { messageOf } from '../errors.js';
import { DeadlineError } from '../process.js';
import type { CheckId } from '../checks.js';

/** `warning`: works, but less well; `failure`: `run` does not work. */
export type CheckStatus = 'ok' | 'warning' | 'failure';

/** What a check found out. */
export interface Outcome {
  status: CheckStatus;
  /** One line, without a full stop. */
  finding: string;
  /** One command line that helps; absent where there is none. */
  fix?: string | undefined;
}

/** A line of `podman-bootc doctor`. */
export interface Finding {
  /** Stable. */
  id: CheckId;
  /** The word for what was looked at, such as `libvirt`. */
  subject: string;
  status: CheckStatus;
  /** One line, without a full stop. */
  finding: string;
  /** One command line that helps; null where there is none. */
  fix: string | null;
}

/** All that was found out about this host. */
export interface HostReport {
  /** Whether `run` works as far as the host is concerned: there is no failure. */
  works: boolean;
  /** In the order of their ids, each check once. */
  findings: Finding[];
}

/** Something that could not be looked at, because of what another check says. */
export class UnknownBecauseOf extends Error {
  readonly id: CheckId;

  constructor(id: CheckId, cause: unknown) {
    super(`Not known because of ${id}`, { cause });
    this.id = id;
  }
}

/** Whether something that was thrown says that there was no answer in time. */
export function isLate(error: unknown): boolean {
  return error instanceof DeadlineError || (error instanceof DOMException && error.name === 'TimeoutError');
}

/**
 * The outcome for what has not answered in time: it hangs, or on a host that has more to do than it can, is slow.
 * @param sentence such as `podman does not answer`
 * @param fix what helps when it hangs
 */
export function lateOutcome(load: Load, sentence: string, error: unknown, fix: string | undefined): Outcome {
  const finding = `${sentence}: ${messageOf(error)}`;
  const busy = busyWords(load);
  return busy === undefined
    ? { status: 'failure', finding, fix }
    : { status: 'warning', finding: `${finding}; but ${busy}, and it may only be slow` };
}
