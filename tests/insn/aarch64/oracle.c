/* The reference: runs Cases from stdin on whatever executes this program (QEMU, or real hardware) and writes Outcomes to
 * stdout. A static AArch64 Linux program without a line of assembly under test: the kernel's signal frame is the way in and
 * out. Each case's state is put into the frame of a handler that then returns into the code area; the BRK behind the
 * instructions, or the fault they raise, or the fault at a branch's target, comes back with the state they left. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <ucontext.h>
#include <unistd.h>

#include "case.h"

enum { BATCH = 256 };

static Case cases[BATCH];
static Outcome outcomes[BATCH];
static int ncases;
static volatile int current; /* case that is running, -1 before the first */
static volatile int ticks;   /* timer ticks that the current case has seen */
static uint64_t own_tpidr;
static uint64_t pristine[SCRATCH_SIZE / 8];
static sigjmp_buf batch_done;

static uint32_t *const code = (uint32_t *)CODE_PC;

static struct fpsimd_context *fpsimd(ucontext_t *uc)
{
    struct _aarch64_ctx *c = (void *)uc->uc_mcontext.__reserved;

    while (c->magic != FPSIMD_MAGIC)
        c = (void *)((char *)c + c->size);
    return (void *)c;
}

static void load(ucontext_t *uc, const Case *c)
{
    struct fpsimd_context *fp = fpsimd(uc);

    for (uint32_t i = 0; i < c->count; i++)
        code[i] = c->words[i];
    for (uint32_t i = c->count; i < CASE_WORDS; i++)
        code[i] = case_filler(code + i - (uint32_t *)CODE_ADDR);
    __builtin___clear_cache((char *)code, (char *)(code + CASE_WORDS));
    memcpy(uc->uc_mcontext.regs, c->state.x, sizeof c->state.x);
    uc->uc_mcontext.sp = c->state.sp;
    uc->uc_mcontext.pc = CODE_PC;
    uc->uc_mcontext.pstate = c->state.nzcv;
    fp->fpcr = c->state.fpcr;
    fp->fpsr = c->state.fpsr;
    memcpy(fp->vregs, c->state.v, sizeof c->state.v);
}

static void save(ucontext_t *uc, const Case *c, Outcome *o, int signo, siginfo_t *info, uint64_t tpidr)
{
    struct fpsimd_context *fp = fpsimd(uc);
    uint64_t pc = uc->uc_mcontext.pc;
    int inside = pc >= CODE_PC && pc < CODE_PC + 4 * c->count;

    memset(o, 0, sizeof *o);
    o->signo = inside || signo == SIGALRM ? signo : 0;
    if (o->signo == SIGSEGV || o->signo == SIGBUS)
        o->addr = (uint64_t)info->si_addr;
    memcpy(o->state.x, uc->uc_mcontext.regs, sizeof o->state.x);
    o->state.sp = uc->uc_mcontext.sp;
    o->state.pc = pc;
    o->state.tpidr = tpidr;
    o->state.nzcv = uc->uc_mcontext.pstate & 0xf0000000;
    o->state.fpcr = fp->fpcr;
    o->state.fpsr = fp->fpsr;
    memcpy(o->state.v, fp->vregs, sizeof o->state.v);
    if (case_writes(c->words, c->count))
        case_scan((uint64_t *)SCRATCH_ADDR, pristine, o);
}

/* Runs on its own stack, with every signal blocked, and without thread-local storage until it has restored TPIDR_EL0. */
static void on_signal(int signo, siginfo_t *info, void *context)
{
    uint64_t tpidr;

    if (signo == SIGALRM && ++ticks < 3)
        return;
    __asm__ volatile("mrs %0, tpidr_el0\n\tmsr tpidr_el0, %1" : "=&r"(tpidr) : "r"(own_tpidr) : "memory");
    if (current >= 0)
        save(context, &cases[current], &outcomes[current], signo, info, tpidr);
    current++;
    ticks = 0;
    if (current == ncases)
        siglongjmp(batch_done, 1);
    load(context, &cases[current]);
    __asm__ volatile("msr tpidr_el0, %0" ::"r"(cases[current].state.tpidr) : "memory");
}

static void *map(uint64_t addr, size_t size, int prot)
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
    uint32_t *filler = map(CODE_ADDR, CODE_SIZE, PROT_READ | PROT_WRITE | PROT_EXEC);
    uint64_t *scratch = map(SCRATCH_ADDR, SCRATCH_SIZE, PROT_READ | PROT_WRITE);

    for (uint32_t i = 0; i < CODE_SIZE / 4; i++)
        filler[i] = case_filler(i);
    for (uint64_t i = 0; i < SCRATCH_SIZE / 8; i++)
        scratch[i] = pristine[i] = case_scratch(i * 8);
    __asm__ volatile("mrs %0, tpidr_el0" : "=r"(own_tpidr));
    sigaltstack(&ss, NULL);
    sigfillset(&sa.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++)
        sigaction(signals[i], &sa, NULL);
    setitimer(ITIMER_REAL, &tick, NULL);

    while ((ncases = fread(cases, sizeof *cases, BATCH, stdin)) > 0) {
        current = -1;
        if (!sigsetjmp(batch_done, 1))
            raise(SIGTRAP);
        if (fwrite(outcomes, sizeof *outcomes, ncases, stdout) != (size_t)ncases)
            return 1;
    }
    return fflush(stdout) != 0;
}
