/** What a console may say of where the guest is. */
export type Sign =
  /** It is in its initrd. */
  | 'initrd'
  /** It is in its real root: the switch to it, or a unit that only that has. */
  | 'root'
  /** systemd began ("running in system mode"); only what follows tells in which of the two. */
  | 'systemd'
  /** systemd's welcome, with the words of an initrd or without. */
  | 'initrd-welcome'
  | 'welcome'
  /** A unit that only an initrd has. */
  | 'initrd-unit'
  /** The unit that switches to the real root. */
  | 'switch-unit'
  /** Something else of systemd's, which both have. */
  | 'unit'
  /** libselinux's, which systemd calls before it says anything. */
  | 'selinux';

/**
 * Whether a guest is in its initrd or in its real root, told from its console. Both have a systemd that says nearly the
 * same. It announces the initrd ("Running in initrd.") right after it began and before its welcome, where the console
 * shows that much; what the kernel prints and what systemd prints may overtake each other by a few lines.
 */
export class Place {
  #where: 'unknown' | 'initrd' | 'root' = 'unknown';
  /** The switch was seen, or nothing else can be: signs of an initrd are then something else's. */
  #isCertain = false;
  #isSwitching = false;
  #hasWelcomed = false;

  get where(): 'unknown' | 'initrd' | 'root' {
    return this.#where;
  }

  /** After a reset. */
  forget(): void {
    this.#where = 'unknown';
    this.#isCertain = this.#isSwitching = this.#hasWelcomed = false;
  }

  enterRoot(): void {
    this.#where = 'root';
    this.#isCertain = true;
  }

  /** @param inInit whether the kernel told that it ran the initrd's /init: a console on which more will be said */
  see(sign: Sign, inInit: boolean): void {
    switch (sign) {
      case 'root':
        this.enterRoot();
        break;
      case 'initrd':
      case 'initrd-unit':
        this.#enterInitrd();
        break;
      case 'switch-unit':
        this.#enterInitrd();
        this.#isSwitching = true;
        break;
      case 'initrd-welcome':
        this.#enterInitrd();
        this.#hasWelcomed = true;
        break;
      case 'welcome':
        // An initrd that bears the name of its system welcomes with the same words.
        if (this.#where !== 'initrd') this.#where = 'root';
        else if (this.#isSwitching || this.#hasWelcomed) this.enterRoot();
        this.#hasWelcomed = true;
        break;
      case 'systemd':
        if (this.#isSwitching) this.enterRoot();
        break;
      case 'unit':
        if (this.#where === 'unknown') this.#where = 'root';
        break;
      case 'selinux':
        if (this.#where === 'unknown' && !inInit) this.#where = 'root';
    }
  }

  #enterInitrd(): void {
    if (!this.#isCertain) this.#where = 'initrd';
  }
}
