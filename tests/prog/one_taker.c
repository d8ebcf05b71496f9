/* A SIGBUS that is sent to the process and for which several of its threads wait, by sigwaitinfo and signalfd: one of them gets it, whole.
 */
#define _GNU_SOURCE
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/uio.h>
#include <unistd.h>

enum { ROUNDS = 300, WAITERS = 5, LAST = ROUNDS };

static atomic_int taken[ROUNDS + 1], wrong, others;
static int fd, polled;

static void got(int signo, int error, int code, int pid, int value)
{
    if (value < 0 || value > LAST || signo != SIGBUS || error || code != SI_QUEUE || pid != getpid())
        wrong++;
    else
        taken[value]++;
}

static int from_fd(const struct signalfd_siginfo *s)
{
    got((int)s->ssi_signo, s->ssi_errno, s->ssi_code, (int)s->ssi_pid, s->ssi_int);
    return s->ssi_int;
}

static int wait_for_one(long how, const sigset_t *set)
{
    struct signalfd_siginfo s[3];
    siginfo_t info;
    char parts[sizeof s];
    struct iovec v[3] = {{parts, 10}, {parts + 10, sizeof *s}, {parts + 10 + sizeof *s, sizeof parts - 10 - sizeof *s}};
    struct pollfd p = {polled, POLLIN};
    ssize_t n;
    switch (how) {
    case 0:
        if (sigwaitinfo(set, &info) < 0)
            return -1;
        got(info.si_signo, info.si_errno, info.si_code, info.si_pid, info.si_value.sival_int);
        return info.si_value.sival_int;
    case 1: n = readv(fd, v, 3); memcpy(s, parts, sizeof s); break;
    case 2: n = poll(&p, 1, -1) == 1 ? read(polled, s, sizeof s) : -1; break;
    default: n = read(fd, s, sizeof s); break;
    }
    if (n < 0) /* EAGAIN: another has been quicker */
        return -1;
    if (n != sizeof *s)
        wrong++;
    return from_fd(s);
}

static void *waits(void *how)
{
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGBUS);
    while (wait_for_one((long)how, &set) != LAST)
        ;
    return NULL;
}

/* Calls and no calls beside it. */
static void *runs(void *arg)
{
    while (taken[LAST] < WAITERS)
        if (arg)
            others += write(-1, "", 1) == -1;
        else
            sched_yield();
    return NULL;
}

static void send(int value)
{
    sigqueue(getpid(), SIGBUS, (union sigval){.sival_int = value});
}

int main(void)
{
    pthread_t waiter[WAITERS], beside[2];
    sigset_t set;
    int once = 0;
    sigemptyset(&set);
    sigaddset(&set, SIGBUS);
    sigprocmask(SIG_BLOCK, &set, NULL);
    fd = signalfd(-1, &set, 0);
    polled = signalfd(-1, &set, SFD_NONBLOCK);
    for (long i = 0; i < WAITERS; i++)
        pthread_create(&waiter[i], NULL, waits, (void *)i);
    for (long i = 0; i < 2; i++)
        pthread_create(&beside[i], NULL, runs, (void *)i);
    for (int i = 0; i < ROUNDS; i++) {
        send(i);
        while (!taken[i] && !wrong)
            sched_yield();
    }
    usleep(10000);
    for (int i = 0; i < ROUNDS; i++)
        once += taken[i] == 1;
    printf("%d of %d taken once, %d wrong\n", once, ROUNDS, wrong);
    for (int i = 0; i < WAITERS; i++) {
        while (taken[LAST] < i)
            sched_yield();
        send(LAST);
    }
    for (int i = 0; i < WAITERS; i++)
        pthread_join(waiter[i], NULL);
    printf("%d ends\n", taken[LAST]);
    for (int i = 0; i < 2; i++)
        pthread_join(beside[i], NULL);
    return 0;
}
