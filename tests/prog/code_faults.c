/* Executing what can't be read: beyond the end of a file, without permission, where nothing is mapped; directly, by running off a
 * page, and after the code ran once and the file was cut short. And a loop that another thread patches, unmaps, protects or replaces
 * has to be left. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { PAGE = 4096 };
#ifdef __aarch64__
static const unsigned nop = 0xd503201f, ret = 0xd65f03c0;
/* mov x0, #42; 1: add x0, x0, #1; b 1b; ret */
static const unsigned loop[] = {0xd2800540, 0x91000400, 0x17ffffff, 0xd65f03c0};
enum { PATCH_AT = 8 };
static const unsigned patch = 0x14000001;
#elif defined __arm__
static const unsigned nop = 0xe320f000, ret = 0xe12fff1e;
/* mov r0, #42; 1: add r0, r0, #1; b 1b; bx lr */
static const unsigned loop[] = {0xe3a0002a, 0xe2800001, 0xeafffffd, 0xe12fff1e};
enum { PATCH_AT = 8 };
static const unsigned patch = 0xeaffffff;
#else
static const unsigned nop = 0x90909090, ret = 0x909090c3;
/* mov $42, %eax; 1: inc %rax; jmp 1b; ret */
static const unsigned char loop[] = {0xb8, 42, 0, 0, 0, 0x90, 0x90, 0x90, 0x48, 0xff, 0xc0, 0x90, 0xeb, 0xfa, 0x90, 0x90, 0xc3};
enum { PATCH_AT = 12 };
static const unsigned patch = 0x909002eb;
#endif
static __thread sigjmp_buf back;
static __thread volatile int got, code;

static void on_fault(int signo, siginfo_t *info, void *context)
{
    got = signo;
    code = info->si_code;
    siglongjmp(back, 1);
}

static void call(const char *what, void *p)
{
    got = code = 0;
    if (!sigsetjmp(back, 1))
        ((void (*)(void))p)();
    printf("%s: signal %d code %d\n", what, got, code);
}

static void *run_loop(void *p)
{
    got = code = 0;
    if (!sigsetjmp(back, 1))
        ((void (*)(void))p)();
    return (void *)(long)(got * 100 + code);
}

static void leave_loop(const char *what, unsigned delay)
{
    void *result, *again;
    pthread_t t, other;
    char *p = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memcpy(p, loop, sizeof loop);
    __builtin___clear_cache(p, p + sizeof loop);
    pthread_create(&t, NULL, run_loop, p);
    pthread_create(&other, NULL, run_loop, p);
    usleep(delay);
    if (*what == 'p') {
        __atomic_store_n((unsigned *)(p + PATCH_AT), patch, __ATOMIC_SEQ_CST);
        __builtin___clear_cache(p + PATCH_AT, p + PATCH_AT + 4);
    } else if (*what == 'u') {
        munmap(p, PAGE);
    } else if (*what == 'n') {
        mprotect(p, PAGE, PROT_READ);
    } else {
        mmap(p, PAGE, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    }
    pthread_join(t, &result);
    pthread_join(other, &again);
    printf("a loop %s: signal and code %ld, %ld\n", what, (long)result, (long)again);
}

/* A file loses the code that has run by one of several calls. */
static void cut_file(const char *how)
{
    char name[] = "/tmp/code_faultsXXXXXX";
    int fd = mkstemp(name);
    for (int i = 0; i < 2 * PAGE / 4; i++)
        write(fd, &ret, 4);
    char *p = mmap(NULL, 2 * PAGE, PROT_READ | PROT_EXEC, *how == 'p' ? MAP_PRIVATE : MAP_SHARED, fd, 0);
    call(how, p + PAGE);
    if (!strcmp(how, "a hole"))
        fallocate(fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, PAGE, PAGE);
    else if (!strcmp(how, "opened"))
        close(open(name, O_WRONLY | O_TRUNC));
    else
        truncate(name, 0);
    if (strcmp(how, "a hole"))
        call("then", p + PAGE);
    else /* zeros are no instruction, or one that faults */
        printf("a hole: %d\n", run_loop(p + PAGE) != NULL);
    munmap(p, 2 * PAGE);
    close(fd);
    unlink(name);
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_fault, .sa_flags = SA_SIGINFO};
    int fd = memfd_create("code", 0);
    sigaction(SIGSEGV, &action, NULL);
    sigaction(SIGBUS, &action, NULL);
    sigaction(SIGILL, &action, NULL);
    for (int i = 0; i < PAGE / 4; i++)
        write(fd, &nop, 4);
    char *p = mmap(NULL, 3 * PAGE, PROT_READ | PROT_EXEC, MAP_SHARED, fd, 0);
    call("beyond the end", p + PAGE);
    call("running off", p + PAGE - 96);
    pwrite(fd, &ret, 4, 0);
    __builtin___clear_cache(p, p + 4);
    call("fine", p);
    ftruncate(fd, 3 * PAGE);
    pwrite(fd, &ret, 4, PAGE);
    call("the file has grown", p + PAGE);
    ftruncate(fd, 0);
    call("cut short", p + 64);
    call("cut short after it ran", p);
    munmap(p, 3 * PAGE);
    call("unmapped after it ran", p);
    unsigned *q = mmap(NULL, 2 * PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < PAGE / 2; i++)
        q[i] = nop;
    mprotect((char *)q + PAGE, PAGE, PROT_NONE);
    call("running into PROT_NONE", q + 1000);
    munmap((char *)q + PAGE, PAGE);
    call("running into nothing", q + 1000);
    mprotect(q, PAGE, PROT_NONE);
    call("PROT_NONE", q);
    munmap(q, PAGE);
    call("unmapped", q);
    cut_file("truncated by name");
    cut_file("private, truncated by name");
    cut_file("opened");
    cut_file("a hole");
    for (unsigned delay = 0; delay <= 300000; delay += 300000) {
        leave_loop("patched", delay);
        leave_loop("unmapped", delay + 1000); /* not before it runs */
        leave_loop("no longer executable", delay + 1000);
        leave_loop("replaced", delay + 1000);
    }
}
