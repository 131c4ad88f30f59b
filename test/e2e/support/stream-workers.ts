import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';
import { connect } from '../../../src/libvirt/index.js';

/* Workers that exit, or are terminated, with a console that is read from and written to. */

if (isMainThread) {
  const [uri, name, rounds] = process.argv.slice(2);
  for (let round = 0; round < Number(rounds); round++) {
    const worker = new Worker(fileURLToPath(import.meta.url), { workerData: { uri, name, round } });
    const exited = once(worker, 'exit');
    await once(worker, 'message');
    if (round % 2 === 0) await worker.terminate();
    await exited;
  }
  console.log('all workers ended');
} else {
  const { uri, name, round } = workerData as { uri: string; name: string; round: number };
  const connection = await connect(uri);
  const domain = await connection.lookupDomainByName(name);
  const stream = await domain.openConsole({ force: true });
  stream.on('error', () => undefined).resume();
  stream.write(Buffer.alloc(1000, 'x'));
  if (round % 3 === 0) await new Promise((resolve) => stream.once('data', resolve));
  parentPort?.postMessage('ready');
  if (round % 2 === 1) process.exit();
}
