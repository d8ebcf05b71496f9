/* What threads a process has, while it computes: whoever guesses numbers finds no others, neither in the process itself nor in another
 * one, which may be in a PID namespace of its own. Without such namespaces it says "skip". */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { GUESSES = 40 };
static volatile unsigned long x;

/* Each is hot for the first time. */
#define BUSY(name, addend) \
    static void name(void) \
    { \
        for (long i = 0; i < 10000000; i++) \
            x = x * 2862933555777941757ul + addend; \
    }
BUSY(busy, 3037000493ul)
BUSY(busy_among_two, 3037000507ul)
BUSY(busy_in_namespace, 3037000509ul)

/* How many entries of a directory are numbers. */
static int numbers(const char *name)
{
    int n = 0;
    DIR *d = opendir(name);
    if (!d)
        return -1;
    for (struct dirent *e; (e = readdir(d));)
        n += e->d_name[0] >= '0' && e->d_name[0] <= '9';
    closedir(d);
    return n;
}

/* Calls that know the thread. */
static int known(pid_t tid)
{
    cpu_set_t cpus;
    struct sched_param param;
    struct rlimit limit;
    siginfo_t info;
    char c, d;
    struct iovec here = {&c, 1}, there = {&d, 1};
    void *head;
    size_t size;
    memset(&info, 0, sizeof info);
    info.si_code = SI_QUEUE;
    int n = 0, fd;
    n += kill(tid, 0) == 0;
    n += syscall(SYS_tkill, tid, 0) == 0;
    n += syscall(SYS_tgkill, getpid(), tid, 0) == 0;
    n += syscall(SYS_rt_sigqueueinfo, tid, 0, &info) == 0;
    n += syscall(SYS_rt_tgsigqueueinfo, getpid(), tid, 0, &info) == 0;
    n += sched_getaffinity(tid, sizeof cpus, &cpus) == 0;
    n += sched_setaffinity(tid, sizeof cpus, &cpus) == 0;
    n += sched_getscheduler(tid) >= 0;
    n += sched_getparam(tid, &param) == 0;
    n += getpgid(tid) >= 0;
    n += getsid(tid) >= 0;
    errno = 0;
    n += getpriority(PRIO_PROCESS, tid) != -1 || !errno;
    n += setpriority(PRIO_PROCESS, tid, 0) == 0;
    n += prlimit(tid, RLIMIT_CPU, NULL, &limit) == 0;
    n += syscall(SYS_get_robust_list, tid, &head, &size) == 0;
    n += syscall(SYS_ioprio_get, 1, tid) >= 0;
    n += syscall(SYS_kcmp, getpid(), tid, 1, 0, 0) == 0;
    n += process_vm_readv(tid, &here, 1, &there, 1, 0) == 1;
    n += process_vm_writev(tid, &here, 1, &there, 1, 0) == 1;
    n += (fd = syscall(SYS_pidfd_open, tid, 0)) >= 0;
    return n;
}

static int others(pid_t from)
{
    int n = 0;
    for (pid_t tid = from; tid < from + GUESSES; tid++)
        n += tid != getpid() && known(tid);
    return n;
}

static void *second(void *pipe)
{
    char c;
    read(*(int *)pipe, &c, 1);
    return NULL;
}

static void own(void)
{
    char name[64];
    int n = 0, open_ = 0;
    busy();
    for (pid_t tid = getpid() + 1; tid < getpid() + GUESSES; tid++) {
        n += syscall(SYS_tgkill, getpid(), tid, 0) == 0;
        snprintf(name, sizeof name, "/proc/self/task/%d/stat", tid);
        open_ += open(name, O_RDONLY) >= 0;
        snprintf(name, sizeof name, "/proc/%d/task/%d", getpid(), tid);
        open_ += access(name, F_OK) == 0;
    }
    printf("other threads: %d by number, %d by name\n", n, open_);
    int fds[2];
    pthread_t thread;
    pipe(fds);
    pthread_create(&thread, NULL, second, fds);
    busy_among_two();
    printf("two threads: %d\n", numbers("/proc/self/task"));
    write(fds[1], "", 1);
    pthread_join(thread, NULL);
}

/* The first process of a namespace: all numbers beside its own are those of threads that it can't know of. */
static void first(void)
{
    int ready[2], go[2], status;
    char name[64], c;
    pipe(ready);
    pipe(go);
    pid_t pid = (pid_t)syscall(SYS_clone, CLONE_NEWPID | (geteuid() ? CLONE_NEWUSER : 0) | SIGCHLD, 0, 0, 0, 0);
    if (pid < 0) {
        printf("skip: %s\n", strerror(errno));
        return;
    }
    if (!pid) {
        busy_in_namespace();
        printf("in a namespace: %d\n", others(2));
        fflush(stdout);
        pthread_t thread;
        pthread_create(&thread, NULL, second, go);
        write(ready[1], "", 1);
        pthread_join(thread, NULL);
        _exit(0);
    }
    read(ready[0], &c, 1);
    snprintf(name, sizeof name, "/proc/%d/task", pid);
    printf("another's threads: %d\n", numbers(name));
    write(go[1], "", 1);
    waitpid(pid, &status, 0);
    printf("status %d\n", status);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    own();
    first();
    return 0;
}
