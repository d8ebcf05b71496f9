/* What a debugger knows of a guest: its registers by gdb's names and numbers, and what the kernel writes of them into core files.
 * A guest's table is in frontend/<isa>/debug.c. */
#ifndef DRAGOMAN_DEBUGGER_H
#define DRAGOMAN_DEBUGGER_H

#include <string.h>

#include "task.h"

/* The functions below are for Tasks that are stopped: debug->leave has been called on their host threads, so that nothing of their
 * registers is anywhere but in the Task. */

/* A register, whose number is its place in the table. */
typedef struct DebugReg {
    const char *name;
    u16 bits;
    u8 feature;       /* index of DebugGuest.features, in ascending order */
    i8 dwarf;         /* DWARF's number of it, -1 for none or if unwinding has no use of it */
    const char *type; /* in the target description */
    u16 offset;       /* in Task.state: of the lowest byte */
    u16 slot;         /* bytes that it has there; those behind its own are 0 */
    u32 core_note;    /* type of a note of its own in core files, owned by LINUX; 0: none */
    u64 (*get)(Task *t); /* instead, of what isn't kept as the architecture shows it */
    void (*set)(Task *t, u64 v);
} DebugReg;

/* A feature of gdb's target descriptions (its manual, appendix G): the types that it defines, as XML, and its name. */
typedef struct DebugFeature {
    const char *name, *types;
} DebugFeature;

typedef struct DebugGuest {
    const char *architecture; /* gdb's name */
    const DebugFeature *features;
    u8 nfeatures;
    const DebugReg *regs;
    u8 nregs;
    u8 pc, sp, fp;            /* numbers; the frame pointer is where frame records are linked from */
    u8 ra;                    /* DWARF's number of the register that has the return address on a function's entry, or of the column */
    bool frame_records;       /* fp points at the caller's fp, behind which is the return address */
    bool watch_before;        /* watchpoints are told before the access, which the debugger then steps over */
    const u8 *general;        /* of NT_PRSTATUS's pr_reg, in order: numbers, or DEBUG_NONE for a word of zeroes */
    u8 ngeneral;
    /* The note with floating-point registers: its type, *size of its bytes at out (1 KiB at most). */
    u32 (*float_note)(Task *t, u8 *out, u32 *size);
    bool (*set_float)(Task *t, const u8 *in, u64 size); /* from such bytes; NULL if that can't be done */
    u32 point_notes[2], point_info; /* ptrace's register sets of hardware breakpoints and watchpoints, and what says
                                       that there are none */
    u32 call_note;                  /* ptrace's register set with the number of the system call, 0 for none */
    const char *float_owner;  /* that note's name: "CORE" or "LINUX" */
    /* Called on t's own host thread: collects in the Task what the host's registers have of the guest's; and puts it back. */
    void (*leave)(Task *t);
    void (*enter)(Task *t);
} DebugGuest;
#define DEBUG_NONE 0xff

/* A register's bytes, to and from; how many there are. */
static inline size_t debug_register(Task *t, const DebugReg *reg, u8 *out)
{
    u64 v = reg->get ? reg->get(t) : 0;
    memcpy(out, reg->get ? (const void *)&v : t->state + reg->offset, reg->bits / 8);
    return reg->bits / 8;
}

static inline void debug_set_register(Task *t, const DebugReg *reg, const u8 *in)
{
    u64 v = 0;
    if (!reg->set) {
        memset(t->state + reg->offset, 0, reg->slot);
        memcpy(t->state + reg->offset, in, reg->bits / 8);
        return;
    }
    memcpy(&v, in, reg->bits / 8);
    reg->set(t, v);
}

#endif
