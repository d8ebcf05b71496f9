/* The runtime's private header: the process, its options, the ABI seam, guest memory access. */
#ifndef DRAGOMAN_RUNTIME_H
#define DRAGOMAN_RUNTIME_H

#include <sys/types.h>

#include "../include/guest.h"
#include "../include/log.h"
#include "../include/task.h"
#include "../include/translate.h"
#include "lend.h"

typedef struct Options {
    const char *no_sysroot;    /* what -L named if that is no directory: told when a program doesn't load */
    const char *sysroot;       /* -L / QEMU_LD_PREFIX, absolute, without trailing slash; NULL for none */
    bool root_given;           /* ... and it, or that there is none, is what somebody has said: no default (load_default_root) */
    const char *argv0;         /* -0: replaces the guest's argv[0] */
    int fd;                    /* --fd, or the kernel's AT_EXECFD: the program, open, for the loader to close; -1: to be opened by name */
    const char *release;       /* -r: uname's release */
    char **env;                /* the guest's environment after -E and -U, NULL-terminated */
    u64 stack_size;            /* -s, bytes; 0: from RLIMIT_STACK */
    u64 reserved_va;           /* -R */
    u64 code_size;             /* --code-size, bytes; 0: as much as there is room for */
    bool check;                /* --check: tier is TIER_LLVM then */
    const char *cpu;           /* -cpu, NULL if not given */
    int cpus;                  /* --cpus: 0 for the host's */
    const char *affinity;      /* of an exec's: "guest's processors:host's", see system_cpus_option; NULL for all */
    int tier;                  /* Tier, or TIER_AUTO */
    bool one_insn;             /* -one-insn-per-tb: blocks of one instruction */
    const char *dfilter;       /* -dfilter, for the programs that are executed; NULL for none */
    int hot;                   /* --hot: entries of a block until LLVM gets it, -1 for the default */
    bool strace;
    bool translate_host;       /* --translate-host: programs of the host that a guest executes are translated, too */
    int perf;                  /* --perf, --jitdump, --gdb-names: PERF_* bits */
    const char *cache;         /* --cache: directory of translations kept; NULL for the default */
    const char *cache_from;    /* --cache-from: another one, which is only read */
    u64 cache_size;            /* --cache-size, bytes; 0: STORE_SIZE */
    bool no_cache;
    bool crash_short;          /* --crash short: reports of one line */
    const char *gdb;           /* -g: where a debugger finds the program; NULL for none */
    const char *gdb_session;   /* --gdb-session: a descriptor, in digits, or -1; NULL where nobody has executed the program under -g */
    const char *inherited;     /* --inherited: a descriptor, in digits; NULL for none */
    u64 seed;                  /* -seed: AT_RANDOM and getrandom made repeatable */
    bool has_seed;
} Options;
enum { TIER_AUTO = -1 };

/* What the loader found out about a guest image (frontend/image.c fills it). */
typedef struct Segment {
    u64 vaddr, memsz, offset, filesz;
    int prot; /* PROT_* */
    u64 align;
} Segment;

typedef struct Image {
    int fd;                 /* open, for mapping */
    bool pie;               /* ET_DYN */
    u64 entry;              /* unrelocated */
    u64 phoff;              /* file offset of the program headers */
    u16 phnum, phentsize;
    u64 phdr_vaddr;         /* where the program headers will be, unrelocated; 0 if not in any segment */
    Segment *segments;      /* owned; sorted by vaddr */
    size_t nsegments;
    bool exec_stack;
    u32 note;               /* the architecture's bits that hold of all its code: property GNU_PROPERTY_LOPROC of PT_GNU_PROPERTY */
    char interp[4096];      /* PT_INTERP, or "" */
    const Guest *guest;
} Image;

/* Reads and checks the ELF headers of `fd` (whose name is `path`, for messages). Returns 0, or -errno with one line for the
 * user in `why`: -ENOEXEC for anything that isn't a loadable executable of a guest we have. Keeps fd in image->fd. */
int image_open(Image *image, int fd, const char *path, char *why, size_t size);
void image_close(Image *image);

/* One per guest process; shared by its Tasks. */
struct Process {
    Options options;
    const Guest *guest;
    const Abi *abi;
    char *exe_path;        /* host path of the guest executable (absolute), as far as it has one */
    char *guest_exe;       /* the same as the guest sees it: what /proc/self/exe shows */
    int exe_fd;            /* hidden O_PATH descriptor of it, or -1: its name may lead elsewhere by now, or nowhere */
    bool loaded;           /* a guest's program is in memory */
    bool told;             /* the host's kernel knows where its parts are (load.c: tell_host) */
    char **command;        /* this program's own argv */
    char **argv;           /* the guest's */
    u64 address_end;       /* of the guest's address space: -R's or its architecture's, 0 for the host's */
    u64 brk_start, brk;    /* guest heap */
    u64 stack_lo, stack_hi;
    u64 auxv, auxv_size;   /* guest address and bytes, for /proc/self/auxv */
    u64 arg_start, arg_end, env_start, env_end;
    u64 vdso;              /* guest address of the vDSO image */
    u64 code_start, code_end, data_start, data_end, entry, load_bias, interp_base;
    struct MemMap *mem;    /* runtime/mem.c: guest mappings, for protections and translated pages */
    pthread_mutex_t lock;  /* protects the list of tasks; nothing else is locked under it */
    pthread_mutex_t brk_lock; /* protects brk; the map's and the cache's locks are taken under it */
    Task *tasks;           /* linked by Task.next_task */
    _Atomic bool exiting;
    _Atomic bool overwritten; /* by another process, which may have written code (proc_written) */
    _Atomic int leader_status; /* the first thread's, as wait tells it, if it has ended */
    i32 pid;               /* which a child that shares its memory isn't */
    struct Linux *kernel;  /* runtime/linux's own */
    _Atomic(Task *) dumping; /* writes a core: the others stand (coredump.c) */
    struct Debug *debug;   /* runtime/gdb: NULL without -g */
    bool ptraced;          /* another guest traces it, or has: signals with a default action come to us */
};
extern Process *the_process; /* one guest process in a host process: the signal handlers' way in */

struct GuestSignal; /* runtime/signal.h */
struct Layout;      /* runtime/linux/layout.h */
struct Conversion;  /* runtime/linux/linux.h */

/* -- the ABI seam (runtime/<isa>/abi.c) ----------------------------------------------------------------------------------- */

enum { PROBE_STATUS = 42 };

struct Abi {
    const char *(*machine)(void);  /* uname -m */
    const char *(*platform)(void); /* AT_PLATFORM */
    const char *triplets[2];      /* GNU's names of its systems, which compilers and Debian's cross packages have */
    const char *debian;           /* Debian's name of the first */
    const u8 *probe;              /* code of a program that exits with status PROBE_STATUS: does the kernel have it run? */
    size_t probe_size;
    const u16 *sysno;             /* guest syscall number -> Sys (runtime/linux/syscalls.def), 0 for none */
    u32 nsysno;
    u32 audit_arch;               /* AUDIT_ARCH_*, for seccomp */
    const struct Layout *layout;  /* how its structs differ */
    u16 off_sysno, off_args[6], off_ret; /* Task.state offsets of 64-bit registers */
    /* Runs calls that have no row at all, or is false; NULL if there are none. */
    bool (*own_call)(Task *t, u32 number, const u64 args[6], i64 *result);
    /* Puts the arguments of an old call, whose row is the call that took its place, in that one's order; or NULL. */
    void (*arrange)(u32 number, u64 args[6]);
    /* For an ABI whose system calls don't have the arguments of syscalls.def's rows, else NULL. convert makes a row's arguments of the guest's, in place, 0 or -errno; convert_back comes after the
     * call in any case, and gives its result. */
    i64 (*convert)(Task *t, u32 number, u64 args[6], struct Conversion *c);
    i64 (*convert_back)(Task *t, struct Conversion *c, i64 result);
    u64 (*hwcap)(void), (*hwcap2)(void);
    int (*own_prot)(void);        /* PROT_* bits of its own that mmap and mprotect take, by the features it has; not for files, or */
    int (*image_prot)(u32 and);   /* what an image's code gets of them by its note (Image.note), NULL where there are none; */
    int own_map_flags;            /* MAP_* flags of mmap that other architectures don't have */
    void (*guard)(Task *t);       /* called when memory has got such a bit, or is about to */
    i64 (*own_prctl)(Task *t, int option, u64 b, u64 c, u64 d, u64 e); /* prctl's options of its own, NULL for none; or -EINVAL */
    const u8 *vdso;               /* ELF image, mapped at start-up */
    size_t vdso_size;
    const u8 *page;               /* a page of code that is at page_address in every process, or NULL */
    u64 page_address;
    u32 min_sigstack;             /* AT_MINSIGSTKSZ */
    u32 min_altstack;             /* MINSIGSTKSZ: what sigaltstack accepts */
    bool clone_tls_last;          /* clone's last two arguments: child_tid, tls rather than tls, child_tid */
    /* Changes the number and arguments that the registers have to those of the system call that t makes; or NULL. */
    void (*fetch_call)(Task *t, u32 *number, u64 args[6]);
    int undefined_code;           /* si_code of the SIGILL that an undefined instruction is, 0 for ILL_ILLOPC */
    u32 syscall_bytes;            /* length of the system call instruction, to restart it */
    u32 syscall_bytes_odd;        /* the same for a pc with bit 0 set, if that isn't part of an address */
    /* Signal frames, see runtime/signal.h. */
    bool (*push_frame)(Task *t, const struct GuestSignal *s);
    void (*pop_frame)(Task *t);   /* rt_sigreturn; raises a fault if the frame is bad */
    void (*settle)(Task *t);      /* called after a frame that asked for attention has been pushed or popped; NULL for nothing */
    /* Nothing can be executed at the address that t->pc has: as signal_fetch_fault, which NULL stands for, or what else the kernel does. */
    void (*fetch_fault)(Task *t, int signo, int code, u64 addr);
    bool (*is_stack_fault)(Task *t); /* Guest.general_faults: whether it is SIGBUS because the stack was accessed; or NULL */
    void (*siginfo)(void *out, const siginfo_t *info); /* as the guest's siginfo_t, 128 bytes */
    /* On the host thread that is about to run t: sets up what the host's own registers hold of the guest's. */
    void (*enter_thread)(Task *t);
    /* A new thread's registers, child's state being a copy of the caller's: result 0, stack if not 0, TLS if set_tls. */
    void (*clone_regs)(Task *child, u64 stack, bool set_tls, u64 tls);
    void (*cpuinfo)(FILE *f, int cpu); /* one processor's paragraph of /proc/cpuinfo */
};
extern const Abi abi_aarch64, abi_arm, abi_x86_64;

/* -- guest memory from the runtime: guest addresses are host addresses (base 0), but may fault ------------------------------- */

/* Copies; 0 or -EFAULT. */
int mem_read(void *dst, u64 guest_src, size_t size);
int mem_write(u64 guest_dst, const void *src, size_t size);
/* Of the translator's own memory the copies below want to know nothing (-EFAULT), unless this thread's system call has arguments there. */
void mem_own_arguments(bool own);
/* mem_read of memory that may be the translator's. */
int mem_peek(void *dst, u64 src, size_t size);
/* Compare and swap of a guest word: 1 if it was *expected and is `desired` now, 0 if not, then *expected is what it is; -EFAULT. */
int mem_exchange(u64 guest, u32 *expected, u32 desired);
/* Length of a guest string, or -EFAULT; -ENAMETOOLONG past max. */
ssize_t mem_strlen(u64 guest, size_t max);
/* Host signal handler's question: if rip is inside one of the copy routines, the address to go on at (which makes the routine
 * return -EFAULT, or what code_read got), else 0. */
u64 mem_fixup(u64 rip);

/* An address of the guest's without its tag. */
static inline u64 address_untagged(const Task *t, u64 addr)
{
    return (u64)((i64)(addr << t->guest->tag_bits) >> t->guest->tag_bits);
}

/* The same if the guest wants system calls to take such addresses; else it is left as it is, for the kernel to refuse. */
static inline u64 address_accessed(const Task *t, u64 addr)
{
    return unlikely(t->tagged_addresses) ? address_untagged(t, addr) : addr;
}

/* -- dispatch.c ---------------------------------------------------------------------------------------------------------- */

/* Runs the task until it exits (thread exit or process exit end inside). */
_Noreturn void task_loop(Task *t);
/* A Task with fresh registers, on Process.tasks; NULL without memory. */
Task *task_new(Process *p);
/* The task's jump cache, also while --check has Task.jump_cache show another one. */
static inline JumpEntry *task_jumps(Task *t)
{
    return (JumpEntry *)(t + 1);
}
/* Takes it off the list and frees it; true if the process has no thread any more. */
bool task_free(Task *t);
/* Adds what it has executed to the log's counters, once. Process.lock is held. */
void task_count(Task *t);

#endif
