/* Signals from another process and from the threads themselves, faults' signals among them, while threads block them, wait for them in
 * every way, fault, and make system calls with bad addresses. Nothing hangs, and each way has been taken. */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

enum { THREADS = 4 };

static atomic_long handled, waited, read_, faults;
static volatile int stop, tids[THREADS];
static __thread sigjmp_buf back;
static __thread volatile int faulting;

static unsigned next(unsigned *seed)
{
    *seed = *seed * 1103515245 + 12345;
    return *seed >> 16;
}

static void handler(int s, siginfo_t *i, void *uc)
{
    if (faulting && i->si_code > 0 && (unsigned long)i->si_addr == 8) {
        faulting = 0;
        faults++;
        siglongjmp(back, 1);
    }
    handled++;
}

static void step(unsigned r, int fd, const sigset_t *s)
{
    struct timespec moment = {0, 100000};
    sigset_t none;
    sigemptyset(&none);
    switch (r % 9) {
    case 0: pthread_sigmask(SIG_BLOCK, s, NULL); break;
    case 1: pthread_sigmask(SIG_UNBLOCK, s, NULL); break;
    case 2:
        pthread_sigmask(SIG_BLOCK, s, NULL);
        waited += sigtimedwait(s, NULL, &moment) > 0;
        break;
    case 3: {
        struct signalfd_siginfo info;
        struct pollfd p = {fd, POLLIN};
        pthread_sigmask(SIG_BLOCK, s, NULL);
        poll(&p, 1, 1);
        read_ += read(fd, &info, sizeof info) > 0;
        break;
    }
    case 4:
        pthread_sigmask(SIG_UNBLOCK, s, NULL);
        if (!sigsetjmp(back, 1)) {
            faulting = 1;
            *(volatile int *)8 = 1;
        }
        faulting = 0;
        break;
    case 5: ppoll(NULL, 0, &moment, &none); break;
    case 6:
        for (volatile int i = 0; i < 100000; i++)
            ;
        break;
    case 7:
        write(1, (void *)16, 1);
        sigpending((sigset_t *)8);
        sigpending(&none);
        break;
    case 8: {
        siginfo_t info = {.si_code = (int)(r >> 8) % 3};
        syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), r & 1024 ? SIGSEGV : SIGFPE, &info);
        break;
    }
    }
}

static void *thread(void *arg)
{
    long n = (long)arg;
    unsigned seed = (unsigned)n;
    sigset_t s;
    tids[n] = gettid();
    sigemptyset(&s);
    sigaddset(&s, SIGSEGV);
    sigaddset(&s, SIGBUS);
    sigaddset(&s, SIGUSR1);
    sigaddset(&s, SIGFPE);
    int fd = signalfd(-1, &s, SFD_NONBLOCK);
    while (!stop)
        step(next(&seed), fd, &s);
    close(fd);
    return NULL;
}

static void send(pid_t to)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGUSR1};
    for (unsigned seed = 5; getppid() == to;) {
        unsigned r = next(&seed);
        if (r & 64)
            syscall(SYS_tgkill, to, tids[r % THREADS], signals[r % 3]);
        else
            kill(to, signals[r % 3]);
        usleep(r % 2000);
    }
    _exit(0);
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    struct timespec now, end;
    pid_t me = getpid();
    sigaction(SIGSEGV, &a, NULL);
    sigaction(SIGBUS, &a, NULL);
    sigaction(SIGUSR1, &a, NULL);
    sigaction(SIGFPE, &a, NULL);
    for (long i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, thread, (void *)i);
    for (int i = 0; i < THREADS; i++)
        while (!tids[i])
            usleep(1000);
    pid_t sender = fork();
    if (!sender)
        send(me);
    clock_gettime(CLOCK_MONOTONIC, &end);
    end.tv_sec += atoi(argv[1]);
    do {
        usleep(10000);
        clock_gettime(CLOCK_MONOTONIC, &now);
    } while (now.tv_sec < end.tv_sec || (!handled || !waited || !read_ || !faults));
    stop = 1;
    kill(sender, SIGKILL);
    waitpid(sender, NULL, 0);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    puts("over");
    return 0;
}
