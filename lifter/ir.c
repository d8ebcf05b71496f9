/* The IR itself: appending, finishing (dead state writes, dead values, use counts), verifying, printing. */
#include "../include/ir.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../include/guest.h"
#include "../include/log.h"

enum {
#define SIG(token, n, a, b, c, imm, task) \
    NARGS_##token = n, A0_##token = TYPE_##a, A1_##token = TYPE_##b, A2_##token = TYPE_##c, IMM_##token = imm, \
    TASK_##token = task,
#include "sigs.def"
};

const OpInfo ir_ops[IR_COUNT] = {
#define OP(op, res, sig, effects) \
    [IR_##op] = {.name = #op, \
                 .result = TYPE_##res, \
                 .arg = {A0_##sig, A1_##sig, A2_##sig}, \
                 .nargs = NARGS_##sig, \
                 .imm = IMM_##sig, \
                 .task = TASK_##sig, \
                 .fx = (effects) | (TASK_##sig ? FX_FP : 0)},
#include "ir.def"
};

Ir *ir_new(void)
{
    return calloc(1, sizeof(Ir));
}

void ir_free(Ir *ir)
{
    if (ir)
        free(ir->ops);
    free(ir);
}

void ir_reset(Ir *ir, u64 pc)
{
    ir->count = 0;
    ir->insns = 0;
    ir->pc = ir->end = pc;
}

void ir_grow(Ir *ir)
{
    ir->cap = ir->cap ? 2 * ir->cap : 256;
    ir->ops = realloc(ir->ops, ir->cap * sizeof(Op));
    if (!ir->ops)
        out_of_memory("a block");
}

static u32 put_bytes(u16 code)
{
    switch (code) {
    case IR_put32:
        return 4;
    case IR_put64:
        return 8;
    case IR_put128:
        return 16;
    default:
        return 0;
    }
}

static u32 get_bytes(u16 code)
{
    switch (code) {
    case IR_get32:
        return 4;
    case IR_get64:
        return 8;
    case IR_get128:
        return 16;
    default:
        return 0;
    }
}

enum { STATE_UNITS = 1024 / 4 };

static void drop(Op *op)
{
    *op = (Op){.code = IR_nop, .arg = {NO_VAL, NO_VAL, NO_VAL}};
}

/* Walking backwards, an op's uses are all counted when it is reached, and `hidden` has a bit for each 4-byte unit of
 * state that is written again before anything can observe it (an access's bits are in one word, as it is aligned). */
void ir_finish(Ir *ir)
{
    enum { OBSERVES = FX_READ | FX_WRITE | FX_STATE | FX_RAISE | FX_LEAVE | FX_END, REMOVABLE = FX_BODY | FX_CALL | FX_COMM };
    u64 hidden[STATE_UNITS / 64] = {0};
    for (u32 n = 0; n < ir->count; n++)
        ir->ops[n].uses = 0;
    for (u32 n = ir->count; n-- > 0;) {
        Op *op = &ir->ops[n];
        const OpInfo *info = &ir_ops[op->code];
        if (!(info->fx & ~REMOVABLE)) {
            if (!op->uses) {
                drop(op);
                continue;
            }
        } else if (info->fx & OBSERVES) {
            u32 put = put_bytes(op->code), get = get_bytes(op->code);
            u64 *word = &hidden[(u64)op->imm / 256 % LEN(hidden)];
            u64 bits = ((1ull << (put | get) / 4) - 1) << (u64)op->imm / 4 % 64;
            if (put ? (*word & bits) == bits : get && !op->uses) {
                drop(op);
                continue;
            }
            if (put)
                *word |= bits;
            else if (get)
                *word &= ~bits;
            else
                memset(hidden, 0, sizeof hidden);
        }
        for (u32 i = 0; i < info->nargs; i++) {
            Op *def = &ir->ops[op->arg[i]];
            def->uses += def->uses != UINT16_MAX;
        }
    }
}

bool ir_verify(const Ir *ir, char *why, size_t size)
{
    static const char letter[] = "VWXQ";
    for (u32 n = 0; n < ir->count; n++) {
        const Op *op = &ir->ops[n];
        if (op->code >= IR_COUNT) {
            snprintf(why, size, "%%%u: no such op %u", n, op->code);
            return false;
        }
        const OpInfo *info = &ir_ops[op->code];
        for (u32 i = 0; i < info->nargs; i++) {
            Val v = op->arg[i];
            if (v >= n) {
                snprintf(why, size, "%%%u = %s: operand %u is %%%d, not an earlier op", n, info->name, i, (int)v);
                return false;
            }
            u8 have = ir_ops[ir->ops[v].code].result;
            if (have != info->arg[i]) {
                snprintf(why, size, "%%%u = %s: operand %u (%%%u = %s) is %c, not %c", n, info->name, i, v,
                         ir_ops[ir->ops[v].code].name, letter[have], letter[info->arg[i]]);
                return false;
            }
        }
        u32 bytes = put_bytes(op->code) | get_bytes(op->code);
        if (bytes && (op->imm < 0 || op->imm % bytes || op->imm + bytes > STATE_UNITS * 4)) {
            snprintf(why, size, "%%%u = %s: bad state offset %" PRId64, n, info->name, op->imm);
            return false;
        }
        if (!(info->fx & FX_END) != (n + 1 != ir->count)) {
            snprintf(why, size, "%%%u = %s: %s", n, info->name,
                     n + 1 == ir->count ? "the last op is not a terminator" : "a terminator before the end");
            return false;
        }
    }
    if (!ir->count)
        snprintf(why, size, "empty block");
    return ir->count > 0;
}

void guest_state_name(const Guest *guest, u32 offset, char *name, size_t size)
{
    static const u8 bytes[] = {[TYPE_W] = 4, [TYPE_X] = 8, [TYPE_Q] = 16};
    for (size_t i = 0; guest && i < guest->nregs; i++) {
        const GuestReg *r = &guest->regs[i];
        if (offset < r->offset || offset >= r->offset + (u32)bytes[r->type])
            continue;
        snprintf(name, size, offset == r->offset ? "%s" : "%s+%u", r->name, offset - r->offset);
        return;
    }
    snprintf(name, size, "[%u]", offset);
}

/* snprintf behind what is there already. */
__attribute__((format(printf, 3, 4))) static void append(char *text, size_t size, const char *format, ...)
{
    size_t n = strlen(text);
    va_list args;
    va_start(args, format);
    vsnprintf(text + n, size - n, format, args);
    va_end(args);
}

void ir_text(const Ir *ir, Val n, const Guest *guest, char *text, size_t size)
{
    const Op *op = &ir->ops[n];
    const OpInfo *info = &ir_ops[op->code];
    text[0] = 0;
    if (op->code == IR_nop)
        return;
    if (op->code == IR_insn) {
        append(text, size, "; 0x%" PRIx64, (u64)op->imm);
        return;
    }
    if (info->result != TYPE_V)
        append(text, size, "%%%u = ", n);
    append(text, size, "%s", info->name);
    if (put_bytes(op->code) || get_bytes(op->code)) {
        char name[32];
        guest_state_name(guest, (u32)op->imm, name, sizeof name);
        append(text, size, " %s", name);
    }
    for (u32 i = 0; i < info->nargs; i++)
        append(text, size, " %%%u", op->arg[i]);
    bool is_mem = info->fx & (FX_READ | FX_WRITE) && !(info->fx & FX_STATE);
    if (op->code == IR_const32 || op->code == IR_const64 || op->code == IR_addr64 || info->imm || info->fx & (FX_END | FX_LEAVE) || op->code == IR_helper ||
        op->code == IR_fence || op->code == IR_align ||
        op->code == IR_count || op->code == IR_wrote)
        append(text, size, " 0x%" PRIx64, (u64)op->imm);
    else if (is_mem && op->imm)
        append(text, size, " %+" PRId64, op->imm);
    if (op->imm2)
        append(text, size, " 0x%" PRIx64, op->imm2);
}

void ir_print(const Ir *ir, void *FILE_out, const Guest *guest)
{
    for (u32 n = 0; n < ir->count; n++) {
        char text[160];
        ir_text(ir, n, guest, text, sizeof text);
        if (text[0])
            fprintf(FILE_out, "  %s\n", text);
    }
}
