/* The program's own file by symbolic links that lead to /proc/self/exe, by any number of steps. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

static struct stat own;

static int is_own(const struct stat *st)
{
    return st->st_ino == own.st_ino && st->st_dev == own.st_dev;
}

static int run(const char *name)
{
    int status = 0;
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execl(name, name, "executed", NULL);
        _exit(1);
    }
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}

int main(int argc, char **argv)
{
    char dir[] = "/tmp/exe_linksXXXXXX", by_pid[64], absolute[64];
    struct stat st;
    if (argc > 1 && !strcmp(argv[1], "executed"))
        return 42;
    stat(argv[0], &own);
    if (!mkdtemp(dir) || chdir(dir))
        return 1;
    snprintf(by_pid, sizeof by_pid, "/proc/%d/exe", getpid());
    snprintf(absolute, sizeof absolute, "%s/chain", dir);
    const char *const links[][2] = {
        {"/proc/self/exe", "direct"}, {"direct", "chain"}, {"/proc/self", "process"}, {"process/exe", "through"}, {by_pid, "pid"},
        {"../../proc/self/exe", "up"}, {"/proc/thread-self/exe", "thread"}, {"/proc/self/exe", "exe"}, {absolute, "absolute"},
    };
    enum { LINKS = sizeof links / sizeof *links };
    for (int i = 0; i < LINKS; i++)
        symlink(links[i][0], links[i][1]);
    for (int i = 0; i < LINKS; i++) {
        const char *name = links[i][1];
        if (!strcmp(name, "process"))
            name = "process/exe";
        printf("%s: stat %d", name, stat(name, &st) == 0 && is_own(&st));
        int fd = open(name, O_RDONLY);
        printf(" open %d", fstat(fd, &st) == 0 && is_own(&st));
        close(fd);
        fd = open(name, O_PATH | O_NOFOLLOW);
        printf(" link %d", fstat(fd, &st) == 0 && S_ISLNK(st.st_mode));
        char target[4096];
        printf(" to %s", readlinkat(fd, "", target, sizeof target) > 0 ? "something" : "nothing");
        close(fd);
        struct statx x;
        printf(" statx %d", statx(AT_FDCWD, name, 0, STATX_BASIC_STATS, &x) == 0 && x.stx_ino == own.st_ino);
        printf(" exec %d\n", run(name));
    }
    for (int i = 0; i < LINKS; i++)
        unlink(links[i][1]);
    chdir("/");
    rmdir(dir);
    return 0;
}
