/* The seam between lifter (guest code -> IR -> host code) and runtime (which runs it): blocks, links, tiers.
 *
 * Translated code is called the same way in every tier (include/host.h). It ends in a jump to other code, or leads back to
 * code_enter with Task.exit set. A direct exit to a known guest address has a Link: b = link, jump *link->code. A fresh link's code is
 * link_stub, which stores b in Task.exit_link, EXIT_LINK in Task.exit, and returns; the dispatcher then finds or makes the
 * target and stores its code in the link. Connecting, disconnecting and moving to a better tier are one pointer store.
 *
 * The baseline's exits go through the link only as long as it isn't connected. They are direct jumps whose distance is set,
 * in one store as well, together with the link's code: a program of many blocks has more indirect jumps than the host
 * remembers targets of, and each that it doesn't is a misprediction (docs/performance.md). */
#ifndef DRAGOMAN_TRANSLATE_H
#define DRAGOMAN_TRANSLATE_H

#include "base.h"
#include "guest.h"
#include "host.h"
#include "ir.h"
#include "task.h"

/* A direct exit. Lives in the arena, because code leads to it by 32 bits of distance. */
struct Link {
    _Atomic(const void *) code; /* offset 0: stencils jump through it */
    u64 pc;                     /* guest target: link_pc */
    Block *to;                  /* block it is connected to, or NULL */
    Link *next_in;              /* list of links connected to the same block (Block.incoming) */
    u8 *jump;                   /* the distance (32 bits) in the direct jump that is this exit, or NULL if it has none; */
    i32 apart;                  /* what that is while the jump leads to the code that goes through the link */
    bool back; /* goes on behind a call: code is entered with the address of the Link before it, as the frame has it */
    bool forward;               /* a jump to a higher address: no loop consists of these alone, so it may skip the safepoint */
    bool direct;                /* the jump leads to what the link is connected to */
};

/* The code of a Link that isn't connected. */
static inline const void *link_fresh(const Link *l)
{
    return (const void *)(l->back ? back_stub : link_stub);
}

/* Where an instruction's host code begins; sorted by host offset. */
typedef struct PcMap {
    u32 host; /* bytes from Block.code */
    u32 guest; /* bytes from Block.pc (as i32: regions may reach back) */
} PcMap;

/* Where a region has a piece of the guest's state when an access faults. */
typedef enum PlaceKind {
    PLACE_REGISTER, /* the host's, by its number in DWARF */
    PLACE_STACK,    /* `at` bytes from what that register has */
    PLACE_CONSTANT, /* it is `at`, sign-extended */
} PlaceKind;
typedef struct FaultPlace {
    u16 offset;            /* from Task.state */
    u8 size : 5, kind : 3; /* bytes; PlaceKind */
    u8 reg;
    i32 at;
} FaultPlace;

/* An access that may fault where not all of the guest's state is in the Task and the pinned registers. The handler of a
 * region's has the thread go on at `way`, which changes nothing that counts and ends in a trap: there the places hold. In
 * baseline code, where all but flags is where it belongs, they hold at the access itself (way and trap are the same). All
 * offsets are from the unit's code. What a place says is overruled by later ones, up to `end`: a site's own are those that
 * differ from the site's before it, from `first` on. */
typedef struct FaultSite {
    u32 access, way, trap;
    i32 pc; /* from the unit's */
    u32 first, end;
} FaultSite;

typedef struct FaultMap {
    const u8 *code; /* the unit's */
    u64 pc;
    u32 nsites;
    const FaultSite *sites;
    const FaultPlace *places;
} FaultMap;

/* Whether a place can be in the host's register of this number. */
bool code_can_hold(u32 dwarf);
/* The access at a host address, if the map (NULL: none) has it. */
const FaultSite *code_site_at(const FaultMap *m, u64 host);
bool code_at_trap(const FaultMap *m, const FaultSite *site, u64 host);
/* For a signal handler, whose ucontext_t is that of a thread at the access, or at its trap: brings the state to the Task.
 * False if the thread has to go to the trap first, which the context then has it do. */
bool code_recover(Task *t, void *ucontext, const FaultMap *m, const FaultSite *site);

enum { BLOCK_UNWEIGHED = 1 };

/* One translated unit: a baseline block, or an LLVM region entered at pc. In the arena. */
struct Block {
    u8 tier;              /* Tier */
    _Atomic bool dead;    /* invalidated: nothing may be connected to it any more */
    _Atomic u32 ran;      /* baseline, unless that is the only tier: entries, about (Task.sample); EXIT_HOT when there are */
    _Atomic u32
        limit; /* so many; BLOCK_UNWEIGHED: when it is counted first it is seen how often it has run in earlier runs */
    bool ahead;           /* as in Unit */
    bool settled;         /* it runs often enough to be worth compiling if something hotter leads to it: */
    u8 skip;              /* bytes from code to where links that are forward enter, */
    u8 past;              /* and where they do when it is settled: such entries aren't counted any more */
    u16 nlinks;
    const void *code;     /* host entry; NULL for the interpreter */
    u32 code_size;
    u32 nmap;
    PcMap *map;           /* baseline: one per instruction, behind the links */
    FaultMap *faults;     /* of all accesses that have a site; NULL if none has: as in regions that aren't exact */
    u64 pc;               /* guest pc it is entered at: block_pc */
    u64 low, end;         /* guest addresses [low, end) it was made from (for regions: the hull); low is pc unless set */
    u32 insns;
    Link *links;          /* nlinks exits */
    Link *incoming;       /* links of others connected here */
    Block *next_hash;
    Block *better;        /* the LLVM region that replaces it, once there */
    Block *sibling;       /* LLVM: the region's next entry, see Region.entries */
    Ir *ir;               /* interpreter tier only */
    struct Check *check;  /* LLVM under --check: it is entered through check_run (runtime/check.h) only */
};

/* -- lifter/discover.c: guest code to IR ------------------------------------------------------------------------------ */

/* Lifts the block at pc: up to max_insns instructions, ending at the first control transfer or page, or where the code can't be
 * read. False if that is at pc already; then there is no block. An undecodable first instruction gives EXIT_UNDEF at pc. The
 * result has been through ir_finish. */
bool lift_block(const Guest *guest, u64 pc, u32 max_insns, Ir *out);
enum { BLOCK_INSNS = 128 }; /* max_insns of the blocks that are run, and kept */
/* The same of a superblock: it goes on behind conditional branches forward (IR_leave_if), where the filter says so of what
 * follows. For the baseline and the interpreter; its guest code is in one piece. */
typedef bool LiftFilter(void *context, u64 pc);
bool lift_superblock(const Guest *guest, u64 pc, LiftFilter *goes_on, void *context, Ir *out);
/* The same of the one instruction at pc, whether or not there is a breakpoint. */
bool lift_insn(const Guest *guest, u64 pc, Ir *out);
/* From now on blocks end where a debugger has breakpoints, and one that begins there is EXIT_DEBUG. The n addresses are the
 * caller's, in ascending order. With the translation lock held; it is for the caller to drop what has been translated before. */
void lift_breakpoints(const u64 *addresses, size_t n);

/* From now on blocks clear the tags (Guest.tag_bits) of the addresses they access. Tags are rare, so nothing pays for
 * them until a tagged address, which is never a canonical one of the host's, has faulted. True the first time: the
 * caller then drops all translations and tries again. */
bool lift_ignore_tags(void);
bool lift_ignores_tags(void);

/* From now on blocks count the guest instructions that they execute in Task.executed, all of them on entry: a block that
 * is left early, by a fault, has counted those that it didn't come to. A region's loop keeps its count in a register
 * until it is left; Task.executed of a thread that runs one lags behind. Otherwise nothing is counted and nothing paid. */
void lift_counting(void);
bool lift_is_counting(void);

/* -- runtime/host: IR to host code in one pass -------------------------------------------------------------- */

/* Compiles ir (finished, verified) and places it (include/unit.h has the two steps); a limit of 0 leaves the counter
 * out. NULL if the arena is full (the caller flushes and tries again). Caller holds the translation lock. */
Block *baseline_compile(const Guest *guest, const Ir *ir, u32 limit);

/* -- lifter/interp.c: the IR run directly, op by op; the reference for both code generators ------------------------------ */

/* Runs one finished block on t; sets t->exit and t->pc, as `exit` ops do: jumps end with EXIT_CONTINUE. */
void interp_run(Task *t, const Ir *ir);

/* -- lifter/llvm.c, orc.c: regions ------------------------------------------------------------------------------------ */

enum {
    REGION_BLOCKS = 64, /* at most this many blocks in a region; a set of them is an u64 */
    REGION_INSNS = 600, /* and about as many guest instructions */
    REGION_REACH = 1 << 16, /* bytes either side of the entry: what is farther away is hardly the same function */
};

/* A region: blocks of one function, entry first. */
typedef struct Region {
    const Guest *guest;
    u64 pc;
    Ir **blocks;      /* owned */
    size_t nblocks;
    u64 *entries;     /* owned; addresses of blocks where it may be entered, pc first; NULL: at pc alone */
    size_t nentries;
    bool exact;       /* registers and pc exact at every faulting access */
    bool flushes;     /* right for threads that flush denormals (FP_FLUSH), too, but bigger */
    bool ahead;       /* made ahead of time: counts as TIER_STATIC, otherwise TIER_LLVM */
    int opt;          /* 1: the short pipeline, 2: O2 */
} Region;

/* The guest code of all its blocks, one after the other, as Unit.ranges has them; the caller frees it. NULL without memory. */
u8 *region_code(const Region *r);
/* Compiles a region and places it (include/unit.h has the two steps): its Blocks, not yet in the index, or NULL with
 * one line in `why`. */
Block *orc_compile(const Region *r, char *why, size_t size);

/* -- runtime/arena.c: memory for code and for the data that code names with 32-bit addresses ----------------------------- */

/* Reserves the low address range; call before the guest image is mapped. False with errno set if it can't be had. */
bool arena_init(void);
/* Keeps each code generator's code below `size` bytes (rounded up to whole MiB), rather than as much as there is room for. */
void arena_limit(u64 size);
/* Room for `size` bytes of code, 16-byte aligned: *write is where to write it, the result where it runs. NULL if full. */
u8 *arena_code(size_t size, u8 **write);
/* Zeroed data, 16-byte aligned, never freed singly: what belongs to a block of the baseline, and what to a region. NULL if full. */
void *arena_block_data(size_t size);
void *arena_data(size_t size);
/* Whether the piece of baseline code is in this process only, and not in one that it has forked or been forked from. */
bool arena_is_own(const u8 *code);
/* Changes 32 bits of baseline code, which other threads may be running (jump_set). The caller holds the translation lock. */
void arena_patch(u8 *code, i32 value);
/* True if arena_data or arena_region_code lacked room that a reset would make. */
bool arena_is_full(void);
/* Whether another process may have pages of baseline code in common with this one: since a fork, until all code is dropped. */
bool arena_is_common(void);
/* Where code from the disk is mapped as it is (runtime/kept.h), in multiples of a grain: what is changed of it at once.
 */
enum : u64 { ARENA_KEPT_LO = 0x680001000000, ARENA_KEPT_HI = 0x680050000000, ARENA_GRAIN = 1 << 14 };
enum { ARENA_KEPT_FILES = 255 };
/* Such a file is mapped there, the next one of those; its guest addresses count from another address than they should,
 * by so much. False if there is no memory to remember it. */
bool arena_kept(u64 address, u64 size, u64 moved);
void arena_kept_forget(void);
/* Guest addresses in what is there (Blocks and Links, too) count from another address: what has to be added. 0
 * elsewhere. */
u64 arena_moved(const void *p);
static inline u64 kept_away(const void *p)
{
    return (u64)p - ARENA_KEPT_LO < ARENA_KEPT_HI - ARENA_KEPT_LO ? arena_moved(p) : 0;
}
static inline u64 block_pc(const Block *b)
{
    return b->pc + kept_away(b);
}
static inline u64 link_pc(const Link *l)
{
    return l->pc + kept_away(l);
}
/* True if the host address is inside code. */
bool arena_is_code(u64 host);
/* The same for a region's code, which is freed with all regions. */
enum { REGION_ALIGN = 64 };
u8 *arena_region_code(size_t size, u8 **write);
/* Memory where ORC links what is then copied to its place: it must be as near to all that code names. NULL if there is
 * none. */
u8 *arena_scratch(size_t size);
/* Whoever keeps pointers into the arena while holding no translation lock (a compile thread) says so around it. */
void arena_use(void);
void arena_unuse(void);
/* Waits until nobody uses the arena and keeps it so; then frees what is the baseline's, with `regions` all of it, or nothing. The
 * caller sees to it that no code runs. */
void arena_reset_begin(void);
void arena_reset_cancel(void);
void arena_reset_end(bool regions);
/* Around fork. In the child the shared code pages are the parent's to fill: it continues in fresh ones. */
void arena_before_fork(void);
void arena_after_fork(bool child);
/* -- runtime ------------------------------------------------------------------------------------------------------------- */

/* The op `wrote`: --check is told of a store that is to come (runtime/check.c). */
void check_wrote(Task *t, u64 addr, u64 size);

/* The guest's number of the processor that the thread runs on, and its node. (runtime/linux) */
u32 task_cpu(Task *t, u32 *node);
/* The interpreter is about to access memory, under a debugger: doesn't return if that is watched (runtime/gdb). */
void debug_access(Task *t, u64 addr, u64 size, bool write);

/* Sets out for the next sample, which is as far away as the mean on average, and never a fixed number of entries: loops go round in
 * such. */
static inline void task_sample(Task *t)
{
    t->sample_seed = t->sample_seed * 1664525 + 1013904223;
    t->sample_size = t->sample_mean / 2 + (t->sample_seed >> 8) % (t->sample_mean + 1);
    t->sample_size += !t->sample_size;
    t->sample = (i32)t->sample_size - 1;
}

/* Slot of the jump cache for a guest pc. */
static inline size_t jump_slot(u64 pc)
{
    return (pc >> 2 ^ pc >> (2 + JUMP_CACHE_BITS)) & (JUMP_CACHE - 1);
}

/* The pc in an empty entry of that slot: one that belongs into another slot, so that no target ever equals it. */
static inline u64 jump_empty(size_t slot)
{
    return slot == jump_slot(0) ? 4 : 0;
}

static inline void jump_cache_clear(JumpEntry *entries)
{
    for (size_t slot = 0; slot < JUMP_CACHE; slot++) /* untouched pages stay so */
        if (entries[slot].pc != jump_empty(slot) || entries[slot].code)
            entries[slot] = (JumpEntry){jump_empty(slot), NULL};
}

/* Copies guest code, which another thread may be unmapping: as much of it as can be read, `size` bytes at most. (runtime/mem.c) */
size_t code_read(void *bytes, u64 pc, size_t size);
/* Whether a block at pc has to look by itself whether its code is still the same (Guest.watched). (runtime/mem.c) */
bool code_is_checked(u64 pc);
/* The guest's protection of the memory at pc, PROT_* and what its architecture adds, or -1 where it has none. (runtime/mem.c) */
int code_prot(Task *t, u64 pc);
/* Forgets every translation that overlaps [addr, addr+size), in all threads. */
void cache_invalidate(u64 addr, u64 size);
/* The guest says that it changed code at [addr, addr+size), at most a page (IC IVAU and its like): forgets the translations of that
 * memory wherever it is mapped. */
void code_written(Task *t, u64 addr, u64 size);
/* A thread has FP_FLUSH in its fp_mode: from now on no region runs, in any thread, that isn't made for that. Helpers call it:
 * the region that called leaves afterwards. Idempotent and cheap the second time. */
void code_flushes_denormals(void);

#endif
