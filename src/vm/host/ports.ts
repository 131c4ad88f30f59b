import { createSocket } from 'node:dgram';
import { createServer } from 'node:net';
import { forwardAddress } from '../../domain/devices/network.js';
import type { PublishedPort } from '../../domain/ports.js';

/** A port of the host. */
export type HostPort = Pick<PublishedPort, 'protocol' | 'address' | 'hostPort'>;

/** The ports of the host that QEMU listens on. */
export interface PortSpace {
  /** A TCP port on 127.0.0.1 that nobody listens on now. Somebody may take it before QEMU does. */
  free(): Promise<number>;
  /** Listens on a port for a moment; rejects with the system's error (`EADDRINUSE`, `EACCES`…) where that cannot be. */
  try(port: HostPort): Promise<void>;
}

/** The ports of this host. */
export const localPorts: PortSpace = {
  free: () => listenOnce(0, forwardAddress),
  async try({ protocol, address, hostPort }) {
    await (protocol === 'udp' ? bindOnce : listenOnce)(hostPort, address);
  },
};

/** Listens for a moment; 0 is any free port. @returns the port; rejects with the system's error */
function listenOnce(port: number, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once('error', reject);
    server.listen({ port, host: address, exclusive: true }, () => {
      const bound = server.address();
      server.close(() => {
        if (typeof bound === 'object' && bound) resolve(bound.port);
        else reject(new Error(`no port on ${address}`));
      });
    });
  });
}

/** The same for UDP. */
function bindOnce(port: number, address: string): Promise<number> {
  return new Promise((resolve, reject) => {
    const socket = createSocket('udp4');
    socket.once('error', (error) => {
      socket.close();
      reject(error);
    });
    socket.bind({ port, address, exclusive: true }, () => {
      socket.close(() => {
        resolve(port);
      });
    });
  });
}
