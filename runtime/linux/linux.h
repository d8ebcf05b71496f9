/* Linux system calls for the guest: private header of runtime/linux. */
#ifndef DRAGOMAN_LINUX_H
#define DRAGOMAN_LINUX_H

#include <asm/unistd.h>
#include <errno.h>
#include <limits.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "../mem.h"
#include "../runtime.h"
#include "layout.h"
#include "../signal.h"

/* The kernel's, between handlers and the dispatcher: a signal came during the call. */
#define ERESTARTSYS 512

/* Rows of syscalls.def; what Abi.sysno maps a guest's numbers to. */
typedef enum Sys {
    CALL_none,
#define SYS(name, signature) CALL_##name,
#define PASS(name, signature) CALL_##name,
#define PATH(name, dir, path, how, signature) CALL_##name,
#define THREAD(name, arg, signature) CALL_##name,
#define NOSYS(name) CALL_##name,
#include "syscalls.def"
#undef SYS
#undef PASS
#undef PATH
#undef THREAD
#undef NOSYS
    CALL_COUNT
} Sys;

/* Handlers: arguments as the guest passed them; the result or -errno, the restart codes of host_syscall
 * (runtime/signal.h) included. */
#define SYSCALL(name) i64 sys_##name(Task *t, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f)
typedef i64 SysHandler(Task *t, u64 a, u64 b, u64 c, u64 d, u64 e, u64 f);
#define SYS(name, signature) SysHandler sys_##name;
#define PASS(name, signature)
#define PATH(name, dir, path, how, signature)
#define THREAD(name, arg, signature)
#define NOSYS(name)
#include "syscalls.def"
#undef SYS
#undef PASS
#undef PATH
#undef THREAD
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

typedef struct ProcFile ProcFile; /* procfd.c */
typedef struct Tracee Tracee;     /* tracer.c */
enum { PLAIN_FDS = 1 << 14 };

typedef struct FileId {
    dev_t dev;
    ino_t ino;
} FileId;

/* What the system calls keep for the process (Process.kernel). */
typedef struct Linux {
    int root;        /* descriptor of the sysroot, or -1 */
    int self;        /* of this program's own file, or -1 */
    FileId exe, top; /* this program's own file, and the host's root directory */
    bool no_openat2; /* the host's kernel or its seccomp filter has none */
    int debug[4];    /* runtime/gdb's, or -1 */
    int hidden[12];  /* descriptors of ours */
    _Atomic int nhidden;
    u32 lowest, span;                   /* they lie in [lowest, lowest + span) */
    struct rlimit limits[RLIM_NLIMITS]; /* the guest's RLIMIT_AS and RLIMIT_DATA */
    u16 *cpus; /* host processors this process may run on, in order: the guest's 0, 1, ... under --cpus */
    int ncpus;
    _Atomic u64 plain[PLAIN_FDS / 64]; /* descriptors known to be of no file whose contents are the guest's */
    _Atomic u64 alone[PLAIN_FDS / 64]; /* and such as no other process can have yet */
    pthread_mutex_t files_lock;        /* protects: */
    ProcFile *files;                   /* the others that are in use */
    pthread_mutex_t tracees_lock;      /* protects: */
    Tracee *tracees;                   /* whom this process traces */
    bool memory_open; /* a file of /proc that is a process's memory has been opened for writing */
    bool wide_positions; /* a directory has had positions that an ABI of 32 bits has no room for */
    u64 seed;  /* state of the generator behind -seed's getrandom */
} Linux;
/* The process's, made at its first use, when there is one thread. */
Linux *linux_state(Process *p);
/* system.c's part of it. */
void system_init(Process *p, Linux *l);
/* Around the host's exec, which hands on the guest's limits; not those on memory if this program is executed, which has them otherwise. */
void system_before_exec(Process *p, bool ours);
void system_exec_failed(Process *p);
typedef struct MemoryLimits {
    struct rlimit address_space, data;
} MemoryLimits;
/* The guest's. False if they limit nothing. */
bool system_memory_limits(Process *p, MemoryLimits *out);
void system_set_memory_limits(Process *p, const MemoryLimits *limits);
/* A new task is on its parent's processors. */
void system_inherit_affinity(Task *child, const Task *parent);
/* --cpus' argument for an exec by t: the number, and which of these processors t is on. */
void system_cpus_option(const Task *t, char *out, size_t size);

/* -- path.c: names in the guest's world ---------------------------------------------------------------------------- */

typedef enum PathHow {
    PATH_FOLLOW,   /* the last component's symlink is followed */
    PATH_NOFOLLOW, /* it isn't */
    PATH_CREATE,   /* as NOFOLLOW, and it need not exist */
} PathHow;

typedef struct Path {
    int dir;          /* for the host's *at call */
    const char *name; /* likewise: buf, or NULL if the guest's pointer was */
    char buf[PATH_MAX];
} Path;

/* Finds the host's name for the guest's: the sysroot's file if there is one, else the host's own (docs/system-calls.md);
 * /proc/self/exe is the guest's executable. 0, or -EFAULT or -ENAMETOOLONG. */
int path_lookup(Task *t, int dir, u64 guest_path, PathHow how, Path *out);
/* The same for a name in our own memory. */
int path_find(Process *p, int dir, const char *name, PathHow how, Path *out);
/* For the calls that programs make most: opens an existing file of the sysroot in one call. A descriptor; -ENOENT if it
 * is the host's affair (path_host); any other error is of the attempt alone, and path_find finds out more. */
i64 path_open(Task *t, int dir, const char *name, u64 host_flags);
/* chdir: to the host's directory, if there is one, because what a program makes in its working directory belongs there. Names
 * relative to it are looked up in the sysroot first all the same. */
i64 path_chdir(Task *t, const char *name);
/* Is there such a file? By a call that every kernel and filter knows, which the C library's faccessat isn't. */
bool path_exists(int dir, const char *name, bool follow);
/* path_find for a name that isn't the sysroot's. */
void path_host(Process *p, int dir, const char *name, PathHow how, Path *out);
/* Whether a host's name, whose last component's symlink was followed, has led to what is something else to the guest: *out. By
 * symlinks to this program's file as a process's executable; or to the host's root. */
bool path_elsewhere(Process *p, int dir, const char *name, dev_t dev, ino_t ino, Path *out);
/* Is a host path one of the sysroot's? */
bool path_in_sysroot(const Process *p, const char *path);
/* The guest's name for a host path, in place: without the sysroot if it is inside. Returns its length. */
size_t path_to_guest(Process *p, char *path);

/* -- file.c -------------------------------------------------------------------------------------------------------- */

/* A program that is being executed can't be written: -ETXTBSY, if it could be otherwise, as the host's kernel has it for its own
 * programs; 0 for other files. */
i64 file_busy(const Task *t, const Path *path, bool follow);

/* -- fd.c: descriptors of our own, out of the guest's sight -------------------------------------------------------- */

/* Moves fd, if it isn't -1, out of the guest's way, close-on-exec, and keeps its calls off it. The new one; -1 if there
 * is no room, and then fd is closed all the same. */
int fd_hide(Process *p, int fd);
/* Closes one of those. */
void fd_close_hidden(Process *p, int fd);
bool fd_is_hidden(const Linux *l, u32 fd);
static inline bool fd_hidden(const Process *p, u32 fd)
{
    return unlikely(fd - p->kernel->lowest < p->kernel->span) && fd_is_hidden(p->kernel, fd);
}
/* Makes a directory the sysroot; none if it is NULL or /. */
void fd_set_root(Process *p, const char *path);
/* The sysroot's (Linux.root), opened again if need be; -1 if there is none or no room for it. */
int fd_root(Process *p);
/* Opens it again where it isn't open: a vfork child shares our memory but not our descriptors, and may have moved it
 * among its own. */
int fd_reopen_root(Process *p);
/* The guest has as many descriptors as it may: moves ours beyond its limit or closes them. True if it may have some
 * now. */
bool fd_give_up(Task *t);
/* For descriptors of ours in such a moment. False if the limit can't be raised. */
typedef struct FdLimit {
    struct rlimit limit;
} FdLimit;
bool fd_raise_limit(FdLimit *saved);
void fd_lower_limit(const FdLimit *saved);
/* The name of what fd has open as the kernel has it now, if that is a path. */
bool fd_path(int fd, char path[PATH_MAX]);

/* -- memory.c ------------------------------------------------------------------------------------------------------ */

/* Looks at a file that the guest has opened for writing: it may be memory (/proc/self/mem), and what is written there code. */
void memory_opened(Task *t, int fd);
/* The file may have lost contents: none of its translations is right any more. */
void memory_file_cut(Task *t, int dir, const char *name);
/* Whether a call that is to be EFAULT would have the kernel read or write the translator's memory: by an argument, or an address in a
 * vector or message header. */
bool memory_refused(Task *t, Sys call, const u64 args[6]);

/* -- proc.c: files whose contents are the guest's ------------------------------------------------------------------ */

/* A process's directory in some /proc. */
typedef struct ProcDir {
    char path[PATH_MAX]; /* of the process, or of one of its threads */
    bool own;            /* this process's */
} ProcDir;

/* Does fd have a file open whose text must be the guest's? A process's that turns out to be no guest's counts. */
bool proc_is_filtered(const Process *p, int fd);
/* The same for those that belong to no process. */
bool proc_is_systems(const Process *p, int fd);
/* That text, malloc'd. -ENOENT if the kernel's is right, or the error of reading that. */
i64 proc_text(Task *t, int fd, char **text, size_t *size);
/* Is `name`, for the host's *at calls, a link to a process's executable by any of its names? *out is whose. */
bool proc_is_exe(int dir, const char *name, ProcDir *out);
/* Is that what fd (O_PATH) has open? */
bool proc_fd_is_exe(int fd, ProcDir *out);
/* Is it a process's memory? */
bool proc_is_memory(int fd, ProcDir *out);
/* Another process's memory has been written to: if that is a guest, it drops all its translations. */
void proc_written(const Task *t, const ProcDir *dir);
/* Is `name` a process's link to its root, which is this one's root, too? */
bool proc_is_root(int dir, const char *name);
/* Is it what this process's directory says of a descriptor of the translator's, or a directory of a thread of its? */
bool proc_is_hidden(Process *p, int dir, const char *name);
/* Is a thread, of this process or another guest's, the translator's own? */
bool proc_thread_hidden(const Task *t, i32 tid);
/* A thread's number in the PID namespace of its process, of which its translator knows it; `dir` is its directory in
 * some /proc. */
i32 proc_inner_tid(const char *dir, i32 tid);
/* The executable of another guest's process: its name on the host, and one to open it by. -ENOENT if it is no guest's.
 */
i64 proc_exe_of(const Process *p, const ProcDir *dir, char name[PATH_MAX], char open_name[PATH_MAX]);
/* Does a guest execute the file? Of others' processes, only those are known that may be looked at. */
bool proc_executes(const Task *t, dev_t dev, ino_t ino);
/* Number of processors the guest sees (--cpus, else the host's online ones). */
int proc_cpus(Process *p);
/* Makes what getdents64 gave, `size` bytes in a buffer of `room`, the guest's: takes the translator's threads,
 * descriptors and mappings out of directories of /proc, and lists as many processors in /sys as it has. The new size.
 */
i64 proc_filter(Task *t, int fd, u8 *entries, i64 size, i64 room);

/* -- procfd.c: reading them ---------------------------------------------------------------------------------------- */

void procfd_init(Linux *l);
/* A call made descriptor fd, of any file, which no other process has if it is `alone`; calls may have made any. */
void procfd_opened(Process *p, i64 fd, bool alone);
void procfd_opened_any(Process *p);
/* A call made a copy of fd. Calls are about to close descriptors. */
void procfd_dup(Task *t, int fd, i64 copy);
void procfd_closed(Task *t, u32 first, u32 last);
/* Known to be none of these files? */
static inline bool procfd_plain(const Linux *l, u32 fd)
{
    return fd < PLAIN_FDS && atomic_load_explicit(&l->plain[fd / 64], memory_order_relaxed) >> (fd % 64) & 1;
}
/* Reads `count` bytes to guest address `at`, or into the iovecs there; at `offset`, or where the file's position is if
 * that is negative. False if fd is none of these files. */
bool procfd_read(Task *t, int fd, u64 at, u64 count, bool vector, i64 offset, i64 *result);
bool procfd_seek(Task *t, int fd, i64 offset, int whence, i64 *result);
bool procfd_is(Task *t, int fd);
/* Tells the kernel the files' positions: over a fork, and before an exec or the end. */
void procfd_before_fork(Process *p);
void procfd_after_fork(Process *p);
void procfd_tell(Process *p);

/* -- signal.c ------------------------------------------------------------------------------------------------------ */

/* What a read of descriptor fd has brought, `size` bytes, put to `at` or into the `count` iovecs there, if copies of held signals may be
 * among it and fd is a signalfd: the signals instead, each of which only one thread gets. The new size. */
i64 signalfd_received(Task *t, int fd, i64 size, u64 at, u64 count, bool vector);
bool signalfd_is(int fd);
/* A read of one into memory of ours; bytes or -errno. */
i64 signalfd_read(Task *t, int fd, void *data, size_t size);

/* -- rights.c: what a thread may do ----------------------------------------------------------------------------- */

/* A host call that changes it; the compile thread follows. */
i64 rights_call(Task *t, long nr, u64 a, u64 b, u64 c, u64 d, u64 e);
/* The same after such a call. */
void rights_changed(Task *t);
/* Whether another thread of its process may do other things. Threads that have changed it equally often have done the same, as a C
 * library has all of them do. */
bool rights_differ(const Task *t);
/* Drops all translated code if another process has some of it in common. */
void rights_part(Task *t);
/* At a thread's end: the compile thread may be the last one with its rights. */
void rights_thread_end(Task *t);

/* -- ptrace.c ------------------------------------------------------------------------------------------------------- */

/* A thread at a safepoint that is wanted to stop (Task.traced): stands until it may go on. */
void ptrace_stand(Task *t);
/* A child that shares memory is gone: what it has stopped goes on. */
void ptrace_release(const Task *tracer);
/* wait4 for a thread that t, such a child, traces; false if it is none. */
bool ptrace_wait(Task *t, i32 tid, u64 status, i64 *result);

/* -- tracee.c: a thread that another guest process traces (Task.ptrace.on) -------------------------------------------
 */

/* At a safepoint, with something in Task.ptrace.wanted or newly traced. */
void ptrace_attend(Task *t);
/* A signal that is about to be delivered; false if it is to be forgotten. It may become another one. */
bool ptrace_signal(Task *t, siginfo_t *info);
/* The guest's system call. */
void ptrace_syscall(Task *t);
/* An instruction has been executed in TRACE_STEPS. */
void ptrace_stepped(Task *t);
/* Whether the tracer gets the child of a clone, too; the child then stops first of all, and isn't traced if `parent` is
 * NULL. */
struct CloneArgs;
bool ptrace_follows(const Task *t, const struct CloneArgs *a);
void ptrace_born(Task *child, const Ptrace *parent);
/* A program has been executed by a thread that was traced so. */
void ptrace_executed(Task *t, const Ptrace *before);
/* PTRACE_TRACEME. */
i64 ptrace_me(Task *t);

/* -- tracer.c ------------------------------------------------------------------------------------------------------ */

/* ptrace of another process. */
i64 tracer_request(Task *t, u64 request, i32 tid, u64 addr, u64 data);
/* A forked child traces nobody. */
void tracer_after_fork(Process *p);
/* The registers of a stopped Task as a note of type `which` in core files has them, at out (1 KiB); how many bytes. */
u32 ptrace_registers(Task *t, u64 which, u8 *out);

/* -- strace.c ------------------------------------------------------------------------------------------------------ */

/* A line of --strace while its call runs. */
typedef struct Trace {
    u32 number;
    Sys call;
    const u64 *args;
    const char *signature; /* what is left of it */
    int arg;               /* next argument */
    size_t used;
    char text[4096];
} Trace;

/* Formats what is known before the call: the arguments up to the first that the call fills. Prints the line of a call
 * that doesn't return. */
void strace_begin(Task *t, Trace *trace, u32 number, Sys call, const u64 args[6]);
/* Formats the rest and prints the line. */
void strace_end(Task *t, Trace *trace, i64 result);
/* The row's name and signature. */
const char *call_name(Sys call);
const char *call_signature(Sys call);

/* What an argument is: strace.def's second column. */
typedef enum ArgWhat { VALUE, RANGE, IN, OUT } ArgWhat;
typedef struct ArgKind {
    const char *name;
    ArgWhat what;
} ArgKind;
/* The kind of the signature's next argument, and the signature after it; false at the end of the arguments. */
bool next_argument(const char **signature, ArgKind *kind);

/* -- Abi.convert ----------------------------------------------------------------------------------------------------- */

/* Structures of a call's arguments in the form of the host. */
typedef struct Conversion {
    u32 used;     /* of bytes */
    char result;  /* what the result is, the ABI's own; 0 for a number */
    void *large;  /* what bytes has no room for: a list, malloc'd */
    void *filled; /* what the guest will get, the ABI's own list */
    _Alignas(16) u8 bytes[2048];
} Conversion;

/* -- seccomp.c ------------------------------------------------------------------------------------------------------ */

/* For a task whose Task.seccomp isn't 0: may it make this call (args as the guest passed them, t->pc after the call)? If not,
 * *result is what the call gives; or the process or the thread ends. */
bool seccomp_allows(Task *t, u32 number, Sys call, const u64 args[6], i64 *result);
i64 seccomp_prctl(Task *t, u64 mode, u64 program); /* PR_SET_SECCOMP */
void seccomp_task_init(Task *child, Task *parent);
void seccomp_task_free(Task *t);
/* How many filters a task has. */
u32 seccomp_count(const Task *t);
/* A task's filters to a file, and back: for exec. 0 or -errno. */
i64 seccomp_save(const Task *t, int fd);
i64 seccomp_restore(Task *t, int fd);

/* -- tags.c: addresses whose top bits the guest's hardware ignores ------------------------------------------------- */

/* What of a call's arguments is a copy of the guest's. */
typedef struct Untagged {
    u8 *copies[2];
    u64 guest;               /* of messages (copies[0]), whose headers the call fills: where they are, */
    size_t messages, stride; /* how many and how far apart */
    size_t start;            /* of a struct (copies[0], from `guest`): so much of it, before its address, does the call fill */
} Untagged;

/* Takes the tags off a call's arguments; tags_return comes after the call. */
void tags_strip(const Task *t, Sys call, u64 args[6], Untagged *u);
void tags_return(Untagged *u);

/* open's flags between guest and host. */
int flags_to_host(Task *t, u32 guest);
u32 flags_to_guest(Task *t, int host);

#endif
