/* The table of descriptors is the program's: every number that it hasn't opened is a bad descriptor to every call, and it may have as
 * many as its limit says. LINKS: static */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <sys/uio.h>
#include <unistd.h>

enum { MOST = 1200 };

static int bad(long result)
{
    return result == -1 && errno == EBADF;
}

/* How many calls don't say that fd is bad. */
static int calls(int fd, int epoll, int pair, int self)
{
    char buf[64];
    struct stat st;
    struct statfs fs;
    struct epoll_event event = {.events = EPOLLIN};
    struct pollfd p = {.fd = fd, .events = POLLIN};
    struct iovec v = {buf, 1};
    fd_set set;
    int good = 0;
    good += !bad(fstat(fd, &st));
    good += !bad(fstatfs(fd, &fs));
    good += !bad(lseek(fd, 0, SEEK_CUR));
    good += !bad(fcntl(fd, F_GETFD));
    good += !bad(fcntl(fd, F_GETFL));
    good += !bad(fcntl(fd, F_DUPFD, 0));
    good += !bad(ioctl(fd, FIONREAD, buf));
    good += !bad(read(fd, buf, 1));
    good += !bad(write(fd, buf, 1));
    good += !bad(readv(fd, &v, 1));
    good += !bad(pread(fd, buf, 1, 0));
    good += !bad(fchdir(fd));
    good += !bad(fsync(fd));
    good += !bad(ftruncate(fd, 0));
    good += !bad(dup(fd));
    good += !bad(dup2(fd, 3));
    good += !bad(openat(fd, "x", O_RDONLY));
    good += !bad(fstatat(fd, "x", &st, 0));
    good += !bad(fstatat(fd, "", &st, AT_EMPTY_PATH));
    good += !bad(readlinkat(fd, "x", buf, sizeof buf));
    good += !bad(faccessat(fd, "x", F_OK, 0));
    good += !bad(sendfile(1, fd, NULL, 1));
    good += !bad(sendfile(fd, 0, NULL, 1));
    good += !bad(epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event));
    good += !bad(syscall(SYS_getdents64, fd, buf, sizeof buf));
    good += !bad(syscall(SYS_execveat, fd, "", NULL, NULL, AT_EMPTY_PATH));
    good += !bad(syscall(SYS_execveat, fd, "x", NULL, NULL, 0));
    good += !bad(syscall(SYS_pidfd_getfd, self, fd, 0));
    good += !(mmap(NULL, 4096, PROT_READ, MAP_PRIVATE, fd, 0) == MAP_FAILED && errno == EBADF);
    good += !(poll(&p, 1, 0) == 1 && p.revents == POLLNVAL);
    union {
        struct cmsghdr c;
        char room[CMSG_SPACE(sizeof fd)];
    } control = {.c = {.cmsg_len = CMSG_LEN(sizeof fd), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    memcpy(CMSG_DATA(&control.c), &fd, sizeof fd);
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof control};
    good += !bad(sendmsg(pair, &m, 0));
    const char *const names[] = {"/proc/self/fd/%d", "/dev/fd/%d", "/proc/thread-self/fdinfo/%d", "/proc/self/fd/../fd/%d/."};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        char name[64];
        snprintf(name, sizeof name, names[i], fd);
        good += !(open(name, O_PATH) < 0 && errno == ENOENT);
        good += !(stat(name, &st) < 0 && errno == ENOENT);
        good += !(i < 2 && readlink(name, buf, sizeof buf) >= 0) ? 0 : 1;
    }
    good += !bad(close(fd));
    return good;
}

/* Opens as many as may be open; how many are. */
static int fill(void)
{
    int n = 3, fd;
    while ((fd = dup(1)) >= 0)
        n++;
    int error = errno, pipes[2];
    struct stat st;
    if (error != EMFILE)
        printf("%s ", strerrorname_np(error));
    printf("full %d %d %d %d ", open("/dev/null", O_RDONLY) < 0 && errno == EMFILE, socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EMFILE,
           pipe(pipes) < 0 && errno == EMFILE, stat("/proc/self/exe", &st) == 0 && stat("/usr", &st) == 0);
    return n;
}

static void empty(void)
{
    close_range(3, ~0u, 0);
}

int main(int argc, char **argv)
{
    struct rlimit limit;
    int pair[2], good = 0;
    getrlimit(RLIMIT_NOFILE, &limit);
    empty();
    limit.rlim_cur = MOST - 100;
    setrlimit(RLIMIT_NOFILE, &limit);
    int epoll = epoll_create1(0), self = syscall(SYS_pidfd_open, getpid(), 0);
    socketpair(AF_UNIX, SOCK_DGRAM, 0, pair);
    for (int fd = 3; fd < MOST + 100; fd++)
        if (fd != epoll && fd != self && fd != pair[0] && fd != pair[1]) {
            int n = calls(fd, epoll, pair[0], self);
            good += n;
            if (n)
                printf("%d: %d\n", fd, n);
        }
    printf("good %d\n", good);
    empty();
    const int limits[] = {70, 1100, 40, 1000};
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        limit.rlim_cur = limits[i];
        printf("limit %d", setrlimit(RLIMIT_NOFILE, &limit));
        printf(" %d of %d\n", fill(), limits[i]);
        empty();
    }
    /* One after the other, wherever they are. */
    limit.rlim_cur = MOST - 100;
    setrlimit(RLIMIT_NOFILE, &limit);
    int refused = 0;
    for (int fd = 3; fd < MOST - 100; fd++)
        refused += dup2(1, fd) != fd;
    printf("refused %d beyond %s", refused, dup2(1, MOST - 100) < 0 ? strerrorname_np(errno) : "ok");
    empty();
    if (!fork())
        _exit(fill() != MOST - 100);
    int status;
    wait(&status);
    printf(" child %d\n", status);
    return 0;
}
