/* Diagnostics: -d items, one a stage, and counters for --stats. */
#ifndef DRAGOMAN_LOG_H
#define DRAGOMAN_LOG_H

#include <stdatomic.h>
#include <stdio.h>
#include <time.h>

#include "base.h"

/* Items of -d; qemu-user's names where it has the item. ITEM(name, help) */
#define LOG_ITEMS(ITEM) \
    ITEM(in_asm, "guest instructions of each translated block") \
    ITEM(op, "IR of each block") \
    ITEM(llvm, "LLVM IR of each region before optimisation") \
    ITEM(op_opt, "LLVM IR of each region after optimisation") \
    ITEM(out_asm, "host instructions of each block and region") \
    ITEM(block, "blocks as they are translated") \
    ITEM(region, "regions as they are formed") \
    ITEM(tier, "hot blocks and their promotion") \
    ITEM(cache, "code cache: invalidations and flushes") \
    ITEM(exec, "each block as the dispatcher enters it") \
    ITEM(cpu, "guest registers as the dispatcher enters a block") \
    ITEM(fpu, "for cpu: vector registers, too") \
    ITEM(nochain, "for exec and cpu: have every block go through the dispatcher, in baseline code") \
    ITEM(strace, "system calls") \
    ITEM(int, "signals and faults") \
    ITEM(page, "the guest's memory map after loading and after each change") \
    ITEM(unimp, "unimplemented instructions and system calls")

enum {
#define LOG_ENUM(name, help) LOG_BIT_##name,
    LOG_ITEMS(LOG_ENUM)
#undef LOG_ENUM
        LOG_COUNT
};
#define LOG(name) (1u << LOG_BIT_##name)

/* Guest instructions executed, a counter for each Tier in its order: COUNTER(name, help) */
#define EXECUTED_COUNTERS(COUNTER) \
    COUNTER(executed_interp, "guest instructions executed by the interpreter") \
    COUNTER(executed_baseline, "guest instructions executed in baseline code") \
    COUNTER(executed_llvm, "guest instructions executed in LLVM code") \
    COUNTER(executed_static, "guest instructions executed in code made ahead of time")

/* Counters of --stats. COUNTER(name, help) */
#define COUNTERS(COUNTER)                                                                                              \
    EXECUTED_COUNTERS(COUNTER)                                                                                         \
    COUNTER(blocks, "baseline blocks translated")                                                                      \
    COUNTER(block_insns, "guest instructions in baseline blocks")                                                      \
    COUNTER(block_bytes, "bytes of baseline host code")                                                                \
    COUNTER(units, "baseline blocks taken from the cache on disk")                                                     \
    COUNTER(units_ns, "ns looking for them and putting them in place")                                                 \
    COUNTER(kept_regions, "LLVM regions taken from the cache on disk")                                                 \
    COUNTER(regions, "LLVM regions translated")                                                                        \
    COUNTER(region_insns, "guest instructions in LLVM regions")                                                        \
    COUNTER(region_bytes, "bytes of LLVM host code")                                                                   \
    COUNTER(regions_failed, "regions LLVM could not compile")                                                          \
    COUNTER(lift_ns, "ns lifting guest code to IR")                                                                    \
    COUNTER(baseline_ns, "ns in the baseline's code generation")                                                       \
    COUNTER(llvm_ir_ns, "ns building LLVM IR")                                                                         \
    COUNTER(llvm_opt_ns, "ns in LLVM's passes")                                                                        \
    COUNTER(llvm_codegen_ns, "ns in LLVM's code generation")                                                           \
    COUNTER(llvm_link_ns, "ns linking what LLVM made")                                                                 \
    COUNTER(dispatches, "returns to the dispatcher")                                                                   \
    COUNTER(exit_link, "exits to connect a direct link")                                                               \
    COUNTER(exit_lookup, "exits for an indirect target not in the jump cache")                                         \
    COUNTER(exit_signal, "exits at a safepoint")                                                                       \
    COUNTER(exit_syscall, "system calls")                                                                              \
    COUNTER(exit_fault, "guest faults")                                                                                \
    COUNTER(exit_hot, "hot blocks reported")                                                                           \
    COUNTER(checked, "region runs compared (--check)")                                                                 \
    COUNTER(unchecked, "region runs not compared: interrupted, left by a fault, or seen by other processes")           \
    COUNTER(invalidations, "code invalidations")                                                                       \
    COUNTER(invalidated_blocks, "blocks dropped by invalidation")                                                      \
    COUNTER(flushes, "whole-cache flushes")

/* Items that qemu-user has and we haven't: what is logged instead, or 0, and why. OTHER(name, items, why) */
#define LOG_OTHERS(OTHER) \
    OTHER(op_ind, 0, "there is no such stage; op is the IR, op_opt what LLVM has made of it") \
    OTHER(mmu, 0, "guest addresses are host addresses, there is no MMU to log; page shows what is mapped") \
    OTHER(pcall, 0, "x86 guests only") \
    OTHER(cpu_reset, 0, "a program starts with the registers that the kernel gives it") \
    OTHER(guest_errors, 0, "what a guest does wrong has the effect that it has on the hardware; int shows faults") \
    OTHER(tid, 0, "all threads have one file; exec and strace name the thread") \
    OTHER(vpu, LOG(fpu), "fpu has the vector registers") \
    OTHER(invalid_mem, LOG(int), "int has them") \
    OTHER(plugin, 0, "there are no plugins")

typedef struct Log {
    FILE *file;      /* -D, else stderr */
    char *name;      /* ... as it was given, absolute: %d stands for the process; NULL for stderr */
    u32 items;       /* LOG() bits */
    bool stats;      /* --stats */
    u64 (*ranges)[2]; /* -dfilter: guest addresses, from and to, of what is logged of code; all if there are none */
    size_t nranges;
#define COUNTER_FIELD(name, help) _Atomic u64 name;
    COUNTERS(COUNTER_FIELD)
#undef COUNTER_FIELD
} Log;

/* The process's one log: what every stage reports to, and so the one mutable global there is. */
extern Log log_;

#define log_on(name) unlikely(log_.items & LOG(name))
#define count(name, n) atomic_fetch_add_explicit(&log_.name, (n), memory_order_relaxed)

/* Does -dfilter have code at some address of [low, end) logged? */
bool log_at(u64 low, u64 end);
/* -dfilter's list: false if it isn't one. */
bool log_filter(const char *list);
/* Has the log go to a file, from its end on or from its beginning; false with errno. */
bool log_open(const char *name, bool append);
/* In a forked child: %d is another number. */
void log_after_fork(void);

/* printf to the log; each call is one write of whole lines. */
void log_printf(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Lines of any length and number, as they are. */
void log_text(const char *text);
/* Parses a comma-separated -d list into bits; returns NULL, or the item that isn't known. For qemu's items that aren't there
 * it says so on stderr. */
const char *log_parse(const char *list, u32 *items);
void log_help(FILE *f);
/* Prints the counters, less what was printed before. */
void log_print_stats(FILE *f);
/* Sets them to 0: a forked child counts what it does itself. */
void log_clear_stats(void);
/* What a clock shows, in nanoseconds. */
u64 clock_ns(clockid_t clock);
/* That of the monotonic one, or 0 when nobody asked for --stats. */
u64 log_clock(void);

/* Where nothing can go on: one line about what there was no memory for, and the end of the process. Callable with any signals
 * blocked. */
_Noreturn void out_of_memory(const char *what);

#endif
