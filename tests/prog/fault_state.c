/* A handler finds all registers as they are at the access that has faulted, in code that has run often as well as in
 * code that runs for the first time: what a fault's handler saw then is compared with what it sees later. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
#include <unistd.h>

enum { POINTERS = 6, RUNS = 60, WARM = 4000, STEPS = 48 };

static unsigned char *pages[POINTERS];
static long size;
static unsigned long seen;
static int faults;

#ifdef __aarch64__
/* x0: six pointers; x1: steps. Loads and stores of all widths with results that are and aren't used afterwards, flags
 * and vectors that live across them, a loop in a loop, a call. */
void kernel(unsigned char **pointers, long steps);
extern const char kernel_end[];
__asm__(".text\n.p2align 4\nkernel:\n"
        "stp x29, x30, [sp, #-96]!\n stp x19, x20, [sp, #16]\n stp x21, x22, [sp, #32]\n stp x23, x24, [sp, #48]\n"
        "stp x25, x26, [sp, #64]\n stp x27, x28, [sp, #80]\n"
        "msr fpsr, xzr\n mov x28, x1\n ldp x19, x20, [x0]\n ldp x21, x22, [x0, #16]\n ldp x23, x24, [x0, #32]\n"
        "mov x2, #3\n mov x3, #5\n mov x4, #7\n mov x5, #11\n mov x6, #13\n mov x7, #17\n mov x8, #19\n mov x9, #23\n"
        "mov x10, #1\n mov x11, #2\n mov x12, #4\n mov x13, #8\n mov x14, #16\n mov x15, #32\n mov x25, #0\n mov x26, "
        "#0\n mov x27, #0\n"
        "movi v0.16b, #1\n movi v1.16b, #2\n movi v2.4s, #3\n movi v3.8h, #4\n fmov d4, #1.5\n fmov s5, #2.5\n movi "
        "v6.2d, #0\n"
        "movi v7.16b, #9\n movi v16.16b, #0\n movi v17.16b, #0\n mov x16, #0\n mov x17, #0\n mov x18, #0\n"
        "1:\n"
        "ldr x2, [x19], #8\n add x3, x3, x2\n eor x4, x4, x3, lsl #3\n mov x9, x4\n"
        "subs x5, x3, x4\n ldrb w6, [x20], #1\n adc x7, x5, x6\n csel x8, x7, x5, lo\n"
        "str x7, [x21], #8\n ldrsh x10, [x22], #2\n cmp x10, #0\n ldrsw x11, [x19, #-8]\n cset x12, lt\n"
        "ldr q0, [x23], #16\n add v1.4s, v1.4s, v0.4s\n str q1, [x24], #16\n ldr d6, [x19, #-8]\n fadd d4, d4, d4\n "
        "fmov d4, #1.25\n"
        "scvtf d16, x7\n fadd d4, d4, d16\n str d4, [x21, #-8]\n ldr s17, [x23, #-4]\n scvtf s5, w8\n fmul s5, s5, "
        "s5\n str s5, [x24, #-8]\n"
        "mov w13, #3\n"
        "2:\n"
        "ldrb w14, [x20, x13]\n add x15, x15, x14\n adds x16, x15, x13\n strb w15, [x21, x13]\n adc x17, x16, x12\n "
        "eor v2.16b, v2.16b, v1.16b\n"
        "subs w13, w13, #1\n b.ne 2b\n"
        "bl 3f\n"
        "strh w17, [x22, #-2]\n stp w16, w17, [x21, #-8]\n ldp x25, x26, [x19, #-8]\n add x27, x25, x26\n"
        "subs x28, x28, #1\n b.ne 1b\n"
        "ldp x19, x20, [sp, #16]\n ldp x21, x22, [sp, #32]\n ldp x23, x24, [sp, #48]\n"
        "ldp x25, x26, [sp, #64]\n ldp x27, x28, [sp, #80]\n ldp x29, x30, [sp], #96\n ret\n"
        "3: ldr w18, [x22]\n madd x9, x9, x18, x3\n ldrsb w1, [x24, #-1]\n add v3.8h, v3.8h, v2.8h\n ret\n"
        "kernel_end:\n");

static void mix(const void *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        seen = (seen ^ ((const unsigned char *)p)[i]) * 0x100000001b3;
}

static void see(const ucontext_t *uc)
{
    const mcontext_t *m = &uc->uc_mcontext;
    const struct fpsimd_context *v = (const void *)m->__reserved;
    unsigned long pc = m->pc - (unsigned long)kernel, link = m->regs[30] - (unsigned long)kernel;
    unsigned long stack = m->regs[29] - m->sp;
    mix(m->regs, 16 * 8);
    for (int i = 16; i < 29; i++) /* pointers by where they point to */
        mix(&m->regs[i], 8);
    mix(&pc, sizeof pc);
    mix(&stack, sizeof stack);
    if (link < (unsigned long)kernel_end - (unsigned long)kernel)
        mix(&link, sizeof link);
    mix(&m->pstate, sizeof m->pstate);
    mix(v->vregs, 8 * 16);
    mix(&v->vregs[16], 2 * 16);
    mix(&v->fpsr, sizeof v->fpsr);
}
#else
void kernel(unsigned char **pointers, long steps)
{
    (void)pointers, (void)steps;
}
static void see(const ucontext_t *uc)
{
    (void)uc;
}
#endif

static void handler(int signo, siginfo_t *info, void *uc)
{
    see(uc);
    faults++;
    mprotect((void *)((unsigned long)info->si_addr & -size), size, PROT_READ | PROT_WRITE);
}

/* The second page of each pointer's three is protected, and reached after some steps. */
static unsigned long run(int n, int protect)
{
    static const int step[POINTERS] = {8, 1, 8, 2, 16, 16};
    unsigned char *at[POINTERS];
    for (int i = 0; i < POINTERS; i++) {
        unsigned char *p = pages[i];
        mprotect(p, 3 * size, PROT_READ | PROT_WRITE);
        for (long k = 0; k < 3 * size; k++)
            p[k] = (unsigned char)(k * 37 + i * 11 + n);
        at[i] = p + size - step[i] * ((n * (i + 3) + i) % STEPS);
        if (i == 5)
            at[i] += 1; /* across the border */
    }
    seen = 0xcbf29ce484222325;
    for (int i = 0; i < POINTERS; i++)
        if (protect && (n + i) % 3)
            mprotect(pages[i] + size, size, (n + i) % 5 ? PROT_NONE : PROT_READ);
    kernel(at, STEPS);
    return seen;
}

int main(void)
{
    static unsigned long first[RUNS];
    size = sysconf(_SC_PAGESIZE);
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    for (int i = 0; i < POINTERS; i++)
        pages[i] = mmap((void *)(0x10000000000 + i * 0x100000L), 3 * size, PROT_READ | PROT_WRITE,
                        MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED_NOREPLACE, -1, 0);
    sigaction(SIGSEGV, &a, NULL);
    int wrong = 0;
    for (int n = 0; n < RUNS; n++)
        first[n] = run(n, 1);
    int before = faults;
    for (int n = 0; n < WARM; n++) {
        unsigned char *at[POINTERS];
        for (int i = 0; i < POINTERS; i++)
            at[i] = pages[i];
        kernel(at, STEPS);
    }
    for (int round = 0; round < 2; round++)
        for (int n = 0; n < RUNS; n++)
            wrong += run(n, 1) != first[n];
    printf("%d states differ, %s\n", wrong, faults == 3 * before ? "as many faults" : "other faults");
    return 0;
}
