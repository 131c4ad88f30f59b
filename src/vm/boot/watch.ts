import { setTimeout as sleep } from 'node:timers/promises';
import { AnnouncedHostKeys } from '../../boot/host-keys.js';
import { BootRecognizer } from '../../boot/recognizer.js';
import { bootError, endVerdict, failureVerdict, portVerdict, servicesVerdict } from '../../boot/verdict.js';
import type { Verdict, VmWords } from '../../boot/verdict.js';
import { messageOf, type PodmanBootcError } from '../../errors.js';
import type { Attempt } from '../../ssh/readiness.js';
import { askAddress, askServices } from '../guest/agent.js';
import { watchEnd, type EndOfVm, type EndWatch } from '../end-of-vm.js';
import type { Host } from '../host/host.js';
import { consoleOf, directoryOf, vmReference, type VirtualMachine } from '../virtual-machine.js';

/**
 * Seconds that a guest which is up has for opening its port, where nothing but the port tells: getty waits until all
 * jobs of the boot are dispatched (Type=idle), so sshd has been started by then, unless it is very slow.
 */
const portPatience = { accelerated: 15, emulated: 45, most: 600 };
/**
 * Seconds that a guest which is up has for opening its port. One that took minutes to come up, for its host is busy, is as
 * slow at everything: sshd's first answer then takes a minute.
 */
export function patienceWith(emulated: boolean, bootSeconds: number): number {
  const least = emulated ? portPatience.emulated : portPatience.accelerated;
  return Math.min(Math.max(least, bootSeconds), portPatience.most);
}

/** Milliseconds that a guest with cloud-init has for announcing its host keys, which it does late in the boot. */
const announcementPatience = 180_000;
/** Milliseconds between two looks whether it has. */
const announcementSpacing = 100;

/** Milliseconds between two questions to the guest's agent. */
const askAgain = 2_000;

/**
 * Watches a VM boot: its lifecycle events, its console, and what attempts to connect found. Reports the stages, and
 * aborts `signal` with an error as soon as it is known that SSH will not come.
 */
export class BootWatch implements AsyncDisposable {
  readonly boot: BootRecognizer;
  readonly #words: VmWords;
  readonly #failed = new AbortController();
  readonly #up = new AbortController();
  readonly #hostKeys = new AnnouncedHostKeys();
  /** Whether all that the console had to say when the watch began has been read. */
  #isCurrent = false;
  /** Aborts when the console has no more to say that matters: what is left of it is read then. */
  readonly #over = new AbortController();
  #console: Promise<void> = Promise.resolve();
  #end: EndWatch | undefined;
  /** The last attempts that ended alike, and since when they do. */
  #port: { state: Attempt; isUp: boolean; since: number } | undefined;
  /** Seconds from the console's first line until the guest was up; 0 as long as that is not known. */
  #bootSeconds = 0;
  /** Whether the guest has an address, as its agent said last; undefined where none has answered. */
  #hasAddress: boolean | undefined;
  #askedAt = -Infinity;
  #isAsking = false;

  private constructor(
    private readonly host: Host,
    private readonly vm: VirtualMachine,
    private readonly emulated: boolean,
  ) {
    this.#words = { name: vm.name, reference: vmReference(vm) };
    const { report } = host;
    this.boot = new BootRecognizer({
      onStage: (stage, detail) => report.progress?.({ type: 'stage', stage, detail }),
      onLine: (text, overwritten) => {
        this.#hostKeys.push(text);
        report.progress?.({ type: 'console', text, overwritten });
      },
      onUp: () => {
        this.#up.abort();
      },
    });
  }

  static async start(host: Host, vm: VirtualMachine, options: { emulated: boolean }): Promise<BootWatch> {
    const watch = new BootWatch(host, vm, options.emulated);
    await watch.#start();
    return watch;
  }

  /** Aborts with a `PodmanBootcError`. */
  get signal(): AbortSignal {
    return this.#failed.signal;
  }

  /** Aborts when the console says that the guest is up. */
  get up(): AbortSignal {
    return this.#up.signal;
  }

  /**
   * Whether the guest has announced this host key on its console in this boot, which nobody but its root and this host's
   * libvirt write to. Waits for that as long as it may still come.
   * @param timeout milliseconds for waiting at most
   */
  async announces(hostKey: Buffer, timeout: number, signal: AbortSignal): Promise<boolean> {
    const deadline = performance.now() + Math.min(timeout, announcementPatience);
    while (!this.#hostKeys.has(hostKey)) {
      if (!this.#mayAnnounce() || this.#over.signal.aborted || performance.now() > deadline) return false;
      await sleep(announcementSpacing, undefined, { signal });
    }
    return true;
  }

  #mayAnnounce(): boolean {
    if (!this.#isCurrent) return true;
    const { cloudInit } = this.#hostKeys;
    // One that has not been heard of when the guest is up is not in the image, whatever data it was given.
    if (cloudInit === undefined) return this.vm.metadata.cloudInit !== undefined && !this.boot.isUp;
    return cloudInit === 'running';
  }

  /** Hears how an attempt to connect to the guest's port ended. */
  attempted(attempt: Attempt): void {
    const now = performance.now();
    const { isUp } = this.boot;
    if (this.#port?.state !== attempt || this.#port.isUp !== isUp)
      this.#port = { state: attempt, isUp, since: now };
    const seconds = (now - this.#port.since) / 1000;
    // Where the agent knows of no address there is no need to wait for slow ones.
    const isKnown = attempt === 'silent' && this.#hasAddress === false;
    const isOver = seconds >= patienceWith(this.emulated, isKnown ? 0 : this.#bootSeconds);
    // A guest that says nothing on its console may be up all the same, and its agent knows.
    if (attempt === 'closed' && (isUp || isOver)) this.#ask();
    if (attempt === 'silent' && isUp) this.#askForAddress();
    // A network that is up and an sshd that is silent is one that is slow, or behind a firewall: time will tell.
    if (isUp && isOver && (attempt === 'closed' || (attempt === 'silent' && this.#hasAddress !== true)))
      this.#fail(portVerdict(this.#words, attempt, this.boot.failedForSsh, seconds));
  }

  /** An error of the wait with what the console said last. */
  explain(error: PodmanBootcError, verdict: Verdict): PodmanBootcError {
    return bootError(verdict, this.boot.lastLines(), error);
  }

  async #start(): Promise<void> {
    const watch = await watchEnd(this.host, this.vm);
    this.#end = watch;
    this.host.report.progress?.({ type: 'stage', stage: 'firmware' });
    this.#console = this.#watchConsole().catch((error: unknown) => {
      this.host.report.debug(`The console of ${this.vm.name} cannot be watched: ${messageOf(error)}`);
    });
    if (watch.end) await this.#ended(watch.end);
    else
      watch.signal.addEventListener('abort', () => {
        if (watch.end) void this.#ended(watch.end);
      });
  }

  async #ended({ event, detail }: EndOfVm): Promise<void> {
    this.#over.abort();
    await this.#console;
    // A panic that ended it, say, tells more.
    if (this.boot.failure) this.#fail(failureVerdict(this.#words, this.boot.failure));
    else {
      const journal = await directoryOf(this.vm)
        ?.readableJournal()
        .catch(() => undefined);
      const words = { ...this.#words, transient: journal?.operation === 'transient' };
      this.#fail(endVerdict(words, event, detail, this.boot.stage));
    }
  }

  async #watchConsole(): Promise<void> {
    const source = consoleOf(this.host, this.vm);
    if (source && (await source.isReadable())) {
      await source.hold();
      const judge = (): void => {
        this.#isCurrent = true;
        if (this.boot.isUp && this.#bootSeconds === 0) this.#bootSeconds = source.secondsWritten();
        // All that there is has been read: a guest that was reset after a failure gets another chance.
        if (this.boot.failure) this.#fail(failureVerdict(this.#words, this.boot.failure));
      };
      for await (const chunk of source.follow({ end: this.#over.signal, onIdle: judge }))
        this.boot.push(chunk);
      return;
    }
    this.#isCurrent = true;
    // Another user's libvirt, or one on another host: then the console itself, if nobody has it.
    const stream = await this.vm.domain.openConsole({ signal: this.#over.signal });
    for await (const chunk of stream as AsyncIterable<Buffer>) {
      this.boot.push(chunk);
      if (this.boot.failure) this.#fail(failureVerdict(this.#words, this.boot.failure));
    }
  }

  /** Asks the guest's agent what became of sshd; one question at a time. */
  #ask(): void {
    if (this.#isAsking || performance.now() - this.#askedAt < askAgain) return;
    this.#isAsking = true;
    void askServices(this.vm, this.#over.signal).then((services) => {
      this.#isAsking = false;
      this.#askedAt = services ? performance.now() : Infinity;
      const verdict = services && servicesVerdict(this.#words, services);
      if (verdict) this.#fail(verdict);
    });
  }

  /** Asks the guest's agent about the network, until it has an address. */
  #askForAddress(): void {
    if (this.#hasAddress === true || this.#isAsking || performance.now() - this.#askedAt < askAgain) return;
    this.#isAsking = true;
    void askAddress(this.vm, this.#over.signal).then((has) => {
      this.#isAsking = false;
      this.#askedAt = performance.now();
      this.#hasAddress = has ?? this.#hasAddress;
    });
  }

  #fail(verdict: Verdict): void {
    if (!this.#failed.signal.aborted) this.#failed.abort(bootError(verdict, this.boot.lastLines()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#over.abort();
    await this.#end?.[Symbol.asyncDispose]();
    await this.#console;
  }
}
