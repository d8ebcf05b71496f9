/* Children that run in this process's memory, as those of posix_spawn do until they execute: each executes code that nobody has executed
 * before, and is ended by a signal at some moment; then this process executes new code. With an argument: how many. */
#define _GNU_SOURCE
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, FUNCTIONS = 400, STACK = 64 << 10 };
typedef int Function(void);

/* As many functions, each of which returns its number, at p. */
static void emit(char *p)
{
    for (int i = 0; i < FUNCTIONS; i++) {
        uint32_t code[] = {0x52800000 | (uint32_t)i << 5, 0xd65f03c0}; /* mov w0, #i; ret */
        memcpy(p + 8 * i, code, sizeof code);
    }
    __builtin___clear_cache(p, p + 8 * FUNCTIONS);
}

static int runs(void *area)
{
    for (;;)
        for (int i = 0; i < FUNCTIONS; i++)
            if (((Function *)((char *)area + 8 * i))() != i)
                _exit(1);
}

int main(int argc, char **argv)
{
    const int signals[] = {SIGTERM, SIGINT, SIGALRM, SIGQUIT, SIGHUP, SIGUSR1, SIGRTMIN};
    char *area = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0), *stack = malloc(STACK);
    int wrong = 0;
    for (int i = 0; i < atoi(argv[1]); i++) {
        int status, signo = signals[i % 7];
        emit(area);
        pid_t pid = clone(runs, stack + STACK, CLONE_VM | SIGCHLD, area);
        for (volatile int wait = i % 97 * 200; wait; wait--)
            ;
        kill(pid, signo);
        waitpid(pid, &status, 0);
        wrong += !WIFSIGNALED(status) || WTERMSIG(status) != signo;
        emit(area);
        wrong += ((Function *)area)() != 0;
    }
    printf("%d wrong\n", wrong);
    return 0;
}
