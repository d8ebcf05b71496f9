/* A program that asks for nothing that kernels haven't had for ages: threads, hot code, children of every kind, programs executed, files.
 * It goes on where newer system calls are denied (deny.c), if they are denied to it alone. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void *thread(void *arg)
{
    return arg;
}

__attribute__((noipa)) static unsigned hot(unsigned rounds)
{
    unsigned s = 1;
    for (unsigned i = 0; i < rounds; i++)
        s = s * 1664525 + (s >> 3) + i;
    return s;
}

static void wait_for(const char *what, long pid)
{
    int status = -1;
    if (pid > 0)
        waitpid(pid, &status, __WALL);
    printf("%s: %s %d\n", what, pid > 0 ? "ok" : strerrorname_np(errno), status);
    fflush(stdout);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return puts("executed") < 0;
    char *args[] = {argv[0], "again", NULL};
    pthread_t t;
    void *result = NULL;
    int error = pthread_create(&t, NULL, thread, argv);
    if (!error)
        pthread_join(t, &result);
    printf("thread: %s\n", error ? strerrorname_np(error) : result == argv ? "ok" : "wrong");
    printf("hot: %u\n", hot(3000000));
    fflush(stdout);

    pid_t pid;
    error = posix_spawn(&pid, argv[0], NULL, NULL, args, environ);
    wait_for("spawn", error ? -1 : pid);
    if (!(pid = fork())) {
        execv(argv[0], args);
        perror("exec");
        _exit(1);
    }
    wait_for("exec", pid);
    if (!(pid = fork())) {
        execl("/proc/self/exe", "exe", "again", NULL);
        perror("exec of /proc/self/exe");
        _exit(1);
    }
    wait_for("exec of /proc/self/exe", pid);
    if (!(pid = syscall(SYS_clone, CLONE_FS | SIGCHLD, 0, 0, 0, 0)))
        _exit(3);
    wait_for("clone, shared directory", pid);
    if (!(pid = syscall(SYS_clone, 0, 0, 0, 0, 0)))
        _exit(4);
    wait_for("clone, no signal", pid);
    int pidfd = -1;
    if (!(pid = syscall(SYS_clone, CLONE_PIDFD | SIGCHLD, 0, &pidfd, 0, 0)))
        _exit(5);
    wait_for("clone with a pidfd", pid);
    printf("pidfd: %s\n", fcntl(pidfd, F_GETFD) == FD_CLOEXEC ? "ok" : "none");

    char *memory = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("writable and executable memory: %d\n", memory != MAP_FAILED && (*memory = 1));
    struct stat st;
    printf("stat: %d, access: %d, no such file: %d\n", stat(argv[0], &st), access(argv[0], X_OK), access("/no/such/file", F_OK));
    printf("in the sysroot: %d %d\n", syscall(SYS_faccessat, AT_FDCWD, "/lib/libc.so.6", R_OK), access("/lib/libc.so.6", R_OK));
    printf("created: %d\n", close(open("modest.new", O_RDWR | O_CREAT | O_EXCL, 0600)));
    printf("removed: %d\n", unlink("modest.new"));
    return 0;
}
