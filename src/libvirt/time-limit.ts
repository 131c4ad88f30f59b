/** How long a call may take. What somebody is asked in the meantime does not count. */
export class TimeLimit {
  #left: number;
  #since = 0;
  #expire: (() => void) | undefined;
  #timer: NodeJS.Timeout | undefined;

  /** @param milliseconds at most 2³¹ − 1, which is what a timer takes */
  constructor(milliseconds: number) {
    this.#left = milliseconds;
  }

  start(expire: () => void): void {
    this.#expire = expire;
    this.#run();
  }

  stop(): void {
    this.#expire = undefined;
    clearTimeout(this.#timer);
  }

  /** Makes a function during whose calls the time stands still. */
  pausing<Arguments extends unknown[], Result>(
    ask: (...args: Arguments) => Result | Promise<Result>,
  ): (...args: Arguments) => Promise<Result> {
    return async (...args) => {
      clearTimeout(this.#timer);
      this.#left = Math.max(1, this.#left - (performance.now() - this.#since));
      try {
        return await ask(...args);
      } finally {
        this.#run();
      }
    };
  }

  #run(): void {
    if (!this.#expire) return;
    this.#since = performance.now();
    this.#timer = setTimeout(this.#expire, this.#left);
  }
}
