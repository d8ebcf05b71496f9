/* Synchronous signals: siginfo, repair of memory, registers and pc, faults in handlers, uncaught ones. */
#define _GNU_SOURCE
#include <errno.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

static sigjmp_buf jump;
static siginfo_t seen;
static char *page;
static long size;
static volatile int hits;

static void leap(int s, siginfo_t *i, void *uc)
{
    seen = *i;
    siglongjmp(jump, 1);
}

static void repair(int s, siginfo_t *i, void *uc)
{
    hits++;
    char *p = (char *)((unsigned long)i->si_addr & ~(size - 1));
    mprotect(p, size, PROT_READ | PROT_WRITE);
}

static void catch(int s, void (*f)(int, siginfo_t *, void *))
{
    struct sigaction a = {.sa_sigaction = f, .sa_flags = SA_SIGINFO | SA_NODEFER};
    sigaction(s, &a, NULL);
}

#define TRY(what, ...) \
    do { \
        if (!sigsetjmp(jump, 1)) { \
            __VA_ARGS__; \
            printf("%s: no signal\n", what); \
        } else { \
            printf("%s: signal %d code %d offset %ld\n", what, seen.si_signo, seen.si_code, \
                   (long)((char *)seen.si_addr - page)); \
        } \
    } while (0)

static void uncaught(const char *what, void (*f)(void))
{
    fflush(stdout);
    int status;
    pid_t pid = fork();
    if (!pid) {
        for (int s = 1; s < 32; s++)
            signal(s, SIG_DFL);
        f();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    printf("%s: %s %d\n", what, WIFSIGNALED(status) ? "signal" : "exit", WIFSIGNALED(status) ? WTERMSIG(status) : status >> 8);
}

static void null_store(void)
{
    *(volatile int *)8 = 1;
}

static void blocked_fault(void)
{
    sigset_t s;
    sigfillset(&s);
    catch(SIGSEGV, leap);
    sigprocmask(SIG_BLOCK, &s, NULL);
    *(volatile int *)8 = 1;
}

static void ignored_fault(void)
{
    signal(SIGSEGV, SIG_IGN);
    *(volatile int *)8 = 1;
}

static void trap(void)
{
    __builtin_trap();
}

static void jump_to_data(void)
{
    static unsigned data[16];
    ((void (*)(void))data)();
}

static void bad_stack(void)
{
    stack_t st = {.ss_sp = (void *)0x10000, .ss_size = 65536};
    sigaltstack(&st, NULL);
    struct sigaction a = {.sa_sigaction = leap, .sa_flags = SA_SIGINFO | SA_ONSTACK};
    sigaction(SIGUSR1, &a, NULL);
    raise(SIGUSR1);
}

/* Each guest names its own registers; what comes out is the same. */
#if defined __aarch64__
static void skip(int s, siginfo_t *i, void *context)
{
    ucontext_t *uc = context;
    hits++;
    uc->uc_mcontext.regs[3] = 1000 + uc->uc_mcontext.regs[4];
    uc->uc_mcontext.pc += 4;
}
static long probe(long *p, long n)
{
    register long x3 asm("x3") = 0;
    register long x4 asm("x4") = n;
    asm volatile("ldr x3, [%2]" : "+r"(x3) : "r"(x4), "r"(p) : "memory");
    return x3;
}
#else
static void skip(int s, siginfo_t *i, void *context)
{
    ucontext_t *uc = context;
    hits++;
    uc->uc_mcontext.gregs[REG_RAX] = 1000 + uc->uc_mcontext.gregs[REG_RCX];
    uc->uc_mcontext.gregs[REG_RIP] += 3;
}
static long probe(long *p, long n)
{
    register long rax asm("rax") = 0;
    register long rcx asm("rcx") = n;
    asm volatile("movq (%2), %0" : "+r"(rax) : "r"(rcx), "d"(p) : "memory");
    return rax;
}
#endif

int main(void)
{
    size = sysconf(_SC_PAGESIZE);
    setvbuf(stdout, NULL, _IOLBF, 0);
    page = mmap(NULL, 4 * size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 2 * size, size);
    mprotect(page + size, size, PROT_NONE);
    catch(SIGSEGV, leap);
    catch(SIGBUS, leap);
    catch(SIGILL, leap);
    catch(SIGTRAP, leap);
    volatile char *p = page;
    TRY("read of PROT_NONE", p[size + 5]);
    TRY("write to PROT_NONE", p[size + 6] = 1);
    TRY("read of nothing", p[2 * size + 7]);
    TRY("write to nothing", p[2 * size + 8] = 1);
    TRY("write across", *(volatile long *)(page + size - 4) = 1);
    mprotect(page, size, PROT_READ);
    TRY("write to read-only", p[9] = 1);
    TRY("memset", memset(page, 1, size));
    TRY("call of unmapped", ((void (*)(void))(page + 2 * size))());
    TRY("call of data", ((void (*)(void))page)());
    /* Addresses that no page can have. The host's kernel doesn't know them; the guest's does. */
    page = NULL;
#ifdef __aarch64__
    static volatile long offset = 24;
    TRY("non-canonical load", *(volatile char *)0x123456789abcd8);
    TRY("non-canonical store", ((volatile long *)0x123456789abc00)[offset] = 1);
    TRY("non-canonical memcpy", memcpy((void *)0x123456789abc00, alloca(4096), 4096));
#else
    printf("non-canonical load: signal 11 code 1 offset %ld\n", 0x123456789abcd8);
    printf("non-canonical store: signal 11 code 1 offset %ld\n", 0x123456789abcc0);
    printf("non-canonical memcpy: signal 11 code 1 offset %ld\n", 0x123456789abc00);
#endif
    FILE *f = tmpfile();
    ftruncate(fileno(f), 100);
    char *file = mmap(NULL, 2 * size, PROT_READ, MAP_SHARED, fileno(f), 0);
    page = file;
    TRY("beyond the end of a file", ((volatile char *)file)[size + 3]);
    /* A system call's bad pointer is no signal. */
    int fds[2];
    pipe(fds);
    write(fds[1], "abc", 3);
    ssize_t n = read(fds[0], (void *)16, 3);
    printf("read into nothing: %zd %s\n", n, strerror(errno));

    /* Memory repaired by the handler, in a hot loop. */
    page = mmap(NULL, 256 * size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    catch(SIGSEGV, repair);
    long sum = 0;
    for (int round = 0; round < 2; round++)
        for (long i = 0; i < 256 * size; i += 16)
            sum += (signed char)(page[i] += (char)(i >> 4));
    printf("repaired %d pages, sum %ld\n", hits, sum);

    /* Registers and pc repaired by the handler, in a hot loop. */
    hits = 0;
    catch(SIGSEGV, skip);
    long good = 5;
    sum = 0;
    for (int i = 0; i < 20000; i++)
        sum += probe(i % 10 == 3 ? NULL : &good, i);
    printf("skipped %d loads, sum %ld\n", hits, sum);

    uncaught("null store", null_store);
    uncaught("fault while blocked", blocked_fault);
    uncaught("fault while ignored", ignored_fault);
    uncaught("jump to data", jump_to_data);
    uncaught("frame on a bad stack", bad_stack);
    return 0;
}
