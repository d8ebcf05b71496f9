/* Programs executed by descriptor, and /proc/self/exe of programs whose file is gone: what they are called, that they can be executed
 * again, and that no descriptor but the caller's own is there afterwards. Runs itself with other arguments. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;
static const char *self;

static void copy(int to)
{
    int from = open(self, O_RDONLY);
    struct stat st;
    off_t at = 0;
    fstat(from, &st);
    while (at < st.st_size && sendfile(to, from, &at, st.st_size - at) > 0)
        ;
    close(from);
}

static int copy_to(const char *name)
{
    unlink(name);
    int fd = open(name, O_RDWR | O_CREAT, 0755);
    copy(fd);
    close(fd);
    return open(name, O_RDONLY);
}

static void descriptors(void)
{
    printf("  descriptors");
    for (int fd = 3; fd < 300; fd++)
        if (fcntl(fd, F_GETFD) >= 0)
            printf(" %d", fd);
    puts("");
}

/* It is the file's, since Linux 6.14; before that it was the descriptor's number. */
static void command(void)
{
    struct utsname kernel;
    char is[64] = "", link[4096] = "", *file = NULL;
    unsigned major = 0, minor = 0;
    int fd = open("/proc/self/comm", O_RDONLY);
    read(fd, is, sizeof is - 1);
    close(fd);
    is[strcspn(is, "\n")] = 0;
    readlink("/proc/self/exe", link, sizeof link - 1);
    file = strrchr(link, '/');
    uname(&kernel);
    sscanf(kernel.release, "%u.%u", &major, &minor);
    bool right = file && strncmp(file + 1, is, strlen(is)) == 0;
    bool number = strspn(is, "0123456789") == strlen(is) && (major < 6 || (major == 6 && minor < 14));
    printf("  command: %s\n", right || number ? "right" : is);
}

static void exe(void)
{
    char link[4096] = "", head[4] = "";
    struct stat st, opened;
    readlink("/proc/self/exe", link, sizeof link - 1);
    const char *name = strrchr(link, '/') ? strrchr(link, '/') : link;
    int fd = open("/proc/self/exe", O_RDONLY);
    read(fd, head, sizeof head);
    stat("/proc/self/exe", &st);
    fstat(fd, &opened);
    printf("  exe: %s, %s, links %d, %s, seals %d\n", name, memcmp(head, "\177ELF", 4) ? "no program" : "a program", (int)st.st_nlink,
           st.st_ino == opened.st_ino ? "same" : "different", fcntl(fd, F_GET_SEALS));
    close(fd);
}

/* What the program that has been executed says. */
static int child(int argc, char **argv)
{
    const char *name = (const char *)getauxval(AT_EXECFN);
    printf("  %s called %s with %d arguments\n", *argv[0] == '/' ? "interpreter" : argv[0], name, argc);
    descriptors();
    if (strncmp(name, "/dev/fd/", 8) == 0 && !strchr(name + 8, '/'))
        command();
    if (strcmp(argv[1], "exe") == 0) {
        if (argc > 2)
            unlink(argv[2]);
        exe();
        fflush(stdout);
        execl("/proc/self/exe", "again", "child", NULL);
        perror("exec of /proc/self/exe");
    }
    return 0;
}

static void run(const char *what, int dir, const char *name, char **argv, int flags)
{
    printf("%s:\n", what);
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        execveat(dir, name, argv, environ, flags);
        printf("  %s\n", strerrorname_np(errno));
        fflush(stdout);
        _exit(1);
    }
    waitpid(pid, NULL, 0);
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return child(argc, argv);
    self = argv[0];
    closefrom(3);
    char *args[] = {"name", "child", NULL}, *look[] = {"name", "exe", NULL}, *vanish[] = {"name", "exe", "exec_fds.copy", NULL};
    int fd = open(self, O_RDONLY | O_CLOEXEC);
    run("close-on-exec", fd, "", args, AT_EMPTY_PATH);
    close(fd);
    fd = open(self, O_RDONLY);
    run("open", fd, "", args, AT_EMPTY_PATH);
    close(fd);
    fd = open(self, O_PATH | O_CLOEXEC);
    run("O_PATH", fd, "", args, AT_EMPTY_PATH);
    run("no empty path", fd, "", args, 0);
    close(fd);
    run("bad descriptor", 99, "", args, AT_EMPTY_PATH);

    fd = copy_to("exec_fds.copy");
    int here = open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    run("in a directory", here, "exec_fds.copy", args, 0);
    fchmod(fd, 0644);
    run("not executable", fd, "", args, AT_EMPTY_PATH);
    fchmod(fd, 0755);
    run("deleted before", (unlink("exec_fds.copy"), fd), "", look, AT_EMPTY_PATH);
    close(fd);
    close(copy_to("exec_fds.copy"));
    run("deleted", AT_FDCWD, "./exec_fds.copy", vanish, 0);
    fd = memfd_create("program", MFD_ALLOW_SEALING | MFD_CLOEXEC);
    copy(fd);
    fcntl(fd, F_ADD_SEALS, F_SEAL_WRITE | F_SEAL_SHRINK);
    run("memfd", fd, "", look, AT_EMPTY_PATH);
    close(fd);

    FILE *script = fopen("exec_fds.script", "w");
    fprintf(script, "#!%s\n", self);
    fchmod(fileno(script), 0755);
    fclose(script);
    fd = open("exec_fds.script", O_RDONLY | O_CLOEXEC);
    run("close-on-exec script", fd, "", args, AT_EMPTY_PATH);
    run("script in a close-on-exec directory", here, "exec_fds.script", args, 0);
    close(fd);
    fd = open("exec_fds.script", O_RDONLY);
    run("script", fd, "", args, AT_EMPTY_PATH);
    unlink("exec_fds.script");
    return 0;
}
