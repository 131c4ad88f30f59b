import assert from 'node:assert/strict';
import { PodmanBootcError } from '../../src/errors.js';
import {
  containerPatience,
  inspectEngine,
  questionPatience,
  runPodmanClient,
  type PodmanEngine,
} from '../../src/podman/engine.js';
import { inspectImage, listBootcImages, pullImage } from '../../src/podman/images.js';
import { listConnections, listMachines } from '../../src/podman/machines.js';
import { silentReporter } from '../../src/report.js';
import { printing, withPodman } from '../support/fake-podman.js';
import { rejectsWithCode } from '../support/rejects.js';

const engine: PodmanEngine = { kind: 'local' };
const id = 'ab'.repeat(32);

/** Every question whose answer is JSON, and answers that have another shape with the field that does not fit. */
const questions: Record<string, { ask: () => Promise<unknown>; wrong: [string, string][] }> = {
  'podman info': {
    ask: () => inspectEngine(engine),
    wrong: [
      ['[]', 'Expected the field host in the JSON of podman info, got none'],
      ['null', 'Expected the JSON of podman info to be Object, got null'],
      [
        '{"host": {"arch": "amd64", "security": {"rootless": "no"}}}',
        'Expected the field host.security.rootless in the JSON of podman info to be boolean, got "no"',
      ],
      [
        '{"host": {"arch": 5, "security": {"rootless": false}}}',
        'Expected the field host.arch in the JSON of podman info to be string, got 5',
      ],
    ],
  },
  'podman image inspect': {
    ask: () => inspectImage(engine, 'localhost/x:1'),
    wrong: [
      ['{}', 'Expected the JSON of podman image inspect to be Array, got Object'],
      ['[{}]', 'Expected the field 0.Id in the JSON of podman image inspect, got none'],
      [
        '[{"Id": "--privileged"}]',
        'Expected the field 0.Id in the JSON of podman image inspect to be an image ID, got "--privileged"',
      ],
      [
        `[{"Id": "${id}", "Architecture": "amd64", "Size": -1}]`,
        'Expected the field 0.Size in the JSON of podman image inspect to be a number of bytes, got -1',
      ],
      [
        `[{"Id": "${id}", "Architecture": "amd64", "Size": 1, "Labels": {"a": 1}}]`,
        'Expected the field 0.Labels.a in the JSON of podman image inspect to be string, got 1',
      ],
      [
        `[{"Id": "${id}", "RepoTags": [null], "Architecture": "amd64", "Size": 1}]`,
        'Expected the field 0.RepoTags.0 in the JSON of podman image inspect to be string, got null',
      ],
    ],
  },
  'podman images': {
    ask: () => listBootcImages(engine),
    wrong: [
      [
        `[{"Id": "${id}", "Size": 1, "Created": 1e300}]`,
        'Expected the field 0.Created in the JSON of podman images to be a time, got 1e+300',
      ],
    ],
  },
  'podman machine ls': {
    ask: () => listMachines(),
    wrong: [
      [
        '[{"Name": "--help"}]',
        'Expected the field 0.Name in the JSON of podman machine ls to be the name of a machine, got "--help"',
      ],
      [
        '[{"Name": "a", "Running": "yes"}]',
        'Expected the field 0.Running in the JSON of podman machine ls to be boolean, got "yes"',
      ],
    ],
  },
  'podman system connection ls': {
    ask: () => listConnections(),
    wrong: [
      [
        '[{"URI": "unix:///x"}]',
        'Expected the field 0.Name in the JSON of podman system connection ls, got none',
      ],
    ],
  },
};

/** Lets timers of this length end after a tenth of a second. */
async function withoutPatience<T>(milliseconds: number, action: () => Promise<T>): Promise<T> {
  const original = globalThis.setTimeout;
  const hasten = (callback: (...args: unknown[]) => void, delay?: number, ...args: unknown[]): unknown =>
    original(callback, delay === milliseconds ? 100 : delay, ...args);
  Reflect.set(globalThis, 'setTimeout', hasten);
  try {
    return await action();
  } finally {
    globalThis.setTimeout = original;
  }
}

describe('what podman prints', () => {
  for (const [command, { ask, wrong }] of Object.entries(questions)) {
    it(`is checked: ${command}`, async function () {
      const failure = (script: string): Promise<PodmanBootcError> =>
        withPodman(this, script, () => rejectsWithCode('PODMAN_JSON', ask));
      assert.equal(
        (await failure('echo WARNING: junk')).message,
        `Expected ${command} to print JSON, got "WARNING: junk"`,
      );
      // Some versions print nothing where there are no connections.
      if (command !== 'podman system connection ls')
        assert.equal((await failure('true')).message, `Expected ${command} to print JSON, got nothing`);
      for (const [answer, message] of wrong) assert.equal((await failure(printing(answer))).message, message);
    });

    it(`is waited for a while, and not for ever: ${command}`, async function () {
      await withPodman(this, 'sleep 60 & wait', async () => {
        const error = await withoutPatience(questionPatience, () => rejectsWithCode('PODMAN_SILENT', ask));
        assert.equal(error.message, `Expected ${command} to end within 180 s, and it did not`);
      });
    });
  }

  it('is not a gigabyte', async function () {
    await withPodman(this, 'exec yes "[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[[["', async () => {
      const error = await rejectsWithCode('PROGRAM_OUTPUT_TOO_LONG', () => inspectImage(engine, 'x'));
      assert.equal(
        error.message,
        'Expected podman image inspect to print at most 64 MiB, got more; it was ended',
      );
    });
  });

  it('may have more fields than are known, and null where Go has an empty list', async function () {
    const image = `[{"Id": "sha256:${id}", "RepoTags": null, "Architecture": "amd64", "Size": 1, "Labels": null, "New": {}}]`;
    const found = await withPodman(this, printing(image), () => inspectImage(engine, 'x'));
    assert.deepEqual(found, {
      id,
      digest: undefined,
      names: [],
      digests: [],
      architecture: 'amd64',
      size: 1,
      labels: {},
      layers: [],
    });
  });

  it('is waited for without an end where it pulls, whatever it prints', async function () {
    await withPodman(this, 'head -c 70000000 /dev/zero; sleep 1', () =>
      withoutPatience(questionPatience, () =>
        withoutPatience(containerPatience, () => pullImage(engine, 'quay.io/x/y:1', silentReporter)),
      ),
    );
  });

  it('is asked for in C', async function () {
    const said = await withPodman(this, 'echo "$LC_ALL"', () => runPodmanClient(['info']));
    assert.equal(said.stdout, 'C');
  });
});
