/* The page at 0xffff0000 that programs for cores without the instructions call: Documentation/arch/arm/kernel_user_helpers.rst.
 * What a handler without a restorer returns to is here, too. */
        .syntax unified
        .arch armv7-a
        .arm
        .text
        .globl _start
_start:
        .word 0xe7fddef1, 0xe7fddef1, 0xe7fddef1, 0xe7fddef1    /* the vectors: undefined */
        .org 0x500
sigreturn:
        mov r7, #119
        svc #0
        mov r7, #173
        svc #0
        .thumb
        movs r7, #119
        svc #0
        movs r7, #173
        svc #0
        .arm
        .org 0xf60
cmpxchg64: /* old r0, new r1, pointer r2: r0 = 0 and C if stored */
        push {r4, r5, r6, r7}
        ldrd r4, r5, [r0]
        ldrd r6, r7, [r1]
        dmb ish
1:      ldrexd r0, r1, [r2]
        eors r3, r0, r4
        eorseq r3, r1, r5
        strexdeq r3, r6, r7, [r2]
        teqeq r3, #1
        beq 1b
        dmb ish
        rsbs r0, r3, #0
        pop {r4, r5, r6, r7}
        bx lr
        .org 0xfa0
memory_barrier:
        dmb ish
        bx lr
        .org 0xfc0
cmpxchg:
        dmb ish
1:      ldrex r3, [r2]
        subs r3, r3, r0
        strexeq r3, r1, [r2]
        teqeq r3, #1
        beq 1b
        rsbs r0, r3, #0
        b memory_barrier
        .org 0xfe0
get_tls:
        mrc p15, 0, r0, c13, c0, 3
        bx lr
        .org 0xffc
        .word 5 /* helpers' version */
        .org 0x1000
