/* PID 1 of a namespace, which only its own faults end; and namespaces that only a process of one thread may enter, after it has
 * computed for a while. Where namespaces aren't allowed it says so, as on the host. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static volatile unsigned long x;
static volatile int got;

static void handler(int s)
{
    _exit(4);
}

static void note(int s)
{
    got = s;
}

static __attribute__((noinline)) int endless(int n)
{
    volatile char room[1024];
    room[0] = (char)n;
    return endless(n + 1) + room[0];
}

static void null_pointer(void)
{
    *(volatile int *)8 = 1;
}

static void illegal(void)
{
#if defined __aarch64__
    asm volatile("udf #0");
#elif defined __x86_64__
    asm volatile("ud2");
#endif
}

static void trap(void)
{
#if defined __aarch64__
    asm volatile("brk #0");
#elif defined __x86_64__
    asm volatile("int3");
#endif
}

static void beyond_end(void)
{
    int fd = memfd_create("x", 0);
    char *p = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    *(volatile char *)p = 1;
}

static void sends(void)
{
    static const int fatal[] = {SIGTERM, SIGSEGV, SIGBUS, SIGABRT, SIGFPE, SIGILL, SIGTRAP, SIGSYS, SIGKILL, SIGUSR1};
    for (int i = 0; i < 10; i++) {
        kill(getpid(), fatal[i]);
        raise(fatal[i]);
    }
    signal(SIGSEGV, note);
    kill(getpid(), SIGSEGV);
    int first = got;
    signal(SIGABRT, note);
    raise(SIGABRT);
    _exit(first == SIGSEGV && got == SIGABRT ? 3 : 5);
}

static void overflow(void)
{
    endless(0);
}

static void handled(void)
{
    signal(SIGSEGV, handler);
    null_pointer();
}

static void ignored(void)
{
    signal(SIGSEGV, SIG_IGN);
    null_pointer();
}

static void blocked(void)
{
    sigset_t s;
    sigfillset(&s);
    sigprocmask(SIG_SETMASK, &s, NULL);
    beyond_end();
}

static void aborts(void)
{
    abort(); /* raise is in vain: ends by an instruction that each architecture has its own signal for */
}

static void child_dies(void)
{
    int status;
    pid_t pid = fork();
    if (!pid)
        null_pointer();
    waitpid(pid, &status, 0);
    _exit(WIFSIGNALED(status) ? WTERMSIG(status) : 1);
}

static void sleeps(void)
{
    pid_t pid = fork();
    if (!pid) {
        usleep(20000);
        for (int i = 1; i < 32; i++)
            if (i != SIGCHLD)
                kill(1, i);
        usleep(300000);
        _exit(0);
    }
    struct timespec moment = {0, 150000000};
    _exit(nanosleep(&moment, NULL) == 0 ? 6 : 7);
}

static void report(const char *what, int status, int any_signal)
{
    if (WIFSIGNALED(status) && any_signal)
        printf("%s: a signal\n", what);
    else if (WIFSIGNALED(status))
        printf("%s: signal %d\n", what, WTERMSIG(status));
    else
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
}

/* Runs it as PID 1. */
static void first(const char *what, void (*body)(void), int any_signal)
{
    int status;
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | (geteuid() ? CLONE_NEWUSER : 0) | SIGCHLD, 0, 0, 0, 0);
    if (pid < 0) {
        printf("%s: %s\n", what, strerror(errno));
        return;
    }
    if (!pid) {
        body();
        _exit(99);
    }
    waitpid(pid, &status, 0);
    report(what, status, any_signal);
}

static void busy(void)
{
    for (long i = 0; i < 20000000; i++)
        x = x * 2862933555777941757ul + 3037000493ul;
}

static const char *result(int r)
{
    return r ? strerror(errno) : "done";
}

/* In a child of its own, again and again. */
static void enter(void)
{
    for (int i = 0; i < 5; i++) {
        busy();
        printf("unshare, files: %s\n", result(unshare(CLONE_FILES)));
        printf("unshare, user: %s\n", result(unshare(CLONE_NEWUSER)));
        busy();
        int fd = open("/proc/self/ns/mnt", O_RDONLY | O_CLOEXEC);
        printf("setns, mount: %s\n", result(setns(fd, CLONE_NEWNS)));
        printf("setns, its own user namespace: ");
        close(fd);
        fd = open("/proc/self/ns/user", O_RDONLY | O_CLOEXEC);
        printf("%s\n", result(setns(fd, CLONE_NEWUSER)));
        close(fd);
        printf("unshare, mount: %s\n", result(unshare(CLONE_NEWNS)));
        busy();
        printf("unshare, memory and handlers: %s\n", result(unshare(CLONE_VM | CLONE_SIGHAND)));
        printf("unshare, processes: %s\n", result(unshare(CLONE_NEWPID)));
        busy();
    }
}

/* The other end of a pipe is closed when its holder has left the shared table and closed it there. */
static void holds_nothing(void)
{
    int fds[2];
    char c;
    pipe(fds);
    busy();
    printf("unshare, files: %s\n", result(unshare(CLONE_FILES)));
    close(fds[1]);
    alarm(20);
    printf("end of the pipe: %zd\n", read(fds[0], &c, 1));
    pipe(fds);
    busy();
    int r = (int)syscall(SYS_close_range, fds[1], fds[1], 2 /* CLOSE_RANGE_UNSHARE */);
    printf("close_range: %s\n", result(r));
    printf("end of the pipe: %zd\n", read(fds[0], &c, 1));
    alarm(0);
}

static void same(const char *what, pid_t pid, int kind)
{
    long r = syscall(SYS_kcmp, getpid(), pid, kind, 0, 0);
    printf("kcmp %s: %s\n", what, r < 0 ? strerror(errno) : r ? "differ" : "same");
}

/* A child shares with its parent what it was told to, and two processes that have no semaphores to undo are alike. */
static void compare(void)
{
    enum { VM = 1, FILES, FS, SIGHAND, IO, SYSVSEM };
    busy();
    pid_t pid = fork();
    if (!pid)
        pause(), _exit(0);
    same("memory", pid, VM);
    same("files", pid, FILES);
    same("directories", pid, FS);
    same("handlers", pid, SIGHAND);
    same("semaphores", pid, SYSVSEM);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

static void in_child(const char *what, void (*body)(void))
{
    int status;
    pid_t pid = fork();
    if (!pid) {
        body();
        _exit(0);
    }
    waitpid(pid, &status, 0);
    report(what, status, 0);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    first("null pointer", null_pointer, 0);
    first("illegal", illegal, 0);
    first("trap", trap, 0);
    first("beyond the end", beyond_end, 0);
    first("sent", sends, 0);
    first("overflow", overflow, 0);
    first("handled", handled, 0);
    first("ignored", ignored, 0);
    first("blocked", blocked, 0);
    first("abort", aborts, 1);
    first("child", child_dies, 0);
    first("sleeps", sleeps, 0);
    in_child("entered", enter);
    in_child("pipes", holds_nothing);
    compare();
    return 0;
}
