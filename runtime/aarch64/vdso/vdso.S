/* The guest's vDSO: the calls that Linux/arm64 exports to user space (arch/arm64/kernel/vdso). The clocks are read without
 * entering the kernel: CNTVCT_EL0 is the host's CLOCK_MONOTONIC in nanoseconds, and a register of ours (sysregs.def) its
 * CLOCK_REALTIME. Everything else is left to the system call. */

#define CLOCK s3_3_c15_c0_0

#define NR_clock_gettime 113
#define NR_clock_getres 114
#define NR_gettimeofday 169
#define NR_rt_sigreturn 139

        .text

/* Debuggers and unwinders know a signal frame by these two instructions, and only where no unwind information says otherwise. */
        nop                             /* they look up the address before the return address */
        .globl __kernel_rt_sigreturn
        .type __kernel_rt_sigreturn, %function
__kernel_rt_sigreturn:
        mov x8, #NR_rt_sigreturn
        svc #0
        udf #0                          /* a seccomp filter has answered */
        .size __kernel_rt_sigreturn, . - __kernel_rt_sigreturn

/* x2 = seconds, x3 = nanoseconds within the second, of the time in x2 (ns); clobbers x4, x5 */
        .macro split
        movz x4, #0xca00
        movk x4, #0x3b9a, lsl #16       /* 1,000,000,000 */
        udiv x5, x2, x4
        msub x3, x5, x4, x2
        mov x2, x5
        .endm

        .balign 16
        .globl __kernel_clock_gettime
        .type __kernel_clock_gettime, %function
__kernel_clock_gettime:                 /* int (clockid_t w0, struct timespec *x1) */
        .cfi_startproc
        cmp w0, #1                      /* CLOCK_REALTIME 0, CLOCK_MONOTONIC 1 */
        b.hi 1f
        cbz w0, 2f
        mrs x2, cntvct_el0
3:      split
        stp x2, x3, [x1]
        mov w0, #0
        ret
2:      mrs x2, CLOCK
        b 3b
1:      mov x8, #NR_clock_gettime
        svc #0
        ret
        .cfi_endproc
        .size __kernel_clock_gettime, . - __kernel_clock_gettime

        .balign 16
        .globl __kernel_gettimeofday
        .type __kernel_gettimeofday, %function
__kernel_gettimeofday:                  /* int (struct timeval *x0, struct timezone *x1) */
        .cfi_startproc
        cbnz x1, 1f
        cbz x0, 2f
        mrs x2, CLOCK
        split
        mov x4, #1000
        udiv x3, x3, x4
        stp x2, x3, [x0]
2:      mov w0, #0
        ret
1:      mov x8, #NR_gettimeofday
        svc #0
        ret
        .cfi_endproc
        .size __kernel_gettimeofday, . - __kernel_gettimeofday

        .balign 16
        .globl __kernel_clock_getres
        .type __kernel_clock_getres, %function
__kernel_clock_getres:                  /* int (clockid_t w0, struct timespec *x1) */
        .cfi_startproc
        mov x8, #NR_clock_getres
        svc #0
        ret
        .cfi_endproc
        .size __kernel_clock_getres, . - __kernel_clock_getres
