/** Where and how to log in to a VM. */
export interface LoginTarget {
  /** Forwarded ports listen on the loopback address only; default `127.0.0.1`. */
  host?: '127.0.0.1';
  /** TCP port on this host that leads to the guest's sshd. */
  port: number;
  user: string;
  /** Path of the private key, without passphrase. */
  identityFile: string;
  /** Path of the known_hosts file that pins the guest's host key; it may be missing before the first contact. */
  knownHostsFile: string;
  /** The name of the guest in that file: the port changes, this does not. */
  hostKeyAlias: string;
}
