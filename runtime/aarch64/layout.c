/* AArch64's struct layouts, see layout.h. */
#include "layout.h"

#include <fcntl.h>
#include <string.h>

static const FlagPair open_flags[] = {
    /* The C library calls O_LARGEFILE 0 on 64-bit hosts; the kernel's bit is 0100000 on x86. O_TMPFILE, O_PATH and the
     * rest are the same; O_TMPFILE contains O_DIRECTORY and comes out right by that. */
    {A64_O_DIRECTORY, O_DIRECTORY},
    {A64_O_NOFOLLOW, O_NOFOLLOW},
    {A64_O_DIRECT, O_DIRECT},
    {A64_O_LARGEFILE, 0100000},
};

static void put_stat(void *out, const struct stat *st)
{
    A64Stat s = {
        .st_dev = st->st_dev,
        .st_ino = st->st_ino,
        .st_mode = st->st_mode,
        .st_nlink = (u32)st->st_nlink,
        .st_uid = st->st_uid,
        .st_gid = st->st_gid,
        .st_rdev = st->st_rdev,
        .st_size = st->st_size,
        .st_blksize = (i32)st->st_blksize,
        .st_blocks = st->st_blocks,
        .st_atime_sec = st->st_atim.tv_sec,
        .st_atime_ns = (u64)st->st_atim.tv_nsec,
        .st_mtime_sec = st->st_mtim.tv_sec,
        .st_mtime_ns = (u64)st->st_mtim.tv_nsec,
        .st_ctime_sec = st->st_ctim.tv_sec,
        .st_ctime_ns = (u64)st->st_ctim.tv_nsec,
    };
    memcpy(out, &s, sizeof s);
}

static void semid_in(struct semid_ds *out, const void *in)
{
    A64SemidDs s;
    memcpy(&s, in, sizeof s);
    memcpy(&out->sem_perm, &s.sem_perm, sizeof s.sem_perm);
    out->sem_otime = s.sem_otime;
    out->sem_ctime = s.sem_ctime;
    out->sem_nsems = s.sem_nsems;
}

static void semid_out(void *out, const struct semid_ds *in)
{
    A64SemidDs s = {.sem_otime = in->sem_otime, .sem_ctime = in->sem_ctime, .sem_nsems = in->sem_nsems};
    memcpy(&s.sem_perm, &in->sem_perm, sizeof s.sem_perm);
    memcpy(out, &s, sizeof s);
}

const Layout layout_aarch64 = {
    .open_flags = open_flags,
    .nopen_flags = LEN(open_flags),
    .stat_size = sizeof(A64Stat),
    .off_st_mode = offsetof(A64Stat, st_mode),
    .off_st_size = offsetof(A64Stat, st_size),
    .stat = put_stat,
    .epoll_data = 8, /* packed on x86-64 alone */
    .semid_size = sizeof(A64SemidDs),
    .semid_in = semid_in,
    .semid_out = semid_out,
};
