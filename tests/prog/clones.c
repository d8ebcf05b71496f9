/* clone in its less usual forms. */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static atomic_int shared;
static char stack[4][256 << 10];
static int pipefd[2];

static int counts(void *arg)
{
    for (int i = 0; i < 1000; i++)
        atomic_fetch_add(&shared, 1);
    return (int)(long)arg;
}

static int sets_handler(void *arg)
{
    signal(SIGUSR1, SIG_IGN);
    return 0;
}

static int kills_itself(void *arg)
{
    raise(SIGKILL);
    return 0;
}

static int renames(void *arg)
{
    syscall(SYS_sethostname, "elsewhere", 9);
    atomic_store(&shared, -1);
    syscall(SYS_exit, 0);
    return 0;
}

/* Children of the parent's by the old call, which names a signal, too; threads in namespaces of their own, and what they can't be in;
 * a word that is cleared at the end of who shares memory. */
static void flags(void)
{
    int status[2] = {-1, -1};
    fflush(stdout);
    pid_t pid = fork();
    if (!pid)
        _exit(syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL) < 0 ? 2 : 1);
    for (int i = 0; i < 2; i++)
        wait(&status[i]);
    printf("CLONE_PARENT: %x %x\n", status[0], status[1]);
    unsigned long long args[8] = {CLONE_PARENT, 0, 0, 0, SIGCHLD};
    long result = syscall(SYS_clone3, args, sizeof args);
    printf("clone3 with CLONE_PARENT and a signal: %s\n", result < 0 ? strerrorname_np(errno) : "made");
    unsigned long thread = CLONE_THREAD | CLONE_VM | CLONE_SIGHAND;
    unsigned long not[] = {CLONE_NEWPID | thread, CLONE_NEWUSER | thread, CLONE_NEWPID | CLONE_NEWUSER | thread};
    for (int i = 0; i < 3; i++) {
        result = clone(counts, stack[0] + sizeof stack[0], not[i], NULL);
        printf("thread %lx: %s\n", not[i], result < 0 ? strerrorname_np(errno) : "made");
    }
    char before[65], after[65];
    gethostname(before, sizeof before);
    result = clone(renames, stack[0] + sizeof stack[0], CLONE_NEWUTS | thread, NULL);
    while (result > 0 && atomic_load(&shared) != -1)
        sched_yield();
    gethostname(after, sizeof after);
    printf("thread with a name of its own: %s, %d\n", result < 0 ? strerrorname_np(errno) : "made", strcmp(before, after));
    static volatile int word = 77;
    result = clone(counts, stack[0] + sizeof stack[0], CLONE_VM | CLONE_VFORK | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL, (int *)&word);
    waitpid((pid_t)result, NULL, 0);
    printf("word at the end: %d\n", word);
    word = 77;
    result = clone(kills_itself, stack[0] + sizeof stack[0], CLONE_VM | CLONE_CHILD_CLEARTID | SIGCHLD, NULL, NULL, NULL, (int *)&word);
    waitpid((pid_t)result, status, 0);
    while (word)
        sched_yield();
    printf("word of who has been killed: %x\n", WTERMSIG(status[0]));
}

static int closes(void *arg)
{
    close(pipefd[0]);
    return 0;
}

static void handler(int s)
{
}

static void *thread(void *arg)
{
    return arg;
}

static int status_of(pid_t pid, int options)
{
    int status = -1;
    waitpid(pid, &status, options);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

/* Children of a child that shares its parent's memory. */
static void nested(void)
{
    pid_t outer = vfork();
    if (!outer) {
        pid_t inner = fork();
        if (!inner) { /* an ordinary process: may have threads and such children itself */
            pthread_t t;
            void *result = NULL;
            int error = pthread_create(&t, NULL, thread, "");
            if (error)
                _exit(1);
            pthread_join(t, &result);
            pid_t third = vfork();
            if (!third)
                _exit(14);
            int status = status_of(third, 0);
            volatile long long sum = 0;
            for (long i = 0; i < 3000000; i++) /* hot */
                sum += i;
            _exit(result && sum > 0 ? status : 2);
        }
        _exit(status_of(inner, 0));
    }
    printf("fork in a vfork child: %d\n", status_of(outer, 0));
    volatile int deep = 0;
    outer = vfork();
    if (!outer) {
        pid_t inner = vfork();
        if (!inner) {
            deep = 15;
            _exit(deep);
        }
        _exit(status_of(inner, 0) + 1);
    }
    int status = status_of(outer, 0);
    printf("vfork in a vfork child: %d %d\n", status, deep);
    outer = clone(counts, stack[0] + sizeof stack[0], CLONE_VM | CLONE_VFORK | SIGCHLD, (void *)17);
    printf("clone: %d\n", status_of(outer, 0));
}

static int faults(void *arg)
{
    *(volatile int *)8 = 1;
    return 0;
}

static int nowhere(void *arg)
{
    long tid = syscall(SYS_set_tid_address, 8);
    if (arg)
        kill((pid_t)tid, SIGKILL);
    return tid == getpid() ? 18 : 1;
}

static int dies(void *arg)
{
    if (arg)
        execl("/bin/true", "true", NULL);
    *(volatile int *)8 = 1;
    return 0;
}

/* This process's own faults, in system calls, are its own affair while one that shares its handlers dies by a fault or executes. */
static void apart(void)
{
    for (long how = 0; how < 2; how++) {
        int right = 0;
        for (int i = 0; i < 60; i++) {
            int status = -1, faults = 0;
            pid_t pid = clone(dies, stack[0] + sizeof stack[0], CLONE_VM | CLONE_SIGHAND | SIGCHLD, (void *)how);
            while (waitpid(pid, &status, WNOHANG) == 0)
                faults += access((char *)8, F_OK) == 0;
            for (int k = 0; k < 50; k++)
                faults += access((char *)8, F_OK) == 0;
            right += !faults && (how ? status == 0 : WIFSIGNALED(status) && WTERMSIG(status) == SIGSEGV);
        }
        printf("%s: %d\n", how ? "executes" : "dies", right);
    }
}

static int executes(void *arg)
{
    execl("/bin/true", "true", NULL);
    _exit(1);
}

int main(void)
{
    int r;
    setvbuf(stdout, NULL, _IONBF, 0);
    flags();
    atomic_store(&shared, 0);
    /* Processes that share memory and run beside their parent. */
    pid_t pid[4];
    for (int i = 0; i < 4; i++)
        pid[i] = clone(counts, stack[i] + sizeof stack[i], CLONE_VM | SIGCHLD, (void *)(long)(i + 1));
    for (int i = 0; i < 4; i++)
        printf("child %d: %d\n", i, status_of(pid[i], 0));
    printf("shared %d\n", atomic_load(&shared));
    signal(SIGUSR1, handler);
    struct sigaction now;
    pid[0] = clone(sets_handler, stack[0] + sizeof stack[0], CLONE_VM | SIGCHLD, NULL);
    status_of(pid[0], 0);
    sigaction(SIGUSR1, NULL, &now);
    printf("handlers apart: %d\n", now.sa_handler == handler);
    pid[0] = clone(sets_handler, stack[0] + sizeof stack[0], CLONE_VM | CLONE_SIGHAND | SIGCHLD, NULL);
    status_of(pid[0], 0);
    sigaction(SIGUSR1, NULL, &now);
    printf("handlers shared: %d\n", now.sa_handler == SIG_IGN);
    /* One that shares handlers and is ended by a fault, or executes: this one's faults in system calls are errors all the same. */
    pid[0] = clone(faults, stack[0] + sizeof stack[0], CLONE_VM | CLONE_VFORK | CLONE_SIGHAND | SIGCHLD, NULL);
    status_of(pid[0], 0);
    r = access((char *)8, F_OK);
    printf("after a fault: %d %s\n", r, strerror(errno));
    pid[0] = clone(executes, stack[0] + sizeof stack[0], CLONE_VM | CLONE_VFORK | CLONE_SIGHAND | SIGCHLD, NULL);
    status_of(pid[0], 0);
    r = access((char *)8, F_OK);
    printf("after an exec: %d %s\n", r, strerror(errno));
    /* Nobody can be told of its end, at an address that isn't there. */
    for (long killed = 0; killed < 2; killed++) {
        pid[0] = clone(nowhere, stack[0] + sizeof stack[0], CLONE_VM | SIGCHLD, (void *)killed);
        printf("ends %d\n", status_of(pid[0], 0));
        usleep(20000);
    }
    pipe(pipefd);
    pid[0] = clone(closes, stack[0] + sizeof stack[0], CLONE_FILES | SIGCHLD, NULL);
    status_of(pid[0], 0);
    r = close(pipefd[0]);
    printf("descriptors shared: %d %s\n", r, strerror(errno));
    /* Another exit signal, and none. */
    signal(SIGUSR2, SIG_IGN);
    pid[0] = clone(counts, stack[0] + sizeof stack[0], SIGUSR2, (void *)7);
    printf("exit signal USR2: %d\n", status_of(pid[0], __WALL));
    pid[0] = clone(counts, stack[0] + sizeof stack[0], 0, (void *)8);
    printf("no exit signal: %d\n", status_of(pid[0], __WCLONE));
    printf("not shared %d\n", atomic_load(&shared));
    /* Ids and descriptors handed out. */
    static pid_t parent_tid;
    static pid_t *child_tid;
    child_tid = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pid[0] = clone(counts, stack[0] + sizeof stack[0], CLONE_PARENT_SETTID | CLONE_CHILD_SETTID | SIGCHLD, (void *)9, &parent_tid,
                   NULL, child_tid);
    printf("tids: %d", status_of(pid[0], 0));
    printf(" %d %d\n", parent_tid == pid[0], *child_tid == pid[0]);
    int fd = -1;
    pid[0] = clone(counts, stack[0] + sizeof stack[0], CLONE_PIDFD | SIGCHLD, (void *)10, &fd);
    siginfo_t info;
    r = waitid(P_PIDFD, fd, &info, WEXITED);
    printf("pidfd: %d %d\n", r, info.si_status);
    fd = -1;
    pid[0] = clone(counts, stack[0] + sizeof stack[0], CLONE_VM | CLONE_PIDFD | SIGCHLD, (void *)11, &fd);
    r = waitid(P_PIDFD, fd, &info, WEXITED);
    printf("pidfd: %d %d\n", r, info.si_status);
    /* What can't be. */
    static const unsigned long bad[] = {CLONE_THREAD, CLONE_SIGHAND, CLONE_THREAD | CLONE_SIGHAND, CLONE_FS | CLONE_NEWNS};
    for (int i = 0; i < 4; i++) {
        r = syscall(SYS_clone, bad[i], 0, 0, 0, 0);
        printf("bad flags: %d %s\n", r, strerror(errno));
    }
    struct { unsigned long long v[16]; } args = {{0}};
    r = syscall(SYS_clone3, &args, 8);
    printf("clone3, short: %d %s\n", r, strerror(errno));
    args.v[14] = 1;
    r = syscall(SYS_clone3, &args, sizeof args);
    printf("clone3, unknown field: %d %s\n", r, strerror(errno));
    args.v[14] = 0;
    args.v[4] = SIGCHLD;
    r = syscall(SYS_clone3, &args, 88);
    if (!r)
        _exit(12);
    printf("clone3: %d\n", status_of(r, 0));
    args.v[0] = 0x100000000; /* CLONE_CLEAR_SIGHAND */
    signal(SIGUSR1, handler);
    r = syscall(SYS_clone3, &args, 88);
    if (!r) {
        sigaction(SIGUSR1, NULL, &now);
        _exit(now.sa_handler == SIG_DFL ? 13 : 1);
    }
    printf("clone3, handlers cleared: %d\n", status_of(r, 0));
    nested();
    apart();
    return 0;
}
