/* Code a program makes at run time: written, protected, run, changed, moved, dropped; and running what isn't code. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };
typedef int Function(void);

static sigjmp_buf fault;
static volatile int fault_signal, fault_code;
static void *volatile fault_address;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    fault_signal = signo;
    fault_code = info->si_code;
    fault_address = info->si_addr;
    siglongjmp(fault, 1);
}

/* Writes "return n" at p. */
static void emit(void *p, int n)
{
#if defined __aarch64__
    uint32_t code[] = {0x52800000 | (uint32_t)n << 5, 0xd65f03c0}; /* mov w0, #n; ret */
#elif defined __x86_64__
    uint8_t code[] = {0xb8, n, n >> 8, 0, 0, 0xc3};
#else
#error "return n, please"
#endif
    memcpy(p, code, sizeof code);
}

static void flush(void *p)
{
    __builtin___clear_cache(p, (char *)p + 64);
}

static void run(const char *what, void *p)
{
    if (sigsetjmp(fault, 1))
        printf("%s: signal %d code %d at the address %d\n", what, fault_signal, fault_code, fault_address == p);
    else
        printf("%s: %d\n", what, ((Function *)p)());
}

static char *volatile shared_code;
static volatile int stop;

static void *caller(void *arg)
{
    long wrong = 0;
    while (!stop) {
        int n = ((Function *)shared_code)();
        wrong += n < 1000;
    }
    return (void *)wrong;
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    sigaction(SIGBUS, &action, NULL);

    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    emit(p, 1);
    flush(p);
    run("not executable", p);
    mprotect(p, PAGE, PROT_READ | PROT_EXEC);
    run("executable", p);
    mprotect(p, PAGE, PROT_READ | PROT_WRITE);
    run("not again", p);
    emit(p, 2);
    flush(p);
    mprotect(p, PAGE, PROT_READ | PROT_EXEC);
    run("changed", p);
    mprotect(p, 4 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    for (int i = 10; i < 15; i++) {
        emit(p, i);
        flush(p);
        run("in place", p);
    }
    mprotect(p, PAGE, PROT_NONE);
    run("none", p);
    mprotect(p, PAGE, PROT_EXEC);
    run("execute only", p);
    mprotect(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC);
    char *q = mmap(p, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    emit(q, 20);
    flush(q);
    run("mapped over", p);
    munmap(p, PAGE);
    run("unmapped", p);
    emit(p + PAGE, 30);
    flush(p + PAGE);
    run("second page", p + PAGE);
    q = mremap(p + PAGE, PAGE, PAGE, MREMAP_MAYMOVE | MREMAP_FIXED, p);
    run("moved", p);
    run("moved away", p + PAGE);
    madvise(p, PAGE, MADV_DONTNEED);
    run("dropped", p + PAGE);

    /* One file, two views: written through one, run through the other. */
    int fd = memfd_create("code", MFD_CLOEXEC);
    if (ftruncate(fd, PAGE))
        return 1;
    char *w = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    char *x = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    for (int i = 40; i < 44; i++) {
        emit(w, i);
        flush(w);
        run("two views", x);
    }

    /* Changed while another thread runs it. */
    char *code = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    emit(code, 1000);
    flush(code);
    shared_code = code;
    pthread_t thread;
    pthread_create(&thread, NULL, caller, NULL);
    for (int i = 1; i < 200; i++) {
        char *next = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        emit(next, 1000 + i);
        flush(next);
        shared_code = next;
        usleep(100);
    }
    stop = 1;
    void *wrong;
    pthread_join(thread, &wrong);
    printf("wrong %ld\n", (long)wrong);

    run("null", NULL);
    run("data", &fault);
    return 0;
}
