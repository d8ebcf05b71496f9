/* Directories: reading them, walking trees, *at calls relative to a directory, inotify. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

static int compare(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

static int files, dirs;

static int visit(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    if (type == FTW_DP)
        dirs++;
    else
        files++;
    return remove(path);
}

int main(void)
{
    char dir[] = "/tmp/sys_dirs.XXXXXX", name[64];
    if (!mkdtemp(dir))
        return 1;
    int fd = open(dir, O_RDONLY | O_DIRECTORY);
    for (int i = 0; i < 500; i++) {
        snprintf(name, sizeof name, "file-with-a-long-name-%03d", i);
        int f = openat(fd, name, O_WRONLY | O_CREAT, 0600);
        if (f < 0 || close(f))
            return 2;
    }
    mkdirat(fd, "sub", 0700);
    symlinkat("sub", fd, "link");
    linkat(fd, "file-with-a-long-name-000", fd, "sub/hard", 0);

    int counts[3] = {0};
    DIR *d = opendir(dir);
    long middle = 0;
    struct dirent *e;
    for (int i = 0; (e = readdir(d)); i++) {
        counts[e->d_type == DT_DIR ? 0 : e->d_type == DT_LNK ? 1 : 2]++;
        if (i == 250)
            middle = telldir(d);
    }
    printf("%d directories %d links %d files\n", counts[0], counts[1], counts[2]);
    seekdir(d, middle);
    int left = 0;
    while (readdir(d))
        left++;
    printf("left %d\n", left);
    rewinddir(d);
    left = 0;
    while (readdir(d))
        left++;
    printf("again %d\n", left);
    closedir(d);

    struct dirent **list;
    int n = scandir(dir, &list, NULL, compare);
    printf("%d: %s %s %s\n", n, list[0]->d_name, list[2]->d_name, list[n - 1]->d_name);

    if (chdir(dir))
        return 3;
    glob_t g;
    printf("glob %d", glob("*-01?", 0, NULL, &g));
    for (size_t i = 0; i < g.gl_pathc; i++)
        printf(" %s", g.gl_pathv[i] + 22);
    printf("\n");
    struct stat st;
    printf("fstatat %d", fstatat(fd, "link", &st, AT_SYMLINK_NOFOLLOW));
    printf(" link %d", S_ISLNK(st.st_mode));
    printf(" %d", fstatat(fd, "link", &st, 0));
    printf(" dir %d\n", S_ISDIR(st.st_mode));
    printf("empty path %d\n", fstatat(fd, "", &st, AT_EMPTY_PATH) == 0 && S_ISDIR(st.st_mode));
    char *real = realpath("link/../sub/hard", NULL);
    printf("realpath %s\n", real ? real + strlen(dir) : strerror(errno));
    int r = unlinkat(fd, "sub", 0);
    printf("unlinkat dir %d %s\n", r, strerrorname_np(errno));
    r = unlinkat(fd, "sub", AT_REMOVEDIR);
    printf("rmdir full %d %s\n", r, strerrorname_np(errno));
    printf("fchdir %d\n", fchdir(fd));

    int in = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
    int watch = inotify_add_watch(in, ".", IN_CREATE | IN_DELETE | IN_MOVE);
    printf("watch %d\n", watch);
    close(creat("new", 0600));
    rename("new", "newer");
    unlink("newer");
    char buf[4096] __attribute__((aligned(8)));
    ssize_t size = read(in, buf, sizeof buf);
    for (char *p = buf; p < buf + size;) {
        struct inotify_event *event = (struct inotify_event *)p;
        printf("event %x %s\n", event->mask, event->len ? event->name : "");
        p += sizeof *event + event->len;
    }
    size = read(in, buf, sizeof buf);
    printf("empty %zd %s\n", size, strerrorname_np(errno));
    printf("rm_watch %d\n", inotify_rm_watch(in, watch));
    if (chdir("/"))
        return 4;
    printf("nftw %d", nftw(dir, visit, 20, FTW_DEPTH | FTW_PHYS));
    printf(" %d %d\n", files, dirs);
    return 0;
}
