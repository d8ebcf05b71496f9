/* 32-bit Arm's struct layouts, see layout.h. */
#include "layout.h"

#include "words.h"

#include <fcntl.h>
#include <string.h>

static const FlagPair open_flags[] = {
    {ARM_O_DIRECTORY, O_DIRECTORY},
    {ARM_O_NOFOLLOW, O_NOFOLLOW},
    {ARM_O_DIRECT, O_DIRECT},
    {ARM_O_LARGEFILE, 0100000},
};

static void put_stat(void *out, const struct stat *st)
{
    ArmStat64 s = {
        .st_dev = st->st_dev,
        .ino32 = (u32)arm_inode(st->st_ino),
        .st_mode = st->st_mode,
        .st_nlink = (u32)st->st_nlink,
        .st_uid = st->st_uid,
        .st_gid = st->st_gid,
        .st_rdev = st->st_rdev,
        .st_size = st->st_size,
        .st_blksize = (u32)st->st_blksize,
        .st_blocks = (u64)st->st_blocks,
        .st_atime_sec = (u32)st->st_atim.tv_sec,
        .st_atime_ns = (u32)st->st_atim.tv_nsec,
        .st_mtime_sec = (u32)st->st_mtim.tv_sec,
        .st_mtime_ns = (u32)st->st_mtim.tv_nsec,
        .st_ctime_sec = (u32)st->st_ctim.tv_sec,
        .st_ctime_ns = (u32)st->st_ctim.tv_nsec,
        .st_ino = arm_inode(st->st_ino),
    };
    memcpy(out, &s, sizeof s);
}

/* asm-generic/sembuf.h: times' halves are apart where words have 32 bits; x86-64 has room behind them, too. */
#define SEMID "6i2h2l2i8x2i8x3l"

static void semid_in(struct semid_ds *out, const void *in)
{
    words_widen(out, in, SEMID);
}

static void semid_out(void *out, const struct semid_ds *in)
{
    words_narrow(out, in, SEMID);
}

const Layout layout_arm = {
    .open_flags = open_flags,
    .nopen_flags = LEN(open_flags),
    .stat_size = sizeof(ArmStat64),
    .off_st_mode = offsetof(ArmStat64, st_mode),
    .off_st_size = offsetof(ArmStat64, st_size),
    .stat = put_stat,
    .epoll_data = 8, /* packed on x86-64 alone */
    .semid_size = 64,
    .semid_in = semid_in,
    .semid_out = semid_out,
};

/* -- siginfo_t ------------------------------------------------------------------------------------------------------------ */

/* What is behind si_code: by the signal, if the kernel made it. */
typedef enum Fields { KILL, TIMER, FAULT, CHILD, POLL, SYSTEM } Fields;

static Fields fields_of(int signo, int code)
{
    if (code == SI_TIMER)
        return TIMER;
    if (code == SI_SIGIO)
        return POLL;
    if (code <= 0 || code == SI_KERNEL)
        return code == SI_KERNEL && (signo == SIGSEGV || signo == SIGBUS) ? FAULT : KILL;
    switch (signo) {
    case SIGILL:
    case SIGFPE:
    case SIGSEGV:
    case SIGBUS:
    case SIGTRAP: return FAULT;
    case SIGCHLD: return CHILD;
    case SIGIO: return POLL;
    case SIGSYS: return SYSTEM;
    default: return KILL;
    }
}

void arm_siginfo_of(ArmSiginfo *to, const siginfo_t *from)
{
    *to = (ArmSiginfo){{(u32)from->si_signo, (u32)from->si_errno, (u32)from->si_code}};
    u32 *w = to->word + 3;
    switch (fields_of(from->si_signo, from->si_code)) {
    case KILL:
        w[0] = (u32)from->si_pid;
        w[1] = from->si_uid;
        w[2] = (u32)(u64)from->si_value.sival_ptr;
        break;
    case TIMER:
        w[0] = (u32)from->si_timerid;
        w[1] = (u32)from->si_overrun;
        w[2] = (u32)(u64)from->si_value.sival_ptr;
        break;
    case FAULT:
        w[0] = (u32)(u64)from->si_addr;
        w[1] = (u32)from->si_addr_lsb;
        break;
    case CHILD:
        w[0] = (u32)from->si_pid;
        w[1] = from->si_uid;
        w[2] = (u32)from->si_status;
        w[3] = (u32)from->si_utime;
        w[4] = (u32)from->si_stime;
        break;
    case POLL:
        w[0] = (u32)from->si_band;
        w[1] = (u32)from->si_fd;
        break;
    case SYSTEM:
        w[0] = (u32)(u64)from->si_call_addr;
        w[1] = (u32)from->si_syscall;
        w[2] = from->si_arch;
        break;
    }
}

void arm_siginfo_in(siginfo_t *to, const ArmSiginfo *from)
{
    memset(to, 0, sizeof *to);
    to->si_signo = (int)from->word[0];
    to->si_errno = (int)from->word[1];
    to->si_code = (int)from->word[2];
    to->si_pid = (int)from->word[3];
    to->si_uid = from->word[4];
    to->si_value.sival_ptr = (void *)(u64)from->word[5];
}
