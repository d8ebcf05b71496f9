/* Runs Cases from standard input on the processor that it is on, and writes Outcomes: for QEMU. Goes from case to case by signals:
 * each is entered by the return from the handler that has saved the one before it. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>

#include "case.h"

enum { BATCH = 256, VFP_MAGIC = 0x56465001 };

typedef struct Vfp {
    uint32_t magic, size;
    uint64_t d[32];
    uint32_t fpscr;
} Vfp;

static Case cases[BATCH];
static Outcome outcomes[BATCH];
static uint64_t pristine[SCRATCH_SIZE / 8];
static size_t ncases;
static int current, ticks;
static sigjmp_buf batch_done;

static Vfp *vfp(ucontext_t *uc)
{
    return (Vfp *)uc->uc_regspace;
}

static void load(ucontext_t *uc, const Case *c)
{
    uint32_t *code = (uint32_t *)CODE_ADDR;
    for (uint32_t i = 0; i < CODE_SIZE / 4; i++)
        code[i] = case_filler(i, c->thumb);
    memcpy((void *)CODE_PC, c->code, c->size);
    __asm__ volatile("clrex");
    __builtin___clear_cache((char *)code, (char *)code + CODE_SIZE);
    memcpy(&uc->uc_mcontext.arm_r0, c->state.r, sizeof c->state.r);
    uc->uc_mcontext.arm_pc = CODE_PC;
    uc->uc_mcontext.arm_cpsr = (uc->uc_mcontext.arm_cpsr & ~CPSR_SEEN) | (c->state.cpsr & CPSR_SEEN & ~0x600fc20u) |
                               (c->state.cpsr & 0xf0000u) | (c->thumb ? 0x20 : 0);
    vfp(uc)->fpscr = c->state.fpscr;
    memcpy(vfp(uc)->d, c->state.d, sizeof c->state.d);
}

static void save(ucontext_t *uc, const Case *c, Outcome *o, int signo, siginfo_t *info)
{
    uint32_t pc = uc->uc_mcontext.arm_pc;
    int inside = pc >= CODE_PC && pc < CODE_PC + c->size;
    memset(o, 0, sizeof *o);
    o->signo = inside || signo == SIGALRM ? signo : 0;
    if (o->signo == SIGSEGV || o->signo == SIGBUS)
        o->addr = (uint32_t)info->si_addr;
    memcpy(o->state.r, &uc->uc_mcontext.arm_r0, sizeof o->state.r);
    o->state.pc = pc;
    o->state.cpsr = uc->uc_mcontext.arm_cpsr & CPSR_SEEN;
    o->state.fpscr = vfp(uc)->fpscr;
    memcpy(o->state.d, vfp(uc)->d, sizeof o->state.d);
    case_scan((uint64_t *)SCRATCH_ADDR, pristine, o);
}

static void on_signal(int signo, siginfo_t *info, void *context)
{
    if (signo == SIGALRM && ++ticks < 3)
        return;
    if (current >= 0)
        save(context, &cases[current], &outcomes[current], signo, info);
    current++;
    ticks = 0;
    if ((size_t)current == ncases)
        siglongjmp(batch_done, 1);
    load(context, &cases[current]);
}

static void *map(uint32_t addr, size_t size, int prot)
{
    void *p = mmap((void *)addr, size, prot, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    if (p == MAP_FAILED) {
        perror("oracle: mmap");
        exit(1);
    }
    return p;
}

int main(void)
{
    static const int signals[] = {SIGTRAP, SIGILL, SIGSEGV, SIGBUS, SIGFPE, SIGALRM};
    static char stack[64 << 10];
    stack_t ss = {.ss_sp = stack, .ss_size = sizeof stack};
    struct sigaction sa = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    struct itimerval tick = {{0, 200000}, {0, 200000}};
    map(CODE_ADDR, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
    uint64_t *scratch = map(SCRATCH_ADDR, SCRATCH_SIZE, PROT_READ | PROT_WRITE);
    for (uint32_t i = 0; i < SCRATCH_SIZE / 8; i++)
        scratch[i] = pristine[i] = case_scratch(i * 8);
    sigaltstack(&ss, NULL);
    sigfillset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &sa, NULL);
    setitimer(ITIMER_REAL, &tick, NULL);
    while ((ncases = fread(cases, sizeof *cases, BATCH, stdin)) > 0) {
        current = -1;
        if (!sigsetjmp(batch_done, 1))
            raise(SIGTRAP);
        if (fwrite(outcomes, sizeof *outcomes, ncases, stdout) != ncases)
            return 1;
    }
    return fflush(stdout) != 0;
}
