/* The last two threads of a process end at the same moment, in either order, after hot code: each process ends, with its first
 * thread's status. Prints how many did otherwise. */
#define _GNU_SOURCE
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int go;

static void *other(void *arg)
{
    while (!go)
        ;
    syscall(SYS_exit, 1);
    return NULL;
}

static void child(int delay)
{
    pthread_t thread;
    volatile long x = 0;
    for (long i = 0; i < 300000; i++)
        x += i;
    alarm(20);
    pthread_create(&thread, NULL, other, NULL);
    usleep(100);
    go = 1;
    for (volatile int i = 0; i < delay; i++)
        ;
    syscall(SYS_exit, 5);
}

int main(int argc, char **argv)
{
    int n = atoi(argv[1]), hung = 0, wrong = 0;
    for (int i = 0; i < n; i++) {
        pid_t pid = fork();
        if (!pid)
            child(i % 50 * 20);
        int status;
        waitpid(pid, &status, 0);
        hung += WIFSIGNALED(status);
        wrong += WIFEXITED(status) && WEXITSTATUS(status) != 5;
    }
    printf("%d hang, %d have another status\n", hung, wrong);
    return 0;
}
