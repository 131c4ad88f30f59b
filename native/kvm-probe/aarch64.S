// A guest at EL1, as QEMU's machine "virt" starts the image given with -bios: it reads its processor's
// identity, writes and reads memory in a loop, and powers the machine off through PSCI (Arm DEN 0022,
// SYSTEM_OFF by HVC), which ends QEMU with exit code 0.
//
//   aarch64-linux-gnu-as -o probe.o aarch64.S && aarch64-linux-gnu-objcopy -O binary probe.o probe.bin

	.globl	_start
_start:
	mrs	x0, midr_el1
	movz	x1, #0x4010, lsl #16		// 1 MiB into the RAM of "virt"
	movz	w2, #0x10, lsl #16
1:	str	x2, [x1]
	ldr	x3, [x1]
	subs	w2, w2, #1
	b.ne	1b
	movz	w0, #0x0008
	movk	w0, #0x8400, lsl #16		// SYSTEM_OFF
	hvc	#0
2:	wfi
	b	2b
