/* --strace: each system call as strace prints it, from the signature in its row. Arguments that the call fills are
 * printed after it, the others before, because the call may change or outlive them. A line is written whole. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <linux/openat2.h>
#include <poll.h>
#include <sched.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <termios.h>
#include <time.h>

#include "linux.h"

enum { SHOWN = 32, SHOWN_ITEMS = 16 }; /* bytes of a string, elements of an array: strace's defaults */

__attribute__((format(printf, 2, 3))) static void put(Trace *tr, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(tr->text + tr->used, sizeof tr->text - tr->used, format, args);
    va_end(args);
    tr->used += (size_t)n < sizeof tr->text - tr->used ? (size_t)n : sizeof tr->text - tr->used - 1;
}

/* -- flags and values */

typedef struct Item {
    u32 value;
    const char *name;
} Item;

#define FLAGS(name) static const Item name##_items[] = {
#define VALUES(name) static const Item name##_items[] = {
#define BIT(value) {(u32)(value), #value},
#define BITV(name, value) {(u32)(value), #name},
#define END                                                                                                            \
    {                                                                                                                  \
        0, NULL                                                                                                        \
    }                                                                                                                  \
    }                                                                                                                  \
    ;
#include "strace.def"
#undef FLAGS
#undef VALUES
#undef BIT
#undef BITV
#undef END

static void put_flags(Trace *tr, const Item *items, u32 value, const char *zero)
{
    const char *bar = "";
    if (!value) {
        put(tr, "%s", zero);
        return;
    }
    for (; items->name; items++)
        if (items->value && (value & items->value) == items->value) {
            put(tr, "%s%s", bar, items->name);
            value &= ~items->value;
            bar = "|";
        }
    if (value)
        put(tr, "%s%#x", bar, value);
}

static void put_value(Trace *tr, const Item *items, u32 value)
{
    for (; items->name; items++)
        if (items->value == value) {
            put(tr, "%s", items->name);
            return;
        }
    put(tr, "%#x", value);
}

/* -- text and memory */

static void put_bytes(Trace *tr, const u8 *bytes, size_t n, bool more)
{
    put(tr, "\"");
    for (size_t i = 0; i < n; i++) {
        u8 c = bytes[i];
        bool digit = i + 1 < n && bytes[i + 1] >= '0' && bytes[i + 1] <= '7';
        const char *escapes = "\n\t\r\f\v\"\\", *letters = "ntrfv\"\\", *at = c ? strchr(escapes, c) : NULL;
        if (at)
            put(tr, "\\%c", letters[at - escapes]);
        else if (c >= ' ' && c < 127)
            put(tr, "%c", c);
        else
            put(tr, digit ? "\\%03o" : "\\%o", c);
    }
    put(tr, more ? "\"..." : "\"");
}

static void put_memory(Trace *tr, u64 guest, u64 size)
{
    u8 bytes[SHOWN];
    u64 n = size < SHOWN ? size : SHOWN;
    if (!guest)
        put(tr, "NULL");
    else if (mem_read(bytes, guest, n))
        put(tr, "%#lx", guest);
    else
        put_bytes(tr, bytes, n, size > n);
}

/* Paths are shown whole, other strings as far as strace does. */
static void put_string(Trace *tr, u64 guest, size_t max)
{
    char text[1024];
    i64 n = guest ? mem_string(text, guest, max) : 0;
    if (!guest)
        put(tr, "NULL");
    else if (n == -EFAULT)
        put(tr, "%#lx", guest);
    else if (n == -ENAMETOOLONG)
        put_bytes(tr, (const u8 *)text, max - 1, true);
    else
        put_bytes(tr, (const u8 *)text, (size_t)n, false);
}

/* Reads a struct to show; prints the address and returns false if there is none. */
static bool fetch(Trace *tr, void *out, u64 guest, size_t size)
{
    if (guest && !mem_read(out, guest, size))
        return true;
    if (guest)
        put(tr, "%#lx", guest);
    else
        put(tr, "NULL");
    return false;
}

/* -- kinds. arg is this argument, next the one after it; result the call's, 0 before it has run. */

#define SHOW(name) static void show_##name(Task *t, Trace *tr, u64 arg, u64 next, i64 result)

SHOW(int)
{
    put(tr, "%d", (i32)arg);
}

SHOW(uint)
{
    put(tr, "%u", (u32)arg);
}

SHOW(long)
{
    put(tr, "%ld", (i64)arg);
}

SHOW(hex)
{
    put(tr, arg ? "%#lx" : "0", arg);
}

SHOW(ptr)
{
    put(tr, arg ? "%#lx" : "NULL", arg);
}

SHOW(dfd)
{
    if ((i32)arg == AT_FDCWD)
        put(tr, "AT_FDCWD");
    else
        put(tr, "%d", (i32)arg);
}

SHOW(mode)
{
    put(tr, "%#03o", (u32)arg);
}

static void put_oflags(Task *t, Trace *tr, u32 guest)
{
    u32 host = (u32)flags_to_host(t, guest);
    if ((host & O_ACCMODE) == O_RDONLY) {
        put(tr, "O_RDONLY");
        if (!host)
            return;
        put(tr, "|");
    }
    put_flags(tr, openbits_items, host, "");
}

SHOW(oflags)
{
    put_oflags(t, tr, (u32)arg);
}

SHOW(fdflags)
{
    put_flags(tr, openbits_items, (u32)flags_to_host(t, (u32)arg), "0");
}

/* Takes back the ", " before an argument that isn't there. */
static void unput_comma(Trace *tr)
{
    tr->used -= tr->used >= 2 ? 2 : 0;
    tr->text[tr->used] = 0;
}

SHOW(fcntlarg)
{
    switch ((int)tr->args[tr->arg - 1]) {
    case F_GETFD:
    case F_GETFL:
    case F_GETOWN:
    case F_GETSIG:
    case F_GETLEASE:
    case F_GETPIPE_SZ:
    case F_GET_SEALS:
        unput_comma(tr);
        break;
    case F_SETFL:
        put_oflags(t, tr, (u32)arg);
        break;
    case F_SETFD:
        put(tr, arg == FD_CLOEXEC ? "FD_CLOEXEC" : "%#lx", arg);
        break;
    case F_DUPFD:
    case F_DUPFD_CLOEXEC:
    case F_SETPIPE_SZ:
        put(tr, "%d", (i32)arg);
        break;
    default:
        put(tr, "%#lx", arg);
    }
}

/* openat's mode is there only if the flags before it ask for one. */
SHOW(omode)
{
    u32 flags = (u32)flags_to_host(t, (u32)tr->args[tr->arg - 1]);
    if (flags & O_CREAT || (flags & O_TMPFILE) == O_TMPFILE)
        put(tr, "%#03o", (u32)arg);
    else
        unput_comma(tr);
}

SHOW(openhow)
{
    struct open_how how;
    if (!fetch(tr, &how, arg, sizeof how))
        return;
    put(tr, "{flags=");
    put_oflags(t, tr, (u32)how.flags);
    put(tr, ", mode=%#llo, resolve=%#llx}", how.mode, how.resolve);
}

SHOW(str)
{
    if (result < 0)
        show_ptr(t, tr, arg, next, result);
    else
        put_string(tr, arg, 1024);
}

SHOW(strv)
{
    u64 item;
    if (!fetch(tr, &item, arg, sizeof item))
        return;
    put(tr, "[");
    for (int i = 0; item; i++) {
        put(tr, i ? ", " : "");
        if (i == SHOWN_ITEMS) {
            put(tr, "...");
            break;
        }
        put_string(tr, item, 256);
        if (mem_read(&item, arg + 8 * ((u64)i + 1), sizeof item))
            break;
    }
    put(tr, "]");
}

SHOW(data)
{
    put_memory(tr, arg, next);
}

SHOW(rdata)
{
    if (result < 0)
        show_ptr(t, tr, arg, next, result);
    else
        put_memory(tr, arg, (u64)result < next ? (u64)result : next);
}

SHOW(iov)
{
    struct iovec iov;
    if (result < 0 || (arg && mem_read(&iov, arg, sizeof iov))) {
        show_ptr(t, tr, arg, next, result);
        return;
    }
    put(tr, "[");
    for (u64 i = 0; i < next && i < SHOWN_ITEMS; i++) {
        if (mem_read(&iov, arg + i * sizeof iov, sizeof iov))
            break;
        put(tr, i ? ", {iov_base=" : "{iov_base=");
        put_memory(tr, (u64)iov.iov_base, iov.iov_len);
        put(tr, ", iov_len=%zu}", iov.iov_len);
    }
    put(tr, next > SHOWN_ITEMS ? ", ...]" : "]");
}

SHOW(stat)
{
    const Layout *l = t->abi->layout;
    u32 mode;
    u64 size;
    if (result < 0 || mem_read(&mode, arg + l->off_st_mode, sizeof mode) ||
        mem_read(&size, arg + l->off_st_size, sizeof size)) {
        show_ptr(t, tr, arg, next, result);
        return;
    }
    put(tr, "{st_mode=");
    put_value(tr, filetype_items, mode & S_IFMT);
    put(tr, "|%#03o", mode & ~S_IFMT);
    if (S_ISCHR(mode) || S_ISBLK(mode))
        put(tr, ", ...}");
    else
        put(tr, ", st_size=%lu, ...}", size);
}

SHOW(pipefds)
{
    i32 fds[2];
    if (result < 0)
        show_ptr(t, tr, arg, next, result);
    else if (fetch(tr, fds, arg, sizeof fds))
        put(tr, "[%d, %d]", fds[0], fds[1]);
}

SHOW(timespec)
{
    struct timespec ts;
    if (result < 0)
        show_ptr(t, tr, arg, next, result);
    else if (fetch(tr, &ts, arg, sizeof ts))
        put(tr, "{tv_sec=%ld, tv_nsec=%ld}", ts.tv_sec, ts.tv_nsec);
}

SHOW(timespecs)
{
    if (!arg) {
        put(tr, "NULL");
        return;
    }
    put(tr, "[");
    show_timespec(t, tr, arg, next, result);
    put(tr, ", ");
    show_timespec(t, tr, arg + sizeof(struct timespec), next, result);
    put(tr, "]");
}

SHOW(timeval)
{
    struct timeval tv;
    if (result < 0)
        show_ptr(t, tr, arg, next, result);
    else if (fetch(tr, &tv, arg, sizeof tv))
        put(tr, "{tv_sec=%ld, tv_usec=%ld}", tv.tv_sec, tv.tv_usec);
}

static void put_signal(Trace *tr, u32 signo)
{
    const char *name = sigabbrev_np((int)signo);
    if (name)
        put(tr, "SIG%s", name);
    else if (signo >= 32 && signo <= 64)
        put(tr, "SIGRT_%u", signo - 32);
    else
        put(tr, "%u", signo);
}

SHOW(sig)
{
    put_signal(tr, (u32)arg);
}

static void put_sigset(Trace *tr, u64 set)
{
    /* More than half: show those that aren't in it, as strace does. */
    bool inverse = __builtin_popcountll(set) > 32;
    u64 left = inverse ? ~set : set;
    put(tr, inverse ? "~[" : "[");
    for (const char *space = ""; left; left &= left - 1, space = " ") {
        u32 signo = (u32)__builtin_ctzll(left) + 1;
        const char *name = sigabbrev_np((int)signo);
        if (name)
            put(tr, "%s%s", space, name);
        else
            put(tr, "%sRT_%u", space, signo - 32);
    }
    put(tr, "]");
}

SHOW(sigset)
{
    u64 set;
    if (fetch(tr, &set, arg, sizeof set))
        put_sigset(tr, set);
}

SHOW(sigaction)
{
    GuestAction action;
    if (!fetch(tr, &action, arg, sizeof action))
        return;
    if (action.handler > 1)
        put(tr, "{sa_handler=%#lx, sa_mask=", action.handler);
    else
        put(tr, "{sa_handler=%s, sa_mask=", action.handler ? "SIG_IGN" : "SIG_DFL");
    put_sigset(tr, action.mask);
    put(tr, ", sa_flags=");
    put_flags(tr, saflags_items, (u32)action.flags, "0");
    put(tr, "}");
}

SHOW(sockaddr)
{
    union {
        sa_family_t family;
        struct sockaddr_un un;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } sa = {0};
    char text[INET6_ADDRSTRLEN];
    if (!fetch(tr, &sa, arg, next < sizeof sa ? next : sizeof sa))
        return;
    put(tr, "{sa_family=");
    put_value(tr, sockfamily_items, sa.family);
    if (sa.family == AF_UNIX)
        put(tr, ", sun_path=%s\"%.100s\"", sa.un.sun_path[0] ? "" : "@", sa.un.sun_path + !sa.un.sun_path[0]);
    else if (sa.family == AF_INET)
        put(tr, ", sin_port=htons(%u), sin_addr=inet_addr(\"%s\")", ntohs(sa.in.sin_port),
            inet_ntop(AF_INET, &sa.in.sin_addr, text, sizeof text));
    else if (sa.family == AF_INET6)
        put(tr, ", sin6_port=htons(%u), inet_pton(AF_INET6, \"%s\", &sin6_addr)", ntohs(sa.in6.sin6_port),
            inet_ntop(AF_INET6, &sa.in6.sin6_addr, text, sizeof text));
    put(tr, "}");
}

/* An address that the call filled, and its length, which the next argument points to. */
SHOW(rsockaddr)
{
    u32 size;
    if (result < 0 || !arg || mem_read(&size, next, sizeof size))
        show_ptr(t, tr, arg, next, result);
    else
        show_sockaddr(t, tr, arg, size, result);
}

SHOW(socklen)
{
    u32 size;
    if (result < 0)
        show_ptr(t, tr, arg, next, result);
    else if (fetch(tr, &size, arg, sizeof size))
        put(tr, "[%u]", size);
}

SHOW(sockopt)
{
    if ((int)tr->args[tr->arg - 1] == SOL_SOCKET)
        put_value(tr, socketopts_items, (u32)arg);
    else
        put(tr, "%d", (i32)arg);
}

SHOW(msghdr)
{
    struct msghdr msg;
    if (result < 0) {
        show_ptr(t, tr, arg, next, result);
        return;
    }
    if (!fetch(tr, &msg, arg, sizeof msg))
        return;
    put(tr, "{msg_name=");
    if (msg.msg_name && msg.msg_namelen)
        show_sockaddr(t, tr, (u64)msg.msg_name, msg.msg_namelen, result);
    else
        put(tr, "NULL");
    put(tr, ", msg_namelen=%u, msg_iov=", msg.msg_namelen);
    show_iov(t, tr, (u64)msg.msg_iov, msg.msg_iovlen, result);
    put(tr, ", msg_iovlen=%zu, msg_controllen=%zu, msg_flags=", msg.msg_iovlen, msg.msg_controllen);
    put_flags(tr, msgflags_items, (u32)msg.msg_flags, "0");
    put(tr, "}");
}

SHOW(itimerspec)
{
    struct itimerspec its;
    if (result < 0)
        show_ptr(t, tr, arg, next, result);
    else if (fetch(tr, &its, arg, sizeof its))
        put(tr, "{it_interval={tv_sec=%ld, tv_nsec=%ld}, it_value={tv_sec=%ld, tv_nsec=%ld}}", its.it_interval.tv_sec,
            its.it_interval.tv_nsec, its.it_value.tv_sec, its.it_value.tv_nsec);
}

SHOW(epollev)
{
    u8 guest[32];
    struct epoll_event event;
    if (!fetch(tr, guest, arg, epoll_size(t->abi->layout)))
        return;
    epoll_in(t->abi->layout, &event, guest);
    put(tr, "{events=");
    put_flags(tr, epollbits_items, event.events, "0");
    put(tr, ", data=%#lx}", event.data.u64);
}

SHOW(pollfds)
{
    struct pollfd poll;
    put(tr, "[");
    for (u64 i = 0; i < (u32)next && i < SHOWN_ITEMS; i++) {
        if (mem_read(&poll, arg + i * sizeof poll, sizeof poll))
            break;
        put(tr, "%s{fd=%d, events=", i ? ", " : "", poll.fd);
        put_flags(tr, pollbits_items, (u16)poll.events, "0");
        if (poll.revents) {
            put(tr, ", revents=");
            put_flags(tr, pollbits_items, (u16)poll.revents, "0");
        }
        put(tr, "}");
    }
    put(tr, "]");
}

static void put_limit(Trace *tr, rlim_t limit)
{
    if (limit == RLIM_INFINITY)
        put(tr, "RLIM64_INFINITY");
    else
        put(tr, "%lu", limit);
}

SHOW(rlimit)
{
    struct rlimit limit;
    if (result < 0) {
        show_ptr(t, tr, arg, next, result);
    } else if (fetch(tr, &limit, arg, sizeof limit)) {
        put(tr, "{rlim_cur=");
        put_limit(tr, limit.rlim_cur);
        put(tr, ", rlim_max=");
        put_limit(tr, limit.rlim_max);
        put(tr, "}");
    }
}

SHOW(wstatus)
{
    i32 status;
    if (result <= 0)
        show_ptr(t, tr, arg, next, result);
    else if (fetch(tr, &status, arg, sizeof status) && WIFEXITED(status))
        put(tr, "[{WIFEXITED(s) && WEXITSTATUS(s) == %d}]", WEXITSTATUS(status));
    else if (arg && WIFSIGNALED(status))
        put(tr, "[{WIFSIGNALED(s) && WTERMSIG(s) == %d}]", WTERMSIG(status));
    else if (arg)
        put(tr, "[%#x]", status);
}

SHOW(uname)
{
    struct utsname name;
    if (result < 0)
        show_ptr(t, tr, arg, next, result);
    else if (fetch(tr, &name, arg, sizeof name))
        put(tr, "{sysname=\"%s\", nodename=\"%s\", ...}", name.sysname, name.nodename);
}

SHOW(futexop)
{
    u32 bits = (u32)arg & (FUTEX_PRIVATE_FLAG | FUTEX_CLOCK_REALTIME);
    put_value(tr, futexcmd_items, (u32)arg & ~bits);
    if (bits) {
        put(tr, "|");
        put_flags(tr, futexbits_items, bits, "");
    }
}

SHOW(socktype)
{
    u32 bits = (u32)arg & (SOCK_CLOEXEC | SOCK_NONBLOCK);
    put_value(tr, socktypes_items, (u32)arg & ~bits);
    if (bits) {
        put(tr, "|");
        put_flags(tr, sockflags_items, bits, "");
    }
}

/* -- the table of kinds */

typedef struct Kind {
    const char *name;
    ArgWhat what;
    void (*show)(Task *t, Trace *tr, u64 arg, u64 next, i64 result);
    const Item *items; /* of kinds that are one of a list, or bits */
    bool bits;
} Kind;

static const Kind kinds[] = {
#define KIND(name, what, function) {#name, what, show_##function, NULL, false},
#define FLAGS(name) {#name, VALUE, NULL, name##_items, true},
#define VALUES(name) {#name, VALUE, NULL, name##_items, false},
#define BIT(value)
#define BITV(name, value)
#define END
#include "strace.def"
#undef KIND
};

/* The next argument's kind; NULL at the end of the arguments. */
static const Kind *next_kind(const char **signature)
{
    const char *s = *signature + strspn(*signature, " ");
    size_t n = strcspn(s, " ");
    if (!n || *s == '=')
        return NULL;
    *signature = s + n;
    for (size_t i = 0; i < LEN(kinds); i++)
        if (strncmp(kinds[i].name, s, n) == 0 && kinds[i].name[n] == 0)
            return kinds + i;
    return kinds; /* int */
}

bool next_argument(const char **signature, ArgKind *kind)
{
    const Kind *k = next_kind(signature);
    if (k)
        *kind = (ArgKind){k->name, k->what};
    return k;
}

/* What strace calls a set without bits. */
static const char *zero_name(const Kind *kind)
{
    return strcmp(kind->name, "prot") == 0 ? "PROT_NONE" : strcmp(kind->name, "access") == 0 ? "F_OK" : "0";
}

static void put_args(Task *t, Trace *tr, i64 result, bool after)
{
    for (;;) {
        const char *left = tr->signature;
        const Kind *kind = next_kind(&left);
        if (!kind || (kind->what == OUT && !after))
            return;
        tr->signature = left;
        if (tr->arg)
            put(tr, ", ");
        u64 arg = tr->args[tr->arg], next = tr->arg < 5 ? tr->args[tr->arg + 1] : 0;
        if (kind->show)
            kind->show(t, tr, arg, next, kind->what == OUT ? result : 0);
        else if (kind->bits)
            put_flags(tr, kind->items, (u32)arg, zero_name(kind));
        else
            put_value(tr, kind->items, (u32)arg);
        tr->arg++;
    }
}

static bool returns(Sys call)
{
    return call != CALL_exit && call != CALL_exit_group && call != CALL_rt_sigreturn;
}

void strace_begin(Task *t, Trace *tr, u32 number, Sys call, const u64 args[6])
{
    *tr = (Trace){.number = number, .call = call, .args = args, .signature = call_signature(call)};
    if (call == CALL_none)
        put(tr, "%d syscall_%#x(", t->tid, number);
    else
        put(tr, "%d %s(", t->tid, call_name(call));
    put_args(t, tr, 0, false);
    /* A successful execve doesn't return either: its line is printed before it, and again if it fails. */
    if (!returns(call) || call == CALL_execve || call == CALL_execveat)
        log_printf("%s) = ?\n", tr->text);
}

void strace_end(Task *t, Trace *tr, i64 result)
{
    if (!returns(tr->call))
        return;
    put_args(t, tr, result, true);
    if (result == -RESTART_SYS || result == -RESTART_NOINTR)
        put(tr, ") = ? ERESTARTSYS (To be restarted if SA_RESTART is set)\n");
    else if (result < 0 && result > -4096)
        put(tr, ") = -1 %s (%s)\n", strerrorname_np((int)-result) ? strerrorname_np((int)-result) : "?",
            strerror((int)-result));
    else if (strchr(tr->signature, '='))
        put(tr, ") = %#lx\n", result);
    else
        put(tr, ") = %ld\n", result);
    log_printf("%s", tr->text);
}
