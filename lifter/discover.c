/* Guest code to IR: one block at a time. */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "../include/guest.h"
#include "../include/log.h"
#include "../include/translate.h"
#include "build.h"

enum {
    PAGE = 4096,
    LONGEST = 16, /* bytes of an instruction, on any guest */
    LEAVES = 6,   /* conditional branches in a superblock, and */
    RUN = 48,     /* instructions, after which it goes past no more of them */
};

/* Set once, for the process: what has begun to use tags goes on. */
static _Atomic bool ignore_tags;

bool lift_ignore_tags(void)
{
    return !atomic_exchange(&ignore_tags, true);
}

bool lift_ignores_tags(void)
{
    return atomic_load(&ignore_tags);
}

/* Set before the first block is lifted. */
static bool counting;

void lift_counting(void)
{
    counting = true;
}

bool lift_is_counting(void)
{
    return counting;
}

/* A piece of guest code, copied: decoders look at an instruction more than once, and another thread may change or unmap it at any
 * time. */
typedef struct Window {
    u64 at;
    size_t size;
    u8 bytes[512];
} Window;

/* The code at pc, with as much as an instruction may have behind it, if that can be read before `end`; *size is how much. */
static const u8 *look_at(Window *w, u64 pc, u64 end, size_t *size)
{
    u64 want = end - pc < LONGEST ? end - pc : LONGEST;
    if (pc - w->at + want > w->size) {
        w->at = pc;
        w->size = code_read(w->bytes, pc, end - pc < sizeof w->bytes ? end - pc : sizeof w->bytes);
    }
    *size = w->size - (pc - w->at);
    return w->bytes + (pc - w->at);
}

/* A debugger's breakpoints. They change, and blocks are lifted, under the translation lock. */
static struct {
    const u64 *at;
    size_t n;
} breakpoints;

void lift_breakpoints(const u64 *addresses, size_t n)
{
    breakpoints.at = addresses;
    breakpoints.n = n;
}

static int compare(const void *key, const void *each)
{
    u64 a = *(const u64 *)key, b = *(const u64 *)each;
    return a < b ? -1 : a > b;
}

static bool has_breakpoint(u64 pc)
{
    return unlikely(breakpoints.n) && bsearch(&pc, breakpoints.at, breakpoints.n, sizeof pc, compare);
}

/* What the ops from `mark` on do (FX_*). */
static u32 effects(const Ir *ir, u32 mark)
{
    u32 fx = 0;
    for (u32 n = mark; n < ir->count; n++)
        fx |= ir_ops[ir->ops[n].code].fx;
    return fx;
}

/* What lift_some does with a block that ends in a conditional branch. */
typedef struct Past {
    LiftFilter *goes; /* NULL: it ends */
    void *context;
    u64 left_for[LEAVES];
    u32 n;
} Past;

/* Whether a superblock goes on behind the branch that it ends in: not behind a loop, not where one of its branches has
 * led already, and not where the filter says no. */
static bool goes_past(Past *p, const Lift *l)
{
    const Op *last = &l->ir->ops[l->ir->count - 1];
    u64 next = l->next | l->mode, target = (u64)last->imm;
    if (!p->goes || last->code != IR_branch || last->imm2 != next || target <= next || p->n == LEAVES || l->ir->insns >= RUN)
        return false;
    for (u32 i = 0; i < p->n; i++)
        if (p->left_for[i] == next)
            return false;
    p->left_for[p->n++] = target;
    return p->goes(p->context, next);
}

/* Up to `max_insns` instructions, or one without regard to breakpoints if that is 0. */
static bool lift_some(const Guest *guest, u64 pc, u32 max_insns, Past past, Ir *out)
{
    Lift l = {.ir = out, .guest = guest, .mode = pc & ~guest->code_mask};
    const u64 start = code_address(guest, pc), mode = l.mode;
    if (guest->tag_bits && lift_ignores_tags())
        l.addr_mask = ~0ull >> guest->tag_bits;
    ir_reset(out, pc);
    for (size_t i = 0; i < LEN(l.known); i++)
        l.known[i] = NO_VAL;
    Val verify = NO_VAL;
    Val counter = counting ? ir_emit(out, IR_count, NO_VAL, NO_VAL, NO_VAL, 0) : NO_VAL;
    u32 counted = 0;

    /* A block that runs on into the next page could fault in the middle of being read, or be made of two mappings: it ends
     * at the page's end, and the next one begins there. Only an instruction may lie across it. */
    u64 page_end = (start | (PAGE - 1)) + 1;
    Window window = {.at = start};
    for (l.pc = start; !l.ended; l.pc = l.next) {
        size_t size = 0;
        bool room = l.pc - start + LONGEST <= IR_CODE;
        bool more = room && out->insns < (max_insns ? max_insns : 1) && l.pc < page_end;
        const u8 *bytes = more ? look_at(&window, l.pc, page_end + LONGEST, &size) : NULL;
        if (!size) {
            if (!out->insns)
                return false;
            end_jump(&l, lift_pc(&l));
            break;
        }
        bool stop = max_insns && has_breakpoint(l.pc);
        if (stop && out->insns) {
            end_jump(&l, lift_pc(&l));
            break;
        }
        u32 mark = out->count;
        Val head = ir_emit(out, IR_insn, NO_VAL, NO_VAL, NO_VAL, (i64)(l.pc | mode));
        if (stop) {
            end_exit(&l, EXIT_DEBUG, l.pc | mode);
            l.next = l.pc + guest->insn_align;
        } else {
            if (!out->insns && guest->verify_helper && code_is_checked(start)) { /* reading it may have made it so */
                k64(&l, start);
                verify = k64(&l, 0);
                call_helper(&l, guest->verify_helper, verify - 1, verify);
                mark = out->count;
            }
            guest->lift(&l, bytes, size);
        }
        if (l.unimplemented) {
            out->count = mark;
            if (verify == NO_VAL || out->insns)
                ir_emit(out, IR_insn, NO_VAL, NO_VAL, NO_VAL, (i64)(l.pc | mode));
            l.ended = false;
            end_exit(&l, EXIT_UNDEF, l.pc | mode);
            l.next = l.pc + guest->insn_align;
        } else {
            out->ops[head].imm2 = l.next - l.pc;
        }
        if (verify != NO_VAL && !l.ended && (effects(out, mark) & FX_WRITE)) /* perhaps to what comes next */
            end_jump(&l, l.next | l.mode);
        memcpy(out->code + (l.pc - start), bytes, l.next - l.pc);
        out->insns++;
        out->end = l.next | mode;
        if (l.ended && verify == NO_VAL && l.mode == mode && goes_past(&past, &l)) {
            Op *last = &out->ops[out->count - 1];
            last->code = IR_leave_if;
            last->imm2 = 0;
            l.ended = false;
            if (counting) {
                out->ops[counter].imm = out->insns - counted;
                counted = out->insns;
                counter = ir_emit(out, IR_count, NO_VAL, NO_VAL, NO_VAL, 0);
            }
        }
    }
    if (verify != NO_VAL)
        out->ops[verify].imm = (i64)((out->end - out->pc) << 32 | code_hash(out->code, out->end - out->pc));
    if (counter != NO_VAL)
        out->ops[counter].imm = out->insns - counted;
    ir_finish(out);
    out->tags = !guest->tag_bits || l.addr_mask || !(effects(out, 0) & (FX_READ | FX_WRITE));
#ifndef NDEBUG
    char why[200];
    if (!ir_verify(out, why, sizeof why)) {
        fprintf(stderr, "dragoman: bad IR for the block at 0x%llx: %s\n", (unsigned long long)pc, why);
        ir_print(out, stderr, NULL);
        abort();
    }
#endif
    return true;
}

bool lift_block(const Guest *guest, u64 pc, u32 max_insns, Ir *out)
{
    return lift_some(guest, pc, max_insns, (Past){0}, out);
}

bool lift_superblock(const Guest *guest, u64 pc, LiftFilter *goes_on, void *context, Ir *out)
{
    return lift_some(guest, pc, BLOCK_INSNS, (Past){.goes = goes_on, .context = context}, out);
}

bool lift_insn(const Guest *guest, u64 pc, Ir *out)
{
    return lift_some(guest, pc, 0, (Past){0}, out);
}
