/* The LLVM tier's private header: region.c forms regions, llvm.c and llvm_value.c build LLVM IR from them, orc.c
 * compiles. */
#ifndef DRAGOMAN_LIFTER_LLVM_H
#define DRAGOMAN_LIFTER_LLVM_H

#include <llvm-c/Core.h>
#include <stdio.h>

#include "../include/unit.h"
#include "ops.h"

enum {
    CC_PRESERVE_ALL = 15,
    CC_PRESERVE_NONE = 21,
    UNROLL_4 = 5,  /* a loop of one block of up to so many instructions is built 4 times in a row, */
    UNROLL_2 = 13, /* or twice */
};

/* What the host's code generator can do, as far as lowering depends on it. */
typedef struct HostInfo {
    const char *triple, *layout; /* for the module */
    bool fma;                    /* fused multiply-add is an instruction, not a library call */
    bool avx;                    /* vector registers have 32 bytes */
    const char *stack_pointer;   /* the register */
    bool lane_shifts;            /* 32- and 64-bit lanes are shifted by counts of their own in integer instructions */
    const char
        *pair_products, /* intrinsic: pairs of products of 16-bit lanes added */
        *byte_shuffle; /* intrinsic: bytes of the first operand by the second's low 4 bits, 0 for bit 7; or NULL */
} HostInfo;

/* A set of state components (see Component). */
typedef struct Set {
    u64 word[STATE_BYTES / 4 / 64];
} Set;

/* Where a block goes in guest addresses, in or out of the region. A return may go elsewhere, too. */
typedef struct Edges {
    u32 n;
    u64 target[8];
    u32 retreating; /* by edge: closes a cycle */
} Edges;

/* A piece of Task.state that a region keeps in one SSA variable: what its widest access there covers. Task.executed is
 * one, too, in regions that count. */
typedef struct Component {
    u16 offset, bytes; /* from Task.state; 4, 8 or 16 */
    u16 lane; /* not 0: 16 bytes of which the region works on the lowest lane, of so many bits; see find_lanes */
    LLVMValueRef slot[3]; /* allocas: one, or lane by lane */
} Component;

/* What is known of a value that has to do with flags, so that conditions computed from NZCV bits become comparisons
 * again. */
typedef struct NzcvOf {
    enum {
        NZCV_NOT,
        NZCV_INT,
        NZCV_FP,
        NZCV_FP_CONDITION
    } is;         /* nothing; NZCV bits of two kinds; 0 or 1 made of FP bits */
    u8 kind;      /* NZCV_INT: FlagKind */
    u8 predicate; /* NZCV_FP_CONDITION: sum of 1 equal, 2 greater, 4 less, 8 unordered, as in LLVMRealPredicate */
    LLVMValueRef a, b;
    Val compared;        /* of FP bits: the comparison; its own NzcvOf has: */
    LLVMValueRef raises; /* the one that raises flags, */
    /* and in `predicate` the one that it is for, 0 for none so far */
} NzcvOf;

/* A floating-point result of the block being built that nobody has looked at yet, see llvm_open.c. */
typedef struct OpenResult {
    Val v;
    u8 bits; /* of its lanes */
    bool vector;
    bool edge;    /* may be the least normal number with a flag missing */
    bool covered; /* a later open result is a NaN if this one is */
    bool moved;   /* not made by arithmetic, but from one that is */
} OpenResult;

/* The state has an open result. */
typedef struct OpenPut {
    u16 component;
    Val v;
} OpenPut;

/* Building one region's function. */
typedef struct Gen {
    LLVMContextRef ctx;
    LLVMModuleRef mod;
    LLVMBuilderRef b;
    LLVMValueRef fn, task;
    LLVMTypeRef t_void, i1, i8, i16, i32, i64, i128, ptr, q; /* q: <16 x i8> */
    LLVMTypeRef code_type;                                   /* Code */
    const Region *region;
    const HostInfo *host;
    UnitBuffer *out; /* its links are the exits to guest addresses outside the region: jumps' and branches' by target,
                        then those of calls */
    LLVMValueRef blocks;  /* symbol: where the unit's Blocks and Links will be */
    LLVMValueRef pc_base; /* i64: the region's pc, where it isn't known yet */

    Component comps[STATE_BYTES / 4];
    u32 ncomps;
    u32 pin_comp[PINNED];          /* the components that are pinned registers, */
    Set pins;                      /* as a set: in their variables from entry to exit */
    u32 executed;                  /* the component that counts instructions, if the blocks do */
    i16 comp_of[STATE_BYTES / 4];  /* by 4-byte unit of state; -1 untouched */
    Set *live_in;                  /* one per block: may be read, as it is when the block is entered */
    Set *dirty_in;                 /* one per block: possibly different from Task.state when the block is entered */
    i16 *kind_in;                  /* one per block: FlagKind in the state on entry, -1 unknown */
    LLVMBasicBlockRef *bb;         /* one per block */
    u64 loop[REGION_BLOCKS];       /* one per block: the blocks of the loop it is in, bit by bit */
    Set loop_state[REGION_BLOCKS]; /* one per block: what its loop touches; that is in variables all the time */
    bool *is_entry;                /* one per block */
    Edges edges[REGION_BLOCKS];    /* one per block */

    u32 call_link[REGION_BLOCKS]; /* one per block that ends in a call to the outside: the number of the frame's Link */
    LLVMBasicBlockRef link_bb, return_bb;
    LLVMValueRef link_phi, return_phi;
    LLVMValueRef fp_flush; /* alloca: i1, FP_FLUSH is set; in regions with floating point that `flushes` */
    bool has_fp;
    LLVMBasicBlockRef fp_slow_bb; /* of the floating-point op being built */
    unsigned md_prof;
    LLVMValueRef rare; /* branch weights: the first way is hardly ever taken */

    /* The block being built */
    const Ir *ir;
    u32 block;
    LLVMBasicBlockRef next_copy; /* NULL, or of a block that loops to itself: where it goes on */
    LLVMValueRef *val;           /* by Val */
    NzcvOf *nzcv;                /* by Val */
    Set valid;                   /* components that are in their variables */
    Set dirty;                   /* of them, those that the Task doesn't have yet */
    int kind;                    /* FlagKind in the state now, -1 unknown */
    u64 pc;                      /* of the current guest instruction */
    bool fp_unsure;              /* a helper has been called, which may have set FP_FLUSH */
    bool short_of_memory;        /* something could not be added to `out` */
    LLVMModuleRef access[32];    /* llvm_access.c: by op, from ld8 on; NULL where there was none of that kind */
    OpenResult open[16];
    OpenPut open_puts[16];
    u32 nopen, nopen_puts;
} Gen;

/* Builds the module for a region: a function REGION_SYMBOL of type Code and, if it has several entries, a symbol
 * ENTRY_SYMBOL with its number for each, in this order and in front of the function. What it names outside of it is
 * BLOCKS_SYMBOL, the first of the unit's Blocks, and what has a HOST_SYMBOL. Into out->unit go the links and `fixed`.
 * NULL with a line in `why` if the region can't be built. */
LLVMModuleRef llvm_build(LLVMContextRef ctx, const Region *r, const HostInfo *host, UnitBuffer *out, char *why,
                         size_t size);
/* How many Blocks the region's unit will have. */
static inline u32 llvm_entries(const Region *r)
{
    return r->nentries > 1 ? (u32)r->nentries : 1;
}
#define REGION_SYMBOL "region"
#define ENTRY_SYMBOL "entry"
#define BLOCKS_SYMBOL "blocks"

/* A value op (a VALUE row) as LLVM IR: inline where llvm_value.c has a rule, else a call of dg_NAME. */
LLVMValueRef llvm_value(Gen *g, Val v, const Op *op);
/* The same for vector ops that llvm_value.c has no rule for, given their operands; NULL if there is none here either.
 */
LLVMValueRef llvm_vector(Gen *g, const Op *op, const LLVMValueRef *arg);
/* And for the ops of host.def; NULL if this host has no instruction for it. */
LLVMValueRef llvm_host(Gen *g, const Op *op, const LLVMValueRef *arg);
/* The native op's instruction; NULL if op isn't one. */
LLVMValueRef llvm_native(Gen *g, const Op *op, const LLVMValueRef *arg);

/* The same for any value op, but conditions; given its operands. */
LLVMValueRef llvm_op_value(Gen *g, Val v, const Op *op, const LLVMValueRef *arg);
/* The call of dg_NAME; one that is `cold` leaves all registers as they are. */
LLVMValueRef llvm_call_body(Gen *g, const Op *op, const LLVMValueRef *arg, bool cold);
/* llvm_fp.c: whether the floating-point op has a rule, and its value (NULL if the host lacks what the rule needs). */
bool llvm_fp_has(u16 code);
/* The width of the one floating-point lane that the op reads of all its operands (llvm_fp_reads) or makes, with zeros
 * above (llvm_fp_makes); 0 if it isn't that kind of op. */
u32 llvm_fp_reads(u16 code);
u32 llvm_fp_makes(u16 code);
/* The width of the lanes that a floating-point op with a rule works on, 0 for others. */
u32 llvm_fp_lane(u16 code);
LLVMValueRef llvm_fp(Gen *g, Val v, const Op *op, const LLVMValueRef *arg);

/* An i1: whether the comparison comes out as of->predicate says. */
LLVMValueRef llvm_fp_predicate(Gen *g, const NzcvOf *of);

/* llvm_open.c: leaves an op's result open; the same for v, which is another op's, if it only moves an open result; says
 * that a component's variable has v now. */
void llvm_open(Gen *g, Val v, const Op *op, u32 bits, bool vector, bool edge);
void llvm_open_moved(Gen *g, Val v, const Op *op);
void llvm_open_put(Gen *g, u32 component, Val v);
/* Looks at all open results; at least if the op, which comes next, must not find any. */
void llvm_open_settle(Gen *g);
/* On a way that nothing comes back from; elsewhere they stay open. */
void llvm_open_settle_aside(Gen *g);
void llvm_open_before(Gen *g, const Op *op);
/* llvm.c: v becomes the value of a component's variable. */
void llvm_write_component(Gen *g, u32 component, LLVMValueRef v);

/* The pieces of a component that are values of their own, and one of them: where it is in the component, its bytes. */
u32 llvm_pieces(const Component *c);
LLVMValueRef llvm_read_piece(Gen *g, const Component *c, u32 i, u32 *offset, u32 *bytes);

/* The address of something of the translator's. */
LLVMValueRef llvm_address(Gen *g, const void *p);
/* A guest address, as an i64. */
LLVMValueRef llvm_guest_address(Gen *g, u64 address);
/* Call of intrinsic `name` with one overloaded type (NULL for none). */
LLVMValueRef llvm_intrinsic(Gen *g, const char *name, LLVMTypeRef overload, LLVMValueRef *args, unsigned nargs);
LLVMTypeRef llvm_type(Gen *g, Type t);

/* -- llvm_flow.c -------------------------------------------------------------------------------------------- */

enum { KIND_UNSEEN = -2, KIND_UNKNOWN = -1 }; /* for a FlagKind */

/* Fills in Gen's parts on the region as a whole, and the unit's links. False without memory. */
bool flow_analyse(Gen *g);
/* Bytes of state that a get or put is about; 0 for other ops. */
u32 flow_state_bytes(u16 code);
bool flow_is_put(u16 code);
/* The component that an op reads or writes as its operand or result; -1 for none. */
int flow_component(const Gen *g, const Op *op);
/* The number of the unit's first link to an address outside the region. */
u32 flow_exit(const Gen *g, u64 target);
/* Index of the region's block at pc, or -1. */
int flow_block_at(const Region *r, u64 pc);
/* Whether the block ends in a call to the outside of the region. */
bool flow_calls_out(const Region *r, size_t block);
/* Whether state stays in variables along the edge from a block to a guest address. */
bool flow_keeps_state(const Gen *g, size_t from, u64 target);
/* The components that somebody may read after the edge; `which` of the block's edges it is. */
Set flow_live_after(const Gen *g, size_t from, u64 target, u32 which);

static inline void set_add(Set *s, u32 n)
{
    s->word[n / 64] |= 1ull << n % 64;
}

static inline bool set_has(const Set *s, u32 n)
{
    return s->word[n / 64] >> n % 64 & 1;
}

/* Adds b's members to a; true if that changed a. */
static inline bool set_join(Set *a, const Set *b)
{
    bool changed = false;
    for (size_t i = 0; i < LEN(a->word); i++) {
        changed |= (b->word[i] & ~a->word[i]) != 0;
        a->word[i] |= b->word[i];
    }
    return changed;
}

static inline void set_meet(Set *a, const Set *b)
{
    for (size_t i = 0; i < LEN(a->word); i++)
        a->word[i] &= b->word[i];
}

static inline void set_remove(Set *a, const Set *b)
{
    for (size_t i = 0; i < LEN(a->word); i++)
        a->word[i] &= ~b->word[i];
}

#endif
