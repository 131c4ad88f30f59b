import { createConnection, type Socket } from 'node:net';
import { messageOf } from '../errors.js';

/** A connection on which an SSH server has introduced itself. */
export interface Greeted {
  /** Paused, with every byte that the server sent still to be read. */
  socket: Socket;
  /** The identification line, such as `SSH-2.0-OpenSSH_9.2p1`. */
  banner: string;
}

/** Why a connection led to no banner. */
export interface Ungreeted {
  /** Whether something accepted the connection at all. */
  connected: boolean;
  /**
   * Whether it was closed from the other end without a word. User-mode networks do that when the guest refuses the
   * connection: then its network is up, and nothing listens.
   */
  closed: boolean;
  /** In words that end a sentence: `nothing listens on the port`. */
  problem: string;
}

/** RFC 4253, 4.2 lets a server send other lines first; no sane one sends this much. */
const maxGreeting = 8192;

/**
 * Opens one TCP connection and waits on it for the line in which an SSH server identifies itself.
 * User-mode networks (slirp, passt) accept connections long before the guest listens, so only that line
 * proves a server.
 * @param o.connectTimeout how long to wait for the connection, in milliseconds
 * @param o.patience how long to wait for the line then, in milliseconds
 * @param o.onSeen called when the connection was accepted, and when something came that is no banner yet
 * @throws the signal's reason when aborted; no socket stays behind then
 */
export function openGreeted(
  t: { host?: string; port: number },
  o: {
    connectTimeout: number;
    patience: number;
    signal?: AbortSignal | undefined;
    onSeen?: (what: 'connection' | 'words') => void;
  },
): Promise<Greeted | Ungreeted> {
  return new Promise((resolve, reject) => {
    o.signal?.throwIfAborted();
    const socket = createConnection({ host: t.host ?? '127.0.0.1', port: t.port, noDelay: true });
    let received = Buffer.alloc(0);
    let connected = false;
    let timer = setTimeout(onTimeout, o.connectTimeout);

    socket.on('connect', onConnect);
    socket.on('data', onData);
    socket.on('error', onError);
    socket.on('close', onClose);
    o.signal?.addEventListener('abort', onAbort, { once: true });

    function onConnect() {
      connected = true;
      clearTimeout(timer);
      timer = setTimeout(onTimeout, o.patience);
      o.onSeen?.('connection');
    }
    function onData(chunk: Buffer) {
      received = Buffer.concat([received, chunk]);
      const banner = /^SSH-[^\r\n]*(?=\r?\n)/m.exec(received.toString('latin1'))?.[0];
      if (banner !== undefined) {
        // The bytes go back into the socket, so whoever reads it next sees the whole conversation.
        socket.pause();
        detach();
        socket.unshift(received);
        resolve({ socket, banner });
      } else if (received.length > maxGreeting) {
        fail('what answers on the port is not an SSH server');
      } else o.onSeen?.('words');
    }
    function onError(error: Error) {
      fail(connected ? `the connection broke (${messageOf(error)})` : refusal(error), received.length === 0);
    }
    function onClose() {
      const text = received.toString('latin1').trim().split('\n', 1)[0] ?? '';
      // sshd itself may close so: "Not allowed at this time" after too many attempts, or when not ready.
      fail(
        text === ''
          ? 'the connection was closed without an SSH banner'
          : `the connection was closed with ${JSON.stringify(text.slice(0, 80))} instead of an SSH banner`,
        received.length === 0,
      );
    }
    function onTimeout() {
      const silence =
        received.length === 0 ? 'no SSH banner came' : 'what answers on the port is not an SSH server';
      fail(connected ? silence : 'the connection was not accepted in time');
    }
    function onAbort() {
      detach();
      socket.destroy();
      reject(o.signal?.reason as Error);
    }
    function fail(problem: string, isClosed = false) {
      detach();
      socket.destroy();
      resolve({ connected, closed: connected && isClosed, problem });
    }
    function detach() {
      clearTimeout(timer);
      o.signal?.removeEventListener('abort', onAbort);
      socket.off('connect', onConnect).off('data', onData).off('error', onError).off('close', onClose);
      // An error may still be on its way, and one that nobody hears ends the process.
      socket.on('error', ignore);
    }
  });
}

function refusal(error: Error): string {
  return 'code' in error && error.code === 'ECONNREFUSED'
    ? 'nothing listens on the port'
    : `the connection failed (${messageOf(error)})`;
}

function ignore(): void {
  // see detach()
}
