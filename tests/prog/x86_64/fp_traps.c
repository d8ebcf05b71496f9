/* Floating-point exceptions unmasked in MXCSR and the x87 control word: SIGFPE; flushing, rounding, x87 precision. */
#define _GNU_SOURCE
#include <fenv.h>
#include <math.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <ucontext.h>
#include <xmmintrin.h>
static sigjmp_buf jb;
static volatile int code, trap;
static volatile unsigned mx;
static void h(int s, siginfo_t *i, void *u)
{
    ucontext_t *c = u;
    code = i->si_code;
    trap = c->uc_mcontext.gregs[REG_TRAPNO];
    mx = c->uc_mcontext.fpregs->mxcsr;
    siglongjmp(jb, 1);
}
static volatile double z = 0, one = 1, big = 1e308, tiny = 1e-308, nan_;
static volatile float fz;
#define T(name, expr)                                                                                                  \
    do {                                                                                                               \
        code = trap = 0;                                                                                               \
        mx = 0;                                                                                                        \
        feclearexcept(FE_ALL_EXCEPT);                                                                                  \
        if (!sigsetjmp(jb, 1)) {                                                                                       \
            volatile double r = (expr);                                                                                \
            printf(name " no trap %a\n", r);                                                                           \
        } else                                                                                                         \
            printf(name " code %d trap %d mx %x\n", code, trap, mx & 0x3f);                                            \
    } while (0)
int main(void)
{
    struct sigaction sa = {.sa_sigaction = h, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(SIGFPE, &sa, 0);
    nan_ = NAN;
    for (int k = 0; k < 6; k++) {
        static int e[] = {FE_DIVBYZERO, FE_INVALID, FE_OVERFLOW, FE_UNDERFLOW, FE_INEXACT, FE_ALL_EXCEPT};
        fedisableexcept(FE_ALL_EXCEPT);
        feenableexcept(e[k]);
        printf("-- %x\n", e[k]);
        T("div", one / z);
        T("inv", z / z);
        T("ovf", big * big);
        T("unf", tiny * tiny);
        T("inx", one / 3);
        T("sqrt", sqrt(-one));
        T("int", (double)(int)big);
        T("x87div", (double)((long double)one / (long double)z));
        T("x87inv", (double)sqrtl(-(long double)one));
        T("x87ovf", (double)((long double)big * big));
    }
    fedisableexcept(FE_ALL_EXCEPT);
    _mm_setcsr(0x9fc0);
    volatile float d = 1e-40f;
    printf("daz %a\n", (double)(d * 1e10f));
    _mm_setcsr(0x1f80 | 0x6000);
    printf("rz %a %d\n", 1 / (volatile double){3}, _mm_cvtss_si32(_mm_set_ss(2.7f)));
    _mm_setcsr(0x1f80);
    unsigned short cw;
    for (int pc = 0; pc < 4; pc++)
        for (int rc = 0; rc < 4; rc++) {
            cw = 0x7f | (pc << 8) | (rc << 10);
            __asm__ volatile("fldcw %0" ::"m"(cw));
            volatile long double a = 1, b = 3, c = a / b;
            volatile double dd = c;
            __asm__ volatile("fninit");
            unsigned char *q = (unsigned char *)&c;
            printf("%d %d:", pc, rc);
            for (int i = 0; i < 10; i++)
                printf("%02x", q[i]);
            printf(" %a\n", dd);
        }
    return 0;
}
