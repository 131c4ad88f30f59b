# A guest that does what every kernel does first: real mode, protected mode, paging, long mode, a loop on
# its stack, CPUID. It ends QEMU with exit code 33 through isa-debug-exit (0x10 written to port 0xf4:
# (0x10 << 1) | 1). Nested virtualisation that only looks like KVM dies on the way, or crawls.
#
# Only this code is embedded in src/accelerator/roms.ts; a far jump at the reset vector, 16 bytes below the
# end of a 64 KiB ROM, is put after it at run time. The ROM appears at 0xf0000.
#
#   as --64 -o probe.o x86_64.S && ld -m elf_x86_64 -Ttext 0 --oformat binary -o probe.bin probe.o

	.set	rom, 0xf0000
	.set	tables, 0x1000		# three pages: PML4, PDPT, PD
	.set	stack, 0x7000

	.code16
	.globl	_start
_start:
	cli
	cld
	xor	%ax, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	$tables, %di
	mov	$0x3000 / 2, %cx
	rep stosw
	movl	$tables + 0x1000 + 3, tables		# present, writable
	movl	$tables + 0x2000 + 3, tables + 0x1000
	movl	$0x83, tables + 0x2000			# the first 2 MiB, one large page
	mov	%cs, %ax
	mov	%ax, %ds
	lgdtl	gdtr - _start
	mov	%cr0, %eax
	or	$1, %al					# PE
	mov	%eax, %cr0
	ljmpl	$8, $rom + (protected - _start)

	.code32
protected:
	mov	$16, %ax
	mov	%ax, %ds
	mov	%ax, %es
	mov	%ax, %ss
	mov	$stack, %esp
	mov	%cr4, %eax
	or	$0x20, %eax				# PAE
	mov	%eax, %cr4
	mov	$tables, %eax
	mov	%eax, %cr3
	mov	$0xc0000080, %ecx			# EFER
	rdmsr
	or	$0x100, %eax				# LME
	wrmsr
	mov	%cr0, %eax
	or	$0x80000000, %eax			# PG
	mov	%eax, %cr0
	ljmpl	$24, $rom + (long - _start)

	.code64
long:
	mov	$16, %ax
	mov	%ax, %ss
	mov	$0x100000, %ecx
1:	push	%rcx
	pop	%rdx
	dec	%ecx
	jnz	1b
	xor	%eax, %eax
	cpuid
	mov	$0x10, %al
	out	%al, $0xf4
2:	hlt
	jmp	2b

	.balign	8, 0
gdt:	.quad	0
	.quad	0x00cf9b000000ffff			# 8: 32-bit code
	.quad	0x00cf93000000ffff			# 16: data
	.quad	0x00af9b000000ffff			# 24: 64-bit code
gdtr:	.word	. - gdt - 1
	.long	rom + (gdt - _start)
