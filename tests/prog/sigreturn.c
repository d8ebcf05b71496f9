/* Signal frames that a handler has changed: which ones rt_sigreturn takes, and which end in SIGSEGV. The machine that the frames
 * belong to is the guest's; elsewhere this prints what its kernel does (arch/arm64/kernel/signal.c). */
#define _GNU_SOURCE
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>
#include <unistd.h>

#define CASES(CASE) \
    CASE(unchanged, 1) \
    CASE(flags, 1) \
    CASE(reserved_bits, 1) \
    CASE(mode_1, 0) \
    CASE(mode_32, 0) \
    CASE(interrupts_masked, 0) \
    CASE(no_registers, 0) \
    CASE(registers_twice, 0) \
    CASE(wrong_size, 0) \
    CASE(odd_size, 0) \
    CASE(no_size, 0) \
    CASE(beyond_end, 0) \
    CASE(unknown, 0) \
    CASE(end_with_size, 0) \
    CASE(moved, 1) \
    CASE(syndrome, 1) \
    CASE(extra, 1) \
    CASE(extra_elsewhere, 0) \
    CASE(extra_huge, 0) \
    CASE(blocked, 0)

enum {
#define CASE(name, taken) CASE_##name,
    CASES(CASE)
#undef CASE
};

#ifdef __aarch64__

enum { FPSIMD = 0x46508001, ESR = 0x45535201, EXTRA = 0x45585401, FPSIMD_SIZE = 528 };
typedef struct Head {
    uint32_t magic, size;
} Head;

static volatile int which, code;
static void *volatile addr;
static volatile uintptr_t sp;
static sigjmp_buf back;

static void put(uint8_t *at, uint32_t magic, uint32_t size)
{
    *(Head *)at = (Head){magic, size};
}

static void change(int s, siginfo_t *i, void *context)
{
    ucontext_t *uc = context;
    uint8_t *r = (uint8_t *)uc->uc_mcontext.__reserved;
    sp = uc->uc_mcontext.sp;
    switch (which) {
    case CASE_unchanged: break;
    case CASE_flags: uc->uc_mcontext.pstate |= 0xf0000000; break;
    case CASE_reserved_bits: uc->uc_mcontext.pstate |= 0xffffffff0cdfe020ul & ~0x1ful; break;
    case CASE_mode_1: uc->uc_mcontext.pstate |= 5; break;
    case CASE_mode_32: uc->uc_mcontext.pstate |= 16; break;
    case CASE_interrupts_masked: uc->uc_mcontext.pstate |= 0x80; break;
    case CASE_no_registers: put(r, 0, 0); break;
    case CASE_registers_twice:
        memcpy(r + FPSIMD_SIZE, r, FPSIMD_SIZE);
        put(r + 2 * FPSIMD_SIZE, 0, 0);
        break;
    case CASE_wrong_size:
        put(r, FPSIMD, FPSIMD_SIZE + 16);
        put(r + FPSIMD_SIZE + 16, 0, 0);
        break;
    case CASE_odd_size: put(r + FPSIMD_SIZE, ESR, 24); break;
    case CASE_no_size: put(r + FPSIMD_SIZE, ESR, 0); break;
    case CASE_beyond_end: put(r + FPSIMD_SIZE, ESR, 4096); break;
    case CASE_unknown:
        put(r + FPSIMD_SIZE, 0x12345678, 16);
        put(r + FPSIMD_SIZE + 16, 0, 0);
        break;
    case CASE_end_with_size: put(r + FPSIMD_SIZE, 0, 16); break;
    case CASE_moved:
        memmove(r + 32, r, FPSIMD_SIZE);
        put(r, ESR, 16);
        put(r + 16, ESR, 16);
        put(r + 32 + FPSIMD_SIZE, 0, 0);
        break;
    case CASE_syndrome:
        put(r + FPSIMD_SIZE, ESR, 16);
        put(r + FPSIMD_SIZE + 16, ESR, 64);
        put(r + FPSIMD_SIZE + 80, 0, 0);
        break;
    case CASE_extra:
    case CASE_extra_elsewhere:
    case CASE_extra_huge: {
        /* In the frame's own room, which the terminator ends for those who don't know the record. */
        struct Extra {
            Head head;
            uint64_t data;
            uint32_t size, unused[3];
        } e = {{EXTRA, sizeof e}, (uint64_t)(r + 48), FPSIMD_SIZE + 16, {0}};
        memmove(r + 48, r, FPSIMD_SIZE);
        put(r + 48 + FPSIMD_SIZE, 0, 0);
        e.data += which == CASE_extra_elsewhere ? 16 : 0;
        e.size = which == CASE_extra_huge ? 0x7ffffff0 : e.size;
        memcpy(r, &e, sizeof e);
        put(r + 32, 0, 0);
        break;
    }
    case CASE_blocked: /* the mask counts even if the frame is bad */
        sigaddset(&uc->uc_sigmask, SIGSEGV);
        uc->uc_mcontext.pstate |= 5;
        break;
    }
}

static void refused(int s, siginfo_t *i, void *uc)
{
    code = i->si_code;
    addr = i->si_addr;
    siglongjmp(back, 1);
}

/* True if a vector register is what it was before, and execution goes on. */
static int taken(int n)
{
    double before = 1.5 + n, after;
    pid_t pid = getpid();
    which = n;
    if (sigsetjmp(back, 1))
        return 0;
    register long nr asm("x8") = 129 /* kill */, x0 asm("x0") = pid, x1 asm("x1") = SIGUSR1;
    asm volatile("fmov d9, %d1\n\tsvc #0\n\tfmov %d0, d9" : "=&w"(after), "+w"(before), "+r"(x0) : "r"(nr), "r"(x1) : "v9", "cc", "memory");
    return after == before ? 1 : -1;
}

static void prepare(void)
{
    struct sigaction a = {.sa_sigaction = change, .sa_flags = SA_SIGINFO}, b = {.sa_sigaction = refused, .sa_flags = SA_SIGINFO};
    sigaction(SIGUSR1, &a, NULL);
    sigaction(SIGSEGV, &b, NULL);
}

/* Whether the last refusal's code and address are the kernel's: a fault at the stack pointer that the frame has restored. */
static int as_told(void)
{
    return code == SEGV_ACCERR && (uintptr_t)addr == sp;
}

#else

static const signed char kernel[] = {
#define CASE(name, taken) taken,
    CASES(CASE)
#undef CASE
};

static int taken(int n)
{
    if (n == CASE_blocked)
        raise(SIGSEGV);
    return kernel[n];
}

static void prepare(void)
{
}

static int as_told(void)
{
    return 1;
}

#endif

#include <sys/wait.h>

int main(void)
{
    static const char *const names[] = {
#define CASE(name, taken) #name,
        CASES(CASE)
#undef CASE
    };
    setvbuf(stdout, NULL, _IONBF, 0);
    prepare();
    for (int n = 0; n < CASE_blocked; n++) {
        int r = taken(n);
        printf("%s: %s\n", names[n], r > 0 ? "taken" : r < 0 ? "wrong registers" : as_told() ? "refused" : "refused in another way");
    }
    pid_t pid = fork();
    if (!pid)
        _exit(taken(CASE_blocked));
    int status;
    waitpid(pid, &status, 0);
    printf("blocked: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : 0);
    return 0;
}
