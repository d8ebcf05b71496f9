/* A file system mounted noexec: no program of its is executed, nor a mapping of its files executable. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/personality.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
enum { PAGE = 4096 };

static void say(const char *what, long result)
{
    printf("%s: %s\n", what, result == -1 ? strerrorname_np(errno) : "ok");
    fflush(stdout);
}

static void say_map(const char *what, void *at)
{
    say(what, at == MAP_FAILED ? -1 : 0);
}

/* Which protection the first of two pages has. */
static void show(const char *what, void *at)
{
    char line[300], perms[8] = "none";
    FILE *f = fopen("/proc/self/maps", "r");
    while (fgets(line, sizeof line, f)) {
        unsigned long lo, hi;
        char found[8];
        if (sscanf(line, "%lx-%lx %4s", &lo, &hi, found) == 3 && (unsigned long)at >= lo && (unsigned long)at < hi)
            strcpy(perms, found);
    }
    fclose(f);
    printf("%s: %s\n", what, perms);
}

static void try_exec(const char *what, const char *path, int fd)
{
    char *args[] = {"program", "again", NULL};
    fflush(stdout);
    if (!fork()) {
        fd < 0 ? execv(path, args) : fexecve(fd, args, environ);
        say(what, -1);
        _exit(1);
    }
    wait(NULL);
}

static bool put(const char *path, const char *format, int id)
{
    FILE *f = fopen(path, "w");
    return f && fprintf(f, format, id) > 0 && !fclose(f);
}

/* Nobody else is to see what is mounted here. */
static bool namespaces(void)
{
    int uid = getuid(), gid = getgid();
    return !unshare(CLONE_NEWUSER | CLONE_NEWNS) && put("/proc/self/setgroups", "deny", 0) && put("/proc/self/uid_map", "0 %d 1", uid) &&
           put("/proc/self/gid_map", "0 %d 1", gid);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return puts("executed") < 0;
    char dir[] = "/tmp/noexec.XXXXXX", path[64], script[64];
    if (!mkdtemp(dir) || !namespaces() || mount("none", dir, "tmpfs", MS_NOEXEC, NULL)) {
        rmdir(dir);
        return puts("not allowed to mount") < 0;
    }
    snprintf(path, sizeof path, "%s/program", dir);
    snprintf(script, sizeof script, "%s/script", dir);
    int in = open(argv[0], O_RDONLY), out = open(path, O_CREAT | O_RDWR, 0755);
    struct stat st;
    fstat(in, &st);
    for (off_t at = 0; at < st.st_size && sendfile(out, in, &at, st.st_size - at) > 0;)
        ;
    close(out);
    out = open(script, O_CREAT | O_RDWR, 0755);
    dprintf(out, "#!%s\n", argv[0]);
    close(out);

    try_exec("program", path, -1);
    try_exec("script", script, -1);
    int fd = open(path, O_RDWR);
    try_exec("by descriptor", NULL, fd);
    say("access", access(path, X_OK));
    say_map("map executable", mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0));
    say_map("map executable, shared", mmap(NULL, PAGE, PROT_EXEC, MAP_SHARED, fd, 0));
    char *at = mmap(NULL, 3 * PAGE, PROT_READ, MAP_PRIVATE, fd, 0);
    say_map("map", at);
    say("make executable", mprotect(at, PAGE, PROT_READ | PROT_EXEC));
    say("make writable", mprotect(at, PAGE, PROT_READ | PROT_WRITE));
    say_map("memory before it", mmap(at, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0));
    say("make both executable", mprotect(at, 2 * PAGE, PROT_READ | PROT_EXEC));
    show("memory", at);
    show("file", at + PAGE);
    at = mremap(at + PAGE, 2 * PAGE, 4 * PAGE, MREMAP_MAYMOVE);
    say_map("move", at);
    say("make executable", mprotect(at, PAGE, PROT_READ | PROT_EXEC));
    personality(READ_IMPLIES_EXEC);
    say_map("map with READ_IMPLIES_EXEC", at = mmap(NULL, PAGE, PROT_READ, MAP_PRIVATE, fd, 0));
    show("file", at);
    say("protect", mprotect(at, PAGE, PROT_READ | PROT_WRITE));
    show("file", at);
    umount2(dir, MNT_DETACH);
    rmdir(dir);
    return 0;
}
