/* --check. A region is run by the baseline first, block by block and outside of the cache's links, each store noted
 * with what was there before; that is undone, and LLVM's code does the same from the same state. Then registers,
 * floating-point status, the place where the region was left, the number of instructions, and memory must agree: all
 * bytes that the baseline wrote and, when nothing else could have written there, what lies around them.
 *
 * Regions are left where their code leaves them, after loops of any length: at indirect branches, at direct ones out of
 * it, at system calls. The jump cache is out of the way and links of such regions are never connected, so everything
 * comes back here.
 *
 * Not compared: runs that a signal or another task interrupts at a safepoint (which the two codes have in different
 * places), that write into memory shared with other processes, that end in a fault of a region that needn't be exact,
 * and regions that ask for the time. Tasks run one at a time; what other threads' system calls write meanwhile, and
 * what other processes write into shared memory that a run reads, would be taken for a difference. */
#include "check.h"

#include <assert.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <xmmintrin.h>

#include "../lifter/dump.h"
#include "../lifter/orc.h"
#include "cache.h"
#include "mem.h"
#include "perf.h"

enum {
    PIECE = 256,          /* bytes of memory that are compared where any of them is written, */
    NEAR = 32,            /* or one so near */
    MAX_WRITES = 1 << 20, /* of one run; one with more isn't compared */
    MAX_PIECES = 1 << 14, /* the same */
    SEEN = 4096,
    TRACE = 16,        /* blocks that a report names */
    SHOWN = 32,        /* differing places in memory that it shows */
    TURN_NS = 1000000, /* after which somebody who waits interrupts whoever runs */
};

struct Check {
    Region *region;     /* owned */
    const Block *first; /* LLVM's */
    Block *reference[]; /* the baseline's, as region->blocks */
};

/* One store of the baseline's, or several of the same bytes. */
typedef struct Write {
    u64 addr;
    u32 size;
    u32 piece[2]; /* of the first and of the last byte */
    u8 old[16], new[16];
} Write;

/* Memory around writes: before, and as it is to be after. */
typedef struct Piece {
    u64 addr;
    u8 old[PIECE], new[PIECE];
} Piece;

struct Writes {
    Write *all;
    size_t n, cap;
    bool final;     /* it was too much, or to memory that other processes have, too: can't be undone */
    u32 seen[SEEN]; /* index of a write, by its address; good if that has it */
    bool whole;     /* pieces are copied, too */
    Piece *pieces;
    u32 npieces;
    u64 trace[TRACE]; /* the last blocks entered, in a ring */
    u32 steps;
};

/* All that a region's code can change but memory. */
typedef struct Machine {
    u8 state[STATE_BYTES];
    u64 pc;
    u32 exit, mxcsr, fp_mode, fp_status, saturated;
    u64 insns;
    Fault fault;
} Machine;

static pthread_mutex_t turn = PTHREAD_MUTEX_INITIALIZER; /* held while a task runs guest code */

/* In the place of the Task's, so that every indirect branch comes back. Only read, so that it doesn't count towards RLIMIT_DATA.
 * `turn` is held. */
static JumpEntry *no_jumps(void)
{
    static JumpEntry *none;
    if (!none) {
        none = mmap(NULL, JUMP_CACHE * sizeof *none, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        if (none == MAP_FAILED)
            out_of_memory("the jumps of --check");
    }
    return none;
}

/* -- making ------------------------------------------------------------------------------------------------- */

static u32 written_bytes(const Op *op)
{
    switch ((OpCode)op->code) {
    case IR_st8:
    case IR_st8q:
        return 1;
    case IR_st16:
    case IR_st16q:
        return 2;
    case IR_st32:
    case IR_st32q:
        return 4;
    case IR_st64:
    case IR_st64q:
        return 8;
    case IR_st128a:
    case IR_st128:
    case IR_cas128:
        return 16;
    case IR_fence:
    case IR_helper:
        return 0;
    default:
        /* Atomics: the last digits of the name are their width. */
        return ir_ops[op->code].fx & FX_WRITE
                   ? (u32)atoi(ir_ops[op->code].name + strcspn(ir_ops[op->code].name, "0123456789")) / 8
                   : 0;
    }
}

/* The block with a `wrote` in front of everything that writes. */
static Ir *noting_writes(const Ir *ir)
{
    Ir *out = ir_new();
    Val *now = calloc(ir->count, sizeof *now);
    if (!out || !now)
        out_of_memory("--check");
    ir_reset(out, ir->pc);
    for (u32 n = 0; n < ir->count; n++) {
        Op op = ir->ops[n];
        for (u32 i = 0; i < ir_ops[op.code].nargs; i++)
            op.arg[i] = now[op.arg[i]];
        u32 bytes = written_bytes(&op);
        if (bytes) {
            Val at = op.arg[0];
            if (op.imm)
                at = ir_emit(out, IR_add64, at, ir_emit(out, IR_const64, NO_VAL, NO_VAL, NO_VAL, op.imm), NO_VAL, 0);
            ir_emit(out, IR_wrote, at, NO_VAL, NO_VAL, bytes);
        }
        now[n] = ir_emit(out, op.code, op.arg[0], op.arg[1], op.arg[2], op.imm);
        out->ops[now[n]].imm2 = op.imm2;
    }
    out->insns = ir->insns;
    out->end = ir->end;
    ir_finish(out);
    free(now);
    return out;
}

/* Whether it would do the same a second time. */
static bool repeatable(const Region *r)
{
    for (size_t i = 0; i < r->nblocks; i++)
        for (u32 n = 0; n < r->blocks[i]->count; n++) {
            const Op *op = &r->blocks[i]->ops[n];
            if (op->code == IR_helper && r->guest->unrepeatable_helpers >> op->imm & 1)
                return false;
        }
    return true;
}

Check *check_new(Region *r, Block *first)
{
    Check *c = repeatable(r) ? malloc(sizeof *c + r->nblocks * sizeof *c->reference) : NULL;
    if (!c)
        return NULL;
    bool ok = true;
    cache_lock();
    for (size_t i = 0; i < r->nblocks && ok; i++) {
        Ir *ir = noting_writes(r->blocks[i]);
        c->reference[i] = baseline_compile(r->guest, ir, -1);
        ir_free(ir);
        ok = c->reference[i];
        if (ok)
            cache_insert_host(c->reference[i]);
    }
    cache_unlock();
    if (!ok) {
        free(c);
        return NULL;
    }
    c->region = r;
    c->first = first;
    for (Block *b = first; b; b = b->sibling)
        b->check = c;
    return c;
}

void check_free(Check *c)
{
    if (c)
        region_free(c->region);
    free(c);
}

/* -- memory ------------------------------------------------------------------------------------------------- */

static struct Writes *writes_of(Task *t)
{
    if (t->writes)
        return t->writes;
    struct Writes *w = t->writes = calloc(1, sizeof *w);
    w->pieces = w ? malloc(MAX_PIECES * sizeof *w->pieces) : NULL;
    w->all = w ? malloc(MAX_WRITES * sizeof *w->all) : NULL;
    if (!w || !w->pieces || !w->all)
        out_of_memory("--check");
    return w;
}

void check_task_free(Task *t)
{
    if (t->writes) {
        free(t->writes->all);
        free(t->writes->pieces);
    }
    free(t->writes);
    t->writes = NULL;
}

/* Notes a piece of memory; its index. What can't be read isn't noted. */
static u32 add_piece(struct Writes *w, struct MemMap *map, u64 addr)
{
    Mapping m;
    addr &= -(u64)PIECE;
    for (u32 i = w->npieces; i-- > 0;)
        if (w->pieces[i].addr == addr)
            return i;
    if (w->npieces == MAX_PIECES || (mem_next(map, addr, &m) && m.start <= addr && m.kind & MEM_SHARED)) {
        w->final = true;
        return 0;
    }
    Piece *p = &w->pieces[w->npieces];
    p->addr = addr;
    return w->whole && mem_read(p->old, addr, PIECE) ? 0 : w->npieces++;
}

/* Memory that can't be written is noted, too; the store faults then. */
void check_wrote(Task *t, u64 addr, u64 size)
{
    struct Writes *w = t->writes;
    if (!w)
        return;
    u32 *seen = &w->seen[(addr ^ addr >> 12) % SEEN];
    if (*seen < w->n && w->all[*seen].addr == addr && w->all[*seen].size == size)
        return;
    if (w->n == MAX_WRITES)
        w->final = true;
    if (w->final)
        return;
    Write *x = &w->all[w->n];
    if (mem_read(x->old, addr, size))
        return;
    x->addr = addr;
    x->size = (u32)size;
    x->piece[0] = add_piece(w, t->process->mem, addr);
    x->piece[1] = add_piece(w, t->process->mem, addr + size - 1);
    if (w->whole) {
        add_piece(w, t->process->mem, addr - NEAR);
        add_piece(w, t->process->mem, addr + size + NEAR);
    }
    *seen = (u32)w->n++;
}

/* Notes what the baseline has written and takes it back. */
static void undo(struct Writes *w)
{
    for (u32 i = 0; i < w->npieces && w->whole; i++)
        memcpy(w->pieces[i].new, w->pieces[i].old, PIECE);
    for (size_t i = 0; i < w->n; i++) {
        Write *x = &w->all[i];
        mem_read(x->new, x->addr, x->size);
        Piece *p = &w->pieces[x->piece[0]];
        u32 here = x->piece[1] == x->piece[0] ? x->size : (u32)(p->addr + PIECE - x->addr);
        memcpy(p->new + (x->addr - p->addr), x->new, here);
        memcpy(w->pieces[x->piece[1]].new, x->new + here, x->size - here);
    }
    for (size_t i = w->n; i-- > 0;)
        mem_write(w->all[i].addr, w->all[i].old, w->all[i].size);
}

/* -- running ------------------------------------------------------------------------------------------------ */

static void save(const Task *t, Machine *m, Tier tier)
{
    memcpy(m->state, t->state, STATE_BYTES);
    m->pc = t->pc;
    m->exit = t->exit;
    m->mxcsr = _mm_getcsr();
    m->fp_mode = t->fp_mode;
    m->fp_status = t->fp_status;
    m->saturated = t->saturated;
    m->insns = t->executed[tier];
    m->fault = t->fault;
}

static void restore(Task *t, const Machine *m)
{
    memcpy(t->state, m->state, STATE_BYTES);
    t->pc = m->pc;
    t->fp_mode = m->fp_mode;
    t->fp_status = m->fp_status;
    t->saturated = m->saturated;
    _mm_setcsr(m->mxcsr);
}

/* As the dispatcher does it; a direct or indirect branch that leads out is EXIT_CONTINUE. */
static void enter(Task *t, const Block *b)
{
    t->code_sp = t->stack_base; /* a return must lead back here */
    code_enter(t, b->code, (u64)b);
    if (t->exit == EXIT_LINK)
        t->pc = t->exit_link->pc;
    if (t->exit == EXIT_LINK || t->exit == EXIT_LOOKUP)
        t->exit = EXIT_CONTINUE;
    if (t->exit == EXIT_FAULT)
        t->pc = t->fault.pc;
}

static size_t block_at(const Region *r, u64 pc)
{
    size_t i = 0;
    while (i < r->nblocks && r->blocks[i]->pc != pc)
        i++;
    return i;
}

/* Does the block's end lead to what is in the region rather than out of it? */
static bool stays(const Region *r, size_t block, u64 pc)
{
    const Ir *ir = r->blocks[block];
    u16 end = ir->ops[ir->count - 1].code;
    if (end == IR_jump || end == IR_branch)
        return block_at(r, pc) < r->nblocks;
    return end != IR_exit && block_at(r, pc) < r->nblocks && region_stays(r, block, pc);
}

static void run_reference(Task *t, const Check *c, struct Writes *w)
{
    const Region *r = c->region;
    size_t i;
    do {
        i = block_at(r, t->pc);
        w->trace[w->steps++ % TRACE] = t->pc;
        enter(t, c->reference[i]);
    } while (t->exit == EXIT_CONTINUE && stays(r, i, t->pc));
}

static bool alone(const Task *t)
{
    return t->process->tasks == t && !t->next_task;
}

/* What the guest can read of it. */
static u32 fp_flags(const Machine *m)
{
    return (m->mxcsr & ~(u32)FP_DENORMAL) | m->fp_status;
}

static bool same_fault(const Fault *a, const Fault *b)
{
    return a->signo == b->signo && a->code == b->code && a->addr == b->addr && a->pc == b->pc;
}

static bool same_machine(const Machine *a, const Machine *b)
{
    return !memcmp(a->state, b->state, STATE_BYTES) && a->pc == b->pc && a->exit == b->exit && a->insns == b->insns &&
           fp_flags(a) == fp_flags(b) && a->fp_mode == b->fp_mode && a->saturated == b->saturated &&
           (a->exit != EXIT_FAULT || same_fault(&a->fault, &b->fault));
}

static bool same_memory(const struct Writes *w)
{
    for (size_t i = 0; i < w->n; i++) {
        u8 now[16];
        if (!mem_read(now, w->all[i].addr, w->all[i].size) && memcmp(now, w->all[i].new, w->all[i].size))
            return false;
    }
    for (u32 i = 0; i < w->npieces && w->whole; i++) {
        u8 now[PIECE];
        if (!mem_read(now, w->pieces[i].addr, PIECE) && memcmp(w->pieces[i].new, now, PIECE))
            return false;
    }
    return true;
}

/* -- reporting ---------------------------------------------------------------------------------------------- */

static void print_value(const u8 *bytes, u32 size)
{
    char text[40];
    size_t n = 0;
    for (u32 i = size; i-- > 0;)
        n += (size_t)snprintf(text + n, sizeof text - n, "%02x", bytes[i]);
    log_printf("  %-34s", text);
}

/* Registers before, after the baseline and after LLVM; differing ones are marked. */
static void report_registers(const Guest *g, const Machine *before, const Machine *base, const Machine *llvm)
{
    static const u8 bytes[] = {[TYPE_W] = 4, [TYPE_X] = 8, [TYPE_Q] = 16};
    log_printf("\n  %-10s  %-34s  %-34s  %s\n", "register", "before", "baseline", "LLVM");
    for (size_t i = 0; i < g->nregs; i++) {
        const GuestReg *r = &g->regs[i];
        u32 size = bytes[r->type];
        const u8 *b = before->state + r->offset, *x = base->state + r->offset, *y = llvm->state + r->offset;
        bool differs = memcmp(x, y, size);
        if (!differs && r->type == TYPE_Q && !memcmp(b, x, size))
            continue; /* vectors that nobody touched say nothing */
        log_printf("%c %-10s", differs ? '*' : ' ', r->name);
        print_value(b, size);
        print_value(x, size);
        print_value(y, size);
        log_printf("\n");
    }
#define FIELD(name, value)                                                                                             \
    log_printf("%c %-10s  %-34" PRIx64 "  %-34" PRIx64 "  %" PRIx64 "\n", base->value != llvm->value ? '*' : ' ',      \
               name, (u64)before->value, (u64)base->value, (u64)llvm->value);
    FIELD("pc", pc)
    FIELD("exit", exit)
    FIELD("insns", insns)
    FIELD("fp_mode", fp_mode)
    FIELD("saturated", saturated)
#undef FIELD
    log_printf("%c %-10s  %-34x  %-34x  %x\n", fp_flags(base) != fp_flags(llvm) ? '*' : ' ', "fp flags",
               fp_flags(before), fp_flags(base), fp_flags(llvm));
    if (base->exit == EXIT_FAULT || llvm->exit == EXIT_FAULT)
        log_printf("  faults: baseline signal %d at 0x%" PRIx64 " pc 0x%" PRIx64 ", LLVM signal %d at 0x%" PRIx64
                   " pc 0x%" PRIx64 "\n",
                   base->fault.signo, base->fault.addr, base->fault.pc, llvm->fault.signo, llvm->fault.addr,
                   llvm->fault.pc);
}

static void report_memory(const struct Writes *w)
{
    u32 shown = 0;
    for (size_t i = 0; i < w->n && shown < SHOWN; i++) {
        const Write *x = &w->all[i];
        u8 now[16];
        if (mem_read(now, x->addr, x->size) || !memcmp(now, x->new, x->size))
            continue;
        log_printf("* 0x%-12" PRIx64, x->addr);
        print_value(x->old, x->size);
        print_value(x->new, x->size);
        print_value(now, x->size);
        log_printf("\n");
        shown++;
    }
    for (u32 i = 0; i < w->npieces && w->whole; i++) {
        const Piece *p = &w->pieces[i];
        u8 now[PIECE];
        if (mem_read(now, p->addr, PIECE))
            continue;
        for (u32 k = 0; k < PIECE && shown < SHOWN; k++) {
            bool written = p->new[k] == now[k]; /* or by the baseline, and so shown above */
            for (size_t n = 0; n < w->n && !written; n++)
                written = p->addr + k - w->all[n].addr < w->all[n].size;
            if (written)
                continue;
            log_printf("* 0x%-12" PRIx64 "  %02x%32s  (not written)%21s  %02x\n", p->addr + k, p->old[k], "", "",
                       now[k]);
            shown++;
        }
    }
    if (!shown)
        log_printf("  memory: the same\n");
}

static void report_code(const Check *c)
{
    const Region *r = c->region;
    char why[200];
    for (size_t i = 0; i < r->nblocks; i++) {
        log_printf("\n-- block 0x%" PRIx64 "..0x%" PRIx64 ", baseline (as it was run: every store is noted)\n",
                   r->blocks[i]->pc, r->blocks[i]->end);
        dump_side_by_side(r->guest, r->blocks[i], c->reference[i], LOG(in_asm) | LOG(op) | LOG(out_asm));
    }
    log_printf("\n-- region 0x%" PRIx64 ", LLVM (at %p; compiled anew, with its IR)\n", r->pc, c->first->code);
    u32 items = log_.items;
    log_.items = LOG(op_opt) | LOG(out_asm);
    if (!orc_compile(r, why, sizeof why))
        log_printf("%s\n", why);
    log_.items = items;
}

static void report(const Check *c, const struct Writes *w, const Machine *before, const Machine *base,
                   const Machine *llvm)
{
    char name[256];
    cache_lock();
    perf_function(before->pc, name, sizeof name);
    cache_unlock();
    log_printf("\ndragoman --check: the baseline's code and LLVM's differ in %s, entered at 0x%" PRIx64 "\n", name,
               before->pc);
    report_registers(c->region->guest, before, base, llvm);
    report_memory(w);
    log_printf("\nthe last of %u blocks:", w->steps);
    for (u32 i = w->steps > TRACE ? w->steps - TRACE : 0; i < w->steps; i++)
        log_printf(" 0x%" PRIx64, w->trace[i % TRACE]);
    log_printf("\n");
    report_code(c);
    if (log_.file)
        fprintf(stderr,
                "dragoman --check: the baseline's code and LLVM's differ at 0x%" PRIx64 "; the log has it all\n",
                before->pc);
}

/* -- a region's run ----------------------------------------------------------------------------------------- */

bool check_run(Task *t, const Block *b)
{
    const Check *c = b->check;
    struct Writes *w = writes_of(t);
    Machine before, base, llvm;
    w->n = w->npieces = 0;
    w->steps = 0;
    w->final = false;
    w->whole = alone(t);
    JumpEntry *jumps = t->jump_cache;
    t->jump_cache = no_jumps();

    t->exit = EXIT_CONTINUE;
    save(t, &before, TIER_BASELINE);
    run_reference(t, c, w);
    save(t, &base, TIER_BASELINE);
    base.insns -= before.insns;
    bool compared = t->exit != EXIT_SIGNAL && !w->final && (t->exit != EXIT_FAULT || c->region->exact);
    bool same = true;
    if (compared) {
        undo(w);
        restore(t, &before);
        u64 counted = t->executed[TIER_LLVM];
        enter(t, b);
        save(t, &llvm, TIER_LLVM);
        llvm.insns -= counted;
        compared = t->exit != EXIT_SIGNAL;
        same = !compared || (same_machine(&base, &llvm) && same_memory(w));
    }
    t->jump_cache = jumps;
    if (compared)
        count(checked, 1);
    else
        count(unchecked, 1);
    before.insns = 0;
    if (!same)
        report(c, w, &before, &base, &llvm);
    return same;
}

/* -- taking turns ------------------------------------------------------------------------------------------- */

static void interrupt_others(const Task *t)
{
    Process *p = t->process;
    pthread_mutex_lock(&p->lock);
    for (Task *other = p->tasks; other; other = other->next_task)
        if (other != t && other->in_code)
            atomic_store(&other->attention, ATTENTION);
    pthread_mutex_unlock(&p->lock);
}

void check_begin(Task *t)
{
    while (pthread_mutex_trylock(&turn)) {
        struct timespec until;
        clock_gettime(CLOCK_REALTIME, &until);
        until.tv_nsec += TURN_NS;
        until.tv_sec += until.tv_nsec / 1000000000;
        until.tv_nsec %= 1000000000;
        if (!pthread_mutex_timedlock(&turn, &until))
            return;
        interrupt_others(t);
    }
}

void check_end(Task *t)
{
    pthread_mutex_unlock(&turn);
}

void check_after_fork(void)
{
    pthread_mutex_init(&turn, NULL);
}
