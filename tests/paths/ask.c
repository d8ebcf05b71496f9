/* The guest of tests/run_paths: does what its arguments say, one word and its operands at a time, and prints what came
 * of it. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <unistd.h>

static void say(const char *what, long result)
{
    printf("%s%s%s\n", what, *what ? " " : "", result < 0 ? strerrorname_np(errno) : "ok");
}

int main(int argc, char **argv)
{
    char buf[4096];
    for (char **a = argv + 1; *a; a++) {
        const char *op = *a;
        if (!strcmp(op, "cat")) {
            int fd = open(*++a, O_RDONLY);
            ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
            if (n < 0) {
                say("", n);
            } else {
                buf[n] = 0;
                printf("%s", buf);
            }
            close(fd);
        } else if (!strcmp(op, "write")) {
            int fd = open(*++a, O_WRONLY | O_CREAT | O_TRUNC, 0644);
            say("", fd < 0 ? -1 : write(fd, "written\n", 8));
            close(fd);
        } else if (!strcmp(op, "size") || !strcmp(op, "lsize")) {
            struct stat st;
            int r = op[0] == 'l' ? lstat(*++a, &st) : stat(*++a, &st);
            if (r)
                say("", r);
            else
                printf("%ld\n", S_ISLNK(st.st_mode) ? -1 : (long)st.st_size);
        } else if (!strcmp(op, "readlink")) {
            ssize_t n = readlink(*++a, buf, sizeof buf);
            if (n < 0)
                say("", n);
            else
                printf("%.*s\n", (int)n, buf);
        } else if (!strcmp(op, "real")) {
            char *real = realpath(*++a, NULL);
            printf("%s\n", real ? real : strerrorname_np(errno));
        } else if (!strcmp(op, "access")) {
            say("", access(*++a, R_OK));
        } else if (!strcmp(op, "ls")) {
            struct dirent **entries;
            int n = scandir(*++a, &entries, NULL, alphasort);
            if (n < 0)
                say("", n);
            for (int i = 2; i < n; i++)
                printf("%s%c", entries[i]->d_name, i + 1 < n ? ' ' : '\n');
        } else if (!strcmp(op, "same")) {
            struct stat x, y;
            int r = stat(a[1], &x) || stat(a[2], &y);
            printf("%s\n", r ? strerrorname_np(errno) : x.st_ino == y.st_ino && x.st_dev == y.st_dev ? "same" : "different");
            a += 2;
        } else if (!strcmp(op, "openat")) {
            int dir = open(a[1], O_RDONLY | O_DIRECTORY), fd = openat(dir, a[2], O_RDONLY);
            ssize_t n = fd < 0 ? -1 : read(fd, buf, sizeof buf - 1);
            if (n < 0)
                say("", n);
            else
                printf("%.*s", (int)n, buf);
            close(fd);
            close(dir);
            a += 2;
        } else if (!strcmp(op, "mkdir")) {
            say("", mkdir(*++a, 0755));
        } else if (!strcmp(op, "rmdir")) {
            say("", rmdir(*++a));
        } else if (!strcmp(op, "unlink")) {
            say("", unlink(*++a));
        } else if (!strcmp(op, "rename")) {
            say("", rename(a[1], a[2]));
            a += 2;
        } else if (!strcmp(op, "cd")) {
            say("", chdir(*++a));
        } else if (!strcmp(op, "pwd")) {
            puts(getcwd(buf, sizeof buf) ? buf : strerrorname_np(errno));
        } else if (!strcmp(op, "chroot")) {
            say("", chroot(*++a));
        } else if (!strcmp(op, "private")) {
            unshare(CLONE_NEWNS);
            say("", mount("none", *++a, NULL, MS_REC | MS_PRIVATE, NULL));
        } else if (!strcmp(op, "exec")) {
            a++;
            fflush(stdout);
            say("", execv(*a, a));
        } else if (!strcmp(op, "ids")) {
            printf("%d %d %d %d secure %lu\n", getuid(), geteuid(), getgid(), getegid(), getauxval(AT_SECURE));
        } else if (!strcmp(op, "env")) {
            char *value = getenv(*++a);
            puts(value ? value : "unset");
        } else if (!strcmp(op, "name")) {
            printf("%s\n", argv[0]);
        } else if (!strcmp(op, "bind")) {
            struct sockaddr_un un = {.sun_family = AF_UNIX};
            strncpy(un.sun_path, *++a, sizeof un.sun_path - 1);
            say("", bind(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&un, sizeof un));
        } else if (!strcmp(op, "dup")) {
            for (int fd = 500; fd < 1024; fd++)
                if (dup2(1, fd) != fd || close(fd))
                    say("dup2", -1);
            say("", 0);
        } else if (!strcmp(op, "closeall")) {
            say("", close_range(3, ~0u, 0));
        } else if (!strcmp(op, "cpus")) {
            cpu_set_t set;
            sched_getaffinity(0, sizeof set, &set);
            printf("%d\n", CPU_COUNT(&set));
        } else if (!strcmp(op, "release")) {
            struct utsname u;
            uname(&u);
            printf("%s %s\n", u.release, u.machine);
        }
        fflush(stdout);
    }
    return 0;
}
