/* The guest's vDSO: the calls that Linux/arm exports to user space (arch/arm/vdso). They are system calls here, of which those for clocks
 * don't enter the host's kernel. */
        .syntax unified
        .arch armv7-a
        .arm
        .text

        .macro call name, number
        .globl \name
        .type \name, %function
        .balign 8
\name:
        push {r7}
        movw r7, #\number
        svc #0
        pop {r7}
        bx lr
        .size \name, . - \name
        .endm

        call __vdso_gettimeofday, 78
        call __vdso_clock_gettime, 263
        call __vdso_clock_getres, 264
        call __vdso_clock_gettime64, 403
