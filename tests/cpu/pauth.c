/* Pointer authentication, as a processor with FEAT_PAuth2, FEAT_FPAC and FEAT_FPACCOMBINE has it: signs, authenticates, strips and
 * faults; and its prctls. FLAGS: -march=armv8.3-a */
#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <asm/hwcap.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "check.h"

static sigjmp_buf fault;
static volatile int code;
static void *volatile at;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    code = info->si_code;
    at = info->si_addr;
    siglongjmp(fault, signo);
}

#define ONE(insn, value, modifier) \
    ({ \
        uint64_t v_ = (value); \
        __asm__ volatile(insn : "+r"(v_) : "r"((uint64_t)(modifier))); \
        v_; \
    })
/* The signal that it ends in, 0 for none */
#define FAULTS(expression) \
    ({ \
        int s_ = sigsetjmp(fault, 1); \
        if (!s_) \
            (void)(expression); \
        s_; \
    })

static const uint64_t BITS = 0x007f000000000000, USER = 0x0000005512345678;
static const uint64_t pointers[] = {0x0000005512345678, 0x3b00007ffedcba98, 0x5cfff00000123450};

/* A modifier with which the pointer's code isn't 0, and another one that it doesn't fit. */
#define KEY_TEST(pac, aut, strip, pacz, autz) \
    for (int i = 0; i < 3; i++) { \
        uint64_t p = pointers[i], signed_, m = 1, other; \
        while ((signed_ = ONE(pac " %0, %1", p, m)) == p) \
            m++; \
        CHECK(((signed_ ^ p) & ~BITS) == 0); \
        CHECK(ONE(aut " %0, %1", signed_, m) == p); \
        CHECK(ONE(strip " %0", signed_, 0) == p); \
        for (other = m + 1; ONE(pac " %0, %1", p, other) == signed_; other++) \
            ; \
        CHECK(FAULTS(ONE(aut " %0, %1", signed_, other)) == SIGILL && code == ILL_ILLOPN); \
        CHECK(ONE(autz " %0", ONE(pacz " %0", p, 0), 0) == p); \
    }

static void keys(void)
{
    KEY_TEST("pacia", "autia", "xpaci", "paciza", "autiza")
    KEY_TEST("pacib", "autib", "xpaci", "pacizb", "autizb")
    KEY_TEST("pacda", "autda", "xpacd", "pacdza", "autdza")
    KEY_TEST("pacdb", "autdb", "xpacd", "pacdzb", "autdzb")
}

static void hints(void)
{
    uint64_t p = USER, s;
    __asm__ volatile("mov x17, %1\n mov x16, #77\n pacia1716\n mov %0, x17" : "=r"(s) : "r"(p) : "x16", "x17");
    CHECK(s == ONE("pacia %0, %1", p, 77));
    __asm__ volatile("mov x17, %1\n mov x16, #77\n autia1716\n mov %0, x17" : "=r"(s) : "r"(s) : "x16", "x17");
    CHECK(s == p);
    __asm__ volatile("mov x17, %1\n mov x16, #78\n pacib1716\n autib1716\n mov %0, x17" : "=r"(s) : "r"(p) : "x16", "x17");
    CHECK(s == p);
    __asm__ volatile("mov x9, x30\n mov x30, %1\n paciasp\n mov %0, x30\n autiasp\n sub %0, %0, x30\n mov x30, x9"
                     : "=&r"(s) : "r"(p) : "x9");
    CHECK((s & ~BITS) == 0);
    __asm__ volatile("mov x9, x30\n mov x30, %1\n pacibz\n autibz\n pacibsp\n autibsp\n paciaz\n autiaz\n paciasp\n xpaclri\n mov %0, x30\n mov x30, x9"
                     : "=&r"(s) : "r"(p) : "x9");
    CHECK(s == p);
}

static uint64_t loaded[64];
__attribute__((noinline)) static int seven(void) { return 7; }

static void combined(void)
{
    uint64_t r, base, p = (uint64_t)seven;
    for (int i = 0; i < 64; i++)
        loaded[i] = 100 + i;
    base = ONE("pacdza %0", (uint64_t)&loaded[32], 0);
    __asm__ volatile("ldraa %0, [%1, #-16]!" : "=r"(r), "+r"(base));
    CHECK(r == 130 && base == (uint64_t)&loaded[30]);
    __asm__ volatile("ldrab %0, [%1, #8]" : "=r"(r) : "r"(ONE("pacdzb %0", (uint64_t)&loaded[32], 0)));
    CHECK(r == 133);
    __asm__ volatile("pacia %1, %2\n blraa %1, %2\n mov %0, x0"
                     : "=r"(r), "+r"(p) : "r"(5ul) : "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12", "x13", "x14", "x15", "x16", "x17", "x30", "memory", "cc");
    CHECK((int)r == 7);
    __asm__ volatile("mov x9, x30\n adr x30, 1f\n paciasp\n retaa\n mov %0, #1\n b 2f\n1: mov %0, #2\n2: mov x30, x9" : "=r"(r) : : "x9", "memory");
    CHECK(r == 2);
    __asm__ volatile("adr x10, 1f\n pacizb x10\n brabz x10\n mov %0, #1\n b 2f\n1: hint #36\n mov %0, #2\n2:" : "=r"(r) : : "x10", "memory");
    CHECK(r == 2);
    __asm__ volatile("adr x10, 1f\n mov x9, #3\n pacia x10, x9\n braa x10, x9\n mov %0, #1\n b 2f\n1: hint #36\n mov %0, #2\n2:" : "=r"(r) : : "x9", "x10", "memory");
    CHECK(r == 2);
    __asm__ volatile("mov x9, x30\n adr x10, 1f\n paciza x10\n blraaz x10\n1: hint #34\n adr x10, 1b\n sub %0, x30, x10\n mov x30, x9" : "=r"(r) : : "x9", "x10", "memory");
    CHECK(r == 0);
    CHECK(FAULTS(({ __asm__ volatile("adr x10, 1f\n eor x10, x10, #1 << 50\n paciza x10\n eor x10, x10, #1 << 49\n braaz x10\n1:" : : : "x10", "memory"); 0; })) == SIGILL && code == ILL_ILLOPN);
}

static void generic(void)
{
    uint64_t a, b, c;
    __asm__("pacga %0, %1, %2" : "=r"(a) : "r"(1ul), "r"(2ul));
    __asm__("pacga %0, %1, %2" : "=r"(b) : "r"(1ul), "r"(2ul));
    __asm__("pacga %0, %1, %2" : "=r"(c) : "r"(1ul), "r"(3ul));
    CHECK(a == b && a != c && !(a & 0xffffffff));
}

enum { IA = 1, IB = 2, DA = 4, DB = 8, GA = 16 };
#define SIGNATURES(a) ((uint64_t[]){ONE("pacia %0, %1", USER, a), ONE("pacib %0, %1", USER, a), ONE("pacda %0, %1", USER, a), ONE("pacdb %0, %1", USER, a)})

/* What many modifiers make of each key, as one number */
static void fingerprint(uint64_t out[4])
{
    memset(out, 0, 4 * sizeof *out);
    for (uint64_t m = 0; m < 32; m++)
        for (int k = 0; k < 4; k++)
            out[k] = out[k] * 31 + (SIGNATURES(m)[k] >> 48);
}

static void *thread(void *p)
{
    fingerprint(p);
    return NULL;
}

static void processes(char *self)
{
    uint64_t here[4], there[4];
    int fds[2], status;
    pthread_t t;
    fingerprint(here);
    pthread_create(&t, NULL, thread, there);
    pthread_join(t, NULL);
    CHECK(!memcmp(here, there, sizeof here)); /* a thread has its process's keys */
    for (int exec = 0; exec < 2; exec++) {
        pipe(fds);
        if (!fork()) {
            dup2(fds[1], 1);
            if (exec)
                execl(self, self, "fingerprint", NULL);
            fingerprint(there);
            write(1, there, sizeof there);
            _exit(0);
        }
        CHECK(read(fds[0], there, sizeof there) == sizeof there);
        wait(&status);
        CHECK(!memcmp(here, there, sizeof here) == !exec); /* a child does, until it executes another program */
    }
}

/* Not signed itself: it changes the keys. */
__attribute__((target("branch-protection=bti"))) static void options(void)
{
    uint64_t before[4], after[4];
    fingerprint(before);
    CHECK(prctl(PR_PAC_RESET_KEYS, DA | IB, 0, 0, 0) == 0);
    fingerprint(after);
    CHECK(before[0] == after[0] && before[1] != after[1] && before[2] != after[2] && before[3] == after[3]);
    CHECK(prctl(PR_PAC_RESET_KEYS, 0, 0, 0, 0) == 0);
    fingerprint(after);
    CHECK(before[0] != after[0] && before[3] != after[3]);
    CHECK(prctl(PR_PAC_RESET_KEYS, 32, 0, 0, 0) == -1 && errno == EINVAL);
    CHECK(prctl(PR_PAC_RESET_KEYS, IA, 1, 0, 0) == -1 && errno == EINVAL);
    CHECK(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0) == (IA | IB | DA | DB));
    CHECK(prctl(PR_PAC_SET_ENABLED_KEYS, IB | DB, DB, 0, 0) == 0);
    CHECK(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0) == (IA | DA | DB));
    fingerprint(after);
    CHECK(ONE("pacib %0, %1", USER, 1) == USER && ONE("autib %0, %1", USER | 1ull << 50, 1) == (USER | 1ull << 50));
    CHECK(prctl(PR_PAC_SET_ENABLED_KEYS, GA, GA, 0, 0) == -1 && errno == EINVAL);
    CHECK(prctl(PR_PAC_SET_ENABLED_KEYS, IA, IB, 0, 0) == -1 && errno == EINVAL);
    CHECK(prctl(PR_PAC_SET_ENABLED_KEYS, IB, IB, 0, 0) == 0);
}

/* A processor without: what were hints before does nothing, the rest isn't there. */
static void absent(void)
{
    uint64_t s;
    __asm__ volatile("mov x9, x30\n mov x30, %1\n paciasp\n xpaclri\n autibz\n mov %0, x30\n mov x30, x9" : "=&r"(s) : "r"(USER | 1ull << 50) : "x9");
    CHECK(s == (USER | 1ull << 50));
    CHECK(FAULTS(ONE("pacia %0, %1", USER, 1)) == SIGILL && code == ILL_ILLOPC);
    CHECK(FAULTS(ONE("xpacd %0", USER, 1)) == SIGILL);
    CHECK(FAULTS(ONE("ldraa %0, [%1]", USER, loaded)) == SIGILL);
    CHECK(prctl(PR_PAC_RESET_KEYS, 0, 0, 0, 0) == -1 && errno == EINVAL);
    CHECK(prctl(PR_PAC_GET_ENABLED_KEYS, 0, 0, 0, 0) == -1 && errno == EINVAL);
}

__attribute__((target("branch-protection=bti"))) int main(int argc, char **argv)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO | SA_NODEFER};
    uint64_t out[4];
    if (argc > 1) {
        fingerprint(out);
        return write(1, out, sizeof out) != sizeof out;
    }
    sigaction(SIGILL, &action, NULL);
    if (!(getauxval(AT_HWCAP) & HWCAP_PACA)) {
        absent();
        puts(failed ? "failed" : "absent");
        return failed;
    }
    keys();
    hints();
    combined();
    generic();
    processes(argv[0]);
    options();
    puts(failed ? "failed" : "right");
    fflush(stdout);
    _exit(failed);
}
