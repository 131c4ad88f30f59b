/** Architectures for which there is a test guest. */
export type ProbeArchitecture = 'x86_64' | 'aarch64';

/** A guest that ends QEMU as soon as it has done what every kernel does first. */
export interface TestRom {
  /** For QEMU's `-bios`. */
  image: Buffer;
  /** The exit code with which QEMU ends if the guest got to its end. */
  exitCode: number;
  /** The machine that the guest is made for. */
  machineArguments: readonly string[];
}

/** The machine code of native/kvm-probe/x86_64.S and aarch64.S; a test assembles them and compares. */
export const probeCode: Readonly<Record<ProbeArchitecture, string>> = {
  x86_64:
    '+vwxwI7YjsC/ABC5ABjzq2bHBgAQAyAAAGbHBgAgAzAAAGbHBgAwgwAAAIzIjthmDwEWyAAPIMAMAQ8iwGbqRQAPAAgAZrgQAI7YjsCO0LwAcAAADyDgg8ggDyLguAAQAAAPIti5gAAAwA8yDQABAAAPMA8gwA0AAACADyLA6oUADwAYAGa4EACO0LkAABAAUVr/yXX6McAPorAQ5vT06/0AAAAAAAAAAAAAAAAAAAD//wAAAJvPAP//AAAAk88A//8AAACbrwAfAKgADwA=',
  aarch64: 'AAA41QECqNICAqBSIgAA+SMAQPlCBABxof//VAABgFIAgLByAgAA1H8gA9X///8X',
};

/** The test guest of an architecture. */
export function testRom(arch: ProbeArchitecture): TestRom {
  const code = Buffer.from(probeCode[arch], 'base64');
  if (arch === 'aarch64') {
    // gic-version=max: under KVM the machine must have the interrupt controller that the host has.
    return { image: code, exitCode: 0, machineArguments: ['-M', 'virt,gic-version=max'] };
  }
  return {
    image: biosImage(code),
    exitCode: 33,
    machineArguments: ['-M', 'q35', '-device', 'isa-debug-exit,iobase=0xf4,iosize=4'],
  };
}

/** A 64 KiB ROM: the code, and at the reset vector a far jump to it. */
function biosImage(code: Buffer): Buffer {
  const image = Buffer.alloc(0x10000);
  code.copy(image);
  // ljmp $0xf000, $0
  Buffer.from([0xea, 0x00, 0x00, 0x00, 0xf0]).copy(image, 0xfff0);
  return image;
}
