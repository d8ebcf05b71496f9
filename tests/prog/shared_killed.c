/* Children that share memory (vfork, CLONE_VM alone, a vfork child's own) are killed, and stopped, at any moment while they run code that
 * was never run before, map memory and change handlers. Their process runs such code itself all the while. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

enum { FUNCTIONS = 256, STACK = 64 << 10 };

#ifdef __aarch64__
static const uint32_t code[] = {0x11000400, 0xd65f03c0}; /* add w0, w0, #1; ret */
#else
static const unsigned char code[] = {0x8d, 0x47, 0x01, 0xc3}; /* lea 1(%rdi), %eax; ret */
#endif

/* Writes functions anew, and calls each. */
static int fresh(void)
{
    char *page = mmap(0, FUNCTIONS * 16, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int n = 0;
    for (int i = 0; i < FUNCTIONS; i++)
        memcpy(page + 16 * i, code, sizeof code);
    __builtin___clear_cache(page, page + FUNCTIONS * 16);
    for (int i = 0; i < FUNCTIONS; i++)
        n = ((int (*)(int))(page + 16 * i))(n);
    munmap(page, FUNCTIONS * 16);
    return n;
}

static void nothing(int signo) {}
static const char program[] = "./shared_killed.tmp"; /* which is no program */
static char *const argv[] = {NULL};

static _Noreturn void run(void)
{
    for (;;) {
        fresh();
        signal(SIGUSR1, nothing);
        char text[4096];
        int fd = open("/proc/self/maps", O_RDONLY);
        read(fd, text, sizeof text);
        close(fd);
        execve(program, argv, argv);
    }
}

static int run_child(void *unused)
{
    run();
}

static volatile pid_t child;

static void *forks(void *kind)
{
    static char stack[STACK];
    switch (*(char *)kind) {
    case 'v': /* vfork */
        if (!vfork()) {
            child = getpid();
            run();
        }
        break;
    case 's': /* beside its parent */
        child = clone(run_child, stack + STACK, CLONE_VM | SIGCHLD, NULL);
        break;
    case 'n': /* the child of a vfork child, which waits for it */
        if (!vfork()) {
            if (!vfork()) {
                child = getpid();
                run();
            }
            _exit(0);
        }
        break;
    }
    return NULL;
}

static int all_right(void)
{
    char *some = malloc(1000);
    free(some);
    return fresh() == FUNCTIONS;
}

static void attack(char kind, int stops, unsigned delay)
{
    pthread_t thread;
    child = 0;
    pthread_create(&thread, NULL, forks, &kind);
    while (!child)
        sched_yield();
    pid_t pid = child;
    usleep(delay);
    if (stops) {
        kill(pid, SIGSTOP);
        for (int i = 0; i < 5; i++)
            if (!all_right())
                puts("wrong while it is stopped");
    }
    kill(pid, SIGKILL);
    pthread_join(thread, NULL);
    while (wait(NULL) > 0)
        ;
    if (!all_right())
        puts("wrong when it is gone");
}

int main(void)
{
    static const char kinds[] = "vsn";
    FILE *f = fopen(program, "w");
    fputs("\177ELF", f);
    fclose(f);
    chmod(program, 0755);
    alarm(100);
    for (int k = 0; k < 3; k++)
        for (int stops = 0; stops < 2; stops++) {
            for (int i = 0; i < 40; i++)
                attack(kinds[k], stops, (unsigned)(rand() % 3000));
            printf("%c %s: all killed\n", kinds[k], stops ? "stopped" : "running");
            fflush(stdout);
        }
    remove(program);
}
