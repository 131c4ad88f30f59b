import assert from 'node:assert/strict';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { Readable } from 'node:stream';
import { GuestBootc } from '../../../src/bootc/guest.js';
import { PodmanBootcError } from '../../../src/errors.js';
import { planArchive } from '../../../src/oci/archive.js';
import { blobsOf, findImage, type LaidOutImage } from '../../../src/oci/layout.js';
import type { GuestConnection, GuestResult } from '../../../src/ssh/connection.js';
import { VmDirectory } from '../../../src/vm/files/vm-directory.js';
import {
  bringIn,
  NoWay,
  transportsInto,
  type Offer,
  type Recipient,
  type Transport,
} from '../../../src/vm/update/transports.js';
import { findVirtualMachine } from '../../../src/vm/virtual-machine.js';
import { writeVersion } from '../../oci/layout-support.js';
import { temporaryDirectory } from '../../support/temporary.js';
import { openTestHost, type TestHost } from '../../support/test-host.js';

describe('the way by which a new version comes into a guest', () => {
  let test: TestHost;
  let image: LaidOutImage;
  let known: Set<string>;

  beforeEach(async function () {
    test = await openTestHost(this, [{ name: 'web' }]);
    const directory = temporaryDirectory(this);
    writeVersion(directory, 'localhost/web:1', ['base', 'middle', 'new']);
    image = await findImage(directory, 'localhost/web:1');
    known = new Set();
  });

  const offer = (): Offer => ({
    image,
    reference: 'localhost/web:1',
    repository: 'localhost/web',
    findKnown: () => Promise.resolve(known),
  });

  const way = (name: Transport['name'], refusal?: Error): Transport => ({
    name,
    how: `by ${name}`,
    bring: (_offer, use) =>
      refusal ? Promise.reject(refusal) : use({ reference: name, repository: 'localhost/web', port: 1 }),
  });

  async function choose(...ways: Transport[]): Promise<string> {
    const vm = await findVirtualMachine(test.host, 'web');
    return bringIn(ways, offer(), { host: test.host, vm }, ({ reference }) => Promise.resolve(reference));
  }

  it('is the first that works; of the others it is said why they do not', async () => {
    assert.equal(await choose(way('forwarding'), way('disk')), 'forwarding');
    assert.equal(test.said.length, 0);
    assert.equal(
      await choose(way('forwarding', new NoWay('No ports')), way('disk', new NoWay('No disk')), way('tar')),
      'tar',
    );
    assert.deepEqual(
      test.said.map((line) => line.replace(/^info:? /, '')),
      ['No ports: the new version comes by disk', 'No disk: the new version comes by tar'],
    );
  });

  it('is none where all are barred', async () => {
    await assert.rejects(choose(way('forwarding', new NoWay('No ports')), way('tar', new NoWay('No room'))), {
      code: 'UPDATE_NO_WAY_IN',
      message: 'localhost/web:1 cannot be brought into web: No ports; No room',
    });
  });

  it('is not changed by what goes wrong on it', async () => {
    await assert.rejects(choose(way('forwarding', new Error('broken')), way('tar')), /^Error: broken$/);
  });

  /** A guest that forwards nothing, and says what it was asked for; bootc wants what it misses. */
  async function intoGuest(misses: (command: string) => string | undefined): Promise<{
    to: Recipient;
    commands: string[];
    moved: () => number;
  }> {
    const commands: string[] = [];
    let moved = 0;
    const connection = {
      forward: () => Promise.reject(new PodmanBootcError('ssh', 'FORWARDING_REFUSED', 'No ports')),
      run: (command: string, o: { input: AsyncIterable<Buffer>; onOutput: (text: string) => void }) => {
        commands.push(command);
        return new Promise<GuestResult>((resolve) => {
          const missed = misses(command);
          const input = Readable.from(o.input);
          input.resume().on('end', () => {
            resolve({ exitCode: 0, stdout: missed === undefined ? '' : `missed ${missed}\n`, stderr: '' });
          });
          // Not before it has all.
          const listen = setTimeout(() => {
            o.onOutput('listening 4711\n');
          }, 50);
          input.on('data', () => listen.refresh());
        });
      },
    };
    const guestConnection = connection as unknown as GuestConnection;
    const directory = new VmDirectory(test.directory('web'));
    mkdirSync(directory.path, { recursive: true });
    const to: Recipient = {
      host: test.host,
      vm: await findVirtualMachine(test.host, 'web'),
      guest: {
        connection: guestConnection,
        bootc: new GuestBootc(guestConnection, { user: 'root', name: 'web' }),
        [Symbol.dispose]: () => undefined,
      },
      directory,
      onMoved: (bytes) => (moved += bytes),
    };
    return { to, commands, moved: () => moved };
  }

  const has = (command: string | undefined, index: number): boolean =>
    command?.includes(`${image.layers[index]?.digest ?? 'none'} `) === true;

  it('is over SSH where no port is forwarded and libvirt takes no disk, with the layers that are lacking', async () => {
    known = new Set(image.layers.slice(0, 2).map(({ digest }) => digest));
    const { to, commands, moved } = await intoGuest(() => undefined);
    const source = await bringIn(transportsInto(to), offer(), to, (given) => Promise.resolve(given));
    assert.deepEqual(source, { reference: 'localhost/web:1', repository: 'localhost/web', port: 4711 });
    assert.equal(commands.length, 1);
    assert.deepEqual(
      [0, 1, 2].map((index) => has(commands[0], index)),
      [false, false, true],
    );
    const lacking = blobsOf(image).filter(({ digest }) => !known.has(digest));
    assert.equal(moved(), planArchive(image.directory, lacking).size);
    assert.match(test.said.join('\n'), /No ports: .*\n.*No disk can be plugged into web.*archive over SSH/);
    assert.ok(!existsSync(to.directory.updateDisk));
  });

  it('has all layers after all where bootc wants one that the guest was thought to have', async () => {
    known = new Set(image.layers.slice(0, 2).map(({ digest }) => digest));
    const { to, commands } = await intoGuest((command) => (has(command, 0) ? undefined : 'sha256:1'));
    let times = 0;
    assert.equal(await bringIn(transportsInto(to).slice(2), offer(), to, () => Promise.resolve(++times)), 2);
    assert.deepEqual(
      [0, 1, 2].map((index) => has(commands[1], index)),
      [true, true, true],
    );
  });

  it('leaves no file of a disk that was plugged in when podman-bootc was killed', async () => {
    const { to } = await intoGuest(() => undefined);
    writeFileSync(to.directory.updateDisk, 'of before');
    await bringIn(transportsInto(to), offer(), to, () => Promise.resolve(0));
    assert.ok(!existsSync(to.directory.updateDisk));
  });
});
