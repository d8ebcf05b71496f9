/* Branch targets: guarded pages by PROT_BTI and, if the program is linked so, by its property note; the exception as its handler sees
 * it; and what a processor without FEAT_BTI, and one without FEAT_MTE, says of both. */
#include <asm/hwcap.h>
#include <errno.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <ucontext.h>

#include "check.h"

enum { BTI = 0x10, MTE = 0x20, PAGE = 4096 };
enum { NOP = 0xd503201f, BTI_C = 0xd503245f, BTI_J = 0xd503249f, BTI_JC = 0xd50324df, PACIASP = 0xd503233f, PACIBSP = 0xd503237f,
       AUTIASP = 0xd50323bf, BRK = 0xd4200000, BR_X1 = 0xd61f0020, BR_X16 = 0xd61f0200, BLR_X1 = 0xd63f0020, RET_X2 = 0xd65f0040 };

static volatile struct {
    int signo, code, btype;
    uint64_t addr, pc;
    uint64_t next; /* where to go on, 0 for nowhere else */
} seen;

/* Goes on behind the target, or at `next` as if by a call. */
static void on_fault(int signo, siginfo_t *info, void *context)
{
    ucontext_t *u = context;
    seen.signo = signo;
    seen.code = info->si_code;
    seen.addr = (uint64_t)info->si_addr;
    seen.pc = u->uc_mcontext.pc;
    seen.btype = u->uc_mcontext.pstate >> 10 & 3;
    u->uc_mcontext.pc += 4;
    u->uc_mcontext.pstate &= ~(uint64_t)(3 << 10);
    if (seen.next) {
        u->uc_mcontext.pc = seen.next;
        u->uc_mcontext.pstate |= 2 << 10;
        seen.next = 0;
    }
}

static uint32_t *from, *to;

static void put(uint32_t *at, uint32_t word)
{
    *at = word;
    __builtin___clear_cache((char *)at, (char *)(at + 1));
}

/* Branches from `from` by insn to `target` at `to`; the signal. */
static int branch(uint32_t insn, uint32_t target)
{
    put(from, BTI_JC);
    put(from + 1, insn);
    put(to, target);
    seen.signo = 0;
    register uint32_t *x1 __asm__("x1") = to, *x16 __asm__("x16") = to, *x17 __asm__("x17") = from;
    __asm__ volatile("adr x2, 1f\n br x17\n1:" : "+r"(x1), "+r"(x16), "+r"(x17) : : "x2", "x30", "memory");
    return seen.signo;
}

static const struct {
    uint32_t insn;
    int btype;
    const char *to; /* nop, bti, c, j, jc, paciasp, pacibsp, autiasp: + for a target */
} guarded[] = {{BR_X16, 1, "--+++++-"}, {BLR_X1, 2, "--+-+++-"}, {BR_X1, 3, "---++---"}};
static const uint32_t targets[] = {NOP, NOP | 1 << 10, BTI_C, BTI_J, BTI_JC, PACIASP, PACIBSP, AUTIASP};

static void table(int from_guarded, int to_guarded)
{
    mprotect(from, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC | (from_guarded ? BTI : 0));
    mprotect(to, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC | (to_guarded ? BTI : 0));
    put(to + 1, RET_X2);
    for (int i = 0; i < 3; i++)
        for (int k = 0; k < 8; k++) {
            int as = guarded[i].btype == 3 && !from_guarded ? 0 : i; /* BR from elsewhere is as by x16 */
            uint32_t word = targets[k];
            int good = !to_guarded || guarded[as].to[k] == '+';
            if (word == AUTIASP && good)
                continue; /* there is nothing to authenticate */
            int got = branch(guarded[i].insn, word);
            if (got != (good ? 0 : SIGILL) || (got && (seen.code != ILL_ILLOPC || seen.pc != (uint64_t)to || seen.addr != seen.pc ||
                                                       seen.btype != guarded[as].btype)))
                printf("%d to %d: %08x to %08x: signal %d, code %d, btype %d\n", from_guarded, to_guarded, guarded[i].insn, word, got,
                       seen.code, seen.btype), failed = 1;
        }
}

static void absent(void)
{
    void *p = mmap(NULL, PAGE, PROT_READ | BTI, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(p != MAP_FAILED);
    CHECK(mprotect(p, PAGE, PROT_READ | BTI) == -1 && errno == EINVAL);
}

static void no_tags(void)
{
    void *p = mmap(NULL, PAGE, PROT_READ | MTE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    CHECK(!(getauxval(AT_HWCAP2) & 1 << 18));
    CHECK(mprotect(p, PAGE, PROT_READ | MTE) == -1 && errno == EINVAL);
    CHECK(prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE | PR_MTE_TCF_SYNC, 0, 0, 0) == -1 && errno == EINVAL);
    CHECK(prctl(PR_SET_TAGGED_ADDR_CTRL, PR_TAGGED_ADDR_ENABLE, 0, 0, 0) == 0);
    CHECK(prctl(PR_GET_TAGGED_ADDR_CTRL, 0, 0, 0, 0) == PR_TAGGED_ADDR_ENABLE);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGILL, &action, NULL);
    no_tags();
    if (!(getauxval(AT_HWCAP2) & HWCAP2_BTI)) {
        absent();
        puts(failed ? "failed" : "absent");
        return failed;
    }
    from = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    to = from + PAGE / 4;
    for (int i = 0; i < 4; i++)
        table(i & 1, i & 2);
    table(1, 1);
    /* A return to a place like a branch's target, from a handler, and to one that is none. */
    seen.next = (uint64_t)to;
    branch(BR_X1, BTI_C);
    CHECK(seen.signo == SIGILL && seen.btype == 3);
    put(to + 8, NOP), put(to + 9, RET_X2);
    seen.next = (uint64_t)(to + 8);
    branch(BR_X1, BTI_C);
    CHECK(seen.btype == 2 && seen.pc == (uint64_t)(to + 8));
    /* A handler is called. */
    put(to, NOP), put(to + 1, 0xd65f03c0);
    seen.signo = 0;
    signal(SIGUSR1, (void (*)(int))to);
    raise(SIGUSR1);
    CHECK(seen.signo == SIGILL && seen.btype == 2 && seen.pc == (uint64_t)to);
    put(to, BTI_C);
    seen.signo = 0;
    raise(SIGUSR1);
    CHECK(seen.signo == 0);
    puts(failed ? "failed" : "right");
    return failed;
}
