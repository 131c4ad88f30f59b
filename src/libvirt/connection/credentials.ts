import type { NativeCredential } from '../addon/connection.js';
import { argumentError, flawOf } from '../arguments.js';
import { loadAddon } from '../load.js';

/** By virConnectCredentialType, which begins with 1. */
const types = [
  'username',
  'authname',
  'language',
  'cnonce',
  'passphrase',
  'echoprompt',
  'noechoprompt',
  'realm',
  'external',
] as const;

/**
 * What is asked for. `username` is who acts and `authname` who proves to be somebody; `echoprompt` and
 * `noechoprompt` are questions of the server's, the second one with a secret for an answer; `external` asks for
 * something to be done elsewhere, such as in a polkit agent, and its answer is ignored.
 */
export type CredentialType = (typeof types)[number];

/** One thing that is needed to open a connection. */
export interface CredentialRequest {
  type: CredentialType;
  /** What a person is to be asked. */
  prompt: string | null;
  /** What else the server says; its meaning depends on the mechanism. */
  challenge: string | null;
  /** What holds without an answer. */
  defaultResult: string | null;
}

/** The answers, in the order of the requests; null for none. */
export type CredentialAnswers = readonly (string | null)[];

/** Gives credentials. When it throws or rejects, the connection fails with that. */
export type CredentialsCallback = (
  requests: readonly CredentialRequest[],
) => CredentialAnswers | Promise<CredentialAnswers>;

/** Takes the questions of the addon to a callback, and the answers back. */
export class CredentialsQuestions {
  /** What the callback failed with, which is more than libvirt can say. */
  failure: { readonly error: unknown } | undefined;
  readonly #callback: CredentialsCallback;

  constructor(callback: CredentialsCallback) {
    this.#callback = callback;
  }

  /** For the addon, so it never throws, and always answers: a thread waits for it. */
  readonly ask = (token: bigint, requests: readonly NativeCredential[]): void => {
    this.#answersTo(requests).then(
      (answers) => {
        loadAddon().answerCredentials(token, answers);
      },
      (error: unknown) => {
        this.failure = { error };
        loadAddon().answerCredentials(token, undefined);
      },
    );
  };

  async #answersTo(requests: readonly NativeCredential[]): Promise<CredentialAnswers> {
    const answers: unknown = await this.#callback(
      requests.map(({ type, ...rest }) => ({ type: types[type - 1] ?? 'external', ...rest })),
    );
    const isAnswer = (each: unknown) =>
      each === null || (typeof each === 'string' && flawOf(each) === undefined);
    if (Array.isArray(answers) && answers.length === requests.length && answers.every(isAnswer))
      return answers as CredentialAnswers;
    const expected = `a function that returns an array of ${requests.length} strings without NUL characters or lone surrogates, or null`;
    // Not the answers themselves: errors end up in logs.
    throw argumentError('auth', expected, this.#callback);
  }
}
