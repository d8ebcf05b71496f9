/* Faults in hot loops whose handler reads every register, repairs some and goes on at another pc: prints a checksum of all that
 * it saw, which must be the same in each tier and on hardware. Static and at fixed addresses, so that all of it is reproducible. */
#define _GNU_SOURCE
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>

static uint64_t sum = 14695981039346656037u, faults;
static int mode;

static void mix(uint64_t x)
{
    sum = (sum ^ x) * 1099511628211u;
}

static void on_fault(int signo, siginfo_t *info, void *context)
{
    mcontext_t *c = &((ucontext_t *)context)->uc_mcontext;
    struct fpsimd_context *fp = (struct fpsimd_context *)c->__reserved;
    faults++;
    mix(signo);
    mix(info->si_code);
    mix((uint64_t)info->si_addr);
    mix(c->pc);
    mix(c->pstate & 0xf0000000);
    for (int i = 0; i < 29; i++)
        mix(c->regs[i]);
    for (int i = 0; i < 8; i++) {
        mix((uint64_t)fp->vregs[i]);
        mix((uint64_t)(fp->vregs[i] >> 64));
    }
    switch (mode) {
    case 0: /* repair the pointer and do it again */
        c->regs[1] = c->regs[9];
        break;
    case 1: /* skip it, with a result of our own */
        c->regs[2] = faults * 3;
        c->pc += 4;
        break;
    case 2: /* make the memory there */
        mprotect((void *)((uint64_t)info->si_addr & ~4095ul), 4096, PROT_READ | PROT_WRITE);
        break;
    case 3: /* go on elsewhere: at the address in x10, with flags and a vector register changed */
        c->pc = c->regs[10];
        c->pstate ^= 0x40000000;
        fp->vregs[3] += 7;
        break;
    }
}

/* x1 is a bad pointer in one round of 64, else x9; the loop keeps flags and vector registers live across the access. */
static uint64_t loop(uint64_t rounds, uint64_t good, uint64_t bad, int store)
{
    register uint64_t x0 __asm__("x0") = rounds, x9 __asm__("x9") = good, x11 __asm__("x11") = bad, x12 __asm__("x12") = store;
    register uint64_t x2 __asm__("x2") = 0, x3 __asm__("x3") = 0, x10 __asm__("x10") = 0;
    __asm__ volatile("   adr x10, 5f\n"
                     "   movi v3.2d, #0\n"
                     "   mov x4, #1\n   mov x5, #2\n   mov x6, #3\n   mov x7, #4\n   mov x8, #5\n"
                     "   mov x13, #0\n  mov x14, #0\n  mov x15, #0\n   mov x16, #0\n   mov x17, #0\n"
                     "   dup v0.2d, x4\n dup v1.2d, x5\n movi v2.4s, #9\n movi v4.2d, #0\n movi v5.2d, #0\n"
                     "   movi v6.2d, #0\n movi v7.2d, #0\n"
                     "1: ands x13, x0, #63\n"
                     "   csel x1, x11, x9, eq\n"
                     "   add x4, x4, x5, lsl #1\n"
                     "   eor x5, x5, x4, ror #7\n"
                     "   add v0.2d, v0.2d, v1.2d\n"
                     "   add v3.2d, v3.2d, v0.2d\n"
                     "   subs x14, x4, x5\n"
                     "   cbnz x12, 2f\n"
                     "   ldr x2, [x1, #8]\n"
                     "   b 3f\n"
                     "2: str x4, [x1, #16]\n"
                     "3: cinc x3, x3, hi\n"
                     "   add x3, x3, x2\n"
                     "5: adc x15, x15, x14\n"
                     "   subs x0, x0, #1\n"
                     "   b.ne 1b\n"
                     "   mov x2, v3.d[0]\n"
                     "   add x3, x3, x2\n"
                     "   add x3, x3, x15\n"
                     : "+r"(x0), "+r"(x2), "+r"(x3), "+r"(x10)
                     : "r"(x9), "r"(x11), "r"(x12)
                     : "x1", "x4", "x5", "x6", "x7", "x8", "x13", "x14", "x15", "x16", "x17", "v0", "v1", "v2", "v3", "v4", "v5",
                       "v6", "v7", "cc", "memory");
    return x3;
}

int main(void)
{
    struct sigaction a = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    char *good = (char *)0x20000000, *none = (char *)0x20100000, *bad = (char *)0x20200000;
    mmap(good, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    mmap(bad, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    memset(good, 5, 64);
    sigaction(SIGSEGV, &a, NULL);
    for (mode = 0; mode < 4; mode++)
        for (int store = 0; store < 2; store++)
            for (int round = 0; round < 40; round++) {
                if (mode == 2)
                    mprotect(bad, 4096, PROT_NONE);
                mix(loop(1600, (uint64_t)good, (uint64_t)(mode == 2 || round % 2 ? bad : none), store));
            }
    printf("%lu faults, checksum %016lx\n", (unsigned long)faults, (unsigned long)sum);
    return 0;
}
