/* 32-bit Arm's structures as the kernel lays them out for it, where they differ from those of a kernel of 64 bits. */
#ifndef DRAGOMAN_ARM_LAYOUT_H
#define DRAGOMAN_ARM_LAYOUT_H

#include <signal.h>

#include "../linux/layout.h"

/* As on AArch64: arch/arm/include/uapi/asm/fcntl.h */
enum { ARM_O_DIRECTORY = 040000, ARM_O_NOFOLLOW = 0100000, ARM_O_DIRECT = 0200000, ARM_O_LARGEFILE = 0400000 };

/* struct stat64, arch/arm/include/uapi/asm/stat.h */
typedef struct ArmStat64 {
    u64 st_dev;
    u32 pad0, ino32, st_mode, st_nlink, st_uid, st_gid;
    u64 st_rdev;
    u32 pad3, pad4;
    i64 st_size;
    u32 st_blksize, pad5;
    u64 st_blocks;
    u32 st_atime_sec, st_atime_ns, st_mtime_sec, st_mtime_ns, st_ctime_sec, st_ctime_ns;
    u64 st_ino;
} ArmStat64;
_Static_assert(sizeof(ArmStat64) == 104 && offsetof(ArmStat64, st_size) == 48 && offsetof(ArmStat64, st_ino) == 96, "struct stat64");

typedef struct ArmMsghdr {
    u32 name, namelen, iov, iovlen, control, controllen, flags;
} ArmMsghdr;
_Static_assert(sizeof(ArmMsghdr) == 28, "struct msghdr");

typedef struct ArmCmsghdr {
    u32 len, level, type;
} ArmCmsghdr;

typedef struct ArmStack {
    u32 sp;
    i32 flags;
    u32 size;
} ArmStack;

/* siginfo_t between the two: asm-generic/siginfo.h with 32-bit pointers and clock_t. */
typedef struct ArmSiginfo {
    u32 word[32];
} ArmSiginfo;
void arm_siginfo_of(ArmSiginfo *to, const siginfo_t *from);
void arm_siginfo_in(siginfo_t *to, const ArmSiginfo *from);

/* A file's number in 32 bits, where a file system has more: its libraries refuse others. */
static inline u64 arm_inode(u64 ino)
{
    return (u32)ino ^ (u32)(ino >> 32);
}

extern const Layout layout_arm;

#endif
