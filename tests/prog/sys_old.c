/* System calls that newer ones have taken the place of, where an ABI has them still: the results are those of the newer ones.
 * LINKS: static */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/vfs.h>
#include <unistd.h>

static int ok = 1;
#define CHECK(what) (what) ? 0 : (ok = 0, printf("%s\n", #what))

#ifdef __arm__
#ifndef SYS_getdents
#define SYS_getdents 141
#endif
static volatile int got;
static void handler(int signo)
{
    got = signo;
}

static void old_calls(void)
{
    struct {
        unsigned handler, mask, flags, restorer;
    } new = {(unsigned)handler, 1u << (SIGUSR2 - 1), 0, 0}, old;
    CHECK(syscall(SYS_sigaction, SIGUSR1, &new, NULL) == 0);
    CHECK(syscall(SYS_sigaction, SIGUSR1, NULL, &old) == 0 && old.handler == new.handler && old.mask == new.mask);
    unsigned set = 1u << (SIGUSR1 - 1), was, pending;
    CHECK(syscall(SYS_sigprocmask, SIG_BLOCK, &set, &was) == 0 && was == 0);
    raise(SIGUSR1);
    CHECK(got == 0 && syscall(SYS_sigpending, &pending) == 0 && pending == set);
    CHECK(syscall(SYS_sigsuspend, 0, 0, 0) == -1 && errno == EINTR && got == SIGUSR1);
    CHECK(syscall(SYS_sigprocmask, SIG_UNBLOCK, &set, &was) == 0 && was == set);

    struct {
        unsigned dev, ino;
        uint16_t mode, nlink, uid, gid;
        unsigned rdev, size, rest[11];
    } st;
    struct stat now;
    _Static_assert(sizeof st == 64 + 4, "struct stat");
    int fd = open("/proc/self/exe", O_RDONLY);
    CHECK(stat("/proc/self/exe", &now) == 0);
    long stated = syscall(106, "/proc/self/exe", &st), error = errno;
    CHECK(stated ? error == EOVERFLOW : st.size == (unsigned)now.st_size && st.mode == now.st_mode && st.ino == (unsigned)now.st_ino);
    CHECK(syscall(108, fd, &st) == stated && (stated || st.nlink == now.st_nlink));
    struct {
        unsigned type, bsize, rest[14];
    } fs;
    CHECK(syscall(99, "/proc", &fs) == 0 && fs.type == 0x9fa0);

    char buffer[1024];
    int dir = open("/proc/self", O_RDONLY | O_DIRECTORY), n, seen = 0;
    while ((n = syscall(SYS_getdents, dir, buffer, sizeof buffer)) > 0)
        for (int at = 0; at < n; at += *(uint16_t *)(buffer + at + 8))
            if (!strcmp(buffer + at + 10, "maps"))
                seen += buffer[at + *(uint16_t *)(buffer + at + 8) - 1] == 8; /* DT_REG */
    CHECK(seen == 1);

    uint16_t r, e, s;
    unsigned uid = getuid() > 65535 ? 65534 : getuid();
    CHECK(syscall(24) == uid && syscall(49) == uid && syscall(165, &r, &e, &s) == 0 && r == uid && s == uid);
    CHECK(syscall(164, 0xffff, 0xffff, 0xffff) == 0); /* setresuid: all as they are */
    int before = getpriority(PRIO_PROCESS, 0);
    CHECK(syscall(SYS_nice, 3) == 0 && getpriority(PRIO_PROCESS, 0) == before + 3);
    long long at = 0;
    CHECK(syscall(SYS__llseek, fd, 0, 16, &at, SEEK_SET) == 0 && at == 16 && syscall(SYS_lseek, fd, -6, SEEK_CUR) == 10);
    CHECK(syscall(SYS__llseek, fd, 1, 0, &at, SEEK_SET) == 0 && at == 0x100000000 && syscall(SYS_lseek, fd, 0, SEEK_CUR) == -1 && errno == EOVERFLOW);
    CHECK(syscall(SYS_epoll_create, 0) == -1 && errno == EINVAL && syscall(SYS_epoll_create, 1) > 0);
    CHECK(syscall(62, 0, buffer) == -1 && errno == ENOSYS); /* ustat */
}
#else
static void old_calls(void)
{
}
#endif

int main(void)
{
    old_calls();
    printf("ok %d\n", ok);
    return 0;
}
