/* The guest's vDSO: the calls that Linux/x86-64 exports to user space (arch/x86/entry/vdso). They are the system calls, which a seccomp
 * filter doesn't see from here. */

#define NR_gettimeofday 96
#define NR_time 201
#define NR_clock_gettime 228
#define NR_clock_getres 229
#define NR_getcpu 309

        .text
        .macro function name, number
        .balign 16
        .globl __vdso_\name
        .type __vdso_\name, @function
        .weak \name
__vdso_\name:
\name:
        .cfi_startproc
        mov $\number, %eax
        syscall
        ret
        .cfi_endproc
        .size __vdso_\name, . - __vdso_\name
        .endm

        function clock_gettime, NR_clock_gettime
        function gettimeofday, NR_gettimeofday
        function clock_getres, NR_clock_getres
        function time, NR_time
        function getcpu, NR_getcpu
