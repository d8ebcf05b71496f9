/* Which registers of the ID space a program can read: what Linux emulates (arch/arm64/kernel/cpufeature.c: is_emulated and emulate_id_reg;
 * CRm 2 and 3, those of AArch32, since 6.2 and the stable kernels of 2024), the rest being SIGILL. Those of AArch32, which there isn't, and those
 * that nothing has been assigned to read as 0. Elsewhere than on AArch64 this says what the kernel's rule is. */
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>

static sigjmp_buf jump;

static void refused(int signo)
{
    siglongjmp(jump, 1);
}

#ifdef __aarch64__
#define READ(m, n) \
    if (crm == m && op2 == n) { \
        unsigned long value; \
        __asm__ volatile("mrs %0, S3_0_C0_C" #m "_" #n : "=r"(value)); \
        return value; \
    }
#define ROW(m) READ(m, 0) READ(m, 1) READ(m, 2) READ(m, 3) READ(m, 4) READ(m, 5) READ(m, 6) READ(m, 7)
static unsigned long read_register(int crm, int op2)
{
    ROW(0) ROW(1) ROW(2) ROW(3) ROW(4) ROW(5) ROW(6) ROW(7) ROW(8) ROW(9) ROW(10) ROW(11) ROW(12) ROW(13) ROW(14) ROW(15)
    return 0;
}
#else
static unsigned long read_register(int crm, int op2)
{
    if (crm ? crm == 1 || crm > 7 : op2 != 0 && op2 != 5 && op2 != 6)
        raise(SIGILL);
    return 0;
}
#endif

int main(void)
{
    struct sigaction action = {.sa_handler = refused};
    sigaction(SIGILL, &action, NULL);
    for (int crm = 0; crm < 16; crm++) {
        printf("CRm %2d:", crm);
        for (int op2 = 0; op2 < 8; op2++) {
            if (sigsetjmp(jump, 1))
                printf(" SIGILL");
            else if (read_register(crm, op2) && (crm == 2 || crm == 3))
                printf(" not 0");
            else
                printf(" read");
        }
        puts("");
    }
    return 0;
}
