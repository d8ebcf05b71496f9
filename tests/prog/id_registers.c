/* Which registers of the ID space a program can read: what Linux before 6.2 and QEMU emulate (arch/arm64/kernel/cpufeature.c: is_emulated and
 * emulate_id_reg; later kernels have those of AArch32, CRm 2 and 3, read as 0), the rest being SIGILL. Those that nothing has been
 * assigned to read as 0. Elsewhere than on AArch64 this says what the rule is. */
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
    if (crm ? crm < 4 || crm > 7 : op2 != 0 && op2 != 5 && op2 != 6)
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
            else
                read_register(crm, op2), printf(" read");
        }
        puts("");
    }
    return 0;
}
