/** What a boot wrote to its console. */
export interface ConsoleBoot {
  /** When its first line that is kept was written. */
  began: Date;
  /** When its last line was written. */
  ended: Date;
  /** Bytes. */
  size: number;
  /** Its parts, the oldest first: absolute paths, bytes when they were looked at, and inodes. */
  files: { path: string; size: number; inode: number }[];
}

/** A boot by its number: 0 for the latest, -1 for the one before; or the last one that an update failed with. */
export type WhichBoot = number | 'failed';

/** Where the text of a VM's console is kept: absolute paths. */
export interface ConsoleFiles {
  /** What the present boot writes. */
  consoleLog: string;
  /** Directory of what boots before wrote. */
  boots: string;
}

/** Where the text of a VM's console is read from. What a host cannot reach rejects with the system's errors. */
export interface ConsoleSource {
  /** The boots whose consoles are kept, the latest first. */
  boots(): Promise<ConsoleBoot[]>;

  /**
   * One boot's console.
   * @throws PodmanBootcError `BOOT_NOT_KEPT`
   */
  boot(which: WhichBoot): Promise<ConsoleBoot>;

  /** The bytes of a boot's console as it was when it was looked at, or the last so many of them. */
  read(boot: ConsoleBoot, last?: number): AsyncGenerator<Buffer, void>;

  /** What the present boot writes, from its beginning or from where another look at the latest boot ended. */
  follow(options: {
    after?: ConsoleBoot | undefined;
    /** When it aborts, what is there is still read, and then the following ends. */
    end: AbortSignal;
    /** Called when all that is there has been read. */
    onIdle?: () => void;
  }): AsyncGenerator<Buffer, void>;

  /** Whether what the present boot writes can be read. */
  isReadable(): Promise<boolean>;

  /** Seconds between the first and the last that the present boot has written; 0 where that is not known. */
  secondsWritten(): number;

  /**
   * Puts the console of the latest boot aside, for the next start empties it. The VM is not running and the caller holds
   * its lock.
   */
  archive(): Promise<void>;

  /** The same, and keeps it for longer than others: as the one that an update failed with. */
  archiveFailed(): Promise<void>;

  /**
   * Sees to it that what the present boot writes outlives a start that is not ours. Cheap, so that every command that looks
   * at a boot may do it, without a lock. Where it cannot be done, nothing is held.
   */
  hold(): Promise<void>;
}
