/* Corners of processes, signals and threads: queueing and order of real-time signals, waitid and SIGCHLD, timers, cancellation in
 * blocking calls, locks between processes, spawn's file actions, limits, and the kernel's ways around protections. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <pthread.h>
#include <semaphore.h>
#include <setjmp.h>
#include <signal.h>
#include <spawn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

extern char **environ;

static void set(int signo, void (*handler)(int, siginfo_t *, void *), int flags)
{
    struct sigaction a = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO | flags};
    sigaction(signo, &a, NULL);
}

static void nap(long ms)
{
    struct timespec t = {ms / 1000, ms % 1000 * 1000000};
    while (nanosleep(&t, &t) && errno == EINTR)
        ;
}

/* -- queues */

static char order[4096];

static void note(int signo, siginfo_t *info, void *context)
{
    sprintf(order + strlen(order), " %d:%d", signo - SIGRTMIN, info->si_value.sival_int);
}

static void queues(void)
{
    sigset_t all, old;
    sigfillset(&all);
    for (int i = 0; i < 3; i++)
        set(SIGRTMIN + i, note, 0);
    set(SIGUSR1, note, 0);
    sigprocmask(SIG_BLOCK, &all, &old);
    for (int i = 0; i < 4; i++)
        for (int s = 2; s >= 0; s--)
            sigqueue(getpid(), SIGRTMIN + s, (union sigval){.sival_int = 10 * s + i});
    printf("usr1 twice: %d %d\n", kill(getpid(), SIGUSR1), kill(getpid(), SIGUSR1));
    struct timespec none = {0};
    siginfo_t info;
    sigset_t rt;
    sigemptyset(&rt);
    sigaddset(&rt, SIGRTMIN + 1);
    int got = sigtimedwait(&rt, &info, &none);
    printf("taken: %d value %d code %d pid %d\n", got - SIGRTMIN, info.si_value.sival_int, info.si_code, info.si_pid == getpid());
    int fd = signalfd(-1, &rt, SFD_NONBLOCK);
    struct signalfd_siginfo si[2];
    int n_read = (int)(read(fd, si, sizeof si) / sizeof *si);
    printf("by descriptor: %d, value %d %d\n", n_read, si[0].ssi_int, si[1].ssi_int);
    close(fd);
    sigprocmask(SIG_SETMASK, &old, NULL);
    /* Each handler's frame is pushed over the one before: the last signal taken runs first. */
    printf("order%s\n", order);
    sigprocmask(SIG_BLOCK, &all, &old);
    struct rlimit limit = {8, 8};
    if (fork() == 0) {
        setrlimit(RLIMIT_SIGPENDING, &limit);
        int n = 0;
        while (n < 100000 && sigqueue(getpid(), SIGRTMIN, (union sigval){.sival_int = n}) == 0)
            n++;
        printf("queued at most 8: %d, then %s\n", n <= 8, strerrorname_np(errno));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    sigprocmask(SIG_SETMASK, &old, NULL);
}

/* -- children */

static volatile int chld_code[16], chld_status[16], chlds;

static void on_chld(int signo, siginfo_t *info, void *context)
{
    if (chlds < 16) {
        chld_code[chlds] = info->si_code;
        chld_status[chlds] = info->si_status;
        chlds++;
    }
}

static void expect_chld(const char *what, int n)
{
    for (int i = 0; i < 500 && chlds < n; i++)
        nap(10);
    printf("%s: SIGCHLD %d code %d status %d\n", what, chlds, chld_code[n - 1], chld_status[n - 1]);
}

static void waits(const char *what, pid_t pid, int flags)
{
    siginfo_t info = {0};
    int r = waitid(P_PID, pid, &info, flags);
    printf("%s: %d %s code %d status %d signo %d\n", what, r, r ? strerrorname_np(errno) : "ok", info.si_code, info.si_status, info.si_signo);
}

static void children(void)
{
    set(SIGCHLD, on_chld, 0);
    pid_t pid = fork();
    if (!pid)
        for (;;)
            pause();
    kill(pid, SIGSTOP);
    expect_chld("stopped", 1);
    waits("stopped, left", pid, WSTOPPED | WNOWAIT);
    waits("stopped", pid, WSTOPPED);
    waits("stopped again", pid, WSTOPPED | WNOHANG);
    kill(pid, SIGCONT);
    expect_chld("continued", 2);
    waits("continued", pid, WCONTINUED);
    waits("not yet", pid, WEXITED | WNOHANG);
    kill(pid, SIGTERM);
    expect_chld("killed", 3);
    waits("killed, left", pid, WEXITED | WNOWAIT);
    waits("killed", pid, WEXITED);
    waits("gone", pid, WEXITED);
    chlds = 0;
    pid = fork();
    if (!pid)
        _exit(300 & 0xff);
    expect_chld("exited", 1);
    int status;
    printf("status %d\n", waitpid(pid, &status, 0) == pid ? WEXITSTATUS(status) : -1);
    pid = fork();
    if (!pid) {
        prctl(PR_SET_DUMPABLE, 0);
        abort();
    }
    waitpid(pid, &status, 0);
    printf("aborted: %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    set(SIGCHLD, on_chld, SA_NOCLDWAIT | SA_NOCLDSTOP | SA_RESTART);
    pid = fork();
    if (!pid)
        _exit(0);
    int r = waitpid(pid, &status, 0);
    printf("no zombie: %d %s\n", r, strerrorname_np(errno));
    signal(SIGCHLD, SIG_DFL);
    /* Process groups and sessions. */
    pid = fork();
    if (!pid) {
        setpgid(0, 0);
        int ok = getpgrp() == getpid();
        _exit(setsid() == -1 && errno == EPERM ? ok : 9);
    }
    waitpid(pid, &status, 0);
    printf("group leader: %d\n", WEXITSTATUS(status));
    pid_t a = fork();
    if (!a) {
        setpgid(0, 0);
        for (;;)
            pause();
    }
    setpgid(a, a);
    pid_t b = fork();
    if (!b) {
        setpgid(0, a);
        for (;;)
            pause();
    }
    setpgid(b, a);
    kill(-a, SIGKILL);
    int n = 0;
    while (waitpid(-a, &status, 0) > 0)
        n += WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL;
    printf("group killed: %d\n", n);
}

/* -- timers */

static _Atomic int ticks, timer_value;

static void tick(int signo, siginfo_t *info, void *context)
{
    ticks++;
}

static void timer_thread(union sigval v)
{
    timer_value = v.sival_int;
}

static unsigned long spin(unsigned long n)
{
    unsigned long x = 1;
    for (unsigned long i = 0; i < n; i++)
        x = x * 6364136223846793005ul + i;
    return x;
}

static void timers(void)
{
    timer_t timer;
    struct sigevent e = {.sigev_notify = SIGEV_THREAD, .sigev_notify_function = timer_thread, .sigev_value.sival_int = 77};
    struct itimerspec once = {.it_value.tv_nsec = 5000000};
    timer_create(CLOCK_MONOTONIC, &e, &timer);
    timer_settime(timer, 0, &once, NULL);
    for (int i = 0; i < 500 && !timer_value; i++)
        nap(10);
    printf("timer's thread: %d\n", timer_value);
    timer_delete(timer);
    /* A storm of signals through a hot loop, and through system calls that restart. */
    struct itimerval ms = {{0, 1000}, {0, 1000}}, off = {0};
    set(SIGALRM, tick, SA_RESTART);
    unsigned long quiet = spin(20000000), n = 0;
    setitimer(ITIMER_REAL, &ms, NULL);
    int same = 1;
    for (int i = 0; i < 8; i++)
        same &= spin(20000000) == quiet;
    printf("a loop under signals: %d, some came %d\n", same, ticks > 5);
    int p[2], errors = 0;
    pipe(p);
    if (fork() == 0) {
        setitimer(ITIMER_REAL, &off, NULL);
        for (int i = 0; i < 40; i++) {
            nap(3);
            write(p[1], "x", 1);
        }
        _exit(0);
    }
    ticks = 0;
    for (int i = 0; i < 40; i++) {
        char c;
        errors += read(p[0], &c, 1) != 1;
    }
    printf("reads under signals: %d errors, some came %d\n", errors, ticks > 5);
    while (wait(NULL) < 0 && errno == EINTR)
        ;
    set(SIGALRM, tick, 0);
    char c;
    int r = read(p[0], &c, 1);
    printf("without restart: %d %s\n", r, r < 0 ? strerrorname_np(errno) : "");
    r = poll(NULL, 0, 10000);
    printf("poll: %d %s\n", r, r < 0 ? strerrorname_np(errno) : "");
    setitimer(ITIMER_REAL, &off, NULL);
    signal(SIGALRM, SIG_DFL);
}

/* -- cancellation */

static int cancel_pipe[2];
static sem_t cancel_sem;
static pthread_mutex_t cancel_mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cancel_cond = PTHREAD_COND_INITIALIZER;
static _Atomic int cleaned;

static void clean(void *arg)
{
    cleaned++;
}

static void *block(void *arg)
{
    char c;
    struct pollfd pfd = {cancel_pipe[0], POLLIN, 0};
    struct timespec day = {86400, 0};
    pthread_cleanup_push(clean, NULL);
    switch ((long)arg) {
    case 0: read(cancel_pipe[0], &c, 1); break;
    case 1: nanosleep(&day, NULL); break;
    case 2: pause(); break;
    case 3: poll(&pfd, 1, -1); break;
    case 4: sem_wait(&cancel_sem); break;
    case 5:
        pthread_mutex_lock(&cancel_mutex);
        pthread_cleanup_push((void (*)(void *))pthread_mutex_unlock, &cancel_mutex);
        pthread_cond_wait(&cancel_cond, &cancel_mutex);
        pthread_cleanup_pop(0);
        break;
    case 6: accept(socket(AF_UNIX, SOCK_STREAM, 0), NULL, NULL), sleep(100); break;
    case 7: waitpid(-1, NULL, 0), sigsuspend(&(sigset_t){0}); break;
    case 8:
        pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, NULL);
        for (volatile unsigned long i = 0;; i++)
            ;
    }
    pthread_cleanup_pop(0);
    return NULL;
}

static void cancels(void)
{
    pipe(cancel_pipe);
    sem_init(&cancel_sem, 0, 0);
    int cancelled = 0;
    for (long i = 0; i < 9; i++) {
        pthread_t t;
        void *result;
        pthread_create(&t, NULL, block, (void *)i);
        nap(10);
        pthread_cancel(t);
        pthread_join(t, &result);
        cancelled += result == PTHREAD_CANCELED;
    }
    printf("cancelled %d, cleaned %d, mutex free %d\n", cancelled, cleaned, pthread_mutex_trylock(&cancel_mutex) == 0);
}

/* -- locks between processes */

static void shared_locks(void)
{
    struct shared {
        pthread_mutex_t robust, pi, plain;
        pthread_cond_t cond;
        int turn, count;
    } *s = mmap(NULL, sizeof *s, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t a;
    pthread_condattr_t c;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(&s->plain, &a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutex_init(&s->robust, &a);
    pthread_mutexattr_setprotocol(&a, PTHREAD_PRIO_INHERIT);
    int pi = pthread_mutex_init(&s->pi, &a);
    pthread_condattr_init(&c);
    pthread_condattr_setpshared(&c, PTHREAD_PROCESS_SHARED);
    pthread_cond_init(&s->cond, &c);
    for (int how = 0; how < 3; how++) {
        pthread_mutex_t *m = how == 1 ? &s->pi : &s->robust;
        int held[2];
        char x;
        pipe(held);
        pid_t pid = fork();
        if (!pid) {
            pthread_mutex_lock(m);
            write(held[1], "x", 1);
            if (how == 2)
                for (;;)
                    pause();
            nap(30);
            _exit(0);
        }
        read(held[0], &x, 1);
        if (how == 2)
            kill(pid, SIGKILL);
        int r = pthread_mutex_lock(m);
        printf("owner died: %s\n", r ? strerrorname_np(r) : "ok");
        int consistent = pthread_mutex_consistent(m), unlocked = pthread_mutex_unlock(m);
        printf("made consistent: %d, unlocked %d, locked again %d\n", consistent, unlocked, pthread_mutex_lock(m));
        pthread_mutex_unlock(m);
        waitpid(pid, NULL, 0);
        close(held[0]);
        close(held[1]);
    }
    for (int i = 0; i < 2; i++)
        if (fork() == 0) {
            for (int n = 0; n < 200; n++) {
                pthread_mutex_lock(&s->plain);
                while (s->turn != i)
                    pthread_cond_wait(&s->cond, &s->plain);
                s->turn = !i;
                s->count++;
                pthread_cond_broadcast(&s->cond);
                pthread_mutex_unlock(&s->plain);
            }
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    printf("in turn: %d\n", s->count);
    _Atomic long *n = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4; i++)
        if (fork() == 0) {
            for (int k = 0; k < 20000; k++)
                ++*n;
            _exit(0);
        }
    while (wait(NULL) > 0)
        ;
    printf("atomic between processes: %ld\n", *n);
}

/* -- programs started */

static void spawns(const char *self)
{
    char out[] = "/tmp/edges.XXXXXX";
    close(mkstemp(out));
    posix_spawn_file_actions_t f;
    posix_spawnattr_t a;
    sigset_t mask, dfl;
    posix_spawn_file_actions_init(&f);
    posix_spawn_file_actions_addopen(&f, 1, out, O_WRONLY | O_TRUNC, 0);
    posix_spawn_file_actions_adddup2(&f, 1, 7);
    posix_spawn_file_actions_addclose(&f, 0);
    posix_spawn_file_actions_addchdir_np(&f, "/usr");
    posix_spawnattr_init(&a);
    sigemptyset(&mask);
    sigaddset(&mask, SIGUSR2);
    sigemptyset(&dfl);
    sigaddset(&dfl, SIGQUIT);
    signal(SIGQUIT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    posix_spawnattr_setsigmask(&a, &mask);
    posix_spawnattr_setsigdefault(&a, &dfl);
    posix_spawnattr_setpgroup(&a, 0);
    posix_spawnattr_setflags(&a, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    pid_t pid;
    char *args[] = {(char *)self, "spawned", NULL};
    int r = posix_spawn(&pid, "/proc/self/exe", &f, &a, args, environ), status = -1;
    waitpid(pid, &status, 0);
    printf("spawned: %d, status %d\n", r, status);
    fflush(stdout);
    char text[512];
    int fd = open(out, O_RDONLY);
    ssize_t n = read(fd, text, sizeof text);
    write(1, text, n > 0 ? n : 0);
    close(fd);
    unlink(out);
    signal(SIGQUIT, SIG_DFL);
    signal(SIGHUP, SIG_DFL);
    args[1] = "x";
    printf("no such program: %s\n", strerrorname_np(posix_spawn(&pid, "/nonexistent", NULL, NULL, args, environ)));
    /* A signal that is blocked and pending goes through exec; many and long arguments. */
    char *big[1002], *one = malloc(1001);
    memset(one, 'a', 1000);
    one[1000] = 0;
    for (int i = 2; i < 1001; i++)
        big[i] = one;
    big[0] = (char *)self;
    big[1] = "big";
    big[1001] = NULL;
    fflush(stdout);
    pid = fork();
    if (!pid) {
        sigset_t usr2;
        sigemptyset(&usr2);
        sigaddset(&usr2, SIGUSR2);
        sigprocmask(SIG_BLOCK, &usr2, NULL);
        kill(getpid(), SIGUSR2);
        execv("/proc/self/exe", big);
        _exit(1);
    }
    waitpid(pid, &status, 0);
    char *huge = malloc(200000);
    memset(huge, 'b', 199999);
    huge[199999] = 0;
    char *too_long[] = {(char *)self, huge, NULL};
    r = execv("/proc/self/exe", too_long);
    printf("an argument of 200,000 bytes: %s\n", r < 0 ? strerrorname_np(errno) : "?");
    if (fork() == 0) {
        close(0), close(1);
        execl("/proc/self/exe", self, "closed", NULL);
        _exit(1);
    }
    wait(&status);
    printf("with 0 and 1 closed: %d\n", WEXITSTATUS(status));
}

static int spawned(void)
{
    sigset_t mask;
    sigprocmask(SIG_SETMASK, NULL, &mask);
    char cwd[64];
    struct sigaction quit, hup;
    sigaction(SIGQUIT, NULL, &quit);
    sigaction(SIGHUP, NULL, &hup);
    printf("in %s, group %d, 0 closed %d, 7 open %d, usr2 blocked %d, usr1 %d, quit %d, hup %d\n", getcwd(cwd, sizeof cwd),
           getpgrp() == getpid(), fcntl(0, F_GETFD) < 0, fcntl(7, F_GETFD) == 0, sigismember(&mask, SIGUSR2),
           sigismember(&mask, SIGUSR1), quit.sa_handler == SIG_DFL, hup.sa_handler == SIG_IGN);
    return 0;
}

static int big(int argc, char **argv)
{
    size_t bytes = 0;
    sigset_t pending;
    for (int i = 0; i < argc; i++)
        bytes += strlen(argv[i]);
    sigpending(&pending);
    printf("%d arguments, at least 999,000 bytes %d, usr2 pending %d\n", argc, bytes >= 999000, sigismember(&pending, SIGUSR2));
    return 0;
}

/* -- stacks */

static sigjmp_buf overflow;

static void on_overflow(int signo, siginfo_t *info, void *context)
{
    siglongjmp(overflow, 1);
}

static int deep(int n)
{
    volatile char pad[512];
    pad[0] = (char)n;
    return n ? deep(n + 1) + pad[0] : 0;
}

static void *overflows(void *arg)
{
    char *alt = malloc(65536);
    stack_t st = {.ss_sp = alt, .ss_size = 65536};
    sigaltstack(&st, NULL);
    for (int i = 0; i < 3; i++)
        if (!sigsetjmp(overflow, 1))
            deep(1);
    st.ss_flags = SS_DISABLE;
    sigaltstack(&st, NULL);
    free(alt);
    return (void *)1;
}

static void *tiny(void *arg)
{
    char c[1024];
    memset(c, 1, sizeof c);
    return (void *)(long)c[5];
}

static void stacks(void)
{
    pthread_attr_t a;
    pthread_t t;
    void *result = NULL;
    set(SIGSEGV, on_overflow, SA_ONSTACK);
    overflows(NULL);
    printf("overflowed in the first thread\n");
    pthread_attr_init(&a);
    pthread_attr_setstacksize(&a, 1 << 20);
    pthread_create(&t, &a, overflows, NULL);
    pthread_join(t, &result);
    printf("in another: %ld\n", (long)result);
    signal(SIGSEGV, SIG_DFL);
    long sum = 0;
    pthread_attr_setstacksize(&a, PTHREAD_STACK_MIN);
    for (int i = 0; i < 50; i++) {
        pthread_create(&t, &a, tiny, NULL);
        pthread_join(t, &result);
        sum += (long)result;
    }
    printf("tiny stacks: %ld\n", sum);
}

/* -- limits, pipes, memory by other ways */

static void *idle(void *arg)
{
    pause();
    return arg;
}

static void limits(void)
{
    int status, p[2];
    fflush(stdout);
    if (fork() == 0) {
        struct rlimit none = {0, 0};
        if (setresuid(65534, 65534, 65534))
            ;
        setrlimit(RLIMIT_NPROC, &none);
        pid_t pid = fork();
        int error = errno;
        if (!pid)
            _exit(0);
        pthread_t t;
        int r = pthread_create(&t, NULL, idle, NULL);
        printf("no more processes: %s, threads: %s\n", pid < 0 ? strerrorname_np(error) : "ok", r ? strerrorname_np(r) : "ok");
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    if (fork() == 0) {
        struct rlimit few = {12, 12};
        setrlimit(RLIMIT_NOFILE, &few);
        int fd, last = -1;
        while ((fd = open("/dev/null", O_RDONLY)) >= 0)
            last = fd;
        printf("the last descriptor of 12: %d, then %s\n", last >= 8, strerrorname_np(errno));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    pipe(p);
    close(p[0]);
    if (fork() == 0) {
        write(p[1], "x", 1);
        _exit(0);
    }
    wait(&status);
    printf("broken pipe: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
    signal(SIGPIPE, SIG_IGN);
    ssize_t n = write(p[1], "x", 1);
    printf("ignored: %zd %s\n", n, strerrorname_np(errno));
    signal(SIGPIPE, SIG_DFL);
    if (fork() == 0) {
        struct rlimit cpu = {1, 2};
        setrlimit(RLIMIT_CPU, &cpu);
        for (;;)
            ;
    }
    wait(&status);
    printf("processor time: signal %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : -1);
}

static void ways(void)
{
    char *page = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    strcpy(page, "read only");
    mprotect(page, 8192, PROT_READ);
    int fd = open("/proc/self/mem", O_RDWR);
    ssize_t n = pwrite(fd, "written", 7, (off_t)page);
    printf("through /proc/self/mem: %zd %s\n", n, page);
    close(fd);
    char buf[16] = {0};
    struct iovec local = {buf, 9}, remote = {page, 9};
    n = process_vm_readv(getpid(), &local, 1, &remote, 1, 0);
    printf("process_vm_readv: %zd %s\n", n, buf);
    n = process_vm_writev(getpid(), &local, 1, &remote, 1, 0);
    printf("process_vm_writev to a read-only page: %zd %s\n", n, n < 0 ? strerrorname_np(errno) : "");
    printf("membarrier: %d\n", syscall(SYS_membarrier, 0, 0, 0) > 0);
    char *grows = mmap(NULL, 1 << 20, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(grows, 1 << 20);
    char *top = mmap(grows + (1 << 20) - 4096, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_GROWSDOWN | MAP_FIXED, -1, 0);
    if (top != MAP_FAILED) {
        for (int i = 0; i < 20; i++)
            top[-4096 * i] = (char)i;
        printf("grew down: %d\n", top[-4096 * 19]);
    }
    char *shared = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    memset(shared, 7, 8192);
    madvise(shared, 4096, MADV_DONTNEED);
    printf("dropped: %d %d\n", shared[0], shared[4096]);
    madvise(shared, 8192, MADV_WIPEONFORK);
    if (fork() == 0)
        _exit(shared[4096]);
    int status;
    wait(&status);
    printf("wiped in a child: %d\n", WEXITSTATUS(status));
    prctl(PR_SET_NAME, "renamed thread", 0, 0, 0);
    char name[17] = {0};
    pthread_getname_np(pthread_self(), name, sizeof name);
    printf("name: %s\n", name);
}

int main(int argc, char **argv)
{
    if (argc > 1 && !strcmp(argv[1], "spawned"))
        return spawned();
    if (argc > 1 && !strcmp(argv[1], "big"))
        return big(argc, argv);
    if (argc > 1 && !strcmp(argv[1], "closed"))
        return open("/dev/null", O_RDONLY) != 0 || open("/dev/null", O_WRONLY) != 1;
    setvbuf(stdout, NULL, _IOLBF, 0);
    queues();
    children();
    timers();
    cancels();
    shared_locks();
    spawns(argv[0]);
    stacks();
    limits();
    ways();
    return 0;
}
