/* The baseline's private header: baseline.c has the block, its values' places and the integer ops; baseline_fp.c the
 * floating-point ones. */
#ifndef DRAGOMAN_HOST_BASELINE_H
#define DRAGOMAN_HOST_BASELINE_H

#include <stddef.h>

#include "../../../include/host.h"
#include "../../../include/unit.h"
#include "asm.h"
#include "stencil.h"

enum {
    STATE_UNITS = STATE_BYTES / 4, /* a home's start is noted by 4-byte unit of state */
    NO_HOME = -1,
    OP_ROOM = 512,       /* bytes that an op takes at most, its stencil not counted */
    ENTRY_AT = 12,       /* bytes before the entry: the slow cases, within a short jump's reach */
    ENTRY_SAFEPOINT = 6, /* bytes of the safepoint, at the entry, */
    ENTRY_COUNTER = 6,   /* and of the counter behind it */
    TASK = R13,
    A = RDX,
    B = RCX,
    TEMPS = 1 << RAX | 1 << RCX | 1 << RDX | 1 << RBX | 1 << RBP | 1 << R10,
    VECTOR_TEMPS = 0xff,
    VECTOR_OPERANDS = 7, /* those that stencils have operands in */
};

/* What is known about a value. Indexed by Val, as the ops are. */
typedef struct Rec {
    u16 left;    /* uses to come; 65535 never runs down */
    u8 bytes;    /* of the home that hold the value: 4, 8 or 16 */
    bool wide;   /* must be kept as 64 bits although its type is W: an alias of type X exists */
    bool constant;
    bool relative; /* constant: a guest address, which moves with the block */
    bool delayed; /* is made by what uses it */
    bool made;    /* has been, together with another value before it */
    i8 reg;      /* temporary register that holds it, or NO_REG; bits above a W's are zero */
    i8 target;   /* pinned register that it is going to be put to, or NO_REG */
    i32 home;    /* offset in Task, or NO_HOME; that of a pinned register means the host register */
    Val same;    /* the value it is another name for (widenings and narrowings that cost nothing), or itself */
    Val next;    /* another value at home in the same unit of state, or NO_VAL */
    Val carry;   /* of a sum: the value that is its carry out and is made with it, or NO_VAL */
    u64 value;   /* if constant */
    bool late;   /* a put of flags that others replace before anybody sees them, but for who leaves or faults in between */
} Rec;

/* The registers of one kind. */
typedef struct Bank {
    u32 temps;      /* which values may be in */
    u32 locked;     /* of them, those that the op at hand uses */
    Val holder[16]; /* by register: the value in it, or NO_VAL */
} Bank;

/* A floating-point op whose body does what its code doesn't. */
typedef struct Rare {
    u16 code;
    u8 nargs, njumps;
    bool integer;         /* is its result */
    i8 result, free;      /* registers: its result's; a vector one that may be overwritten (the result's, too) */
    Rm arg[3];            /* vectors */
    u32 from[2], back;    /* the jumps' 32-bit fields; where it goes on */
} Rare;

enum { FLAG_FIELDS = 3 }; /* pieces of the guest's state that flags are kept in: kind, a and b */

/* Where a piece of state is that hasn't been put into the Task. */
typedef struct Place {
    u16 offset; /* from Task.state */
    u8 bytes;
    PlaceKind kind;
    bool extend; /* there are only its lower 32 bits; the upper ones are 0 */
    i8 reg;
    i32 at;
} Place;

/* Where the block is left early, behind the block: a direct jump isn't connected, or there is something to be stored before. */
typedef struct Leave {
    u32 at; /* the 32-bit field of the jump that leads there; 0: it is the link's own */
    u32 nplaces;
    Place places[FLAG_FIELDS];
} Leave;

typedef struct Gen {
    UnitBuffer *out;
    Asm as;               /* writes out->unit.code */
    const Ir *ir;
    u8 counter; /* the Tier that executed instructions count for */
    const Guest *guest;
    Rec *recs;
    Bank integers, vectors;
    i8 pin_at[STATE_UNITS / 2]; /* by 8 bytes of state: the host register that has them, or NO_REG */
    i8 pin_number[16];          /* the other way round: of Guest.pinned */
    u64 spilled;          /* spill slots in use */
    u64 pc;               /* guest address of the instruction */
    u64 holes[HOLE_COUNT];
    struct Misaligned {   /* jumps to what is made behind the block */
        u32 at;           /* of their 32-bit fields */
        i8 reg;           /* has the address */
        const Op *op;
        u64 pc;
    } *misaligned;
    u32 nmisaligned;
    struct Rare *rare; /* likewise */
    u32 nrare;
    u32 compare; /* where condition()'s instruction that sets the host's flags begins */
    u32 jumps;  /* links that have their direct jump */
    Leave *leave;           /* by link: those of IR_leave_if come first, */
    u32 leaves;             /* so many */
    Val late[FLAG_FIELDS];  /* the put that is late (Rec.late), by field, or NO_VAL */
    Val heads[STATE_UNITS]; /* values at home in guest state, by the unit their home starts at */
} Gen;
_Static_assert(SPILL_SLOTS == 64, "Gen.spilled has a bit for each");

/* -- baseline.c ------------------------------------------------------------------------------------------------- */

/* Memory, or the end. */
void *must(void *p);
/* Sees to room for so many more bytes of code. */
void make_room(Gen *g, u32 bytes);
/* A distance as a 32-bit field that ends the instruction. */
void distance(Gen *g, RelocKind kind, u64 to);
/* An operand's value. */
Val operand(const Gen *g, const Op *op, u32 i);
/* A register that has the value: a temporary one, locked, or a pinned one (in which the bits above a W may be anything). */
int in_reg(Gen *g, Val v);
/* The value as the operand of an instruction that may have it in memory: that is as good if it isn't used again. */
Rm in_place(Gen *g, Val v);
/* An empty temporary register, locked for the op at hand. */
int allocate(Gen *g, bool vector);
/* One of the value's uses is over. */
void used(Gen *g, Val v);
/* Where the result of op n goes, `reuse` being the register of an operand that isn't needed any more or NO_REG; and the
 * result is there. */
int destination(Gen *g, Val n, int reuse);
void define(Gen *g, Val n, int reg);

/* -- baseline_fp.c ---------------------------------------------------------------------------------------------- */

/* A floating-point op with a rule of its own; false if it is its stencil's. */
bool fp_by_rule(Gen *g, Val n, const Op *op);
/* Whether translated code has the host multiply and add at once. */
bool fp_has_fma(void);
/* What the block's floating-point ops do in the rare cases, behind the block. */
void fp_finish(Gen *g);

#endif
