import { ConsoleText } from './console-text.js';
import { Place, type Sign } from './place.js';
import { bootStages, type BootFailure, type BootStage } from './stage.js';

/** How many of the console's last lines are kept for whoever explains a failure. */
const keptLines = 40;
const keptUnits = 20;

/** What is told as it is recognised. */
export interface BootListener {
  /** A stage that was reached, or what it is busy with: a unit of systemd. */
  onStage?(stage: BootStage, detail: string | undefined): void;
  /** A line of the console; see `ConsoleText`. */
  onLine?(line: string, overwritten: boolean): void;
  onFailure?(failure: BootFailure): void;
  /** The guest is up, as `isUp` says. */
  onUp?(): void;
}

/**
 * Recognises from a console's bytes how far a boot has come and what went wrong: the words of edk2's firmware and
 * SeaBIOS, systemd-boot, GRUB and syslinux, Linux, dracut and initramfs-tools, and systemd. Does nothing else: no
 * clock, no file. A guest may write anything, so what is recognised is believed only of a guest that does not let us in.
 */
export class BootRecognizer {
  stage: BootStage = 'firmware';
  /** The unit that systemd is busy with, as it names it. */
  unit: string | undefined;
  failure: BootFailure | undefined;
  /** Units that failed, as systemd names them, the first 20. */
  readonly failedUnits: string[] = [];
  /** The last that failed of the units without which nobody gets in. It may be started again. */
  failedForSsh: BootFailure | undefined;
  /** There is a login prompt, or all units that belong to the boot have been started. */
  isUp = false;
  readonly #lines: string[] = [];
  readonly #text: ConsoleText;
  /** What the firmware or an initrd complained of, which explains what follows. */
  #suspicion: BootFailure | undefined;
  readonly #place = new Place();

  constructor(private readonly listener: BootListener = {}) {
    this.#text = new ConsoleText((line, overwritten) => {
      this.#read(line);
      if (line !== '' && !overwritten) this.#keep(line);
      this.listener.onLine?.(line, overwritten);
    });
  }

  push(chunk: Uint8Array | string): void {
    this.#text.push(chunk);
    // Prompts end no line.
    const { partial } = this.#text;
    if (partial.length < 200 && promptPattern.test(partial)) this.#prompt(partial);
  }

  /** The console's last lines, without empty ones. */
  lastLines(count = 12): string[] {
    const { partial } = this.#text;
    return (partial.trim() === '' ? this.#lines : [...this.#lines, partial]).slice(-count);
  }

  #keep(line: string): void {
    this.#lines.push(line);
    if (this.#lines.length > keptLines) this.#lines.shift();
  }

  #prompt(text: string): void {
    if (text.endsWith('login:') || text.endsWith('login: ')) {
      this.#place.enterRoot();
      this.#comeUp();
      this.#reach('systemd', this.unit);
    } else if (text.startsWith('Shell>'))
      this.#fail(this.#suspicion ?? { kind: 'nothing-bootable', words: text });
    else this.#fail(this.#suspicion ?? { kind: 'emergency', words: text });
  }

  #read(line: string): void {
    // Most lines of a guest that talks much are none of ours, and one look at them has to do.
    if (!interesting.test(line)) return;
    for (const [pattern, act] of rules) {
      const match = pattern.exec(line);
      if (match) {
        act.call(undefined, this.#hands, match, line);
        return;
      }
    }
  }

  /** What the rules may do. */
  readonly #hands: Hands = {
    reach: (stage, unit) => {
      this.#reach(stage, unit);
    },
    begin: () => {
      // The guest was reset: all that was known is of the boot before.
      const wasKernel = this.failure && !/^(?:nothing-bootable|secure-boot)$/.test(this.failure.kind);
      if (wasKernel === true || (this.stage !== 'firmware' && this.stage !== 'boot-loader')) {
        this.failure = undefined;
        this.failedUnits.length = 0;
        this.failedForSsh = undefined;
        this.isUp = false;
        this.#suspicion = undefined;
        this.#place.forget();
        this.unit = undefined;
        this.stage = 'firmware';
        this.listener.onStage?.('firmware', undefined);
      }
    },
    at: (sign, unit) => {
      const before = this.#place.where;
      this.#place.see(sign, bootStages.indexOf(this.stage) >= bootStages.indexOf('initrd'));
      const { where } = this.#place;
      if (where === 'initrd' && before === 'root') this.#returnToInitrd();
      if (where === 'unknown') return;
      this.#reach(where === 'initrd' ? 'initrd' : 'systemd', unit);
    },
    up: () => {
      this.#comeUp();
    },
    failed: (unit, words) => {
      if (this.failedUnits.length < keptUnits && !this.failedUnits.includes(unit))
        this.failedUnits.push(unit);
      if (this.#place.where !== 'initrd' && neededForSsh.test(unit))
        this.failedForSsh = { kind: 'unit', unit, words };
    },
    suspect: (failure) => {
      this.#suspicion ??= failure;
    },
    fail: (failure) => {
      this.#fail(
        this.#suspicion && (failure.kind === 'nothing-bootable' || failure.kind === 'emergency')
          ? this.#suspicion
          : failure,
      );
    },
  };

  #comeUp(): void {
    if (this.isUp) return;
    this.isUp = true;
    this.listener.onUp?.();
  }

  /** What was taken for the real root's systemd was the initrd's. */
  #returnToInitrd(): void {
    if (this.stage !== 'systemd') return;
    this.stage = 'initrd';
    this.unit = undefined;
    this.failedForSsh = undefined;
    this.listener.onStage?.('initrd', undefined);
  }

  #reach(stage: BootStage, unit: string | undefined): void {
    const isLater = bootStages.indexOf(stage) > bootStages.indexOf(this.stage);
    if (!isLater && (stage !== this.stage || unit === undefined || unit === this.unit)) return;
    // What the firmware could not load is of no account once something else was.
    if (isLater && this.stage === 'boot-loader') this.#suspicion = undefined;
    if (isLater && this.stage === 'firmware' && stage !== 'boot-loader') this.#suspicion = undefined;
    this.stage = stage;
    this.unit = unit;
    this.listener.onStage?.(stage, unit);
  }

  #fail(failure: BootFailure): void {
    if (this.failure) return;
    const isInitrds = failure.kind === 'emergency' && this.#place.where === 'initrd';
    this.failure = isInitrds ? { ...failure, inInitrd: true } : failure;
    this.listener.onFailure?.(this.failure);
  }
}

interface Hands {
  reach(stage: BootStage, unit?: string): void;
  begin(): void;
  /** Something tells where the guest is: in its initrd, or in its real root. `unit` is what systemd is busy with. */
  at(sign: Sign, unit?: string): void;
  up(): void;
  failed(unit: string, words: string): void;
  suspect(failure: BootFailure): void;
  fail(failure: BootFailure): void;
}

const promptPattern = /(?:\blogin: ?|^Shell> ?|for maintenance\W*|for emergency mode\W*)$/;

/** Units without which nobody gets in: sshd, its keys, the network. systemd shortens names with "…". */
const neededForSsh =
  /^(?:sshd?(?:\.service|\.socket|-keygen.*|@.*)?$|OpenSSH|OpenBSD Secure Shell|NetworkManager(?:\.service|$| - )|Network Manager$|systemd-networkd\.service|Network Configuration$|sshd?\.)/;

/** One look for lines that no rule has a use for. */
const interesting =
  /BdsDxe|Interactive Shell|SeaBIOS|iPXE|GRUB|SYSLINUX|systemd|EFI stub|Linux version|Booting|Decompressing|Run \/|dracut|initramfs|initrd|Welcome to |Reached target|tarting |tarted |inished |istening |start job|\/start running|ailed|FAILED|DEPEND|TIME|panic|VFS:|ALERT|Gave up|Warning: |emergency|Emergency|maintenance|locked|bootable|Boot failed|Violation|shim|SELinux/;

const stripStamp = (line: string): string => line.replace(/^\[ *\d+\.\d+\] /, '');

type Rule = readonly [RegExp, (boot: Hands, match: RegExpExecArray, line: string) => void];

/**
 * Units that only an initrd has, by their names and, before systemd 250, by their descriptions (units/initrd-*.in of
 * systemd, modules.d/*systemd* of dracut). `dracut-shutdown` belongs to the real root.
 */
const initrdUnit =
  /^(?:initrd-\S+\.(?:target|service)|sysroot(?:-\S+)?\.mount|dracut-(?!shutdown)\S+\.service|ostree-prepare-root\.service|bootc-root-setup\.service|nm-initrd\.service|Initrd |dracut \S+ hook|\/sysroot\b|Switch Root$)/;

const switchUnit = /^(?:initrd-switch-root\.|Switch Root$)/;

function unitSign(unit: string): Sign {
  return switchUnit.test(unit) ? 'switch-unit' : initrdUnit.test(unit) ? 'initrd-unit' : 'unit';
}

/** In the order in which they are tried; the first that fits is the last. */
const rules: readonly Rule[] = [
  // Firmware: edk2 (MdeModulePkg/Universal/BdsDxe), SeaBIOS, shim.
  [
    /BdsDxe: failed to (?:load|start) Boot.*: (?:Access Denied|Security Violation)/,
    (boot, _, line) => {
      boot.suspect({ kind: 'secure-boot', words: line });
    },
  ],
  [
    /Verification failed: \(0x1A\) Security Violation|bad shim signature|Bootloader has not verified loaded image/,
    (boot, _, line) => {
      boot.fail({ kind: 'secure-boot', words: line });
    },
  ],
  [
    /BdsDxe: failed to load Boot.*: Not Found/,
    (boot, _, line) => {
      boot.suspect({ kind: 'nothing-bootable', words: line });
    },
  ],
  [
    /BdsDxe: No bootable option|starting Boot\w+ "(?:EFI Internal|UEFI) Shell"|UEFI Interactive Shell|No bootable device|Boot failed: not a bootable disk/,
    (boot, _, line) => {
      boot.fail({ kind: 'nothing-bootable', words: line });
    },
  ],
  [
    /BdsDxe: loading Boot|SeaBIOS \(version/,
    (boot) => {
      boot.begin();
    },
  ],
  [
    /BdsDxe: starting Boot|GRUB|SYSLINUX|systemd-boot|^Booting `|Booting from Hard Disk/,
    (boot) => {
      boot.reach('boot-loader');
    },
  ],
  // Linux.
  [
    /Kernel panic - not syncing: (.*)/,
    (boot, match, line) => {
      const isRoot = (match[1] ?? '').includes('VFS: Unable to mount root');
      boot.fail({ kind: isRoot ? 'root-missing' : 'kernel-panic', words: stripStamp(line) });
    },
  ],
  [
    /VFS: Cannot open root device.*/,
    (boot, match) => {
      boot.suspect({ kind: 'root-missing', words: match[0] });
    },
  ],
  [
    /EFI stub:|Linux version \d|Decompressing Linux|Booting the kernel|Booting Linux/,
    (boot) => {
      boot.reach('kernel');
    },
  ],
  [
    /Run \/(?:init|sbin\/init|\S+) as init process/,
    (boot, match) => {
      // An initrd's /init may be systemd, or hand over to it without a word.
      if (match[0].includes('/init as') && !match[0].includes('/sbin')) boot.reach('initrd');
      else boot.at('root');
    },
  ],
  // The initrd: dracut, initramfs-tools, others.
  [
    /ALERT! +\S+ does not exist|Gave up waiting for (?:the )?root|dracut.*(?:Warning: )?(?:Could not boot|"?\/dev\/\S+"? does not exist)|^Warning: \/dev\/\S+ does not exist|initramfs: cannot mount .*/,
    (boot, _, line) => {
      const failure = { kind: 'root-missing', words: stripStamp(line) } as const;
      if (/ALERT!|initramfs:/.test(line)) boot.fail(failure);
      else boot.suspect(failure);
    },
  ],
  [
    /Running in initial RAM disk|Running in initrd/,
    (boot) => {
      boot.at('initrd');
    },
  ],
  [
    /^Welcome to (.*)/,
    (boot, match) => {
      // dracut and mkosi put it into the os-release of their initrds.
      boot.at(/initramfs|initrd|dracut/i.test(match[1] ?? '') ? 'initrd-welcome' : 'welcome');
    },
  ],
  [
    /Switching root/,
    (boot) => {
      boot.at('root');
    },
  ],
  [
    /running in system mode/,
    (boot) => {
      boot.at('systemd');
    },
  ],
  [
    /(?:Entering emergency mode|You are in emergency mode|Reached target (?:emergency\.target|Emergency Mode)|Cannot open access to console, the root account is locked|Give root password for maintenance|Press Enter for (?:maintenance|emergency))/,
    (boot, match) => {
      boot.fail({ kind: 'emergency', words: match[0] });
    },
  ],
  [
    // What dracut's hooks say by /dev/kmsg, and an initrd without systemd, which hands over without a word.
    /^(?:\[ *\d+\.\d+\] )?dracut(?:-[\w-]+)?(?:\[\d+\])?: |^dracut Warning|(initramfs:)/,
    (boot, match) => {
      if (match[1] === undefined) boot.at('initrd');
      else boot.reach('initrd');
    },
  ],
  // systemd, on its console or, below /dev/kmsg, with a time stamp.
  [
    /\[ ?TIME ?\] Timed out waiting for device (.*)|systemd\[1\]: Timed out waiting for device (.*)/,
    (boot, match) => {
      const device = unitOf(match[1] ?? match[2] ?? '');
      boot.failed(device, `Timed out waiting for device ${device}`);
      boot.suspect({ kind: 'emergency', words: `Timed out waiting for device ${device}` });
    },
  ],
  [
    /\[DEPEND\] Dependency failed for (.*)/,
    (boot, match) => {
      const unit = unitOf(match[1] ?? '');
      const words = `Dependency failed for ${unit}`;
      boot.failed(unit, words);
      if (/Initrd Root|sysroot\.mount|\/sysroot/.test(unit)) boot.suspect({ kind: 'root-missing', words });
      else boot.suspect({ kind: 'emergency', words });
    },
  ],
  [
    /\[FAILED\] Failed to (?:start|mount|listen on|activate) (.*)|systemd\[1\]: Failed to (?:start|mount|listen on) (.*)/,
    (boot, match) => {
      const unit = unitOf(match[1] ?? match[2] ?? '');
      boot.failed(unit, `Failed to start ${unit}`);
    },
  ],
  [
    /Reached target (?:multi-user\.target|Multi-User System|graphical\.target|Graphical Interface)/,
    (boot, match) => {
      boot.at('root', match[0].slice('Reached target '.length));
      boot.up();
    },
  ],
  [
    // The second form was seen with systemd 252.
    /A start job is running for (.*?)(?: \([^)]*\))?$|\bJob (.+)\/start running \(/,
    (boot, match) => {
      const unit = unitOf(match[1] ?? match[2] ?? '');
      boot.at(unitSign(unit), unit);
    },
  ],
  [
    /(?:^ {4,}|systemd\[1\]: )Starting (.*)|(?:^\[ *OK *\] |systemd\[1\]: )(?:Started|Finished|Mounted|Listening on|Reached target|Found device|Created slice|Set up automount) (.*)/,
    (boot, match) => {
      const unit = unitOf(match[1] ?? match[2] ?? '');
      boot.at(unitSign(unit), unit);
    },
  ],
  [
    /systemd\[1\]: (?:Hostname set|Queued start job)/,
    (boot) => {
      boot.at('unit');
    },
  ],
  [
    /SELinux: +(?:Could not open policy|Running)/,
    (boot) => {
      boot.at('selinux');
    },
  ],
];

/** `ssh.service - OpenSSH server...` is `ssh.service`; systemd before 250 says the description only. */
function unitOf(text: string): string {
  const bare = text
    .replace(/\[[0-9;]*m/g, '')
    .trimEnd()
    .replace(/(?:\.\.\.|…)?\.?$/, '');
  return (/^(\S+) - /.exec(bare)?.[1] ?? bare).slice(0, 80);
}
