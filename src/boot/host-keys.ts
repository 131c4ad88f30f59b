/**
 * The SSH host keys that a guest announces on its console. cloud-init does when it has made keys of its own: cc_keys_to_console
 * prints the public ones between these markers, the line of each as in its `.pub` file.
 */
export class AnnouncedHostKeys {
  /** Whether cloud-init runs in the guest, and keys may still be announced; undefined when it was not heard of. */
  cloudInit: 'running' | 'finished' | undefined;
  #keys: string[] = [];
  #isOpen = false;

  /** Hears a line of the console, without control characters. */
  push(line: string): void {
    if (line.includes('-----BEGIN SSH HOST KEY KEYS-----')) {
      this.#isOpen = true;
      this.#keys = [];
    } else if (line.includes('-----END SSH HOST KEY KEYS-----')) this.#isOpen = false;
    else if (line.includes('Cloud-init v.')) {
      // `Cloud-init v. 22.4.2 running 'init-local' at …`, and at its end, where that is not switched off, `… finished at …`.
      this.cloudInit = line.includes(' finished at ') ? 'finished' : 'running';
    } else if (this.#isOpen && this.#keys.length < most) {
      const encoded = /\b(?:ssh|ecdsa)-[a-z0-9-]+ ([A-Za-z0-9+/]+={0,2})(?: |$)/.exec(line)?.[1];
      if (encoded !== undefined) this.#keys.push(encoded);
    }
  }

  /** Whether the last announcement has this key, in its wire form. */
  has(key: Buffer): boolean {
    return this.#keys.includes(key.toString('base64'));
  }
}

/** Far more types of keys than there are. */
const most = 16;
