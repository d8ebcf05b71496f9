/* A program that is being executed can't be written, and one that is being written can't be executed; and the errors of exec in general:
 * which one comes first. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

static char copy[64], other[64], script[64];

static const char *result(long r)
{
    return r < 0 ? strerrorname_np(errno) : "done";
}

static void try_open(const char *name, int flags)
{
    int fd = open(name, flags, 0755);
    printf(" %s", result(fd));
    if (fd >= 0)
        close(fd);
}

static void openings(const char *what, const char *name)
{
    struct stat st;
    printf("%s:", what);
    try_open(name, O_RDONLY);
    try_open(name, O_WRONLY);
    try_open(name, O_RDWR | O_APPEND);
    try_open(name, O_RDWR | O_CREAT);
    try_open(name, O_WRONLY | O_CREAT | O_EXCL);
    try_open(name, O_WRONLY | O_CREAT | O_TRUNC);
    try_open(name, O_RDONLY | O_TRUNC);
    try_open(name, O_PATH | O_RDWR);
    printf(" truncate %s", result(truncate(name, 0)));
    printf(" empty %d\n", stat(name, &st) == 0 && st.st_size == 0);
}

static void duplicate(const char *to)
{
    struct stat st;
    int from = open("/proc/self/exe", O_RDONLY), fd = open(to, O_WRONLY | O_CREAT | O_TRUNC, 0755);
    fstat(from, &st);
    for (off_t left = st.st_size; left > 0;)
        left -= sendfile(fd, from, NULL, left);
    close(from);
    close(fd);
}

static void try_exec(const char *what, const char *name, int fd, int flags)
{
    char *argv[] = {(char *)"program", (char *)"quick", NULL}, *envp[] = {NULL};
    int status;
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        if (fd < 0)
            execve(name, argv, envp);
        else
            syscall(SYS_execveat, fd, name, argv, envp, flags);
        printf("%s: %s\n", what, strerrorname_np(errno));
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    if (WEXITSTATUS(status) == 7)
        printf("%s: executed\n", what);
}

/* A child, in memory that is its parent's or its own, that executes the copy until its pipe ends. */
static void while_executed(const char *what, pid_t (*start)(void))
{
    int fds[2], ready[2], status;
    char c, in[16], out[16];
    pipe(fds);
    pipe(ready);
    snprintf(in, sizeof in, "%d", fds[0]);
    snprintf(out, sizeof out, "%d", ready[1]);
    fcntl(fds[1], F_SETFD, FD_CLOEXEC);
    fflush(stdout);
    pid_t pid = start();
    if (!pid) {
        execl(copy, "program", "waits", in, out, NULL);
        _exit(1);
    }
    close(ready[1]);
    read(ready[0], &c, 1);
    openings(what, copy);
    printf("link, names:");
    unlink(other);
    printf(" %s", result(link(copy, other)));
    printf(" %s", result(chmod(copy, 0755)));
    try_open(other, O_WRONLY);
    printf(" %s\n", result(unlink(other)));
    close(fds[1]);
    waitpid(pid, &status, 0);
    printf("it ended: %d\n", status);
    close(fds[0]);
    close(ready[0]);
}

static pid_t start_fork(void)
{
    return fork();
}

static void orders(void)
{
    struct utsname u;
    int major, minor;
    char *argv[] = {(char *)"program", (char *)"quick", NULL};
    char **bad = (char **)8, *name = (char *)8;
    uname(&u);
    sscanf(u.release, "%d.%d", &major, &minor);
    printf("%s\n", result(syscall(SYS_execveat, AT_FDCWD, name, argv, NULL, 0x8000000)));
    printf("%s\n", result(syscall(SYS_execveat, AT_FDCWD, "", bad, NULL, 0x8000000)));
    printf("%s\n", result(syscall(SYS_execveat, AT_FDCWD, "/no/such/file", argv, NULL, 0x8000000)));
    printf("%s\n", result(syscall(SYS_execveat, AT_FDCWD, copy, bad, NULL, 0)));
    printf("%s\n", result(syscall(SYS_execveat, 99, "", argv, NULL, AT_EMPTY_PATH)));
    printf("%s\n", result(syscall(SYS_execveat, 99, "x", argv, NULL, AT_EMPTY_PATH)));
    printf("%s\n", result(syscall(SYS_execve, "/", argv, NULL)));
    printf("%s\n", result(syscall(SYS_execve, "/dev/null", argv, NULL)));
    if (major > 6 || (major == 6 && minor >= 8)) { /* the file is opened before anything else */
        printf("%s\n", result(syscall(SYS_execve, "/no/such/file", bad, NULL)));
        printf("%s\n", result(syscall(SYS_execve, "/", bad, NULL)));
        printf("%s\n", result(syscall(SYS_execveat, 99, "", bad, NULL, AT_EMPTY_PATH)));
        printf("%s\n", result(syscall(SYS_execveat, AT_FDCWD, copy, bad, NULL, 0x8000000)));
    }
    for (int i = 0; i < 2; i++) { /* AT_EXECVE_CHECK: EINVAL before Linux 6.14 */
        printf("%s", result(syscall(SYS_execveat, AT_FDCWD, copy, argv, NULL, 0x10000)));
        printf(" %s", result(syscall(SYS_execveat, AT_FDCWD, "/dev/null", argv, NULL, 0x10000)));
        int fd = open(script, O_RDONLY | O_CLOEXEC);
        printf(" %s\n", result(syscall(SYS_execveat, fd, "", argv, NULL, AT_EMPTY_PATH | 0x10000)));
        close(fd);
        chmod(script, 0644);
    }
}

/* Before Linux 6.14 nothing tells a program whether a file is open for writing. */
static int kernel_tells(void)
{
    char *argv[] = {(char *)"program", NULL};
    return syscall(SYS_execveat, AT_FDCWD, copy, argv, NULL, 0x10000) == 0;
}

int main(int argc, char **argv)
{
    char c;
    if (argc > 1 && strcmp(argv[1], "quick") == 0)
        return 7;
    if (argc > 1) {
        write(atoi(argv[3]), "", 1);
        read(atoi(argv[2]), &c, 1);
        return 0;
    }
    const char *dir = getenv("TMPDIR") ? getenv("TMPDIR") : "/tmp";
    snprintf(copy, sizeof copy, "%s/busy.%d", dir, getpid());
    snprintf(other, sizeof other, "%s/busy.%d.link", dir, getpid());
    snprintf(script, sizeof script, "%s/busy.%d.sh", dir, getpid());
    duplicate(copy);
    int fd = open(script, O_WRONLY | O_CREAT, 0755);
    write(fd, "#!/bin/true\n", 12);
    int tells = kernel_tells();
    if (tells)
        try_exec("a script that is open for writing", script, -1, 0);
    close(fd);

    openings("this program", "/proc/self/exe");
    openings("by its name", argv[0]);
    while_executed("another process's", start_fork);
    while_executed("started by vfork", vfork);

    fd = open(copy, O_RDWR);
    if (tells)
        try_exec("open for writing", copy, -1, 0);
    int path = open(copy, O_PATH);
    if (tells)
        try_exec("by a descriptor", "", path, AT_EMPTY_PATH);
    int reads = open(copy, O_RDONLY);
    close(fd);
    try_exec("open for reading", copy, -1, 0);
    close(reads);
    try_exec("not open any more", "", path, AT_EMPTY_PATH);
    orders();
    openings("executed by nobody", copy);
    unlink(copy);
    unlink(script);
    return 0;
}
