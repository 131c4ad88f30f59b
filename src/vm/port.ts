import { createServer } from 'node:net';

/** Listens on 127.0.0.1 for a moment. @returns the port; undefined when it is taken */
function listenOnce(port: number): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EADDRINUSE' || error.code === 'EACCES') resolve(undefined);
      else reject(error);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      const address = server.address();
      const bound = typeof address === 'object' ? address?.port : undefined;
      server.close(() => {
        resolve(bound);
      });
    });
  });
}

/**
 * A port on 127.0.0.1 that nobody listens on now. Somebody may take it before QEMU does: `start.ts` then
 * tries another.
 */
export async function freePort(): Promise<number> {
  const port = await listenOnce(0);
  if (port === undefined) throw new Error('no free port on 127.0.0.1');
  return port;
}

/** Whether a port on 127.0.0.1 can be listened on now. */
export async function isPortFree(port: number): Promise<boolean> {
  return (await listenOnce(port)) !== undefined;
}
