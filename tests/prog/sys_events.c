/* Waiting: epoll, poll, select, eventfd, timers, clocks, sleeping. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timerfd.h>
#include <sys/times.h>
#include <time.h>
#include <unistd.h>

static long show(const char *what, long result)
{
    printf("%s: %ld%s%s\n", what, result < 0 ? -1 : result, result < 0 ? " " : "",
           result < 0 ? strerrorname_np(errno) : "");
    return result;
}

static volatile int alarms;

static void on_alarm(int signo)
{
    alarms++;
}

static void *write_later(void *arg)
{
    usleep(20000);
    uint64_t one = 1;
    return write(*(int *)arg, &one, sizeof one) == 8 ? NULL : arg;
}

int main(void)
{
    int ep = epoll_create1(EPOLL_CLOEXEC), pipes[40][2];
    for (int i = 0; i < 40; i++) {
        if (pipe(pipes[i]))
            return 1;
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = 0x1234567800000000 + (unsigned)i};
        if (epoll_ctl(ep, EPOLL_CTL_ADD, pipes[i][0], &event))
            return 2;
    }
    struct epoll_event events[100];
    show("nothing", epoll_wait(ep, events, 100, 0));
    for (int i = 0; i < 40; i += 3)
        if (write(pipes[i][1], "x", 1) != 1)
            return 3;
    memset(events, 0xee, sizeof events);
    int n = (int)show("ready", epoll_wait(ep, events, 100, -1));
    uint64_t sum = 0;
    int wrong = 0;
    for (int i = 0; i < n; i++) {
        sum += events[i].data.u64;
        wrong += events[i].events != EPOLLIN;
    }
    printf("sum %lx wrong %d\n", (unsigned long)sum, wrong);
    show("two of them", epoll_wait(ep, events, 2, 0));
    struct timespec wait = {0, 1000000};
    show("pwait2", epoll_pwait2(ep, events, 100, &wait, NULL));
    struct epoll_event mod = {.events = EPOLLIN | EPOLLET | EPOLLONESHOT, .data.u64 = 7};
    show("mod", epoll_ctl(ep, EPOLL_CTL_MOD, pipes[0][0], &mod));
    show("add twice", epoll_ctl(ep, EPOLL_CTL_ADD, pipes[0][0], &mod));
    show("del", epoll_ctl(ep, EPOLL_CTL_DEL, pipes[1][0], NULL));
    show("del again", epoll_ctl(ep, EPOLL_CTL_DEL, pipes[1][0], NULL));
    show("bad event", epoll_ctl(ep, EPOLL_CTL_ADD, pipes[1][0], (void *)8));
    show("bad count", epoll_wait(ep, events, 0, 0));
    show("bad buffer", epoll_wait(ep, (void *)8, 10, 0));

    struct pollfd fds[3] = {{pipes[0][0], POLLIN, 0}, {pipes[1][0], POLLIN, 0}, {pipes[1][1], POLLOUT, 0}};
    show("poll", poll(fds, 3, 100));
    printf("%x %x %x\n", fds[0].revents, fds[1].revents, fds[2].revents);
    fd_set set;
    FD_ZERO(&set);
    FD_SET(pipes[0][0], &set);
    FD_SET(pipes[1][0], &set);
    struct timeval tv = {0, 1000};
    show("select", select(pipes[39][1] + 1, &set, NULL, NULL, &tv));
    printf("%d %d\n", !!FD_ISSET(pipes[0][0], &set), !!FD_ISSET(pipes[1][0], &set));

    int ev = eventfd(3, EFD_NONBLOCK | EFD_SEMAPHORE);
    uint64_t value = 0;
    show("eventfd", read(ev, &value, 8));
    printf("%lu\n", (unsigned long)value);
    int ev2 = eventfd(0, 0);
    pthread_t thread;
    pthread_create(&thread, NULL, write_later, &ev2);
    show("blocking read", read(ev2, &value, 8));
    pthread_join(thread, NULL);

    int tfd = timerfd_create(CLOCK_MONOTONIC, TFD_CLOEXEC);
    struct itimerspec its = {{0, 5000000}, {0, 5000000}}, left;
    show("timerfd", timerfd_settime(tfd, 0, &its, NULL));
    usleep(22000);
    show("timerfd read", read(tfd, &value, 8));
    printf("expired %d\n", value >= 4 && value < 1000);
    show("timerfd_gettime", timerfd_gettime(tfd, &left));
    printf("interval %ld\n", left.it_interval.tv_nsec);

    struct sigaction action = {.sa_handler = on_alarm};
    sigaction(SIGALRM, &action, NULL);
    struct itimerval it = {{0, 0}, {0, 10000}};
    show("setitimer", setitimer(ITIMER_REAL, &it, NULL));
    struct timespec second = {5, 0}, rest;
    long slept = nanosleep(&second, &rest);
    printf("nanosleep %ld %s alarms %d rest %d\n", slept, strerrorname_np(errno), alarms, rest.tv_sec >= 4);

    /* Blocked but for the wait: ppoll, pselect, epoll_pwait. */
    sigset_t block, none;
    sigemptyset(&none);
    sigemptyset(&block);
    sigaddset(&block, SIGALRM);
    sigprocmask(SIG_BLOCK, &block, NULL);
    for (int i = 0; i < 3; i++) {
        it.it_value.tv_usec = 10000;
        setitimer(ITIMER_REAL, &it, NULL);
        struct timespec five = {5, 0};
        int r = i == 0   ? ppoll(NULL, 0, &five, &none)
                : i == 1 ? pselect(0, NULL, NULL, NULL, &five, &none)
                         : epoll_pwait(epoll_create1(0), events, 1, 5000, &none);
        printf("wait %d: %d %s alarms %d\n", i, r, strerrorname_np(errno), alarms);
    }
    it.it_value.tv_usec = 10000;
    setitimer(ITIMER_REAL, &it, NULL);
    int sfd = signalfd(-1, &block, SFD_CLOEXEC);
    struct signalfd_siginfo info;
    show("signalfd", read(sfd, &info, sizeof info));
    printf("signo %u alarms %d\n", info.ssi_signo, alarms);
    sigprocmask(SIG_UNBLOCK, &block, NULL);

    struct sigevent sev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGALRM};
    timer_t timer;
    show("timer_create", timer_create(CLOCK_MONOTONIC, &sev, &timer));
    its = (struct itimerspec){{0, 0}, {0, 10000000}};
    int before = alarms;
    show("timer_settime", timer_settime(timer, 0, &its, NULL));
    while (alarms == before)
        usleep(1000);
    printf("alarms %d overrun %d\n", alarms, timer_getoverrun(timer));
    show("timer_gettime", timer_gettime(timer, &left));
    printf("%ld\n", (long)left.it_value.tv_nsec);
    show("timer_delete", timer_delete(timer));

    struct timespec a, b, resolution;
    int backwards = 0;
    clock_gettime(CLOCK_MONOTONIC, &a);
    for (int i = 0; i < 1000; i++) {
        clock_gettime(CLOCK_MONOTONIC, &b);
        backwards += b.tv_sec < a.tv_sec || (b.tv_sec == a.tv_sec && b.tv_nsec < a.tv_nsec);
        a = b;
    }
    printf("backwards %d\n", backwards);
    struct timeval now;
    gettimeofday(&now, NULL);
    clock_gettime(CLOCK_REALTIME, &a);
    printf("agree %d %d\n", a.tv_sec - now.tv_sec <= 1, time(NULL) - a.tv_sec <= 1);
    show("clock_getres", clock_getres(CLOCK_MONOTONIC, &resolution));
    printf("%ld\n", resolution.tv_nsec);
    show("process clock", clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &a));
    show("bad clock", clock_gettime(999, &a));
    clock_gettime(CLOCK_MONOTONIC, &a);
    a.tv_nsec += 3000000;
    if (a.tv_nsec >= 1000000000)
        a.tv_sec++, a.tv_nsec -= 1000000000;
    show("sleep until", clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &a, NULL));
    struct tms tms;
    printf("times %d\n", times(&tms) != (clock_t)-1);
    return 0;
}
