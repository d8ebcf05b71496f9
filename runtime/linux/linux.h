/* Linux system calls for the guest: private header of runtime/linux. */
#ifndef DRAGOMAN_LINUX_H
#define DRAGOMAN_LINUX_H

#include <asm/unistd.h>
#include <errno.h>
#include <limits.h>

#include "../mem.h"
#include "../runtime.h"
#include "layout.h"

/* The kernel's, between handlers and the dispatcher: a signal came before or during the call. */
#define ERESTARTSYS 512

/* Rows of syscalls.def; what Abi.sysno maps a guest's numbers to. */
typedef enum Sys {
    CALL_none,
#define SYS(name, signature) CALL_##name,
#define PASS(name, signature) CALL_##name,
#define PATH(name, dir, path, how, signature) CALL_##name,
#define NOSYS(name) CALL_##name,
#include "syscalls.def"
#undef SYS
#undef PASS
#undef PATH
#undef NOSYS
    CALL_COUNT
} Sys;

/* Handlers: arguments as the guest passed them; the result or -errno, -ERESTARTSYS included. */
#define SYSCALL(name) i64 sys_##name(Task *t, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
typedef i64 SysHandler(Task *t, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);
#define SYS(name, signature) SysHandler sys_##name;
#define PASS(name, signature)
#define PATH(name, dir, path, how, signature)
#define NOSYS(name)
#include "syscalls.def"
#undef SYS
#undef PASS
#undef PATH
#undef NOSYS

/* Runs the system call that t's registers ask for and leaves its result in them. t->pc is the instruction after it. */
void linux_syscall(Task *t);

/* The host's system call, raw: result or -errno. For calls that neither block nor meet a signal. */
static inline i64 raw_syscall(long nr, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
{
    i64 result;
    register u64 r10 __asm__("r10") = d;
    register u64 r8 __asm__("r8") = e;
    register u64 r9 __asm__("r9") = f;
    __asm__ volatile("syscall"
                     : "=a"(result)
                     : "a"(nr), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8), "r"(r9)
                     : "rcx", "r11", "memory");
    return result;
}

/* -- path.c: names in the guest's world ----------------------------------------------------------------------------------- */

typedef enum PathHow {
    PATH_FOLLOW,   /* the last component's symlink is followed */
    PATH_NOFOLLOW, /* it isn't */
    PATH_CREATE,   /* as NOFOLLOW, and it need not exist */
    PATH_AT,       /* PATH_AT + n: argument n has AT_SYMLINK_NOFOLLOW or AT_SYMLINK_FOLLOW (PATH rows only) */
} PathHow;

typedef struct Path {
    int dir;          /* for the host's *at call */
    const char *name; /* likewise: buf, or NULL if the guest's pointer was */
    char buf[2 * PATH_MAX];
} Path;

/* Finds the host's name for the guest's: the sysroot's file if there is one, else the host's own; /proc/self/exe is the
 * guest's executable. 0, or -EFAULT or -ENAMETOOLONG. */
int path_lookup(Task *t, int dir, u64 guest_path, PathHow how, Path *out);
/* The same for a name in our own memory. */
int path_find(Task *t, int dir, const char *name, PathHow how, Path *out);
/* The guest's name for a host path, in place: without the sysroot if it is inside. Returns the new length. */
size_t path_to_guest(Process *p, char *path);

/* -- fd.c: descriptors of our own, out of the guest's sight ---------------------------------------------------------------- */

/* Moves fd high and close-on-exec, and keeps the guest's close, dup and close_range off it. Returns the new one. */
int fd_hide(int fd);
bool fd_hidden(int fd);

/* -- proc.c: files whose contents are the guest's ------------------------------------------------------------------------------ */

/* If the absolute path names a file of /proc or /sys that must tell of the guest: a descriptor of its text, else -ENOENT; other
 * errors as open's. */
i64 proc_open(Task *t, const char *path, int host_flags);
/* True if path is /proc/self/exe by any of its names. */
bool proc_is_exe(Task *t, const char *path);
/* Number of processors the guest sees (--cpus, else the host's online ones). */
int proc_cpus(Process *p);

/* -- strace.c */

/* Prints the call before it runs (as far as it can) and after it; result as linux_syscall has it. */
void strace_call(Task *t, u32 number, Sys call, const u64 args[6]);
void strace_result(Task *t, u32 number, Sys call, const u64 args[6], i64 result);
/* The row's name; "?" for CALL_none. */
const char *sys_name(Sys call);

/* open's flags between guest and host. */
int flags_to_host(Task *t, u32 guest);
u32 flags_to_guest(Task *t, int host);

#endif
