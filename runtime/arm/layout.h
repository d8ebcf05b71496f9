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

/* struct statfs64: packed to words */
typedef struct ArmStatfs64 {
    u32 f_type, f_bsize;
    u64 f_blocks, f_bfree, f_bavail, f_files, f_ffree;
    u32 f_fsid[2], f_namelen, f_frsize, f_flags, f_spare[4];
} __attribute__((packed, aligned(4))) ArmStatfs64;
_Static_assert(sizeof(ArmStatfs64) == 84, "struct statfs64");

typedef struct ArmTimespec {
    i32 sec, nsec;
} ArmTimespec; /* timeval, too */

typedef struct ArmItimerspec {
    ArmTimespec interval, value;
} ArmItimerspec; /* itimerval, too */

typedef struct ArmIovec {
    u32 base, len;
} ArmIovec;

typedef struct ArmMsghdr {
    u32 name, namelen, iov, iovlen, control, controllen, flags;
} ArmMsghdr;
_Static_assert(sizeof(ArmMsghdr) == 28, "struct msghdr");

typedef struct ArmCmsghdr {
    u32 len, level, type;
} ArmCmsghdr;

typedef struct ArmSigaction {
    u32 handler, flags, restorer, mask[2];
} ArmSigaction;
_Static_assert(sizeof(ArmSigaction) == 20, "struct sigaction");

typedef struct ArmStack {
    u32 sp;
    i32 flags;
    u32 size;
} ArmStack;

typedef struct ArmRusage {
    ArmTimespec utime, stime;
    u32 others[14];
} ArmRusage;
_Static_assert(sizeof(ArmRusage) == 72, "struct rusage");

typedef struct ArmSysinfo {
    u32 uptime, loads[3], totalram, freeram, sharedram, bufferram, totalswap, freeswap;
    u16 procs, pad;
    u32 totalhigh, freehigh, mem_unit;
    u8 fill[8];
} ArmSysinfo;
_Static_assert(sizeof(ArmSysinfo) == 64, "struct sysinfo");

typedef struct ArmSigevent {
    u32 value, signo, notify, tid;
    u32 rest[12];
} ArmSigevent;
_Static_assert(sizeof(ArmSigevent) == 64, "struct sigevent");

typedef struct ArmFlock {
    i16 type, whence;
    i32 start, len, pid;
} ArmFlock;
_Static_assert(sizeof(ArmFlock) == 16, "struct flock");

typedef struct ArmFlock64 {
    i16 type, whence;
    u32 pad;
    i64 start, len;
    i32 pid, pad2;
} ArmFlock64;
_Static_assert(sizeof(ArmFlock64) == 32 && offsetof(ArmFlock64, pid) == 24, "struct flock64");

/* siginfo_t between the two: asm-generic/siginfo.h with 32-bit pointers and clock_t. */
typedef struct ArmSiginfo {
    u32 word[32];
} ArmSiginfo;
void arm_siginfo_of(ArmSiginfo *to, const siginfo_t *from);
void arm_siginfo_in(siginfo_t *to, const ArmSiginfo *from);

extern const Layout layout_arm;

#endif
