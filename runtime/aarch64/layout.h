/* AArch64's side of runtime/linux/layout.h: the asm-generic layouts of include/uapi, except for O_DIRECTORY,
 * O_NOFOLLOW, O_DIRECT and O_LARGEFILE, which arch/arm64/include/uapi/asm/fcntl.h takes from 32-bit Arm. What isn't
 * here (statfs, flock, termios, msghdr, sigevent, the other ipc structs, ...) is the same on every LP64
 * architecture. */
#ifndef DRAGOMAN_AARCH64_LAYOUT_H
#define DRAGOMAN_AARCH64_LAYOUT_H

#include "../linux/layout.h"

enum {
    A64_O_DIRECTORY = 040000,
    A64_O_NOFOLLOW = 0100000,
    A64_O_DIRECT = 0200000,
    A64_O_LARGEFILE = 0400000,
};

/* asm-generic/stat.h */
typedef struct A64Stat {
    u64 st_dev, st_ino;
    u32 st_mode, st_nlink, st_uid, st_gid;
    u64 st_rdev, pad1;
    i64 st_size;
    i32 st_blksize, pad2;
    i64 st_blocks;
    i64 st_atime_sec;
    u64 st_atime_ns;
    i64 st_mtime_sec;
    u64 st_mtime_ns;
    i64 st_ctime_sec;
    u64 st_ctime_ns;
    u32 unused[2];
} A64Stat;
_Static_assert(sizeof(A64Stat) == 128, "struct stat");
_Static_assert(offsetof(A64Stat, st_rdev) == 32 && offsetof(A64Stat, st_size) == 48, "struct stat");
_Static_assert(offsetof(A64Stat, st_blocks) == 64 && offsetof(A64Stat, st_ctime_ns) == 112, "struct stat");

/* asm-generic/ipcbuf.h and sembuf.h */
typedef struct A64IpcPerm {
    i32 key;
    u32 uid, gid, cuid, cgid, mode;
    u16 seq, pad;
    u64 unused[2];
} A64IpcPerm;
_Static_assert(sizeof(A64IpcPerm) == 48, "struct ipc64_perm");
_Static_assert(sizeof(A64IpcPerm) == sizeof(struct ipc_perm), "struct ipc64_perm is the same everywhere");

typedef struct A64SemidDs {
    A64IpcPerm sem_perm;
    i64 sem_otime, sem_ctime;
    u64 sem_nsems, unused[2];
} A64SemidDs;
_Static_assert(sizeof(A64SemidDs) == 88 && offsetof(A64SemidDs, sem_nsems) == 64, "struct semid64_ds");

extern const Layout layout_aarch64;

#endif
