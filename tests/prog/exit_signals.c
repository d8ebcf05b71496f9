/* Signals of faults that the kernel sends with a positive si_code although they are none: at a child's end (clone's exit signal) and of
 * a file (F_SETSIG). And the C library's own signals, which are ordinary ones to a program that does without its handlers; a change of
 * the user in all threads. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int got, code, pid;
static const int signals[] = {SIGILL, SIGTRAP, SIGBUS, SIGFPE, SIGSEGV, SIGSYS, SIGABRT};
enum { SIGNALS = sizeof signals / sizeof *signals };

static void on_signal(int signo, siginfo_t *info, void *context)
{
    code = info->si_code;
    pid = info->si_pid;
    got++;
}

static pid_t clone_with(int signo)
{
    return (pid_t)syscall(SYS_clone, signo, 0, 0, 0, 0);
}

static void child_ends(int signo, int killed, int waiting)
{
    got = 0;
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, signo);
    if (waiting)
        sigprocmask(SIG_BLOCK, &set, &old);
    pid_t child = clone_with(signo);
    if (!child) {
        if (killed)
            raise(SIGKILL);
        _exit(3);
    }
    while (!got) /* in translated code, or in a system call */
        if (waiting)
            sigsuspend(&old);
    if (waiting)
        sigprocmask(SIG_SETMASK, &old, NULL);
    int status = 0;
    waitpid(child, &status, __WALL);
    printf("%s: %d, code %d, child %d, status %x\n", sigabbrev_np(signo), got, code, pid == child, status);
}

static void file_ready(int signo)
{
    int ends[2];
    char byte = 1;
    got = 0;
    pipe(ends);
    fcntl(ends[0], F_SETOWN, getpid());
    fcntl(ends[0], F_SETSIG, signo);
    fcntl(ends[0], F_SETFL, O_ASYNC | O_NONBLOCK);
    write(ends[1], &byte, 1);
    while (!got)
        ;
    printf("F_SETSIG %s: code %d\n", sigabbrev_np(signo), code);
    close(ends[0]);
    close(ends[1]);
}

static void *pause_thread(void *arg)
{
    pause();
    return NULL;
}

static void *no_thread(void *arg)
{
    return NULL;
}

/* How a process that resets its handler dies by it. */
static void die(int signo)
{
    struct {
        void *handler;
        unsigned long more[3];
    } action = {0};
    unsigned long none = 0;
    pthread_t thread;
    int status;
    pid_t child = fork();
    if (!child) {
        for (int i = 0; i < 2; i++) {
            pthread_create(&thread, NULL, no_thread, NULL);
            pthread_join(thread, NULL);
        }
        syscall(SYS_rt_sigaction, signo, &action, NULL, sizeof none);
        syscall(SYS_rt_sigprocmask, SIG_SETMASK, &none, NULL, sizeof none);
        syscall(SYS_tkill, gettid(), signo);
        _exit(0);
    }
    waitpid(child, &status, 0);
    printf("signal %d: %x\n", signo, status);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};
    for (int i = 0; i < SIGNALS; i++)
        sigaction(signals[i], &action, NULL);
    for (int i = 0; i < SIGNALS; i++)
        for (int way = 0; way < 4; way++)
            child_ends(signals[i], way & 1, way & 2);
    for (int i = 0; i < SIGNALS; i++)
        file_ready(signals[i]);
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    sigaddset(&set, SIGILL);
    sigprocmask(SIG_BLOCK, &set, NULL);
    for (int i = 0; i < SIGNALS; i += 4) {
        siginfo_t info = {0};
        pid_t child = clone_with(signals[i]);
        if (!child)
            _exit(4);
        int signo = sigwaitinfo(&set, &info);
        printf("waited for: %s, code %d, child %d, status %d\n", sigabbrev_np(signo), info.si_code, info.si_pid == child, info.si_status);
        waitpid(child, NULL, __WALL);
    }
    for (int signo = 32; signo <= 34; signo++)
        die(signo);
    pthread_t threads[3];
    for (int i = 0; i < 3; i++)
        pthread_create(&threads[i], NULL, pause_thread, NULL);
    printf("setuid %d\n", setuid(getuid()));
    _exit(0);
}
