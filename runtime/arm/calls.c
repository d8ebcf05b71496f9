/* From 32-bit Arm's system calls to the rows of runtime/linux/syscalls.def, whose handlers have the arguments and structures of 64 bits:
 * what arguments are is said by a form (sysno.def), a letter each. A structure that differs is converted into memory of ours, which
 * the handler is given the address of, and back.
 *
 *   u        a register, zero-extended; s: sign-extended; L: two registers, a double word
 *   -        a register that is passed over: double words begin at even ones; a digit goes to that register
 *   P        a register times the page size
 *   0 @ N D G C W   constants: 0, AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR, creat's flags, SIGCHLD, that of vfork
 *
 * Addresses of structures that the call reads:
 *   t timespec, q one of 64 bits, whose nanoseconds have nothing above, Q two, M milliseconds instead of one, w timeval for one that is filled as well, p two timespecs, U two timevals, d itimerspec,
 *   x itimerval, i iovec (the next register is how many), m msghdr, a sigaction, k stack_t, h array of pointers, l rlimit,
 *   Z pointer and size, J siginfo_t, E sigevent, f futex's timeout, e the same of 64 bits, o offset of 32 bits that is filled as well
 * and that it fills:
 *   T timespec, V timeval, Y itimerspec, X itimerval, F statfs64, g rusage, c tms, n msghdr, y sysinfo, b sigaction, K stack_t, R rlimit,
 *   I siginfo_t */
#include "calls.h"

#include <fcntl.h>
#include <linux/futex.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/sysinfo.h>
#include <sys/time.h>
#include <sys/times.h>
#include <sys/uio.h>
#include <sys/vfs.h>

#include "../../frontend/arm/state.h"
#include "layout.h"

static const char *const forms[] = {
#define NR(number, name, form) [number] = form,
#include "sysno.def"
};

enum { PAGE = 4096, MOST_POINTERS = 1 << 17 };

/* -- memory of a conversion ------------------------------------------------------------------------------------------------ */

/* Freed when the call has ended. NULL without memory. */
static void *room(Conversion *c, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (size <= sizeof c->bytes - c->used) {
        void *p = c->bytes + c->used;
        c->used += size;
        return p;
    }
    if (c->nlarge == LEN(c->large))
        return NULL;
    return c->large[c->nlarge++] = malloc(size);
}

/* Something that the call fills: what the guest is to get of it, when it has. */
static void *filled(Conversion *c, char kind, u64 guest, size_t size)
{
    void *host = room(c, size);
    if (host && c->nout < LEN(c->out)) {
        memset(host, 0, size);
        c->out[c->nout++] = (Filled){kind, guest, host};
    }
    return host;
}

/* -- in --------------------------------------------------------------------------------------------------------------------- */

static struct timespec wide_time(ArmTimespec t, i64 unit)
{
    return (struct timespec){t.sec, (i64)t.nsec * unit};
}

static i64 convert_times(Conversion *c, u64 *arg, size_t n, i64 unit)
{
    ArmTimespec narrow[4];
    struct timespec *wide = room(c, n * sizeof *wide);
    if (!wide || mem_read(narrow, *arg, n * sizeof *narrow))
        return -EFAULT;
    for (size_t i = 0; i < n; i++) {
        wide[i] = wide_time(narrow[i], unit);
        if (unit == 1 && (narrow[i].nsec == UTIME_NOW || narrow[i].nsec == UTIME_OMIT))
            wide[i].tv_nsec = narrow[i].nsec;
    }
    *arg = (u64)wide;
    return 0;
}

/* Where a C library of 32 bits has padding. */
static i64 clean_times(Conversion *c, u64 *arg, size_t n)
{
    struct timespec *wide = room(c, n * sizeof *wide);
    if (!wide || mem_read(wide, *arg, n * sizeof *wide))
        return -EFAULT;
    for (size_t i = 0; i < n; i++)
        wide[i].tv_nsec &= 0xffffffff;
    *arg = (u64)wide;
    return 0;
}

static struct iovec *wide_iovec(Conversion *c, u64 guest, u64 count)
{
    ArmIovec narrow[64];
    struct iovec *wide = room(c, count * sizeof *wide + 1);
    for (u64 i = 0; wide && i < count; i += LEN(narrow)) {
        u64 n = count - i < LEN(narrow) ? count - i : LEN(narrow);
        if (mem_read(narrow, guest + i * sizeof *narrow, n * sizeof *narrow))
            return NULL;
        for (u64 k = 0; k < n; k++)
            wide[i + k] = (struct iovec){(void *)(u64)narrow[k].base, narrow[k].len};
    }
    return wide;
}

/* Control messages, each header followed by data, the next one aligned to a word of its side. */
static bool control_in(Conversion *c, struct msghdr *m, u64 guest, u32 size)
{
    u8 *narrow = room(c, size + 1);
    m->msg_control = room(c, 3 * (size_t)size + 64);
    if (!narrow || !m->msg_control || mem_read(narrow, guest, size))
        return false;
    u8 *to = m->msg_control;
    for (u32 at = 0; at + sizeof(ArmCmsghdr) <= size;) {
        ArmCmsghdr h;
        memcpy(&h, narrow + at, sizeof h);
        if (h.len < sizeof h || h.len > size - at)
            break;
        struct cmsghdr *wide = (struct cmsghdr *)to;
        size_t data = h.len - sizeof h;
        *wide = (struct cmsghdr){.cmsg_len = CMSG_LEN(data), .cmsg_level = (int)h.level, .cmsg_type = (int)h.type};
        memcpy(CMSG_DATA(wide), narrow + at + sizeof h, data);
        to += CMSG_SPACE(data);
        at += (h.len + 3) & ~3u;
    }
    m->msg_controllen = (size_t)(to - (u8 *)m->msg_control);
    return true;
}

static i64 convert_message(Conversion *c, u64 *arg, bool receives)
{
    ArmMsghdr narrow;
    u64 guest = *arg;
    struct msghdr *m = filled(c, receives ? 'n' : 0, guest, sizeof *m);
    if (!m || mem_read(&narrow, guest, sizeof narrow))
        return -EFAULT;
    if (narrow.iovlen > 1024)
        return -EMSGSIZE;
    *m = (struct msghdr){.msg_name = (void *)(u64)narrow.name, .msg_namelen = narrow.namelen, .msg_iovlen = narrow.iovlen, .msg_flags = (int)narrow.flags};
    m->msg_iov = wide_iovec(c, narrow.iov, narrow.iovlen);
    if (!m->msg_iov)
        return -EFAULT;
    if (receives && narrow.control) {
        m->msg_controllen = 2 * (size_t)narrow.controllen;
        m->msg_control = room(c, m->msg_controllen + 1);
    } else if (narrow.control && narrow.controllen && !control_in(c, m, narrow.control, narrow.controllen)) {
        return -EFAULT;
    }
    *arg = (u64)m;
    return 0;
}

static i64 convert_pointers(Conversion *c, u64 *arg)
{
    size_t n = 0;
    u32 p;
    do {
        if (n == MOST_POINTERS)
            return -E2BIG;
        if (mem_read(&p, *arg + 4 * n++, sizeof p))
            return -EFAULT;
    } while (p);
    u64 *wide = room(c, n * sizeof *wide);
    for (size_t i = 0; wide && i < n; i++) {
        mem_read(&p, *arg + 4 * i, sizeof p);
        wide[i] = p;
    }
    *arg = (u64)wide;
    return wide ? 0 : -ENOMEM;
}

/* Reads a structure of the guest's, and makes room for the wide one. */
static bool both(Conversion *c, u64 guest, void *narrow, size_t narrow_size, void **wide, size_t wide_size)
{
    *wide = room(c, wide_size);
    return *wide && !mem_read(narrow, guest, narrow_size);
}

static i64 convert_in(Conversion *c, char kind, u64 *arg, const u64 *regs, u32 reg)
{
    u64 guest = *arg;
    void *wide;
    if (kind == 'M') {
        if ((i32)guest < 0) {
            *arg = 0;
            return 0;
        }
        struct timespec *t = room(c, sizeof *t);
        *t = (struct timespec){(i64)guest / 1000, (i64)guest % 1000 * 1000000};
        *arg = (u64)t;
        return 0;
    }
    if (!guest)
        return 0;
    switch (kind) {
    case 'q': return clean_times(c, arg, 1);
    case 'Q': return clean_times(c, arg, 2);
    case 't': return convert_times(c, arg, 1, 1);
    case 'p': return convert_times(c, arg, 2, 1);
    case 'd': return convert_times(c, arg, 2, 1);
    case 'U': return convert_times(c, arg, 2, 1000);
    case 'x': return convert_times(c, arg, 2, 1);
    case 'w': {
        i64 error = convert_times(c, arg, 1, 1000);
        if (!error && c->nout < LEN(c->out))
            c->out[c->nout++] = (Filled){'w', guest, (void *)*arg};
        return error;
    }
    case 'f': /* of the operations that wait */
    case 'e': {
        u32 op = (u32)regs[1] & (u32)FUTEX_CMD_MASK;
        bool waits = op == FUTEX_WAIT || op == FUTEX_LOCK_PI || op == FUTEX_WAIT_BITSET || op == FUTEX_WAIT_REQUEUE_PI || op == 13;
        if (!waits)
            return 0;
        return kind == 'f' ? convert_times(c, arg, 1, 1) : clean_times(c, arg, 1);
    }
    case 'i':
        if (regs[reg] > 1024)
            return -EINVAL;
        wide = wide_iovec(c, guest, regs[reg]);
        *arg = (u64)wide;
        return wide ? 0 : -EFAULT;
    case 'm': return convert_message(c, arg, false);
    case 'n': return convert_message(c, arg, true);
    case 'h': return convert_pointers(c, arg);
    case 'a': {
        ArmSigaction s;
        if (!both(c, guest, &s, sizeof s, &wide, sizeof(GuestAction)))
            return -EFAULT;
        *(GuestAction *)wide = (GuestAction){s.handler, s.flags, s.restorer, s.mask[0] | (u64)s.mask[1] << 32};
        break;
    }
    case 'k': {
        ArmStack s;
        if (!both(c, guest, &s, sizeof s, &wide, sizeof(GuestStack)))
            return -EFAULT;
        *(GuestStack *)wide = (GuestStack){.sp = s.sp, .flags = s.flags, .size = s.size};
        break;
    }
    case 'l': {
        u32 s[2];
        if (!both(c, guest, s, sizeof s, &wide, sizeof(struct rlimit)))
            return -EFAULT;
        *(struct rlimit *)wide = (struct rlimit){s[0] == ~0u ? RLIM_INFINITY : s[0], s[1] == ~0u ? RLIM_INFINITY : s[1]};
        break;
    }
    case 'Z': {
        u32 s[2];
        if (!both(c, guest, s, sizeof s, &wide, 2 * sizeof(u64)))
            return -EFAULT;
        ((u64 *)wide)[0] = s[0];
        ((u64 *)wide)[1] = s[1];
        break;
    }
    case 'J': {
        ArmSiginfo s;
        if (!both(c, guest, &s, sizeof s, &wide, sizeof(siginfo_t)))
            return -EFAULT;
        arm_siginfo_in(wide, &s);
        break;
    }
    case 'E': {
        ArmSigevent s;
        if (!both(c, guest, &s, sizeof s, &wide, sizeof(struct sigevent)))
            return -EFAULT;
        struct sigevent *e = memset(wide, 0, sizeof *e);
        e->sigev_value.sival_ptr = (void *)(u64)s.value;
        e->sigev_signo = (int)s.signo;
        e->sigev_notify = (int)s.notify;
        memcpy((u8 *)e + 16, &s.tid, sizeof s.tid);
        break;
    }
    case 'o': {
        i32 s;
        if (mem_read(&s, guest, sizeof s) || !(wide = filled(c, 'o', guest, sizeof(i64))))
            return -EFAULT;
        *(i64 *)wide = s;
        break;
    }
    default: {
        static const struct {
            char kind;
            u8 size;
        } sizes[] = {
            {'T', sizeof(struct timespec)}, {'V', sizeof(struct timeval)}, {'Y', sizeof(struct itimerspec)}, {'X', sizeof(struct itimerval)},
            {'F', sizeof(struct statfs)}, {'g', sizeof(struct rusage)}, {'c', sizeof(struct tms)}, {'y', sizeof(struct sysinfo)},
            {'b', sizeof(GuestAction)}, {'K', sizeof(GuestStack)}, {'R', sizeof(struct rlimit)}, {'I', sizeof(siginfo_t)},
        };
        wide = NULL;
        for (size_t i = 0; i < LEN(sizes); i++)
            if (sizes[i].kind == kind)
                wide = filled(c, kind, guest, sizes[i].size);
        break;
    }
    }
    *arg = (u64)wide;
    return wide ? 0 : -ENOMEM;
}

i64 arm_convert(Task *t, u32 number, u64 args[6], Conversion *c)
{
    u64 regs[6];
    memcpy(regs, args, sizeof regs);
    c->used = c->nlarge = c->nout = 0;
    memset(args, 0, sizeof regs);
    u32 reg = 0;
    i64 error = 0;
    const char *form = number < LEN(forms) && forms[number] ? forms[number] : "";
    for (u64 *arg = args; *form && !error; form++) {
        switch (*form) {
        case '-': reg++; continue;
        case '1' ... '5': reg = (u32)(*form - '0'); continue;
        case 'u': *arg++ = regs[reg++]; continue;
        case 's': *arg++ = (u64)(i32)regs[reg++]; continue;
        case 'P': *arg++ = regs[reg++] * PAGE; continue;
        case 'L':
            *arg++ = regs[reg] | regs[reg + 1] << 32;
            reg += 2;
            continue;
        case '0': *arg++ = 0; continue;
        case '@': *arg++ = (u64)AT_FDCWD; continue;
        case 'N': *arg++ = AT_SYMLINK_NOFOLLOW; continue;
        case 'D': *arg++ = AT_REMOVEDIR; continue;
        case 'G': *arg++ = O_CREAT | O_WRONLY | O_TRUNC; continue;
        case 'C': *arg++ = SIGCHLD; continue;
        case 'W': *arg++ = CLONE_VM | CLONE_VFORK | SIGCHLD; continue;
        default:
            *arg = regs[reg++];
            error = convert_in(c, *form, arg++, regs, reg);
        }
    }
    return error;
}

/* -- out -------------------------------------------------------------------------------------------------------------------- */

static ArmTimespec narrow_time(const struct timespec *t, i64 unit)
{
    return (ArmTimespec){(i32)t->tv_sec, (i32)(t->tv_nsec / unit)};
}

static u32 narrow_limit(rlim_t limit)
{
    return limit > 0xffffffff ? 0xffffffff : (u32)limit;
}

static i64 put_statfs(u64 guest, const struct statfs *f)
{
    ArmStatfs64 s = {
        .f_type = (u32)f->f_type, .f_bsize = (u32)f->f_bsize, .f_blocks = f->f_blocks, .f_bfree = f->f_bfree, .f_bavail = f->f_bavail,
        .f_files = f->f_files, .f_ffree = f->f_ffree, .f_namelen = (u32)f->f_namelen, .f_frsize = (u32)f->f_frsize, .f_flags = (u32)f->f_flags,
    };
    memcpy(s.f_fsid, &f->f_fsid, sizeof s.f_fsid);
    return mem_write(guest, &s, sizeof s);
}

static i64 put_rusage(u64 guest, const struct rusage *r)
{
    ArmRusage s = {.utime = {(i32)r->ru_utime.tv_sec, (i32)r->ru_utime.tv_usec}, .stime = {(i32)r->ru_stime.tv_sec, (i32)r->ru_stime.tv_usec}};
    const long *others = &r->ru_maxrss;
    for (size_t i = 0; i < LEN(s.others); i++)
        s.others[i] = (u32)others[i];
    return mem_write(guest, &s, sizeof s);
}

/* In units that make the numbers fit, as the kernel does. */
static i64 put_sysinfo(u64 guest, const struct sysinfo *i)
{
    u32 shift = 0;
    while ((i->totalram | i->totalswap) * i->mem_unit >> shift > 0xffffffff)
        shift++;
#define UNITS(field) (u32)(i->field * i->mem_unit >> shift)
    ArmSysinfo s = {
        .uptime = (u32)i->uptime, .loads = {(u32)i->loads[0], (u32)i->loads[1], (u32)i->loads[2]}, .totalram = UNITS(totalram),
        .freeram = UNITS(freeram), .sharedram = UNITS(sharedram), .bufferram = UNITS(bufferram), .totalswap = UNITS(totalswap),
        .freeswap = UNITS(freeswap), .procs = i->procs, .mem_unit = 1u << shift,
    };
#undef UNITS
    return mem_write(guest, &s, sizeof s);
}

static i64 put_message(u64 guest, const struct msghdr *m)
{
    ArmMsghdr narrow;
    if (mem_read(&narrow, guest, sizeof narrow))
        return -EFAULT;
    u32 used = 0, space = narrow.control ? narrow.controllen : 0;
    narrow.namelen = m->msg_namelen;
    narrow.flags = (u32)m->msg_flags;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR((struct msghdr *)m, h)) {
        u32 data = (u32)(h->cmsg_len - CMSG_LEN(0));
        ArmCmsghdr head = {data + (u32)sizeof head, (u32)h->cmsg_level, (u32)h->cmsg_type};
        if (space - used < head.len) {
            narrow.flags |= MSG_CTRUNC;
            break;
        }
        if (mem_write(narrow.control + used, &head, sizeof head) || mem_write(narrow.control + used + sizeof head, CMSG_DATA(h), data))
            return -EFAULT;
        used += (head.len + 3) & ~3u;
        used = used > space ? space : used;
    }
    narrow.controllen = used;
    return mem_write(guest, &narrow, sizeof narrow);
}

static i64 convert_out(const Filled *f)
{
    switch (f->kind) {
    case 'T':
    case 'V':
    case 'w': {
        ArmTimespec s = narrow_time(f->host, f->kind == 'w' ? 1000 : 1);
        return mem_write(f->guest, &s, sizeof s);
    }
    case 'X':
    case 'Y': {
        const struct timespec *t = f->host;
        ArmItimerspec s = {narrow_time(&t[0], 1), narrow_time(&t[1], 1)};
        return mem_write(f->guest, &s, sizeof s);
    }
    case 'F': return put_statfs(f->guest, f->host);
    case 'g': return put_rusage(f->guest, f->host);
    case 'y': return put_sysinfo(f->guest, f->host);
    case 'n': return put_message(f->guest, f->host);
    case 'c': {
        const struct tms *m = f->host;
        u32 s[4] = {(u32)m->tms_utime, (u32)m->tms_stime, (u32)m->tms_cutime, (u32)m->tms_cstime};
        return mem_write(f->guest, s, sizeof s);
    }
    case 'b': {
        const GuestAction *g = f->host;
        ArmSigaction s = {(u32)g->handler, (u32)g->flags, (u32)g->restorer, {(u32)g->mask, (u32)(g->mask >> 32)}};
        return mem_write(f->guest, &s, sizeof s);
    }
    case 'K': {
        const GuestStack *g = f->host;
        ArmStack s = {(u32)g->sp, g->flags, (u32)g->size};
        return mem_write(f->guest, &s, sizeof s);
    }
    case 'R': {
        const struct rlimit *r = f->host;
        u32 s[2] = {narrow_limit(r->rlim_cur), narrow_limit(r->rlim_max)};
        return mem_write(f->guest, s, sizeof s);
    }
    case 'I': {
        ArmSiginfo s;
        arm_siginfo_of(&s, f->host);
        return mem_write(f->guest, &s, sizeof s);
    }
    case 'o': {
        i32 s = (i32)*(i64 *)f->host;
        return mem_write(f->guest, &s, sizeof s);
    }
    }
    return 0;
}

/* An interrupted sleep's rest is filled with its error. */
i64 arm_convert_back(Task *t, Conversion *c, i64 result)
{
    for (u32 i = 0; i < c->nout; i++)
        if ((result >= 0 || (result == -EINTR && c->out[i].kind == 'T')) && convert_out(&c->out[i]) && result >= 0)
            result = -EFAULT;
    for (u32 i = 0; i < c->nlarge; i++)
        free(c->large[i]);
    return result;
}

/* -- calls without a row ---------------------------------------------------------------------------------------------------- */

static i64 call_dup2(Task *t, const u64 *args)
{
    if (args[0] != args[1])
        return sys_dup3(t, args[0], args[1], 0, 0, 0, 0);
    return raw_syscall(__NR_fcntl, args[0], F_GETFD, 0, 0, 0, 0) < 0 ? -EBADF : (i64)args[0];
}

static i64 call_llseek(Task *t, const u64 *args)
{
    i64 at = sys_lseek(t, args[0], args[1] << 32 | args[2], args[4], 0, 0, 0);
    return at < 0 ? at : mem_write(args[3], &at, sizeof at);
}

/* Locks by the old structure, too: F_GETLK, F_SETLK, F_SETLKW are 5 to 7, those with flock64 12 to 14. */
static i64 call_fcntl(Task *t, const u64 *args)
{
    u64 command = args[1];
    bool old = command >= 5 && command <= 7, wide = command >= 12 && command <= 14;
    if (!old && !wide)
        return sys_fcntl(t, args[0], command, args[2], 0, 0, 0);
    ArmFlock narrow;
    ArmFlock64 longer;
    if (old ? mem_read(&narrow, args[2], sizeof narrow) : mem_read(&longer, args[2], sizeof longer))
        return -EFAULT;
    struct flock lock = old ? (struct flock){narrow.type, narrow.whence, narrow.start, narrow.len, narrow.pid}
                            : (struct flock){longer.type, longer.whence, longer.start, longer.len, longer.pid};
    i64 result = host_syscall(t, __NR_fcntl, args[0], old ? command : command - 7, (u64)&lock, 0, 0, 0);
    if (result < 0 || (command != 5 && command != 12))
        return result;
    if (old && (lock.l_start != (i32)lock.l_start || lock.l_len != (i32)lock.l_len))
        return -EOVERFLOW;
    narrow = (ArmFlock){lock.l_type, lock.l_whence, (i32)lock.l_start, (i32)lock.l_len, lock.l_pid};
    longer = (ArmFlock64){.type = lock.l_type, .whence = lock.l_whence, .start = lock.l_start, .len = lock.l_len, .pid = lock.l_pid};
    return old ? mem_write(args[2], &narrow, sizeof narrow) : mem_write(args[2], &longer, sizeof longer);
}

/* The frame of a handler without siginfo lacks that in front. */
static i64 call_sigreturn(Task *t, const u64 *args)
{
    arm_state(t)->r[13] -= sizeof(ArmSiginfo);
    return sys_rt_sigreturn(t, 0, 0, 0, 0, 0, 0);
}

static i64 call_cacheflush(Task *t, const u64 *args)
{
    if (args[1] < args[0] || args[2])
        return -EINVAL;
    for (u64 at = args[0]; at < args[1]; at = (at | (PAGE - 1)) + 1)
        code_written(t, at, args[1] - at < PAGE ? args[1] - at : PAGE - at % PAGE);
    return 0;
}

static i64 call_set_tls(Task *t, const u64 *args)
{
    arm_state(t)->tpidruro = args[0];
    return 0;
}

static i64 call_get_tls(Task *t, const u64 *args)
{
    return (i64)arm_state(t)->tpidruro;
}

/* Timeouts by the old structure; the new options have that of 64 bits. */
static bool is_timeout(const u64 *args)
{
    return args[1] == SOL_SOCKET && (args[2] == SO_RCVTIMEO_OLD || args[2] == SO_SNDTIMEO_OLD);
}

static i64 call_setsockopt(Task *t, const u64 *args)
{
    ArmTimespec narrow;
    if (!is_timeout(args) || args[4] < sizeof narrow)
        return host_syscall(t, __NR_setsockopt, args[0], args[1], args[2], args[3], args[4], 0);
    if (mem_read(&narrow, args[3], sizeof narrow))
        return -EFAULT;
    struct timeval wide = {narrow.sec, narrow.nsec};
    return host_syscall(t, __NR_setsockopt, args[0], args[1], args[2], (u64)&wide, sizeof wide, 0);
}

static i64 call_getsockopt(Task *t, const u64 *args)
{
    struct timeval wide;
    socklen_t size = sizeof wide, room;
    if (!is_timeout(args))
        return host_syscall(t, __NR_getsockopt, args[0], args[1], args[2], args[3], args[4], 0);
    if (mem_read(&room, args[4], sizeof room))
        return -EFAULT;
    i64 result = host_syscall(t, __NR_getsockopt, args[0], args[1], args[2], (u64)&wide, (u64)&size, 0);
    ArmTimespec narrow = {(i32)wide.tv_sec, (i32)wide.tv_usec};
    room = room < sizeof narrow ? room : sizeof narrow;
    if (result < 0)
        return result;
    return mem_write(args[3], &narrow, room) || mem_write(args[4], &room, sizeof room) ? -EFAULT : 0;
}

bool arm_own_call(Task *t, u32 number, const u64 args[6], i64 *result)
{
    static const struct {
        u32 number;
        i64 (*run)(Task *t, const u64 *args);
    } calls[] = {
        {63, call_dup2}, {119, call_sigreturn}, {140, call_llseek}, {221, call_fcntl}, {294, call_setsockopt}, {295, call_getsockopt},
        {0xf0002, call_cacheflush}, {0xf0005, call_set_tls}, {0xf0006, call_get_tls},
    };
    for (size_t i = 0; i < LEN(calls); i++)
        if (calls[i].number == number) {
            *result = calls[i].run(t, args);
            return true;
        }
    return false;
}
