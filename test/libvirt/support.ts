import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { loadAddon } from '../../src/libvirt/load.js';
import { connect, type Connection, type Domain } from '../../src/libvirt/index.js';

// In every test a close that leaves references behind is a failure, not only in those that look for leaks.
const addon = loadAddon();
const connectionClose = addon.connectionClose.bind(addon);
addon.connectionClose = async (connection, id) => {
  const references = await connectionClose(connection, id);
  assert.equal(references, 0, 'the connection was closed and references to it were left');
  return references;
};

/** What libvirt itself brings for tests. All its connections of one process see the same domains. */
export const testUri = 'test:///default';

/** Runs with a connection to the test driver, and closes it. */
export async function withConnection(use: (connection: Connection) => Promise<void>): Promise<void> {
  const connection = await connect(testUri);
  try {
    await use(connection);
  } finally {
    await connection.close();
  }
}

export function domainXml(name: string): string {
  return `<domain type='test'><name>${name}</name><memory>8192</memory><os><type>hvm</type></os></domain>`;
}

let defined = 0;

/** Runs with a domain that is defined and not running, and removes it. */
export async function withDomain(
  use: (domain: Domain, connection: Connection) => Promise<void>,
): Promise<void> {
  await withConnection(async (connection) => {
    const name = `guest-${++defined}`;
    const domain = await connection.defineDomain(domainXml(name));
    try {
      await use(domain, connection);
    } finally {
      const [left] = (await connection.listAllDomains()).filter((other) => other.name === name);
      if (left && (await left.isActive())) await left.destroy();
      if (left && (await left.isPersistent())) await left.undefine();
    }
  });
}

/** Waits until something is true, and fails after half a minute. */
export async function until(description: string, isTrue: () => boolean): Promise<void> {
  const deadline = Date.now() + 30_000;
  while (!isTrue()) {
    assert.ok(Date.now() < deadline, `Waited in vain until ${description}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

/** How a program of the fixtures ended. */
export interface Ended {
  code: number | null;
  signal: NodeJS.Signals | null;
  stdout: string;
  stderr: string;
  /** Milliseconds from its last output to its end. */
  lingered: number;
}

/**
 * Runs a program of the fixtures in a process of its own, where a crash can be seen.
 * @param onOutput gets what it printed so far, and a function that sends it a signal
 */
export async function runFixture(
  name: string,
  args: readonly string[],
  onOutput?: (stdout: string, kill: (signal: NodeJS.Signals) => void) => void,
  env: NodeJS.ProcessEnv = {},
): Promise<Ended> {
  const path = join(dirname(fileURLToPath(import.meta.url)), 'fixtures', `${name}.js`);
  const child = spawn(process.execPath, ['--expose-gc', path, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
  });
  // Below mocha's limit, so that a program that hangs does not outlive its test.
  const limit = setTimeout(() => child.kill('SIGKILL'), 50_000);
  let stdout = '';
  let stderr = '';
  let last = performance.now();
  const ended = { at: 0 };
  child.once('exit', () => {
    ended.at = performance.now();
  });
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    stdout += chunk;
    last = performance.now();
    onOutput?.(stdout, (signal) => {
      child.kill(signal);
    });
  });
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => {
    stderr += chunk;
  });
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null];
  clearTimeout(limit);
  return { code, signal, stdout, stderr, lingered: ended.at - last };
}

/** Asserts that a fixture came to its end by itself, silently. */
export function assertEndedWell({ code, signal, stderr }: Ended): void {
  assert.deepEqual({ code, signal, stderr }, { code: 0, signal: null, stderr: '' });
}
