/* String instructions that fault on the way, forwards and backwards: what the registers and flags are then. */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <ucontext.h>
static sigjmp_buf jb;
static unsigned long regs[4];
static long addr;
static char *base;
static void h(int s, siginfo_t *i, void *u)
{
    ucontext_t *c = u;
    regs[0] = c->uc_mcontext.gregs[REG_RCX];
    regs[1] = c->uc_mcontext.gregs[REG_RSI] - (long)base;
    regs[2] = c->uc_mcontext.gregs[REG_RDI] - (long)base;
    regs[3] = c->uc_mcontext.gregs[REG_EFL] & 0xcd5;
    addr = (char *)i->si_addr - base;
    siglongjmp(jb, 1);
}
#define T(insn, si, di, cx, pre, post)                                                                                 \
    do {                                                                                                               \
        memset(base, 7, 8192);                                                                                         \
        if (!sigsetjmp(jb, 1)) {                                                                                       \
            unsigned long S = (long)base + (si), D = (long)base + (di), C = cx;                                        \
            __asm__ volatile(pre insn post : "+S"(S), "+D"(D), "+c"(C) : "a"(0x0707070707070707ul) : "memory", "cc");  \
            printf("%-12s ok %ld %ld %ld\n", insn, C, S - (long)base, D - (long)base);                                 \
        } else {                                                                                                       \
            __asm__ volatile("cld");                                                                                   \
            printf("%-12s fault rcx %ld rsi %ld rdi %ld fl %lx at %ld\n", insn, regs[0], regs[1], regs[2], regs[3],    \
                   addr);                                                                                              \
        }                                                                                                              \
    } while (0)
int main(void)
{
    base = mmap(0, 3 * 4096, 3, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(base + 8192, 4096, 0);
    struct sigaction sa = {.sa_sigaction = h, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGSEGV, &sa, 0);
    T("rep movsb", 100, 8000, 500, "", "");
    T("rep movsq", 101, 8001, 500, "", "");
    T("rep stosw", 0, 8001, 500, "", "");
    T("rep stosl", 0, 8000, 48, "", "");
    T("rep movsb", 8191, 50, 100, "std;", ";cld");
    T("rep movsl", 60, 4096, 100, "std;", ";cld");
    T("rep stosb", 0, 20, 100, "std;", ";cld");
    T("repe cmpsb", 0, 8000, 1000, "", "");
    T("repne scasb", 0, 5, 10, "", "");
    T("repe scasw", 0, 8000, 1000, "", "");
    T("rep lodsl", 8100, 0, 50, "", "");
    T("movsq", 8188, 0, 0, "", "");
    T("stosl", 0, 8190, 0, "", "");
    T("repe cmpsq", 8000, 7000, 1000, "", "");
    T("repne scasl", 0, 8000, 1000, "std;", ";cld");
    T("rep movsb", 10, 11, 300, "", "");
    T("rep movsw", 300, 298, 30, "std;", ";cld");
    T("rep stosb", 0, 0, 0, "", "");
    printf("%d\n", base[0]);
    return 0;
}
