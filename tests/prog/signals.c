/* Delivery, masks, alternate stacks, restarts and waiting of signals. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/select.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#define CHECK(x) printf("%-60s %s\n", #x, (x) ? "ok" : "FAILED")

static volatile sig_atomic_t count, depth, deepest, last, code, value, on_alt;
static char alt[64 << 10];
static sigjmp_buf jump;
static int order[64], orders;

static void count_it(int s)
{
    count++;
    last = s;
}

static void info_it(int s, siginfo_t *i, void *uc)
{
    count++;
    last = s;
    code = i->si_code;
    value = i->si_value.sival_int;
    if (orders < 64)
        order[orders++] = s * 1000 + value;
}

static void nest(int s)
{
    if (++depth > deepest)
        deepest = depth;
    if (depth < 5)
        raise(SIGUSR2);
    depth--;
}

static void where(int s)
{
    char here;
    on_alt = &here >= alt && &here < alt + sizeof alt;
    stack_t now;
    sigaltstack(NULL, &now);
    printf("in handler: ss_flags %d\n", now.ss_flags);
}

static void leap(int s)
{
    siglongjmp(jump, s);
}

static void set(int s, void (*h)(int), int flags)
{
    struct sigaction a = {.sa_handler = h, .sa_flags = flags};
    sigaction(s, &a, NULL);
}

/* Again and again, in case the first comes before it is waited for. */
static void alarms(int ms)
{
    struct itimerval t = {{0, ms * 1000}, {0, ms * 1000}};
    set(SIGALRM, count_it, SA_RESTART);
    setitimer(ITIMER_REAL, &t, NULL);
}

static void basics(void)
{
    for (int s = 1; s <= 64; s++) {
        if (s == SIGKILL || s == SIGSTOP || s == 32 || s == 33)
            continue;
        set(s, count_it, 0);
        count = 0;
        raise(s);
        if (count != 1 || last != s)
            printf("signal %d not delivered\n", s);
        signal(s, SIG_DFL);
    }
    CHECK(sigaction(SIGKILL, &(struct sigaction){0}, NULL) == -1 && errno == EINVAL);
    /* The two that the C library keeps to itself, through the kernel. */
    for (int s = 32; s <= 33; s++) {
        struct { void *handler; unsigned long flags; void *restorer; unsigned long mask; } old, ign = {SIG_IGN};
        CHECK(syscall(SYS_rt_sigaction, s, &ign, &old, 8) == 0);
        CHECK(syscall(SYS_tgkill, getpid(), gettid(), s) == 0);
    }
    set(SIGUSR1, count_it, SA_RESETHAND);
    count = 0;
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    CHECK(count == 1 && now.sa_handler == SIG_DFL);
    set(SIGUSR2, nest, SA_NODEFER);
    raise(SIGUSR2);
    CHECK(deepest == 5);
    signal(SIGUSR1, SIG_IGN);
    CHECK(raise(SIGUSR1) == 0);
}

static void masks(void)
{
    sigset_t s, old, pending;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR1);
    sigaddset(&s, SIGSEGV);
    set(SIGUSR1, count_it, 0);
    set(SIGSEGV, count_it, 0);
    sigprocmask(SIG_BLOCK, &s, &old);
    count = 0;
    raise(SIGUSR1);
    raise(SIGUSR1);
    kill(getpid(), SIGSEGV);
    CHECK(count == 0);
    sigpending(&pending);
    CHECK(sigismember(&pending, SIGUSR1) && sigismember(&pending, SIGSEGV) && !sigismember(&pending, SIGUSR2));
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK(count == 2);
    sigprocmask(SIG_BLOCK, &s, NULL);
    raise(SIGUSR1);
    sigset_t none;
    sigemptyset(&none);
    count = 0;
    CHECK(sigsuspend(&none) == -1 && errno == EINTR && count == 1);
    sigprocmask(SIG_BLOCK, NULL, &pending);
    CHECK(sigismember(&pending, SIGUSR1));
    sigaddset(&s, SIGALRM);
    sigprocmask(SIG_BLOCK, &s, NULL);
    alarms(30);
    count = 0;
    CHECK(sigsuspend(&none) == -1 && errno == EINTR && count == 1 && last == SIGALRM);
    alarms(0);
    while (sigtimedwait(&s, NULL, &(struct timespec){0}) > 0)
        ;
    raise(SIGUSR1);
    struct timespec ten = {10, 0};
    count = 0;
    CHECK(ppoll(NULL, 0, &ten, &none) == -1 && errno == EINTR && count == 1 && last == SIGUSR1);
    raise(SIGUSR1);
    CHECK(pselect(0, NULL, NULL, NULL, &ten, &none) == -1 && errno == EINTR && count == 2);
    sigprocmask(SIG_SETMASK, &old, NULL);
    signal(SIGSEGV, SIG_DFL);
}

static void queues(void)
{
    sigset_t s, old;
    sigemptyset(&s);
    sigaddset(&s, SIGRTMIN);
    sigaddset(&s, SIGRTMIN + 1);
    sigaddset(&s, SIGUSR1);
    struct sigaction a = {.sa_sigaction = info_it, .sa_flags = SA_SIGINFO};
    sigfillset(&a.sa_mask);
    sigaction(SIGRTMIN, &a, NULL);
    sigaction(SIGRTMIN + 1, &a, NULL);
    sigaction(SIGUSR1, &a, NULL);
    sigprocmask(SIG_BLOCK, &s, &old);
    for (int i = 3; i > 0; i--) {
        sigqueue(getpid(), SIGRTMIN + 1, (union sigval){i});
        sigqueue(getpid(), SIGRTMIN, (union sigval){10 + i});
    }
    sigqueue(getpid(), SIGUSR1, (union sigval){42});
    siginfo_t info;
    struct timespec zero = {0, 0};
    CHECK(sigtimedwait(&s, &info, &zero) == SIGUSR1 && info.si_value.sival_int == 42 && info.si_code == SI_QUEUE);
    CHECK(info.si_pid == getpid() && info.si_uid == getuid());
    count = 0;
    sigprocmask(SIG_SETMASK, &old, NULL);
    CHECK(count == 6);
    for (int i = 0; i < orders; i++)
        printf("%d%c", order[i] - SIGRTMIN * 1000, i + 1 < orders ? ' ' : '\n');
    sigprocmask(SIG_BLOCK, &s, NULL);
    CHECK(sigtimedwait(&s, &info, &zero) == -1 && errno == EAGAIN);
    int fd = signalfd(-1, &s, SFD_NONBLOCK);
    struct signalfd_siginfo si;
    CHECK(read(fd, &si, sizeof si) == -1 && errno == EAGAIN);
    sigqueue(getpid(), SIGRTMIN, (union sigval){7});
    CHECK(read(fd, &si, sizeof si) == sizeof si && si.ssi_signo == (unsigned)SIGRTMIN && si.ssi_int == 7);
    close(fd);
    timer_t timer;
    struct sigevent ev = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGRTMIN, .sigev_value.sival_int = 99};
    timer_create(CLOCK_MONOTONIC, &ev, &timer);
    struct itimerspec in = {.it_value = {0, 10000000}};
    timer_settime(timer, 0, &in, NULL);
    CHECK(sigwaitinfo(&s, &info) == SIGRTMIN && info.si_code == SI_TIMER && info.si_value.sival_int == 99);
    timer_delete(timer);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

static void stacks(void)
{
    stack_t st = {.ss_sp = alt, .ss_size = sizeof alt}, old, small = {.ss_sp = alt, .ss_size = 1000};
    CHECK(sigaltstack(&small, NULL) == -1 && errno == ENOMEM);
    CHECK(sigaltstack(&st, &old) == 0 && old.ss_flags == SS_DISABLE);
    set(SIGUSR1, where, SA_ONSTACK);
    raise(SIGUSR1);
    CHECK(on_alt == 1);
    set(SIGUSR1, where, 0);
    raise(SIGUSR1);
    CHECK(on_alt == 0);
    set(SIGUSR1, leap, SA_ONSTACK);
    for (int i = 0; i < 1000; i++)
        if (!sigsetjmp(jump, 1))
            raise(SIGUSR1);
    CHECK(sigaltstack(NULL, &old) == 0 && old.ss_flags == 0 && old.ss_sp == alt);
    st.ss_flags = SS_DISABLE;
    CHECK(sigaltstack(&st, NULL) == 0);
}

struct nagged {
    pthread_t main;
    int w;
};

static void *nag(void *of)
{
    const struct nagged *a = of;
    usleep(50000);
    pthread_kill(a->main, SIGUSR1);
    usleep(50000);
    write(a->w, "x", 1);
    return NULL;
}

static void restarts(void)
{
    struct nagged a = {pthread_self()};
    int pipefd[2];
    char c;
    pthread_t helper;
    for (int i = 0; i < 2; i++) {
        pipe(pipefd);
        a.w = pipefd[1];
        set(SIGUSR1, count_it, i ? SA_RESTART : 0);
        count = 0;
        pthread_create(&helper, NULL, nag, &a);
        ssize_t n = read(pipefd[0], &c, 1);
        printf("read with%s SA_RESTART: %zd %s, %d signals\n", i ? "" : "out", n, n < 0 ? strerror(errno) : "", (int)count);
        pthread_join(helper, NULL);
        close(pipefd[0]);
        close(pipefd[1]);
    }
    alarms(50);
    struct timespec second = {1, 0}, rest = {0, 0};
    CHECK(nanosleep(&second, &rest) == -1 && errno == EINTR && rest.tv_sec == 0 && rest.tv_nsec > 0);
    CHECK(pause() == -1 && errno == EINTR);
    CHECK(poll(NULL, 0, 1000) == -1 && errno == EINTR);
    alarms(0);
}

/* Signals that come while the program computes: at safepoints, and without loss. */
static void busy(void)
{
    struct itimerval t = {{0, 500}, {0, 500}}, off = {{0}};
    set(SIGALRM, count_it, SA_RESTART);
    count = 0;
    setitimer(ITIMER_REAL, &t, NULL);
    volatile unsigned long x = 0;
    while (count < 100)
        x = x * 6364136223846793005u + 1442695040888963407u;
    setitimer(ITIMER_REAL, &off, NULL);
    printf("interrupted a loop\n");
    /* Every registers' worth of state survives. */
    setitimer(ITIMER_REAL, &t, NULL);
    unsigned long a = 1, b = 2, c = 3, d = 4, e = 5, bad = 0;
    double f = 1.5, g = 2.5;
    count = 0;
    while (count < 100) {
        for (int i = 0; i < 1000; i++) {
            a += b ^ c; b += c ^ d; c += d ^ e; d += e ^ a; e += a ^ b;
            f = f * 0.5 + g * 0.5; g = g * 0.5 + f * 0.5;
            bad |= f > 2.5 || f < 1.5 || g > 2.5 || g < 1.5;
        }
    }
    setitimer(ITIMER_REAL, &off, NULL);
    CHECK(!bad);
}

static void deaths(void)
{
    static const int signals[] = {SIGTERM, SIGKILL, SIGABRT, SIGUSR1, SIGHUP, SIGPIPE, SIGALRM};
    fflush(stdout);
    for (size_t i = 0; i < sizeof signals / sizeof *signals; i++) {
        int status;
        pid_t pid = fork();
        if (!pid) {
            signal(signals[i], SIG_DFL);
            raise(signals[i]);
            _exit(0);
        }
        waitpid(pid, &status, 0);
        printf("raise %d: %s %d\n", signals[i], WIFSIGNALED(status) ? "signaled" : "exited", WTERMSIG(status));
    }
    int status, gate[2];
    char c;
    pipe(gate);
    pid_t pid = fork();
    if (!pid) {
        raise(SIGSTOP);
        read(gate[0], &c, 1);
        _exit(9);
    }
    waitpid(pid, &status, WUNTRACED);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGSTOP);
    kill(pid, SIGCONT);
    waitpid(pid, &status, WCONTINUED);
    CHECK(WIFCONTINUED(status));
    write(gate[1], "x", 1);
    waitpid(pid, &status, 0);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 9);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    basics();
    masks();
    queues();
    stacks();
    restarts();
    busy();
    deaths();
    return 0;
}
