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
    JUMP_CACHE = 4096,   /* entries, direct mapped by guest pc */
};

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
} Fault;

struct Task {
    /* What translated code touches; offsets are static-asserted in lifter/llvm.c and used by the stencils. */
    u64 pc;                    /* where the guest goes on when no translated code runs */
    _Atomic u32 attention;     /* non-zero: leave translated code at the next safepoint (signal, invalidation, exit) */
    u32 exit;                  /* Exit */
    Link *exit_link;           /* EXIT_LINK, EXIT_HOT: the link or block that asks */
    u64 host_sp;               /* stack pointer at entry to translated code, for leaving it from a signal handler */
    JumpEntry *jump_cache;     /* JUMP_CACHE entries */
    u32 saturated;             /* sticky: 1 once a vector op saturated; the guest's status register takes it in */
    _Alignas(64) u8 state[STATE_BYTES];
    _Alignas(16) V128 spill[SPILL_SLOTS];

    /* The rest is the runtime's. */
    Process *process;
    const Guest *guest;
    const Abi *abi;
    Fault fault;
    _Atomic bool in_code;      /* between code_enter and its return */
    pthread_t thread;
    i32 tid;
    u64 clear_child_tid;       /* guest address, 0 for none: CLONE_CHILD_CLEARTID */
    u64 robust_list;           /* set_robust_list's head */
    struct SignalState *signals;   /* runtime/signal.c */
    Task *next_task;           /* Process.tasks */
    u32 dispatch_generation;   /* jump cache is stale if it differs from the cache's */
};

#endif
