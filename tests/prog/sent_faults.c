/* SIGSEGV, SIGBUS and their like as signals that somebody sends: queued, waited for, ignored and inherited as others are. */
#define _GNU_SOURCE
#include <errno.h>
#include <poll.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile int got, code, value, go, stop;
static void *volatile addr;
static volatile pthread_t by;

static void handler(int s, siginfo_t *i, void *uc)
{
    got = s;
    code = i->si_code;
    addr = i->si_addr;
    value = i->si_value.sival_int;
    by = pthread_self();
}

static void catch(int s, int flags)
{
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigaction(s, &a, NULL);
}

static int status_of(pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    return WIFSIGNALED(status) ? -WTERMSIG(status) : WEXITSTATUS(status);
}

static sigset_t set_of(int a, int b)
{
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, a);
    sigaddset(&s, b);
    return s;
}

/* As crash reporters do it: the original siginfo again. */
static void codes(void)
{
    static const int signals[] = {SIGSEGV, SIGBUS, SIGILL, SIGFPE, SIGTRAP, SIGABRT};
    for (int i = 0; i < 6; i++)
        for (int how = 0; how < 4; how++) {
            siginfo_t info = {.si_signo = signals[i], .si_code = how == 3 ? SI_QUEUE : 1, .si_addr = (void *)0x1234};
            sigset_t s = set_of(signals[i], signals[i]);
            catch(signals[i], 0);
            got = code = 0;
            if (how == 2)
                sigprocmask(SIG_BLOCK, &s, NULL);
            long r = how == 1 ? syscall(SYS_rt_sigqueueinfo, getpid(), signals[i], &info)
                              : syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), signals[i], &info);
            int before = got;
            sigprocmask(SIG_UNBLOCK, &s, NULL);
            printf("%s in way %d: %ld, %d %d, code %d, address %p\n", strsignal(signals[i]), how, r, before, got, code, how == 3 ? 0 : addr);
            signal(signals[i], SIG_DFL);
        }
    siginfo_t info = {.si_signo = SIGSEGV, .si_code = SEGV_MAPERR};
    printf("bad siginfo: %ld", syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGSEGV, (void *)8));
    printf(" %s\n", strerror(errno));
    printf("to the parent: %ld", syscall(SYS_rt_sigqueueinfo, getppid(), SIGSEGV, &info));
    printf(" %s\n", strerror(errno));
    pid_t pid = fork();
    if (!pid) {
        signal(SIGSEGV, SIG_IGN);
        syscall(SYS_rt_tgsigqueueinfo, getpid(), gettid(), SIGSEGV, &info);
        _exit(1);
    }
    printf("ignored: %d\n", status_of(pid));
}

static sigjmp_buf back;

static void leap(int s)
{
    siglongjmp(back, s);
}

/* A frame that can't be pushed. */
static void frames(void)
{
    void *nothing = mmap(NULL, 64 << 10, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stack_t bad = {.ss_sp = nothing, .ss_size = 64 << 10}, none = {.ss_flags = SS_DISABLE};
    sigaltstack(&bad, NULL);
    catch(SIGSEGV, 0);
    catch(SIGUSR1, SA_ONSTACK);
    got = code = 0;
    raise(SIGUSR1);
    printf("no frame: signal %d, code %d, address %p\n", got, code, addr);
    catch(SIGUSR1, SA_ONSTACK | SA_RESETHAND);
    got = 0;
    raise(SIGUSR1);
    struct sigaction now;
    sigaction(SIGUSR1, NULL, &now);
    printf("no frame, once: signal %d, handler %s\n", got, now.sa_handler == SIG_DFL ? "gone" : "kept");
    for (int how = 0; how < 4; how++) {
        pid_t pid = fork();
        if (!pid) {
            sigset_t s = set_of(SIGSEGV, SIGSEGV);
            if (how == 0)
                signal(SIGSEGV, SIG_DFL);
            else if (how == 1)
                signal(SIGSEGV, SIG_IGN);
            else if (how == 2)
                sigprocmask(SIG_BLOCK, &s, NULL);
            else
                catch(SIGSEGV, SA_ONSTACK);
            catch(SIGUSR1, SA_ONSTACK);
            raise(SIGUSR1);
            _exit(1);
        }
        printf("no frame, %d: %d\n", how, status_of(pid));
    }
    /* The stack pointer is bad, the alternate stack is good. */
    stack_t good = {.ss_sp = malloc(64 << 10), .ss_size = 64 << 10};
    sigaltstack(&good, NULL);
    struct sigaction a = {.sa_handler = leap, .sa_flags = SA_ONSTACK};
    sigaction(SIGSEGV, &a, NULL);
    catch(SIGUSR1, 0);
    pid_t pid = getpid();
    if (sigsetjmp(back, 1) == 0) {
#if defined __aarch64__
        register long nr asm("x8") = SYS_kill, x0 asm("x0") = pid, x1 asm("x1") = SIGUSR1;
        asm volatile("mov sp, %1\n\tsvc #0" : "+r"(x0) : "r"(16l), "r"(nr), "r"(x1) : "memory");
#elif defined __x86_64__
        asm volatile("mov %0, %%rsp\n\tsyscall" : : "r"(16l), "a"((long)SYS_kill), "D"((long)pid), "S"((long)SIGUSR1) : "memory");
#endif
        printf("went on\n");
    } else {
        printf("caught on the alternate stack\n");
    }
    sigaltstack(&none, NULL);
    signal(SIGSEGV, SIG_DFL);
}

static void pending(void)
{
    sigset_t s = set_of(SIGSEGV, SIGBUS), now;
    siginfo_t info;
    struct timespec zero = {0, 0};
    sigprocmask(SIG_BLOCK, &s, NULL);
    kill(getpid(), SIGSEGV);
    kill(getpid(), SIGSEGV);
    sigpending(&now);
    printf("pending: %d %d\n", sigismember(&now, SIGSEGV), sigismember(&now, SIGBUS));
    int first = sigwaitinfo(&s, &info);
    printf("sigwaitinfo: %d, code %d, from us %d, then %d\n", first, info.si_code, info.si_pid == getpid(), sigtimedwait(&s, NULL, &zero));
    union sigval v = {.sival_int = 42};
    sigqueue(getpid(), SIGBUS, v);
    first = sigtimedwait(&s, &info, &zero);
    printf("sigqueue: %d, code %d, value %d\n", first, info.si_code, info.si_value.sival_int);
    /* One for the thread and one for the process are two. */
    raise(SIGSEGV);
    kill(getpid(), SIGSEGV);
    first = sigtimedwait(&s, &info, &zero);
    printf("both: %d code %d", first, info.si_code);
    first = sigtimedwait(&s, &info, &zero);
    printf(", %d code %d, %d\n", first, info.si_code, sigtimedwait(&s, NULL, &zero));

    int fd = signalfd(-1, &s, SFD_NONBLOCK);
    struct signalfd_siginfo q;
    struct pollfd p = {fd, POLLIN};
    int before = poll(&p, 1, 0);
    kill(getpid(), SIGBUS);
    int after = poll(&p, 1, -1);
    ssize_t n = read(fd, &q, sizeof q);
    printf("signalfd: %d %d, %zd bytes, signal %d, error %d, code %d, from us %d, ", before, after, n, q.ssi_signo, q.ssi_errno, q.ssi_code,
           q.ssi_pid == getpid());
    n = read(fd, &q, sizeof q);
    printf("then %zd %s\n", n, strerror(errno));
    close(fd);

    catch(SIGSEGV, 0);
    got = 0;
    kill(getpid(), SIGSEGV);
    printf("blocked: %d", got);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
    printf(", unblocked: %d code %d\n", got, code);
    sigprocmask(SIG_BLOCK, &s, NULL);
    kill(getpid(), SIGSEGV);
    sigset_t none;
    sigemptyset(&none);
    got = 0;
    struct timespec long_ = {100, 0};
    int r = ppoll(NULL, 0, &long_, &none);
    printf("ppoll: %d %s, %d\n", r, strerror(errno), got);
    kill(getpid(), SIGSEGV);
    got = 0;
    r = sigsuspend(&none);
    printf("sigsuspend: %d %s, %d\n", r, strerror(errno), got);
    pid_t pid = fork();
    if (!pid)
        _exit(sigtimedwait(&s, NULL, &zero) == -1);
    kill(pid, 0);
    printf("not inherited by fork: %d\n", status_of(pid));
    /* What is blocked or ignored interrupts nothing. */
    for (int how = 0; how < 2; how++) {
        pid_t parent = getpid();
        if (how)
            signal(SIGSEGV, SIG_IGN), sigprocmask(SIG_UNBLOCK, &s, NULL);
        pid = fork();
        if (!pid) {
            usleep(20000);
            kill(parent, SIGSEGV);
            _exit(0);
        }
        struct timespec left = {0, 0}, some = {0, 100000000};
        int pipes[2];
        char c;
        pipe(pipes);
        r = nanosleep(&some, &left);
        int status = status_of(pid);
        printf("%s: %d, %d\n", how ? "ignored" : "blocked", r, status);
    }
    signal(SIGSEGV, SIG_DFL);
}

static void *waits(void *arg)
{
    siginfo_t info = {0};
    sigset_t s = set_of(SIGSEGV, SIGBUS);
    go = 1;
    if (!arg) {
        sigwaitinfo(&s, &info);
    } else {
        struct signalfd_siginfo q = {0};
        int fd = signalfd(-1, &s, arg == (void *)1 ? SFD_NONBLOCK : 0);
        struct pollfd p = {fd, POLLIN};
        if (arg == (void *)1)
            while (poll(&p, 1, -1) < 0)
                ;
        read(fd, &q, sizeof q);
        info.si_signo = (int)q.ssi_signo;
        close(fd);
    }
    return (void *)(long)info.si_signo;
}

static void *spins(void *arg)
{
    volatile unsigned long n = 0;
    while (!stop)
        n++;
    return NULL;
}

static void *takes(void *arg)
{
    sigset_t s = set_of(SIGSEGV, SIGBUS);
    pthread_sigmask(SIG_UNBLOCK, &s, NULL);
    go = 1;
    if (arg)
        while (!got)
            ;
    else
        while (!got)
            usleep(1000);
    return NULL;
}

/* Another thread waits for it, or is the only one that lets it in; this one and a third spin, sleep or send. */
static void threads(void)
{
    sigset_t s = set_of(SIGSEGV, SIGBUS);
    pthread_t spinner, other;
    sigprocmask(SIG_BLOCK, &s, NULL);
    catch(SIGBUS, 0);
    pthread_create(&spinner, NULL, spins, NULL);
    for (long how = 0; how < 6; how++) {
        void *result = NULL;
        go = got = 0;
        pthread_create(&other, NULL, how < 3 ? waits : takes, (void *)(how % 3));
        while (!go)
            ;
        if (how % 2)
            usleep(10000);
        kill(getpid(), SIGBUS);
        pthread_join(other, &result);
        if (how < 3)
            printf("another thread waits: %ld\n", (long)result);
        else
            printf("another thread takes: %d, %s\n", got, by == other ? "it does" : "not it");
    }
    go = 0;
    pthread_create(&other, NULL, waits, NULL);
    while (!go)
        ;
    pthread_kill(other, SIGSEGV);
    void *result;
    pthread_join(other, &result);
    printf("sent to a thread: %ld\n", (long)result);
    stop = 1;
    pthread_join(spinner, NULL);
    signal(SIGBUS, SIG_DFL);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static int pending_here(int signo, int *value)
{
    const struct timespec now = {0, 0};
    sigset_t s = set_of(signo, signo), all;
    siginfo_t info = {0};
    sigpending(&all);
    int r = sigtimedwait(&s, &info, &now);
    *value = info.si_value.sival_int;
    return sigismember(&all, signo) * 100 + (r < 0 ? 0 : r);
}

static void *looks(void *arg)
{
    int *value = arg;
    while (!go)
        usleep(1000);
    return (void *)(long)pending_here(SIGSEGV, value);
}

/* It has the handlers and the memory, but is another process. */
static int sharer(void *arg)
{
    int value;
    return pending_here(SIGBUS, &value);
}

/* What is sent to a thread is another one's as little as what is sent to a process is a child's that shares its handlers. */
static void addressees(void)
{
    sigset_t s = set_of(SIGSEGV, SIGBUS);
    pthread_t other;
    void *result;
    int value = 0, none;
    sigprocmask(SIG_BLOCK, &s, NULL);
    go = 0;
    pthread_create(&other, NULL, looks, &value);
    pthread_sigqueue(other, SIGSEGV, (union sigval){.sival_int = 43});
    usleep(5000);
    printf("sent to another thread: %d here", pending_here(SIGSEGV, &none));
    go = 1;
    pthread_join(other, &result);
    printf(", %ld there with %d\n", (long)result, value);
    pthread_sigqueue(pthread_self(), SIGSEGV, (union sigval){.sival_int = 44});
    printf("sent to this thread: %d", pending_here(SIGSEGV, &value));
    printf(" with %d\n", value);

    int status;
    char *stack = malloc(64 << 10);
    kill(getpid(), SIGBUS);
    pid_t pid = clone(sharer, stack + (64 << 10), CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);
    waitpid(pid, &status, 0);
    printf("sent to the process: %d in a child", WIFEXITED(status) ? WEXITSTATUS(status) : -1);
    printf(", %d here\n", pending_here(SIGBUS, &value));
    free(stack);
    sigprocmask(SIG_UNBLOCK, &s, NULL);
}

static int after_exec(void)
{
    sigset_t mask, now;
    struct sigaction bus;
    siginfo_t info;
    sigprocmask(SIG_BLOCK, NULL, &mask);
    sigpending(&now);
    sigaction(SIGBUS, NULL, &bus);
    printf("after exec: blocked %d, pending %d, ignored %d\n", sigismember(&mask, SIGSEGV), sigismember(&now, SIGSEGV),
           bus.sa_handler == SIG_IGN);
    printf("it is %d\n", sigwaitinfo(&now, &info));
    return 0;
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1)
        return after_exec();
    codes();
    frames();
    pending();
    threads();
    addressees();
    for (int how = 0; how < 2; how++) {
        pid_t pid = fork();
        if (!pid) {
            sigset_t s = set_of(SIGSEGV, SIGSEGV);
            if (how)
                sigprocmask(SIG_BLOCK, &s, NULL);
            *(volatile int *)8 = 1;
            _exit(1);
        }
        printf("fault: %d\n", status_of(pid));
        pid = fork();
        if (!pid) {
            kill(getpid(), how ? SIGBUS : SIGSEGV);
            _exit(1);
        }
        printf("sent: %d\n", status_of(pid));
    }
    sigset_t s = set_of(SIGSEGV, SIGSEGV);
    signal(SIGBUS, SIG_IGN);
    sigprocmask(SIG_BLOCK, &s, NULL);
    kill(getpid(), SIGSEGV);
    execl("/proc/self/exe", argv[0], "again", NULL);
    return 1;
}
