/* A guest thread. One Task per host thread; translated code receives it as its first argument and keeps it in r12. */
#ifndef DRAGOMAN_TASK_H
#define DRAGOMAN_TASK_H

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>

#include "base.h"
#include "ir.h"

typedef struct Task Task;
typedef struct Guest Guest;
typedef struct Abi Abi;
typedef struct Process Process;
typedef struct Block Block;
typedef struct Link Link;

enum {
    STATE_BYTES = 1024,  /* guest registers, laid out by the guest (frontend/<isa>/state.h) */
    SPILL_SLOTS = 64,    /* 16-byte slots for the baseline's spilled values */
    JUMP_CACHE_BITS = 17, /* a compiler has tens of thousands of indirect targets; what isn't touched takes no memory */
    JUMP_CACHE = 1 << JUMP_CACHE_BITS, /* entries, direct mapped by guest pc */
};

/* Task.fp_mode: denormal operands and results become zero (MXCSR then has FTZ and DAZ); every NaN result is the default one;
 * half precision without infinities and NaNs; products of BFloat16s summed and rounded once, as the rounding mode says. 0 is IEEE 754. */
enum { FP_FLUSH = 1, FP_DEFAULT_NAN = 2, FP_ALT_HALF = 4, FP_FLUSH_HALF = 8, FP_EXTENDED_BF16 = 16 };
/* Task.fp_status: numbered as in MXCSR, whose denormal flag doesn't count; here it says that an operand was flushed. */
enum { FP_INVALID = 1, FP_DENORMAL = 2, FP_DIV_ZERO = 4, FP_OVERFLOW = 8, FP_UNDERFLOW = 16, FP_INEXACT = 32 };

/* In Task.attention: have translated code leave at the next safepoint (signal, invalidation, exit). */
#define ATTENTION UINT64_MAX

/* What runs a piece of guest code. */
typedef enum Tier {
    TIER_INTERP,
    TIER_BASELINE,
    TIER_LLVM,
    TIER_STATIC, /* LLVM's, made ahead of time */
    TIERS,
} Tier;

/* One entry of the jump cache that indirect branches look into. code is never NULL. */
typedef struct JumpEntry {
    u64 pc;
    const void *code;
} JumpEntry;

/* A guest fault or synchronous signal on its way to delivery. */
typedef struct Fault {
    int signo;     /* host = guest number */
    int code;      /* si_code */
    u64 addr;      /* si_addr */
    u64 pc;        /* guest pc of the instruction */
    bool exact;    /* the guest's state and pc are those at the access; else as of somewhere before, in the same region */
    bool tagged;   /* not a canonical host address, and the guest's state is exact: see lift_ignore_tags */
} Fault;

/* What a thread that another guest process traces has stopped for. */
typedef enum StopWhy { STOP_NONE, STOP_SIGNAL, STOP_ENTRY, STOP_RETURN, STOP_EVENT } StopWhy;
/* What it does between stops, and the stops that it is to make at its next safepoint. */
enum { TRACE_RUN, TRACE_CALLS, TRACE_STEPS };
enum { WANT_STOP = 1, WANT_EVENT = 2, WANT_EXEC = 4, WANT_STEP = 8 };

/* Task.ptrace: see runtime/linux/tracer.c. Both processes write it, the tracer while the kernel has the thread stopped.
 */
typedef struct Ptrace {
    _Atomic u32 on;     /* another guest traces it, as far as is known here */
    bool seized;        /* PTRACE_SEIZE: some stops are others */
    bool stops_really;  /* the SIGSTOP that it gets now is one that the tracer has let through */
    u32 options;        /* PTRACE_O_* */
    u32 mode;           /* TRACE_* */
    _Atomic u32 wanted; /* WANT_* */
    u32 stops, begun;   /* made in all; and when the current step began */
    /* The stop: */
    u32 why;        /* StopWhy */
    u32 status;     /* as in bits 8 and up of what wait gives */
    u64 message;    /* PTRACE_GETEVENTMSG */
    u64 mask;       /* blocked signals */
    siginfo_t info; /* STOP_SIGNAL */
    /* The tracer's answer: */
    _Atomic u32 answered;
    u32 signo; /* the signal that it goes on with */
} Ptrace;

struct Task {
    /* What translated code touches most comes first: instructions reach 128 bytes by a displacement of one. */
    u64 pc;                    /* where the guest goes on when no translated code runs */
    _Atomic u64
        attention; /* translated code leaves at a safepoint if its stack pointer is lower: stack_limit, or ATTENTION */
    JumpEntry *jump_cache;     /* JUMP_CACHE entries */
    /* Entries of blocks are counted by samples: when this many more have been entered, that block has all since the last
     * sample to its name. A counter for each block would be a cache line for each, and one that threads fight for. */
    i32 sample;
    u32 exit;                  /* Exit */
    u32 fp_mode;               /* FP_*: what of the guest's FP control MXCSR can't express */
    u32 fp_status;             /* sticky FP_* flags raised outside MXCSR; the guest's status is both together */
    u32 saturated;             /* sticky: 1 once a vector op saturated; the guest's status register takes it in */
    _Alignas(16) u8 state[STATE_BYTES];
    Link *exit_link;           /* EXIT_LINK: the link that asks */
    u64 host_sp;               /* stack pointer of code_enter, on the return address that leads back to it */
    u64 code_sp;               /* that of translated code, while it doesn't run */
    u64 stack_base;            /* ... and when no call is open: see include/host.h */
    u32 sample_size, sample_mean; /* entries between the last sample and the next one; of such on average */
    u32 sample_seed;
    _Alignas(16) V128 spill[SPILL_SLOTS];
    V128 rare_arg[3];          /* of code_rare; the first is its result, too */
    u64 rare_rax;              /* what rax has while that has the function */
    u64 executed[TIERS];       /* under --stats: instructions of blocks entered, by what runs them; see lift_counting */

    /* The rest is the runtime's. */
    u64 stack_limit; /* translated code doesn't call below it */
    Process *process;
    const Guest *guest;
    const Abi *abi;
    bool traps;                /* the guest wants SIGTRAP behind each instruction; what changes this leaves for the dispatcher */
    Fault fault;
    _Atomic bool in_code;      /* between cache_enter and the return of code_enter: no flush may free what the task sees */
    pthread_t thread;
    i32 tid;
    u64 clear_child_tid;       /* guest address, 0 for none: CLONE_CHILD_CLEARTID */
    u64 robust_list;           /* set_robust_list's head */
    struct SignalState *signals;   /* runtime/signal.c */
    u64 *affinity;             /* malloc'd set of the guest's processors that it asked for under --cpus; NULL for all */
    bool tagged_addresses;     /* system calls take addresses with tags: PR_SET_TAGGED_ADDR_CTRL */
    _Atomic u32 seccomp;       /* SECCOMP_MODE_*: another thread may set it, with filters */
    struct Filter *_Atomic filters; /* runtime/linux/seccomp.c: the newest, NULL for none */
    _Atomic bool no_new_privs; /* to be set before its next system call */
    u32 rights;                /* how often this thread, or those it comes from, changed what it may do (runtime/linux/rights.c) */
    void *exec_argv;           /* malloc'd: execve's, freed by a vfork parent if the exec succeeds */
    bool ended;                /* it has left the guest, whatever it has still to do; under Process.lock */
    bool vfork_child;          /* a process that shares memory with its parent until it execs or exits: starts no threads */
    struct Lender *lender;     /* who does for it what needs locks (runtime/lend.h); NULL for all others */
    Task *next_task;           /* Process.tasks */
    struct Writes *writes;     /* runtime/check.c */
    _Atomic u32 traced;        /* futex: a child that shares its memory wants it to stop, or has it stopped (runtime/linux/ptrace.c) */
    i32 tracer;                /* that child's number */
    Ptrace ptrace;
    struct OneInsn *one;       /* what runs a single instruction; made when it is needed */
    _Atomic bool stands;       /* for good, while another thread writes a core (runtime/coredump.c) */
    struct DebugTask *debug;   /* runtime/gdb: NULL without a debugger */
    u64 reported[TIERS];       /* so many of Task.executed are in the log's counters */
    u32 dispatch_generation;   /* jump cache is stale if it differs from the cache's */
};

#endif
