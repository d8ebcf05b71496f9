/* The seam between a guest architecture and everything else: const Guest (frontend/<isa>) says how its instructions become
 * IR, const Abi (runtime/<isa>) how its programs speak to Linux. A new guest is new folders that define the two. */
#ifndef DRAGOMAN_GUEST_H
#define DRAGOMAN_GUEST_H

#include <stdio.h>

#include "base.h"
#include "host.h"
#include "ir.h"
#include "task.h"

/* A guest register as debuggers and logs name it. */
typedef struct GuestReg {
    const char *name;
    u16 offset; /* in Task.state */
    u8 type;    /* Type */
} GuestReg;

/* Lifting of one block. */
typedef struct Lift {
    Ir *ir;
    const Guest *guest;
    u64 pc;            /* address of the instruction being lifted */
    u64 next;          /* address of the one after it */
    u64 mode;          /* what a pc says besides the address (Guest.code_mask), for the instruction at pc; the guest changes it
                          to what holds at `next` */
    u64 own[16];       /* the guest's, 0 where a block begins */
    bool ended;        /* a terminator has been emitted */
    bool unimplemented; /* the instruction at pc didn't decode or isn't implemented */
    u64 addr_mask;     /* what data addresses are ANDed with, or 0 for nothing: see lift_ignore_tags */
    /* Values known to be in the guest state, so that a get after a put costs nothing. One entry per 8 bytes of state. */
    Val known[STATE_BYTES / 8];
    u8 known_type[STATE_BYTES / 8];
    /* The operation that last set the flags in this block (lifter/flags.h). */
    struct {
        bool set;
        FlagKind kind;
        Val a, b;
        /* conditional compare: flags are those of (kind, a, b) if cond != 0, else the constant nzcv */
        Val cond;
        u32 nzcv;
    } flags;
} Lift;

/* A helper: called from translated code with exact guest state; returns its result. */
typedef u64 GuestHelper(Task *t, u64 a, u64 b);

struct Guest {
    const char *name;         /* "aarch64", also qemu-NAME and --guest NAME */
    /* -cpu: chooses a model before anything is translated, false for one that isn't there; lists them, a line each. */
    bool (*choose_cpu)(const char *model);
    void (*list_cpus)(FILE *f);
    /* -cpu's property NAME=VALUE; false if the model has none of that name, or it can't be that. */
    bool (*cpu_detail)(const char *name, size_t n, const char *value);
    u16 elf_machine;          /* EM_* */
    u8 elf_class;             /* ELFCLASS* */
    u8 insn_align;            /* bytes */
    u64 code_mask;            /* the bits of a pc, which blocks are known by, that are an address. The others are what decoding
                                 depends on besides: an instruction set, the state of a prefix */
    u64 hint_mask;            /* of these, what only says something of the state where the block begins: may be left out */
    u64 address_end;          /* of what its addresses reach, 0 if that is as much as the host's; pointers of ELFCLASS32 are words */
    u8 tag_bits;              /* topmost bits of an address that the guest's hardware ignores; 0 for none */
    const char *llvm_triple;  /* for LLVM's disassembler */
    const char *llvm_triple_odd; /* the same for a pc with bit 0 set, if that isn't part of an address */
    const char *llvm_features;
    const GuestReg *regs;
    size_t nregs;
    u16 off_flag_kind, off_flag_a, off_flag_b; /* Task.state offsets of the lazily kept flags; kind is 32 bits */
    u16 off_sp;
    bool general_faults;      /* an address that isn't aligned where it has to be, or that no page can have, is a general protection
                                 fault: SIGSEGV with SI_KERNEL, which tells no address */
    u16 pinned[PINNED];       /* Task.state offsets of the most used registers; accessed by get64, put64 and get32 (of the
                                 lower half) alone. See include/host.h */
    GuestHelper *const *helpers;
    size_t nhelpers;
    bool ordered;             /* its memory is as ordered as the host's (total store order): compilers leave accesses where they are */
    bool straight_regions;    /* LLVM's code is faster by much even where it has no loop: nearly each instruction sets flags that are
                                 kept in the Task, and that a region sees nobody ask for */
    u8 verify_helper;         /* for a guest that doesn't say when it changes code, or 0: the helper that leaves (EXIT_FAULT, without a
                                 signal) if code_hash of the b >> 32 bytes at a isn't the low half of b */
    u32 unrepeatable_helpers; /* bit by bit, those that give something else each time, or write memory: --check passes over their users */
    /* Lifts the instruction at l->pc into l->ir, sets l->next; on an encoding it doesn't know sets l->unimplemented and emits
     * nothing. `bytes` holds `size` readable bytes of guest code at pc (size may be less than the longest instruction). */
    void (*lift)(Lift *l, const u8 *bytes, size_t size);
    /* Sets a fresh Task's registers to what the kernel gives a new program. */
    void (*reset)(Task *t, u64 entry, u64 sp);
    const struct DebugGuest *debug; /* include/debugger.h */
};

static inline u32 code_hash(const u8 *code, size_t size)
{
    u64 h = size;
    for (size_t i = 0; i < size; i++)
        h = (h ^ code[i]) * 0x9e3779b97f4a7c15 ^ h >> 29;
    return (u32)(h >> 32);
}

extern const Guest guest_aarch64, guest_arm, guest_x86_64;
extern const struct DebugGuest debug_aarch64, debug_arm, debug_x86_64;

/* Where in memory the instruction at a pc is. */
static inline u64 code_address(const Guest *guest, u64 pc)
{
    return pc & guest->code_mask;
}

/* The pc of the instruction being lifted. */
static inline u64 lift_pc(const Lift *l)
{
    return l->pc | l->mode;
}

/* All guests there are (frontend/guests.def), and the one of a name of n characters, or NULL. */
extern const Guest *const guests[];
extern const size_t nguests;
const Guest *guest_find(const char *name, size_t n);
/* What the first bytes of its programs' files are, where the mask has ones: for binfmt_misc. */
enum { GUEST_PATTERN = 20 };
void guest_pattern(const Guest *guest, u8 magic[GUEST_PATTERN], u8 mask[GUEST_PATTERN]);

/* A name for the 4 bytes of guest state at an offset, for people to read: `x3`, `x3+4`, `[264]`. */
void guest_state_name(const Guest *guest, u32 offset, char *name, size_t size);

#endif
