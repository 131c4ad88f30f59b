import assert from 'node:assert/strict';
import { once } from 'node:events';
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { connect, isLibvirtError, type Connection, type Domain } from '../../../src/libvirt/index.js';

/*
 * A guest that is a boot sector. It writes "ready" to its first serial port and then echoes every byte, but
 * for 0xfe, to which it answers with 128 KiB: counters that run down from 0 through 255.
 *
 *   start: cld; xor ax,ax; mov ds,ax; mov dx,3fa; mov al,1; out dx,al; mov si,msg
 *   print: lodsb; test al,al; jz loop; call put; jmp print
 *   loop:  call get; cmp al,fe; je flood; call put; jmp loop
 *   flood: xor cx,cx; mov bx,2
 *   f:     mov al,cl; call put; dec cx; jnz f; dec bx; jnz f; jmp loop
 *   put:   push ax; mov dx,3fd
 *   w:     in al,dx; test al,20; jz w; pop ax; mov dx,3f8; out dx,al; ret
 *   get:   mov dx,3fd
 *   g:     in al,dx; test al,1; jz g; mov dx,3f8; in al,dx; ret
 *   msg:   "ready\r\n", 0
 */
const code =
  'fc31c08ed8bafa03b001eebe527cac84c07405e82000ebf6e82a003cfe7405e81400ebf431c9bb0200' +
  '88c8e808004975f84b75f5ebe250bafd03eca82074fb58baf803eec3bafd03eca80174fbbaf803ecc3' +
  '72656164790d0a00';

export const greeting = 'ready\r\n';
export const floodByte = 0xfe;
export const flood = Buffer.alloc(128 * 1024, Buffer.from(Array.from({ length: 256 }, (_, i) => -i & 0xff)));

let made = 0;

/** Runs with a running guest, with a virtio channel that nobody in it serves. It is gone afterwards. */
export async function withSerialGuest(
  connection: Connection,
  use: (domain: Domain) => Promise<void>,
): Promise<void> {
  const name = `serial-${process.pid}-${++made}`;
  const directory = mkdtempSync(join(tmpdir(), 'serial-'));
  // QEMU's user has to reach the disk.
  chmodSync(directory, 0o755);
  const disk = join(directory, 'disk');
  const sector = Buffer.alloc(512);
  sector.write(code, 'hex');
  sector.writeUInt16LE(0xaa55, 510);
  writeFileSync(disk, sector);
  const domain = await connection.defineDomain(`
<domain type='qemu'>
  <name>${name}</name>
  <memory unit='MiB'>16</memory>
  <os><type arch='x86_64' machine='pc'>hvm</type><boot dev='hd'/></os>
  <on_reboot>destroy</on_reboot>
  <devices>
    <emulator>/usr/bin/qemu-system-x86_64</emulator>
    <disk type='file' device='disk'>
      <driver name='qemu' type='raw'/><source file='${disk}'/><target dev='hda' bus='ide'/>
    </disk>
    <serial type='pty'><target port='0'/><alias name='ua-first'/></serial>
    <channel type='unix'><target type='virtio' name='org.example.0'/></channel>
    <memballoon model='none'/>
  </devices>
</domain>`);
  try {
    // Paused, so that whoever opens the console misses nothing.
    await domain.create({ paused: true });
    await use(domain);
  } finally {
    // The daemon may have been another one when the test began.
    await using own = await connect('qemu:///system');
    const left = await own.lookupDomainByName(name);
    await left.destroy().catch((error: unknown) => {
      // A daemon that has just been started attaches to its domains' QEMU for a while. Destroying one meanwhile
      // kills QEMU, but when the attaching has noticed that first, the answer is that the domain does not run.
      if (!isLibvirtError(error, 'VIR_ERR_OPERATION_INVALID')) throw error;
    });
    await left.undefine();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Runs with a guest that has said its greeting, and its console. */
export async function withConsole(
  connection: Connection,
  use: (console: Duplex, domain: Domain) => Promise<void>,
): Promise<void> {
  await withSerialGuest(connection, async (domain) => {
    const console = await domain.openConsole();
    console.on('error', () => undefined);
    await domain.resume();
    let greeted = '';
    while (greeted.length < greeting.length) {
      const chunk = console.read() as Buffer | null;
      if (chunk) greeted += chunk.toString('latin1');
      else await once(console, 'readable');
    }
    assert.equal(greeted, greeting);
    console.removeAllListeners('readable');
    try {
      await use(console, domain);
    } finally {
      console.destroy();
    }
  });
}

/** What ends a stream: its error, or undefined. */
export function endOf(stream: Duplex): Promise<Error | undefined> {
  return new Promise((resolve) => {
    let error: Error | undefined;
    stream.on('error', (reason: Error) => {
      error = reason;
    });
    stream.on('close', () => {
      resolve(error);
    });
    stream.resume();
  });
}
