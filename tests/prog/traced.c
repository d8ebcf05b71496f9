/* A child that shares memory stops its parent's threads and looks at their registers, as LeakSanitizer does. */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long counter;
static volatile int tids[2], done;
static volatile long ready;
static int results[2][8];

static void *spins(void *arg)
{
    tids[0] = (int)syscall(SYS_gettid);
    for (;;)
        counter++;
}

static void *waits(void *arg)
{
    tids[1] = (int)syscall(SYS_gettid);
    for (;;)
        pause();
}

static int look(void *arg)
{
    while (!ready)
        sched_yield();
    for (int i = 0; i < 2; i++) {
        int *r = results[i], status = 0;
        char regs[1024];
        struct iovec vector = {regs, sizeof regs};
        r[0] = ptrace(PTRACE_ATTACH, tids[i], NULL, NULL) == 0;
        r[1] = waitpid(tids[i], &status, __WALL) == tids[i];
        r[2] = WIFSTOPPED(status) ? WSTOPSIG(status) : -1;
        r[3] = ptrace(PTRACE_GETREGSET, tids[i], (void *)NT_PRSTATUS, &vector) == 0 && vector.iov_len >= 17 * sizeof(long);
        errno = 0;
        r[4] = ptrace(PTRACE_PEEKDATA, tids[i], &ready, NULL) == ready;
        long before = counter;
        usleep(20000);
        r[5] = i == 0 && counter == before;
    }
    for (int i = 0; i < 2; i++)
        results[i][6] = ptrace(PTRACE_DETACH, tids[i], NULL, NULL) == 0;
    results[0][7] = ptrace(PTRACE_ATTACH, 1 << 30, NULL, NULL) == -1 ? errno : 0;
    done = 1;
    return 0;
}

int main(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, spins, NULL);
    pthread_create(&thread, NULL, waits, NULL);
    while (!tids[0] || !tids[1])
        sched_yield();
    usleep(10000);
    char *stack = malloc(1 << 16);
    pid_t pid = clone(look, stack + (1 << 16), CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_UNTRACED, NULL);
    prctl(PR_SET_PTRACER, pid, 0, 0, 0);
    ready = 1;
    while (!done)
        sched_yield();
    waitpid(pid, NULL, __WALL);
    for (int i = 0; i < 2; i++) {
        for (int k = 0; k < 8; k++)
            printf("%d ", results[i][k]);
        puts("");
    }
    long before = counter;
    for (int i = 0; i < 500 && counter == before; i++)
        usleep(10000);
    printf("goes on: %d\n", counter != before);
    return 0;
}
