/* From 32-bit Arm's system calls to the rows of runtime/linux/syscalls.def, whose handlers have the arguments and
 * structures of 64 bits: what arguments are is said by a form (sysno.def), a letter each. A structure that differs is
 * converted into memory of ours, which the handler is given the address of, and back.
 *
 *   u        a register, zero-extended; s: sign-extended; L: two registers, a double word; v: a user's number of 16
 * bits
 *   -        a register that is passed over: double words begin at even ones; 1 to 5 go to that register
 *   P        a register times the page size
 *   0 8 @ N ^ G C W   constants: 0, 8, AT_FDCWD, AT_SYMLINK_NOFOLLOW, AT_REMOVEDIR, creat's flags, SIGCHLD, vfork's
 *   =        the result is a user's number of 16 bits
 *   *        behind the arguments: the first ones say what the others are (commands.c)
 *   !        the call isn't there
 *
 * Addresses of structures: those of the table `structs`, and
 *   i iovec (the next register is how many), H pointers (the register before is how many), h pointers up to the null,
 *   S users' numbers of 16 bits that are read, D that are filled (the register before is how many),
 *   M milliseconds instead of a timespec, U two timevals, w a timeval that is filled as well, f futex's timeout, e the
 * same of 64 bits, J siginfo_t that is read, I that is filled, m msghdr that is sent, n that is received, j several
 * that are sent, k received (the next register is how many), g a queue's message that is sent, p received, y sysinfo, B
 * stat, E directory entries, & statx, O an offset */
#include "calls.h"

#include <assert.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/futex.h>
#include <linux/magic.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysinfo.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "../../frontend/arm/state.h"
#include "../signal.h"
#include "layout.h"

static const char *const forms[] = {
#define NR(number, name, form) [number] = form,
#include "sysno.def"
};

enum { PAGE = 4096, MOST_POINTERS = 1 << 17, MOST_VECTORS = 1024 };

/* -- memory of a conversion ---------------------------------------------------------------------------------------- */

void *arm_room(Conversion *c, size_t size)
{
    size = (size + 15) & ~(size_t)15;
    if (size <= sizeof c->bytes - c->used) {
        void *p = c->bytes + c->used;
        c->used += (u32)size;
        return p;
    }
    void **large = malloc(size + 16);
    if (!large)
        return NULL;
    *large = c->large;
    c->large = large;
    return (u8 *)large + 16;
}

Filled *arm_filled(Conversion *c, u64 guest, void *host)
{
    Filled *f = arm_room(c, sizeof *f);
    if (f) {
        *f = (Filled){.next = c->filled, .guest = guest, .host = host, .count = 1};
        c->filled = f;
    }
    return f;
}

/* -- structures of words ------------------------------------------------------------------------------------------- */

static const struct {
    char kind;
    u8 use;
    const char *layout;
} structs[] = {
    {'t', USE_IN, "2l"}, /* timespec, timeval */
    {'r', USE_BOTH, "2l"},
    {'T', USE_OUT, "2l"},
    {'q', USE_IN, "qz"}, /* timespec of 64 bits */
    {'A', USE_BOTH, "qz"},
    {'Q', USE_IN, "qzqz"},           /* two, itimerspec */
    {'d', USE_IN, "4l"},             /* two timespecs, itimerspec, itimerval */
    {'Y', USE_OUT, "4l"},            /* also tms */
    {'F', USE_OUT, "2l10i2i7l"},     /* statfs64 */
    {'X', USE_OUT, "2l5u2i7l"},      /* statfs */
    {'x', USE_BOTH, "i4li8li5l12i"}, /* timex */
    {'R', USE_OUT, "2r"},            /* rlimit */
    {'l', USE_IN, "2r"},
    {'c', USE_OUT, "18l"}, /* rusage */
    {'a', USE_IN, "3p2i"}, /* sigaction */
    {'b', USE_OUT, "3p2i"},
    {'o', USE_IN, "pip"}, /* stack_t */
    {'K', USE_OUT, "pip"},
    {'Z', USE_IN, "2p"},   /* address and size of a set of signals */
    {'V', USE_IN, "p14i"}, /* sigevent */
    {'z', USE_IN, "8l"},   /* mq_attr */
    {'$', USE_OUT, "8l"},
    {'%', USE_OUT, "v"}, /* user's number */
};

static i64 words_back(Task *t, const Filled *f, i64 result)
{
    size_t narrow_size = words_narrow_size(f->layout), wide_size = words_wide_size(f->layout);
    u8 narrow[1024];
    if (narrow_size > sizeof narrow)
        return -ENOMEM;
    for (u64 i = 0; i < f->count; i++) {
        if (!words_narrow(narrow, (u8 *)f->host + i * wide_size, f->layout))
            return -EOVERFLOW;
        if (mem_write(f->guest + i * narrow_size, narrow, narrow_size))
            return -EFAULT;
    }
    return 0;
}

i64 arm_words(Conversion *c, u64 *arg, const char *layout, u64 count, Use use)
{
    size_t narrow_size = words_narrow_size(layout), wide_size = words_wide_size(layout);
    u64 guest = *arg;
    u8 narrow[1024], *wide = arm_room(c, count * wide_size + 1);
    if (!wide || narrow_size > sizeof narrow)
        return -ENOMEM;
    memset(wide, 0, count * wide_size);
    for (u64 i = 0; i < count && use & USE_IN; i++) {
        if (mem_read(narrow, guest + i * narrow_size, narrow_size))
            return -EFAULT;
        words_widen(wide + i * wide_size, narrow, layout);
    }
    *arg = (u64)wide;
    Filled *f = use & USE_OUT ? arm_filled(c, guest, wide) : NULL;
    if (f) {
        f->layout = layout;
        f->count = count;
        f->back = words_back;
    }
    return f || !(use & USE_OUT) ? 0 : -ENOMEM;
}

/* -- messages ------------------------------------------------------------------------------------------------------ */

/* A control message's data, if that has a structure of words. */
static const char *control_layout(int level, int type)
{
    if (level != SOL_SOCKET)
        return NULL;
    return type == SO_TIMESTAMP_OLD || type == SO_TIMESTAMPNS_OLD ? "2l" : type == SO_TIMESTAMPING_OLD ? "6l" : NULL;
}

/* Control messages, each header followed by data, the next one aligned to a word of its side. */
static bool control_in(Conversion *c, struct msghdr *m, u64 guest, u32 size)
{
    u8 *narrow = arm_room(c, (size_t)size + 1);
    m->msg_control = arm_room(c, 3 * (size_t)size + 64);
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

static struct iovec *wide_iovec(Conversion *c, u64 guest, u64 count)
{
    return arm_words(c, &guest, "2p", count, USE_IN) ? NULL : (struct iovec *)guest;
}

static i64 take_message(Conversion *c, struct msghdr *m, u64 guest, bool receives)
{
    ArmMsghdr narrow;
    if (mem_read(&narrow, guest, sizeof narrow))
        return -EFAULT;
    if (narrow.iovlen > MOST_VECTORS)
        return -EMSGSIZE;
    *m = (struct msghdr){.msg_name = (void *)(u64)narrow.name,
                         .msg_namelen = narrow.namelen,
                         .msg_iovlen = narrow.iovlen,
                         .msg_flags = (int)narrow.flags};
    m->msg_iov = wide_iovec(c, narrow.iov, narrow.iovlen);
    if (!m->msg_iov)
        return -EFAULT;
    if (receives && narrow.control) {
        m->msg_controllen = 2 * (size_t)narrow.controllen;
        m->msg_control = arm_room(c, m->msg_controllen + 1);
    } else if (narrow.control && narrow.controllen && !control_in(c, m, narrow.control, narrow.controllen)) {
        return -EFAULT;
    }
    return 0;
}

static i64 give_message(u64 guest, const struct msghdr *m)
{
    ArmMsghdr narrow;
    if (mem_read(&narrow, guest, sizeof narrow))
        return -EFAULT;
    u32 used = 0, space = narrow.control ? narrow.controllen : 0;
    narrow.namelen = m->msg_namelen;
    narrow.flags = (u32)m->msg_flags;
    for (struct cmsghdr *h = CMSG_FIRSTHDR(m); h; h = CMSG_NXTHDR((struct msghdr *)m, h)) {
        const void *from = CMSG_DATA(h);
        u32 data = (u32)(h->cmsg_len - CMSG_LEN(0));
        const char *layout = control_layout(h->cmsg_level, h->cmsg_type);
        u8 times[24];
        if (layout && data == words_wide_size(layout) && words_narrow(times, from, layout)) {
            from = times;
            data = (u32)words_narrow_size(layout);
        }
        ArmCmsghdr head = {data + (u32)sizeof head, (u32)h->cmsg_level, (u32)h->cmsg_type};
        if (space - used < head.len) {
            narrow.flags |= MSG_CTRUNC;
            break;
        }
        if (mem_write(narrow.control + used, &head, sizeof head) ||
            mem_write(narrow.control + used + sizeof head, from, data))
            return -EFAULT;
        used += (head.len + 3) & ~3u;
        used = used > space ? space : used;
    }
    narrow.controllen = used;
    return mem_write(guest, &narrow, sizeof narrow);
}

static i64 message_back(Task *t, const Filled *f, i64 result)
{
    return give_message(f->guest, f->host);
}

static i64 convert_message(Conversion *c, u64 *arg, bool receives)
{
    u64 guest = *arg;
    struct msghdr *m = arm_room(c, sizeof *m);
    *arg = (u64)m;
    i64 error = m ? take_message(c, m, guest, receives) : -ENOMEM;
    Filled *f = !error && receives ? arm_filled(c, guest, m) : NULL;
    if (f)
        f->back = message_back;
    return error;
}

/* struct mmsghdr */
typedef struct ArmMmsghdr {
    ArmMsghdr header;
    u32 len;
} ArmMmsghdr;

static i64 messages_back(Task *t, const Filled *f, i64 result)
{
    const struct mmsghdr *m = f->host;
    for (i64 i = 0; i < result; i++) {
        u64 at = f->guest + (u64)i * sizeof(ArmMmsghdr);
        if (mem_write(at + offsetof(ArmMmsghdr, len), &m[i].msg_len, sizeof(u32)) ||
            (f->count && give_message(at, &m[i].msg_hdr)))
            return -EFAULT;
    }
    return 0;
}

/* As many as can be read; the first has to be. */
static i64 convert_messages(Conversion *c, u64 *arg, u64 *count, bool receives)
{
    u64 guest = *arg, n = (u32)*count < MOST_VECTORS ? (u32)*count : MOST_VECTORS, taken = 0;
    struct mmsghdr *m = arm_room(c, (n + 1) * sizeof *m);
    i64 error = m ? 0 : -ENOMEM;
    while (!error && taken < n) {
        error = take_message(c, &m[taken].msg_hdr, guest + taken * sizeof(ArmMmsghdr), receives);
        m[taken].msg_len = 0;
        taken += !error;
    }
    Filled *f = taken || !error ? arm_filled(c, guest, m) : NULL;
    if (!f)
        return error;
    *arg = (u64)m;
    *count = taken;
    f->back = messages_back;
    f->count = receives;
    return 0;
}

/* A message of a System V queue: its type, a long, and data. */
static i64 convert_queued(Conversion *c, u64 *arg, u64 size)
{
    i32 type;
    u8 *wide = size <= INT32_MAX ? arm_room(c, size + sizeof(i64)) : NULL;
    if (!wide)
        return -EINVAL;
    if (mem_read(&type, *arg, sizeof type) || mem_read(wide + sizeof(i64), *arg + sizeof type, size))
        return -EFAULT;
    *(i64 *)wide = type;
    *arg = (u64)wide;
    return 0;
}

static i64 queued_back(Task *t, const Filled *f, i64 result)
{
    const u8 *wide = f->host;
    i32 type = (i32) * (const i64 *)f->host;
    return mem_write(f->guest, &type, sizeof type) || mem_write(f->guest + sizeof type, wide + sizeof(i64), (u64)result)
               ? -EFAULT
               : 0;
}

/* -- others -------------------------------------------------------------------------------------------------------- */

/* None is an empty list; of one that can't be read the handler gets the place where it can't, since other errors come before that. */
static i64 convert_pointers(Conversion *c, u64 *arg)
{
    u64 n = 0;
    u32 p = *arg != 0;
    while (p) {
        if (n == MOST_POINTERS)
            return -E2BIG;
        if (mem_read(&p, *arg + 4 * n, sizeof p)) {
            *arg += 4 * n;
            return 0;
        }
        n++;
    }
    return n ? arm_words(c, arg, "p", n, USE_IN) : 0;
}

/* Timevals for timespecs. */
static i64 convert_timevals(Conversion *c, u64 *arg, u64 count)
{
    i64 error = arm_words(c, arg, "2l", count, USE_IN);
    for (u64 i = 0; i < count && !error; i++)
        ((struct timespec *)*arg)[i].tv_nsec *= 1000;
    return error;
}

static i64 timeval_back(Task *t, const Filled *f, i64 result)
{
    const struct timespec *left = f->host;
    i32 narrow[2] = {(i32)left->tv_sec, (i32)(left->tv_nsec / 1000)};
    return mem_write(f->guest, narrow, sizeof narrow);
}

static i64 siginfo_back(Task *t, const Filled *f, i64 result)
{
    ArmSiginfo s;
    arm_siginfo_of(&s, f->host);
    return mem_write(f->guest, &s, sizeof s);
}

/* In units that make the numbers fit, as the kernel does. */
static i64 sysinfo_back(Task *t, const Filled *f, i64 result)
{
    struct sysinfo i = *(const struct sysinfo *)f->host;
    u32 shift = 0;
    while ((i.totalram | i.totalswap) * i.mem_unit >> shift > UINT32_MAX)
        shift++;
    unsigned long *amounts[] = {&i.totalram,  &i.freeram,  &i.sharedram, &i.bufferram,
                                &i.totalswap, &i.freeswap, &i.totalhigh, &i.freehigh};
    for (size_t k = 0; k < LEN(amounts); k++)
        *amounts[k] = *amounts[k] * i.mem_unit >> shift;
    i.mem_unit = 1u << shift;
    u8 narrow[64] = {0};
    words_narrow(narrow, &i, "l9p2h2pi");
    return mem_write(f->guest, narrow, sizeof narrow);
}

/* struct stat, from struct stat64 */
static i64 stat_back(Task *t, const Filled *f, i64 result)
{
    const ArmStat64 *s = f->host;
    if (s->st_size > INT32_MAX || s->st_blocks > UINT32_MAX || s->st_nlink > UINT16_MAX ||
        (s->st_dev | s->st_rdev) > UINT16_MAX)
        return -EOVERFLOW;
    u32 uid, wide[] = {s->st_uid, s->st_gid};
    words_narrow(&uid, wide, "2v");
    u32 narrow[16] = {(u32)s->st_dev,
                      (u32)s->st_ino,
                      (s->st_mode & UINT16_MAX) | s->st_nlink << 16,
                      uid,
                      (u32)s->st_rdev,
                      (u32)s->st_size,
                      s->st_blksize,
                      (u32)s->st_blocks,
                      s->st_atime_sec,
                      s->st_atime_ns,
                      s->st_mtime_sec,
                      s->st_mtime_ns,
                      s->st_ctime_sec,
                      s->st_ctime_ns};
    return mem_write(f->guest, narrow, sizeof narrow);
}

static i64 statx_back(Task *t, const Filled *f, i64 result)
{
    u64 ino;
    enum { INO = 32 };
    _Static_assert(offsetof(struct statx, stx_ino) == INO, "struct statx");
    if (mem_read(&ino, f->guest + INO, sizeof ino))
        return -EFAULT;
    ino = arm_inode(ino);
    return mem_write(f->guest + INO, &ino, sizeof ino);
}

static i64 offset_back(Task *t, const Filled *f, i64 result)
{
    i32 narrow = (i32) * (i64 *)f->host;
    return mem_write(f->guest, &narrow, sizeof narrow);
}

/* -- positions in directories. Where ext4 knows by a process's ABI that it has 32 bits for one, it gives that the upper
 * half of what others get; and some file systems' end is the highest number. Others count. */

enum : i64 { END = INT32_MAX };

static i64 narrow_position(i64 wide)
{
    return wide == INT64_MAX ? END : wide > INT32_MAX ? wide >> 32 : wide;
}

static bool is_wide(int fd)
{
    struct statfs fs;
    return lseek(fd, 0, SEEK_CUR) > INT32_MAX && !fstatfs(fd, &fs) &&
           (fs.f_type == EXT4_SUPER_MAGIC || fs.f_type == OVERLAYFS_SUPER_MAGIC);
}

static i64 entries_back(Task *t, const Filled *f, i64 result)
{
    struct {
        u64 ino;
        i64 off;
        u16 length;
    } entry;
    for (i64 at = 0; at < result; at += entry.length) {
        enum { HEAD = 18 };
        if (mem_read(&entry, f->guest + (u64)at, HEAD))
            return -EFAULT;
        entry.ino = arm_inode(entry.ino);
        if (entry.off > INT32_MAX) {
            entry.off = narrow_position(entry.off);
            linux_state(t->process)->wide_positions = true;
        }
        if (mem_write(f->guest + (u64)at, &entry, HEAD))
            return -EFAULT;
    }
    return 0;
}

static i64 seek(Task *t, u64 fd, i64 offset, u64 whence)
{
    struct stat st;
    bool directory = linux_state(t->process)->wide_positions && !fd_hidden(t->process, (u32)fd) &&
                     fstat((int)fd, &st) == 0 && S_ISDIR(st.st_mode);
    if (directory && whence == SEEK_SET && offset > 0)
        offset = offset == END ? INT64_MAX : is_wide((int)fd) ? offset << 32 : offset;
    i64 at = sys_lseek(t, fd, (u64)offset, whence, 0, 0, 0);
    return directory ? narrow_position(at) : at;
}

/* -- arguments ----------------------------------------------------------------------------------------------------- */

/* One that the call fills and that `back` then gives to the guest. */
static i64 fills(Conversion *c, u64 *arg, size_t size, i64 (*back)(Task *t, const Filled *f, i64 result))
{
    void *host = arm_room(c, size);
    Filled *f = host ? arm_filled(c, *arg, host) : NULL;
    if (!f)
        return -ENOMEM;
    memset(host, 0, size);
    f->back = back;
    *arg = (u64)host;
    return 0;
}

/* One that the call fills where it is, and `back` then mends. */
static i64 mends(Conversion *c, u64 arg, i64 (*back)(Task *t, const Filled *f, i64 result))
{
    Filled *f = arm_filled(c, arg, NULL);
    if (f)
        f->back = back;
    return f ? 0 : -ENOMEM;
}

static i64 convert_argument(Conversion *c, char kind, u64 *arg, u64 *regs, u32 reg)
{
    u64 guest = *arg;
    i64 error;
    if (kind == 'M') {
        struct timespec *t = (i32)guest < 0 ? NULL : arm_room(c, sizeof *t);
        if (t)
            *t = (struct timespec){(i64)guest / 1000, (i64)guest % 1000 * 1000000};
        *arg = (u64)t;
        return 0;
    }
    if (!guest)
        return 0;
    switch (kind) {
    case 'U':
        return convert_timevals(c, arg, 2);
    case 'w':
        error = convert_timevals(c, arg, 1);
        if (!error) {
            Filled *f = arm_filled(c, guest, (void *)*arg);
            if (f) {
                f->back = timeval_back;
                f->always = true;
            }
        }
        return error;
    case 'f': /* of the operations that wait */
    case 'e': {
        u32 op = (u32)regs[1] & (u32)FUTEX_CMD_MASK;
        bool waits = op == FUTEX_WAIT || op == FUTEX_LOCK_PI || op == FUTEX_WAIT_BITSET ||
                     op == FUTEX_WAIT_REQUEUE_PI || op == 13;
        return waits ? arm_words(c, arg, kind == 'f' ? "2l" : "qz", 1, USE_IN) : 0;
    }
    case 'i':
        return regs[reg] > MOST_VECTORS ? -EINVAL : arm_words(c, arg, "2p", regs[reg], USE_IN);
    case 'H':
        return regs[reg - 2] > MOST_POINTERS ? -E2BIG : arm_words(c, arg, "p", regs[reg - 2], USE_IN);
    case 'h':
        return convert_pointers(c, arg);
    case 'S':
    case 'D':
        return regs[reg - 2] > UINT16_MAX + 1 ? -EINVAL
                                              : arm_words(c, arg, "v", regs[reg - 2], kind == 'S' ? USE_IN : USE_OUT);
    case 'm':
    case 'n':
        return convert_message(c, arg, kind == 'n');
    case 'j':
    case 'k':
        return convert_messages(c, arg, &regs[reg], kind == 'k');
    case 'g':
        return convert_queued(c, arg, regs[reg]);
    case 'p':
        return regs[reg] > INT32_MAX ? -EINVAL : fills(c, arg, regs[reg] + sizeof(i64), queued_back);
    case 'J': {
        ArmSiginfo narrow;
        siginfo_t *wide = arm_room(c, sizeof *wide);
        if (!wide || mem_read(&narrow, guest, sizeof narrow))
            return -EFAULT;
        arm_siginfo_in(wide, &narrow);
        *arg = (u64)wide;
        return 0;
    }
    case 'I':
        return fills(c, arg, sizeof(siginfo_t), siginfo_back);
    case 'y':
        return fills(c, arg, sizeof(struct sysinfo), sysinfo_back);
    case 'B':
        return fills(c, arg, sizeof(ArmStat64), stat_back);
    case 'E':
        return mends(c, guest, entries_back);
    case '&':
        return mends(c, guest, statx_back);
    case 'O': {
        i32 narrow;
        if (mem_read(&narrow, guest, sizeof narrow))
            return -EFAULT;
        error = fills(c, arg, sizeof(i64), offset_back);
        if (!error)
            *(i64 *)*arg = narrow;
        return error;
    }
    default:
        break;
    }
    for (size_t i = 0; i < LEN(structs); i++)
        if (structs[i].kind == kind) {
            error = arm_words(c, arg, structs[i].layout, 1, structs[i].use);
            if (!error && (kind == 'T' || structs[i].use == USE_BOTH)) /* an interrupted sleep's rest */
                ((Filled *)c->filled)->always = true;
            return error;
        }
    assert(false);
    return -ENOSYS;
}

i64 arm_convert(Task *t, u32 number, u64 args[6], Conversion *c)
{
    u64 regs[6];
    memcpy(regs, args, sizeof regs);
    c->used = 0;
    c->large = c->filled = NULL;
    c->result = 0;
    memset(args, 0, sizeof regs);
    u32 reg = 0;
    i64 error = 0;
    const char *form = number < LEN(forms) && forms[number] ? forms[number] : "";
    for (u64 *arg = args; *form && !error; form++) {
        switch (*form) {
        case '-':
            reg++;
            continue;
        case '1' ... '5':
            reg = (u32)(*form - '0');
            continue;
        case 'u':
            *arg++ = regs[reg++];
            continue;
        case 's':
            *arg++ = (u64)(i32)regs[reg++];
            continue;
        case 'v':
            *arg++ = (u16)regs[reg] == UINT16_MAX ? UINT32_MAX : (u16)regs[reg], reg++;
            continue;
        case 'P':
            *arg++ = regs[reg++] * PAGE;
            continue;
        case 'L':
            *arg++ = regs[reg] | regs[reg + 1] << 32;
            reg += 2;
            continue;
        case '0':
            *arg++ = 0;
            continue;
        case '8':
            *arg++ = 8;
            continue;
        case '@':
            *arg++ = (u64)AT_FDCWD;
            continue;
        case 'N':
            *arg++ = AT_SYMLINK_NOFOLLOW;
            continue;
        case 'W':
            *arg++ = CLONE_VM | CLONE_VFORK | SIGCHLD;
            continue;
        case 'G':
            *arg++ = O_CREAT | O_WRONLY | O_TRUNC;
            continue;
        case 'C':
            *arg++ = SIGCHLD;
            continue;
        case '^':
            *arg++ = AT_REMOVEDIR;
            continue;
        case '=':
            c->result = *form;
            continue;
        case '*':
            error = arm_command(t, number, args, c);
            continue;
        case '!':
            return -ENOSYS;
        default:
            *arg = regs[reg++];
            error = convert_argument(c, *form, arg++, regs, reg);
        }
    }
    return error;
}

i64 arm_convert_back(Task *t, Conversion *c, i64 result)
{
    for (const Filled *f = c->filled; f; f = f->next) {
        i64 error = result >= 0 || (result == -EINTR && f->always) ? f->back(t, f, result) : 0;
        if (error && result >= 0)
            result = error;
    }
    while (c->large) {
        void *large = c->large;
        c->large = *(void **)large;
        free(large);
    }
    return c->result && result > UINT16_MAX ? 65534 : result;
}

/* -- calls without a row ------------------------------------------------------------------------------------------- */

static i64 call_dup2(Task *t, const u64 *args)
{
    if (args[0] != args[1])
        return sys_dup3(t, args[0], args[1], 0, 0, 0, 0);
    return raw_syscall(__NR_fcntl, args[0], F_GETFD, 0, 0, 0, 0) < 0 ? -EBADF : (i64)args[0];
}

static i64 call_lseek(Task *t, const u64 *args)
{
    i64 at = seek(t, args[0], (i32)args[1], args[2]);
    return at > INT32_MAX ? -EOVERFLOW : at;
}

static i64 call_llseek(Task *t, const u64 *args)
{
    i64 at = seek(t, args[0], (i64)(args[1] << 32 | args[2]), args[4]);
    return at < 0 ? at : mem_write(args[3], &at, sizeof at);
}

static i64 call_nice(Task *t, const u64 *args)
{
    enum { LOWEST = 19, HIGHEST = -20 };
    i64 step = (i32)args[0], now = 20 - raw_syscall(__NR_getpriority, PRIO_PROCESS, 0, 0, 0, 0, 0);
    step = step < -40 ? -40 : step > 40 ? 40 : step;
    i64 nice = now + step < HIGHEST ? HIGHEST : now + step > LOWEST ? LOWEST : now + step;
    i64 error = raw_syscall(__NR_setpriority, PRIO_PROCESS, 0, (u64)nice, 0, 0, 0);
    return error == -EACCES ? -EPERM : error;
}

/* A thread's of this process; another's are as those of somebody else. */
static i64 call_get_robust_list(Task *t, const u64 *args)
{
    Process *p = t->process;
    u32 head = (u32)t->robust_list, size = 3 * sizeof(u32);
    bool found = !args[0];
    shared_lock(&p->lock);
    for (const Task *each = p->tasks; each && !found; each = each->next_task)
        if ((found = each->tid == (i32)args[0]))
            head = (u32)each->robust_list;
    shared_unlock(&p->lock);
    if (!found)
        return raw_syscall(__NR_kill, args[0], 0, 0, 0, 0, 0) == -ESRCH ? -ESRCH : -EPERM;
    return mem_write(args[2], &size, sizeof size) || mem_write(args[1], &head, sizeof head) ? -EFAULT : 0;
}

static i64 call_epoll_create(Task *t, const u64 *args)
{
    return (i32)args[0] > 0 ? host_syscall(t, __NR_epoll_create1, 0, 0, 0, 0, 0, 0) : -EINVAL;
}

/* A set of processors in words of 32 bits. */
static i64 call_sched_getaffinity(Task *t, const u64 *args)
{
    u64 set[128] = {0}, size = args[1];
    if (size % sizeof(u32))
        return -EINVAL;
    mem_own_arguments(true);
    i64 n = sys_sched_getaffinity(t, args[0], (size + 7) & ~(u64)7 & UINT32_MAX, (u64)set, 0, 0, 0);
    mem_own_arguments(false);
    n = n > (i64)size ? (i64)size : n;
    return n > 0 && mem_write(args[2], set, (u64)n) ? -EFAULT : n;
}

/* struct linux_dirent's entries of struct linux_dirent64's, which are longer. */
static i64 call_getdents(Task *t, const u64 *args)
{
    enum { ROOM = 32 << 10, HEAD = 19, OLD_HEAD = 10 };
    u8 *entries = malloc(ROOM), *out = malloc(ROOM);
    i64 made = 0, size = -ENOMEM;
    if (entries && out) {
        mem_own_arguments(true);
        size = sys_getdents64(t, args[0], (u64)entries, args[2] < ROOM ? args[2] : ROOM, 0, 0, 0);
        Filled f = {.guest = (u64)entries};
        if (size > 0)
            entries_back(t, &f, size);
        mem_own_arguments(false);
    }
    for (i64 at = 0; at < size;) {
        const struct dirent64 *e = (void *)(entries + at);
        size_t name = strlen(e->d_name) + 1, length = (OLD_HEAD + name + 1 + 3) & ~(size_t)3;
        u32 words[] = {(u32)e->d_ino, (u32)e->d_off};
        u16 reclen = (u16)length;
        memset(out + made, 0, length);
        memcpy(out + made, words, sizeof words);
        memcpy(out + made + sizeof words, &reclen, sizeof reclen);
        memcpy(out + made + OLD_HEAD, e->d_name, name);
        out[made + (i64)length - 1] = e->d_type;
        made += (i64)length;
        at += e->d_reclen;
    }
    if (size >= 0)
        size = mem_write(args[1], out, (size_t)made) ? -EFAULT : made;
    free(entries);
    free(out);
    return size;
}

/* -- signals as before sets of 64 of them */

static i64 call_sigaction(Task *t, const u64 *args)
{
    u32 s[4]; /* handler, mask, flags, restorer */
    GuestAction new, old;
    if (args[1] && mem_read(s, args[1], sizeof s))
        return -EFAULT;
    new = (GuestAction){.handler = s[0], .mask = s[1], .flags = s[2], .restorer = s[3]};
    i64 error = signal_action(t, (int)args[0], args[1] ? &new : NULL, &old);
    u32 was[] = {(u32)old.handler, (u32)old.mask, (u32)old.flags, (u32)old.restorer};
    return !error && args[2] && mem_write(args[2], was, sizeof was) ? -EFAULT : error;
}

static i64 call_sigprocmask(Task *t, const u64 *args)
{
    u64 old = signal_mask(t), new = old;
    u32 set, was = (u32)old;
    if (args[1] && mem_read(&set, args[1], sizeof set))
        return -EFAULT;
    if (args[1]) {
        switch ((int)args[0]) {
        case SIG_BLOCK:
            new = old | set;
            break;
        case SIG_UNBLOCK:
            new = old & ~(u64)set;
            break;
        case SIG_SETMASK:
            new = (old & ~(u64)UINT32_MAX) | set;
            break;
        default:
            return -EINVAL;
        }
        i64 error = signal_change_mask(t, new);
        if (error)
            return error;
    }
    return args[2] ? mem_write(args[2], &was, sizeof was) : 0;
}

static i64 call_sigpending(Task *t, const u64 *args)
{
    return sys_rt_sigpending(t, args[0], sizeof(u32), 0, 0, 0, 0);
}

static i64 call_sigsuspend(Task *t, const u64 *args)
{
    u64 mask = args[2];
    mem_own_arguments(true);
    i64 result = sys_rt_sigsuspend(t, (u64)&mask, sizeof mask, 0, 0, 0, 0);
    mem_own_arguments(false);
    return result;
}

/* The frame of a handler without siginfo lacks that in front. */
static i64 call_sigreturn(Task *t, const u64 *args)
{
    arm_state(t)->r[13] -= sizeof(ArmSiginfo);
    return sys_rt_sigreturn(t, 0, 0, 0, 0, 0, 0);
}

/* -- requests to files: a context's number is the address of its ring of events, which libraries read, and which the kernel lets be moved */

static u64 ring_size(u64 ring)
{
    u32 head[2] = {0}; /* id, how many events there is room for */
    return mem_read(head, ring, sizeof head) ? 0 : sizeof(struct io_event) * (head[1] + 1ull);
}

static i64 call_io_setup(Task *t, const u64 *args)
{
    u32 was;
    u64 context = 0;
    if (mem_read(&was, args[1], sizeof was))
        return -EFAULT;
    if (was)
        return -EINVAL;
    i64 error = host_syscall(t, __NR_io_setup, args[0], (u64)&context, 0, 0, 0, 0);
    if (error)
        return error;
    u32 ring[2] = {0}; /* its number, and how many events it has room for */
    if (mem_read(ring, context, sizeof ring))
        return -EFAULT;
    u64 size = sizeof(struct io_event) * ((u64)ring[1] + 1);
    i64 at = sys_mmap(t, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, ~0ull, 0);
    if (at < 0 || mremap((void *)context, size, size, MREMAP_MAYMOVE | MREMAP_FIXED, (void *)at) == MAP_FAILED) {
        host_syscall(t, __NR_io_destroy, context, 0, 0, 0, 0, 0);
        if (at >= 0)
            sys_munmap(t, (u64)at, size, 0, 0, 0, 0);
        return -ENOMEM;
    }
    u32 number = (u32)at;
    return mem_write(args[1], &number, sizeof number) ? -EFAULT : 0;
}

static i64 call_io_destroy(Task *t, const u64 *args)
{
    u64 size = ring_size(args[0]);
    i64 error = host_syscall(t, __NR_io_destroy, args[0], 0, 0, 0, 0, 0);
    if (!error && size)
        sys_munmap(t, args[0], size, 0, 0, 0, 0);
    return error;
}

/* One request, whose vector, if it has one, is converted: it stands in the guest's own memory while the kernel looks at it. */
static i64 submit(Task *t, u64 context, u64 at)
{
    struct iocb io;
    struct iovec *vector = NULL;
    if (mem_read(&io, at, sizeof io))
        return -EFAULT;
    u64 n = io.aio_lio_opcode == IOCB_CMD_PREADV || io.aio_lio_opcode == IOCB_CMD_PWRITEV ? io.aio_nbytes : 0;
    if (n > MOST_VECTORS)
        return -EINVAL;
    if (n && !(vector = malloc(n * sizeof *vector)))
        return -ENOMEM;
    for (u64 k = 0; k < n; k++) {
        u32 one[2];
        if (mem_read(one, io.aio_buf + k * sizeof one, sizeof one)) {
            free(vector);
            return -EFAULT;
        }
        vector[k] = (struct iovec){(void *)(u64)one[0], one[1]};
    }
    u64 buf = (u64)vector;
    mem_own_arguments(true);
    i64 error = n ? mem_write(at + offsetof(struct iocb, aio_buf), &buf, sizeof buf) : 0;
    if (!error)
        error = sys_io_submit(t, context, 1, (u64)&at, 0, 0, 0);
    if (n)
        mem_write(at + offsetof(struct iocb, aio_buf), &io.aio_buf, sizeof io.aio_buf);
    mem_own_arguments(false);
    free(vector);
    return error;
}

static i64 call_io_submit(Task *t, const u64 *args)
{
    i64 done = 0, result = 1, n = (i32)args[1];
    u32 at;
    if (n <= 0)
        return host_syscall(t, __NR_io_submit, args[0], (u64)n, 0, 0, 0, 0);
    while (done < n && result > 0) {
        result = mem_read(&at, args[2] + (u64)done * sizeof at, sizeof at) ? -EFAULT : submit(t, args[0], at);
        done += result > 0;
    }
    return done ? done : result;
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

bool arm_own_call(Task *t, u32 number, const u64 args[6], i64 *result)
{
    static const struct {
        u32 number;
        i64 (*run)(Task *t, const u64 *args);
        bool file; /* the first argument is a descriptor */
    } calls[] = {
        {19, call_lseek, true},
        {34, call_nice, false},
        {63, call_dup2, true},
        {67, call_sigaction, false},
        {72, call_sigsuspend, false},
        {73, call_sigpending, false},
        {119, call_sigreturn, false},
        {126, call_sigprocmask, false},
        {140, call_llseek, true},
        {141, call_getdents, true},
        {242, call_sched_getaffinity, false},
        {243, call_io_setup, false},
        {244, call_io_destroy, false},
        {246, call_io_submit, false},
        {250, call_epoll_create, false},
        {339, call_get_robust_list, false},
        {0xf0002, call_cacheflush, false},
        {0xf0005, call_set_tls, false},
        {0xf0006, call_get_tls, false},
    };
    for (size_t i = 0; i < LEN(calls); i++)
        if (calls[i].number == number) {
            bool hidden = calls[i].file && fd_hidden(t->process, (u32)args[0]);
            *result = hidden ? -EBADF : calls[i].run(t, args);
            return true;
        }
    return false;
}
