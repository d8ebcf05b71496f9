/* Calls that newer architectures don't have: most become the call that took their place (sysno.def), some are here. */
#include "calls.h"

#include <fcntl.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <time.h>
#include <utime.h>

#include "../../frontend/x86_64/features.h"
#include "../../frontend/x86_64/state.h"

static const char *const forms[] = {
#define NR(number, name, form) [number] = form,
#include "sysno.def"
};

void x86_arrange(u32 number, u64 args[6])
{
    const char *form = number < LEN(forms) ? forms[number] : NULL;
    u64 to[6] = {0};
    if (!form || !*form)
        return;
    for (u32 n = 0; form[n]; n++) {
        switch (form[n]) {
        case 'F': to[n] = (u64)AT_FDCWD; break;
        case 'z': to[n] = 0; break;
        case 'N': to[n] = AT_SYMLINK_NOFOLLOW; break;
        case 'R': to[n] = AT_REMOVEDIR; break;
        case 'C': to[n] = O_CREAT | O_WRONLY | O_TRUNC; break;
        case 'S': to[n] = SIGCHLD; break;
        case 'V': to[n] = CLONE_VM | CLONE_VFORK | SIGCHLD; break;
        case '8': to[n] = 8; break; /* of a set of signals */
        default: to[n] = args[form[n] - '0']; break;
        }
    }
    memcpy(args, to, sizeof to);
}

/* By INT 0x80 a program makes a 32-bit one's call, by its number, with arguments of 32 bits in other registers. */
void x86_fetch_call(Task *t, u32 *number, u64 args[6])
{
    static const u16 numbers[] = {
#define NR(i386, number) [i386] = number + 1,
#include "int80.def"
    };
    enum { PREAD64 = 180, PWRITE64 = 181, MMAP2 = 192, NONE = 0xffff, PAGE_BITS = 12 };
    static const u8 registers[] = {RBX, RCX, RDX, RSI, RDI, RBP};
    X86State *s = x86_state(t);
    if (!s->compat)
        return;
    s->compat = 0;
    u32 n = *number;
    for (u32 k = 0; k < LEN(registers); k++)
        args[k] = (u32)s->r[registers[k]];
    *number = n < LEN(numbers) && numbers[n] ? numbers[n] - 1u : NONE;
    if (n == PREAD64 || n == PWRITE64)
        args[3] |= args[4] << 32;
    if (n == MMAP2) {
        args[3] |= MAP_32BIT;
        args[5] <<= PAGE_BITS;
    }
}

static i64 arch_prctl(Task *t, u64 code, u64 addr)
{
    enum {
        SET_GS = 0x1001, SET_FS, GET_FS, GET_GS, GET_CPUID = 0x1011, SET_CPUID, GET_XCOMP_SUPP = 0x1021, GET_XCOMP_PERM, REQ_XCOMP_PERM,
        GET_XCOMP_GUEST_PERM, REQ_XCOMP_GUEST_PERM, MAP_VDSO_64 = 0x2003,
    };
    X86State *s = x86_state(t);
    u64 xcr0 = x86_xcr0();
    switch (code) {
    case SET_GS:
    case SET_FS:
        if (addr >= (u64)1 << 47)
            return -EPERM;
        *(code == SET_FS ? &s->fs : &s->gs) = addr;
        return 0;
    case GET_FS: return mem_write(addr, &s->fs, 8);
    case GET_GS: return mem_write(addr, &s->gs, 8);
    case GET_CPUID: return 1;
    case SET_CPUID: return -ENODEV;
    case GET_XCOMP_SUPP:
    case GET_XCOMP_PERM:
    case GET_XCOMP_GUEST_PERM: return mem_write(addr, &xcr0, sizeof xcr0);
    case REQ_XCOMP_PERM:
    case REQ_XCOMP_GUEST_PERM: return addr < 63 ? -EOPNOTSUPP : -EINVAL;
    case MAP_VDSO_64: return -EEXIST; /* it is there already */
    default: return -EINVAL;
    }
}

/* utime, utimes and futimesat: times are two time_ts or two timevals. */
static i64 set_times(Task *t, int dir, u64 path, u64 times, bool seconds)
{
    Path found;
    i64 in[4];
    struct timespec ts[2];
    int error = path_lookup(t, dir, path, PATH_FOLLOW, &found);
    if (error)
        return error;
    if (times && mem_read(in, times, seconds ? 16 : 32))
        return -EFAULT;
    for (int n = 0; times && n < 2; n++) {
        ts[n] = seconds ? (struct timespec){in[n], 0} : (struct timespec){in[2 * n], in[2 * n + 1] * 1000};
        if (!seconds && (u64)in[2 * n + 1] >= 1000000)
            return -EINVAL;
    }
    return raw_syscall(__NR_utimensat, (u64)found.dir, (u64)found.name, times ? (u64)ts : 0, 0, 0, 0);
}

static i64 dup2_(Task *t, u64 from, u64 to)
{
    if (fd_hidden(t->process, (u32)from))
        return -EBADF;
    if (from == to)
        return raw_syscall(__NR_fcntl, from, F_GETFD, 0, 0, 0, 0) < 0 ? -EBADF : (i64)to;
    return sys_dup3(t, from, to, 0, 0, 0, 0);
}

static i64 poll_(Task *t, const u64 a[6])
{
    i32 ms = (i32)a[2];
    struct timespec ts = {ms / 1000, ms % 1000 * 1000000};
    mem_own_arguments(true);
    i64 result = sys_ppoll(t, a[0], a[1], ms < 0 ? 0 : (u64)&ts, 0, 0, 0);
    mem_own_arguments(false);
    return result;
}

static i64 select_(Task *t, const u64 a[6])
{
    struct timeval tv;
    if (a[4] && mem_read(&tv, a[4], sizeof tv))
        return -EFAULT;
    if (a[4] && (tv.tv_sec < 0 || tv.tv_usec < 0))
        return -EINVAL;
    struct timespec ts = {0};
    if (a[4])
        ts = (struct timespec){tv.tv_sec + tv.tv_usec / 1000000, tv.tv_usec % 1000000 * 1000};
    mem_own_arguments(true);
    i64 result = sys_pselect6(t, a[0], a[1], a[2], a[3], a[4] ? (u64)&ts : 0, 0);
    mem_own_arguments(false);
    tv = (struct timeval){ts.tv_sec, ts.tv_nsec / 1000};
    if (a[4])
        mem_write(a[4], &tv, sizeof tv); /* if it can't, that isn't told */
    return result;
}

bool x86_own_call(Task *t, u32 number, const u64 a[6], i64 *result)
{
    i64 seconds;
    switch (number) {
    case __NR_poll: *result = poll_(t, a); return true;
    case __NR_select: *result = select_(t, a); return true;
    case __NR_pause: *result = host_syscall(t, number, 0, 0, 0, 0, 0, 0); return true;
    case __NR_alarm: *result = raw_syscall(number, a[0], 0, 0, 0, 0, 0); return true;
    case __NR_getdents: *result = fd_hidden(t->process, (u32)a[0]) ? -EBADF : host_syscall(t, number, a[0], a[1], a[2], 0, 0, 0); return true;
    case __NR_dup2: *result = dup2_(t, a[0], a[1]); return true;
    case __NR_arch_prctl: *result = arch_prctl(t, a[0], a[1]); return true;
    case __NR_utime: *result = set_times(t, AT_FDCWD, a[0], a[1], true); return true;
    case __NR_utimes: *result = set_times(t, AT_FDCWD, a[0], a[1], false); return true;
    case __NR_futimesat: *result = set_times(t, (int)a[0], a[1], a[2], false); return true;
    case __NR_time:
        seconds = time(NULL);
        *result = a[0] && mem_write(a[0], &seconds, sizeof seconds) ? -EFAULT : seconds;
        return true;
    default: return false;
    }
}
