/* Backtraces: by the tables for exceptions that compilers make, read where the program has them in memory: .eh_frame
 * (DWARF 5, 6.4, and the Linux Standard Base's section on it), or .ARM.exidx (Exception Handling ABI for the Arm
 * Architecture); and where there are none, by the chain of frame records, if the guest's ABI has that. */
#include "unwind.h"

#include <elf.h>
#include <stdlib.h>
#include <string.h>

#include "../frontend/dwarf.h"
#include "../include/debugger.h"
#include "linux/proc.h"

enum { REGS = 34, SAVED = 16, OPS = 65536 };

typedef struct State {
    Task *t;
    bool narrow;
    u64 reg[REGS]; /* by DWARF's numbers, as far as `known` */
    u64 known;
    u64 pc;
    u8 sp, ra; /* DWARF's numbers */
} State;

/* -- reading memory: a cursor that a fault ends -------------------------------------------------------------------- */

typedef struct Cursor {
    u64 at, end;
    bool bad;
} Cursor;

static u64 take(Cursor *c, u32 size)
{
    u64 v = 0;
    if (c->bad || c->end - c->at < size || c->at > c->end || mem_peek(&v, c->at, size)) {
        c->bad = true;
        return 0;
    }
    c->at += size;
    return v;
}

static u64 uleb(Cursor *c)
{
    u64 v = 0, byte;
    for (u32 shift = 0; !c->bad; shift += 7) {
        byte = take(c, 1);
        v |= shift < 64 ? (byte & 0x7f) << shift : 0;
        if (!(byte & 0x80))
            break;
    }
    return v;
}

static i64 sleb(Cursor *c)
{
    u64 v = 0, byte = 0;
    u32 shift = 0;
    do {
        byte = take(c, 1);
        v |= shift < 64 ? (byte & 0x7f) << shift : 0;
        shift += 7;
    } while (byte & 0x80 && !c->bad);
    return (i64)(shift < 64 && byte & 0x40 ? v | ~0ull << shift : v);
}

static u64 word(const State *s, u64 at)
{
    Cursor c = {at, UINT64_MAX, false};
    return take(&c, s->narrow ? 4 : 8);
}

/* A pointer in one of DW_EH_PE_*. */
static u64 encoded(Cursor *c, u8 how, u64 data, bool narrow)
{
    u64 base = (how & 0x70) == 0x10 ? c->at : (how & 0x70) == 0x30 ? data : 0, v;
    switch (how & 15) {
    case 0:
        v = take(c, narrow ? 4 : 8);
        break;
    case 1:
        v = uleb(c);
        break;
    case 2:
        v = take(c, 2);
        break;
    case 3:
        v = take(c, 4);
        break;
    case 4:
    case 12:
        v = take(c, 8);
        break;
    case 9:
        v = (u64)sleb(c);
        break;
    case 10:
        v = (u64)(i16)take(c, 2);
        break;
    case 11:
        v = (u64)(i32)take(c, 4);
        break;
    default:
        c->bad = true;
        return 0;
    }
    return v + base;
}

/* -- the program or library that a pc is in ------------------------------------------------------------------------ */

typedef struct Module {
    u64 base;             /* where its ELF header is */
    u64 hdr, hdr_end;     /* of .eh_frame_hdr; 0 if there is none */
    u64 exidx, exidx_end; /* .ARM.exidx, likewise */
    char path[4096];      /* "" if it is no file */
    u64 bias;
} Module;

static u64 base_of(u64 pc, char name[4096])
{
    char *text = view_file("/proc/self", "maps"), *rest = text;
    MapLine map;
    u64 base = 0, found = 0;
    for (char *line; text && !found && (line = view_line(&rest));) {
        if (!view_map_line(line, &map) || map.name[0] != '/')
            continue;
        if (!map.offset && (strcmp(map.name, name) || !base)) {
            base = map.start;
            snprintf(name, 4096, "%s", map.name);
        }
        if (pc >= map.start && pc < map.end && !strcmp(map.name, name))
            found = base;
    }
    free(text);
    if (!found)
        *name = 0;
    return found;
}

static bool find_module(const State *s, u64 pc, Module *m)
{
    const Process *p = s->t->process;
    enum { ARM_EXIDX = 0x70000001 };
    u8 ident[EI_NIDENT];
    *m = (Module){0};
    m->base = p->vdso && pc - p->vdso < 4096 ? p->vdso : base_of(pc, m->path);
    if (!m->base || mem_read(ident, m->base, sizeof ident) || memcmp(ident, ELFMAG, SELFMAG))
        return false;
    bool narrow = ident[EI_CLASS] == ELFCLASS32;
    Cursor c = {m->base + (narrow ? 28 : 32), UINT64_MAX, false};
    u64 phoff = take(&c, narrow ? 4 : 8);
    c.at = m->base + (narrow ? 42 : 54);
    u64 size = take(&c, 2), n = take(&c, 2), bias = 0;
    bool first = true;
    for (u64 i = 0; i < n && i < 64 && !c.bad; i++) {
        u64 at = m->base + phoff + i * size;
        Cursor h = {at, UINT64_MAX, false};
        u32 type = (u32)take(&h, 4);
        u64 vaddr = word(s, at + (narrow ? 8 : 16)), bytes = word(s, at + (narrow ? 20 : 40));
        if (type == PT_LOAD && first) {
            bias = m->base - vaddr + word(s, at + (narrow ? 4 : 8));
            first = false;
        }
        if (type == PT_GNU_EH_FRAME) {
            m->hdr = vaddr;
            m->hdr_end = vaddr + bytes;
        } else if (type == ARM_EXIDX) {
            m->exidx = vaddr;
            m->exidx_end = vaddr + bytes;
        }
    }
    m->bias = bias;
    m->hdr_end += m->hdr ? bias : 0;
    m->hdr += m->hdr ? bias : 0;
    m->exidx_end += m->exidx ? bias : 0;
    m->exidx += m->exidx ? bias : 0;
    return !c.bad;
}

/* -- call frame information ---------------------------------------------------------------------------------------- */

typedef struct Entry {
    u64 start, end;                  /* of the code */
    u64 cie_at, cie_end, at, end_at; /* the instructions, of the CIE and of the FDE */
    u64 code_align;
    i64 data_align;
    u64 ra;
    u8 encoding;
    bool signal;
} Entry;

/* .eh_frame, in the guest's memory, or .debug_frame, a copy in ours whose addresses are unrelocated. */
typedef struct Frames {
    u64 start, end, bias;
    bool debug;
} Frames;

/* The FDE at an address; its CIE too. False at the end, or if it isn't one; *next is where the next one is. */
static bool parse_entry(u64 at, const Frames *f, bool narrow, Entry *e, u64 *next)
{
    Cursor c = {at, UINT64_MAX, false};
    u64 length = at < f->end ? take(&c, 4) : 0;
    if (length == 0xffffffff) /* 64-bit DWARF, which nobody has in these */
        return false;
    if (!length || c.bad || length > 1u << 30)
        return false;
    c.end = c.at + length;
    *next = c.end;
    u64 id_at = c.at, id = take(&c, 4);
    *e = (Entry){0};
    if (id == (f->debug ? 0xffffffff : 0)) /* a CIE */
        return !c.bad;
    Cursor i = {f->debug ? f->start + id : id_at - id, UINT64_MAX, false};
    char augmentation[8] = "";
    u64 cie_length = take(&i, 4);
    i.end = i.at + cie_length;
    take(&i, 4);
    u64 version = take(&i, 1);
    for (size_t n = 0; n < sizeof augmentation - 1 && (augmentation[n] = (char)take(&i, 1)); n++)
        ;
    if (version >= 4)
        take(&i, 2);
    e->code_align = uleb(&i);
    e->data_align = sleb(&i);
    e->ra = version == 1 ? take(&i, 1) : uleb(&i);
    u64 instructions = i.at;
    if (augmentation[0] == 'z') {
        u64 size = uleb(&i);
        instructions = i.at + size;
    }
    for (const char *a = augmentation + 1; augmentation[0] == 'z' && *a; a++) {
        if (*a == 'R')
            e->encoding = (u8)take(&i, 1);
        else if (*a == 'L')
            take(&i, 1);
        else if (*a == 'P')
            encoded(&i, (u8)take(&i, 1), 0, narrow);
        else if (*a == 'S')
            e->signal = true;
        else if (*a != 'B')
            break;
    }
    e->cie_at = instructions;
    e->cie_end = i.end;
    e->start = encoded(&c, e->encoding, 0, narrow) + f->bias;
    e->end = e->start + encoded(&c, e->encoding & 15, 0, narrow);
    if (augmentation[0] == 'z') {
        u64 size = uleb(&c);
        c.at += size;
    }
    e->at = c.at;
    e->end_at = c.end;
    return !c.bad && !i.bad;
}

static bool search(const Frames *f, u64 at, u64 pc, bool narrow, Entry *e)
{
    u64 next;
    for (u32 i = 0; i < OPS && parse_entry(at, f, narrow, e, &next); i++, at = next)
        if (pc >= e->start && pc < e->end)
            return true;
    return false;
}

/* The FDE of a pc, by the table of .eh_frame_hdr if that is of the usual kind. */
static bool find_entry(const Module *m, u64 pc, bool narrow, Entry *e)
{
    Cursor c = {m->hdr, m->hdr_end, false};
    u64 version = take(&c, 1), next;
    u8 frame = (u8)take(&c, 1), count = (u8)take(&c, 1), table = (u8)take(&c, 1);
    u64 at = encoded(&c, frame, m->hdr, narrow);
    const Frames all = {at, UINT64_MAX, 0, false};
    if (version != 1 || c.bad)
        return false;
    if (count != 0xff && table == 0x3b) { /* relative to the header, four bytes each */
        u64 n = encoded(&c, count, m->hdr, narrow), low = 0, rows = c.at;
        while (n - low > 1) {
            Cursor row = {rows + 8 * ((low + n) / 2), m->hdr_end, false};
            u64 start = m->hdr + (u64)(i32)take(&row, 4);
            if (row.bad)
                return false;
            if (start <= pc)
                low = (low + n) / 2;
            else
                n = (low + n) / 2;
        }
        Cursor row = {rows + 8 * low + 4, m->hdr_end, false};
        at = m->hdr + (u64)(i32)take(&row, 4);
        return !row.bad && parse_entry(at, &all, narrow, e, &next) && pc >= e->start && pc < e->end;
    }
    return search(&all, at, pc, narrow, e);
}

/* The same without that header: by the file's sections. *copy is what `e` refers to, to be freed. */
static bool find_in_file(const Module *m, u64 pc, bool narrow, Entry *e, u8 **copy)
{
    Section section;
    bool found = false;
    *copy = NULL;
    if (*m->path && dwarf_section(m->path, ".eh_frame", &section)) {
        Frames f = {section.address + m->bias, section.address + m->bias + section.size, 0, false};
        free(section.data);
        found = search(&f, f.start, pc, narrow, e);
    }
    if (!found && *m->path && dwarf_section(m->path, ".debug_frame", &section)) {
        Frames f = {(u64)section.data, (u64)section.data + section.size, m->bias, true};
        *copy = section.data;
        found = search(&f, f.start, pc, narrow, e);
    }
    return found;
}

/* How a register of the caller's is found. */
typedef struct Rule {
    enum { SAME, UNDEFINED, OFFSET, VALUE_OFFSET, REGISTER, EXPRESSION, VALUE_EXPRESSION } how;
    i64 n; /* offset from the CFA, register, or where the expression is */
} Rule;

typedef struct Row {
    Rule cfa; /* REGISTER with `offset`, or VALUE_EXPRESSION */
    i64 offset;
    Rule rule[REGS];
} Row;

/* A DWARF expression, of the few operators that occur in frames. */
static bool evaluate(const State *s, u64 at, bool with, u64 initial, u64 *result)
{
    u64 stack[16];
    u32 n = 0;
    Cursor c = {at, UINT64_MAX, false};
    u64 size = uleb(&c);
    c.end = c.at + size;
    if (with)
        stack[n++] = initial;
    while (c.at < c.end && !c.bad && n < 15) {
        u8 op = (u8)take(&c, 1);
        if (op >= 0x30 && op <= 0x4f) { /* lit */
            stack[n++] = op - 0x30u;
        } else if (op >= 0x70 && op <= 0x8f) { /* breg */
            u32 reg = op - 0x70u;
            i64 offset = sleb(&c);
            if (reg >= REGS || !(s->known >> reg & 1))
                return false;
            stack[n++] = s->reg[reg] + (u64)offset;
        } else if (op == 0x08 || op == 0x09) { /* const1 */
            stack[n++] = op == 0x08 ? take(&c, 1) : (u64)(i8)take(&c, 1);
        } else if (op == 0x0a || op == 0x0b) { /* const2 */
            stack[n++] = op == 0x0a ? take(&c, 2) : (u64)(i16)take(&c, 2);
        } else if (op == 0x10) { /* constu */
            stack[n++] = uleb(&c);
        } else if (op == 0x11) { /* consts */
            stack[n++] = (u64)sleb(&c);
        } else if (op == 0x06 && n) { /* deref */
            stack[n - 1] = word(s, stack[n - 1]);
        } else if (op == 0x12 && n) { /* dup */
            stack[n] = stack[n - 1];
            n++;
        } else if (op == 0x23 && n) { /* plus_uconst */
            stack[n - 1] += uleb(&c);
        } else if (n >= 2 && (op == 0x1a || op == 0x1c || op == 0x21 || op == 0x22 || op == 0x24 || op == 0x2a)) {
            u64 b = stack[--n], a = stack[n - 1];
            stack[n - 1] = op == 0x1a   ? a & b
                           : op == 0x1c ? a - b
                           : op == 0x21 ? a | b
                           : op == 0x22 ? a + b
                           : op == 0x24 ? a << (b & 63)
                                        : (u64)((i64)a >= (i64)b);
        } else {
            return false;
        }
    }
    *result = n ? stack[n - 1] : 0;
    return n && !c.bad;
}

static void set_rule(Row *row, u64 reg, int how, i64 n)
{
    if (reg < REGS)
        row->rule[reg] = (Rule){how, n};
}

/* Runs instructions up to pc. */
static bool run(const Entry *e, u64 at, u64 end, u64 pc, bool narrow, const Row *initial, Row *row)
{
    Row saved[SAVED];
    u32 depth = 0;
    u64 here = e->start, reg;
    Cursor c = {at, end, false};
    for (u32 i = 0; c.at < c.end && !c.bad && i < OPS; i++) {
        u8 op = (u8)take(&c, 1), low = op & 0x3f;
        u64 advance = 0;
        switch (op >> 6) {
        case 1:
            advance = low;
            break;
        case 2:
            set_rule(row, low, OFFSET, (i64)uleb(&c) * e->data_align);
            continue;
        case 3:
            if (low < REGS)
                row->rule[low] = initial->rule[low];
            continue;
        default:
            switch (op) {
            case 0x00:
                continue;
            case 0x01:
                here = encoded(&c, e->encoding, 0, narrow);
                continue;
            case 0x02:
                advance = take(&c, 1);
                break;
            case 0x03:
                advance = take(&c, 2);
                break;
            case 0x04:
                advance = take(&c, 4);
                break;
            case 0x05:
                reg = uleb(&c);
                set_rule(row, reg, OFFSET, (i64)uleb(&c) * e->data_align);
                continue;
            case 0x06:
                if ((reg = uleb(&c)) < REGS)
                    row->rule[reg] = initial->rule[reg];
                continue;
            case 0x07:
                set_rule(row, uleb(&c), UNDEFINED, 0);
                continue;
            case 0x08:
                set_rule(row, uleb(&c), SAME, 0);
                continue;
            case 0x09:
                reg = uleb(&c);
                set_rule(row, reg, REGISTER, (i64)uleb(&c));
                continue;
            case 0x0a:
                if (depth < SAVED)
                    saved[depth++] = *row;
                continue;
            case 0x0b:
                if (depth)
                    *row = saved[--depth];
                continue;
            case 0x0c:
                row->cfa = (Rule){REGISTER, (i64)uleb(&c)};
                row->offset = (i64)uleb(&c);
                continue;
            case 0x0d:
                row->cfa = (Rule){REGISTER, (i64)uleb(&c)};
                continue;
            case 0x0e:
                row->offset = (i64)uleb(&c);
                continue;
            case 0x0f:
                row->cfa = (Rule){VALUE_EXPRESSION, (i64)c.at};
                break;
            case 0x10:
                reg = uleb(&c);
                set_rule(row, reg, EXPRESSION, (i64)c.at);
                break;
            case 0x11:
                reg = uleb(&c);
                set_rule(row, reg, OFFSET, sleb(&c) * e->data_align);
                continue;
            case 0x12:
                row->cfa = (Rule){REGISTER, (i64)uleb(&c)};
                row->offset = sleb(&c) * e->data_align;
                continue;
            case 0x13:
                row->offset = sleb(&c) * e->data_align;
                continue;
            case 0x14:
                reg = uleb(&c);
                set_rule(row, reg, VALUE_OFFSET, (i64)uleb(&c) * e->data_align);
                continue;
            case 0x15:
                reg = uleb(&c);
                set_rule(row, reg, VALUE_OFFSET, sleb(&c) * e->data_align);
                continue;
            case 0x16:
                reg = uleb(&c);
                set_rule(row, reg, VALUE_EXPRESSION, (i64)c.at);
                break;
            case 0x2d:
                continue; /* return addresses are signed: there is no such processor here */
            case 0x2e:
                uleb(&c);
                continue;
            default:
                return false;
            }
            if (op == 0x0f || op == 0x10 || op == 0x16) { /* over the expression */
                u64 size = uleb(&c);
                c.at += size;
                continue;
            }
        }
        here += advance * e->code_align;
        if (here > pc)
            break;
    }
    return !c.bad;
}

/* The caller's registers. */
static bool step_by_frames(State *s, const Entry *e, u64 pc)
{
    Row initial = {0}, row;
    State out = *s;
    u64 cfa;
    if (!run(e, e->cie_at, e->cie_end, UINT64_MAX, s->narrow, &initial, &initial))
        return false;
    row = initial;
    if (!run(e, e->at, e->end_at, pc, s->narrow, &initial, &row))
        return false;
    if (row.cfa.how == VALUE_EXPRESSION) {
        if (!evaluate(s, (u64)row.cfa.n, false, 0, &cfa))
            return false;
    } else if (row.cfa.how == REGISTER && (u64)row.cfa.n < REGS && s->known >> row.cfa.n & 1) {
        cfa = s->reg[row.cfa.n] + (u64)row.offset;
    } else {
        return false;
    }
    for (u32 i = 0; i < REGS; i++) {
        const Rule *r = &row.rule[i];
        u64 v = 0;
        bool ok = true;
        switch (r->how) {
        case SAME:
            continue;
        case UNDEFINED:
            ok = false;
            break;
        case OFFSET:
            v = word(s, cfa + (u64)r->n);
            break;
        case VALUE_OFFSET:
            v = cfa + (u64)r->n;
            break;
        case REGISTER:
            ok = (u64)r->n < REGS;
            v = ok ? s->reg[r->n] : 0;
            break;
        case EXPRESSION:
            ok = evaluate(s, (u64)r->n, true, cfa, &v);
            v = ok ? word(s, v) : 0;
            break;
        case VALUE_EXPRESSION:
            ok = evaluate(s, (u64)r->n, true, cfa, &v);
            break;
        }
        out.reg[i] = v;
        out.known = (out.known & ~(1ull << i)) | (u64)ok << i;
    }
    if (row.rule[s->sp].how == SAME)
        out.reg[s->sp] = cfa;
    if (e->ra >= REGS || !(out.known >> e->ra & 1))
        return false;
    out.pc = out.reg[e->ra];
    *s = out;
    return true;
}

/* -- Arm's table --------------------------------------------------------------------------------------------------- */

static u64 prel31(u64 at)
{
    Cursor c = {at, UINT64_MAX, false};
    i32 v = (i32)take(&c, 4);
    return (u32)(at + (u64)(i64)((i32)((u32)v << 1) >> 1));
}

/* Where a function's instructions come from: three or more bytes in words, the most significant first. */
typedef struct Codes {
    u64 at;
    u32 word, left, more;
} Codes;

static u8 next_code(Codes *c)
{
    if (!c->left) {
        if (!c->more)
            return 0xb0; /* finish */
        Cursor from = {c->at, UINT64_MAX, false};
        c->word = (u32)take(&from, 4);
        c->at += 4;
        c->left = 4;
        c->more--;
    }
    return (u8)(c->word >> 8 * --c->left);
}

static void pop(State *s, u32 mask, u64 *sp)
{
    for (u32 i = 0; i < 16; i++)
        if (mask >> i & 1) {
            s->reg[i] = word(s, *sp);
            *sp += 4;
        }
}

static bool step_by_index(State *s, const Module *m, u64 pc)
{
    u64 low = 0, high = (m->exidx_end - m->exidx) / 8;
    if (!high || pc < prel31(m->exidx))
        return false;
    while (high - low > 1) {
        u64 middle = (low + high) / 2;
        if (prel31(m->exidx + 8 * middle) <= pc)
            low = middle;
        else
            high = middle;
    }
    Cursor c = {m->exidx + 8 * low + 4, UINT64_MAX, false};
    u32 data = (u32)take(&c, 4);
    if (data == 1 || c.bad) /* can't be unwound */
        return false;
    Codes codes = {0};
    if (data >> 31) {
        codes = (Codes){.word = data, .left = 3};
    } else {
        u64 table = prel31(m->exidx + 8 * low + 4);
        Cursor t = {table, UINT64_MAX, false};
        u32 first = (u32)take(&t, 4);
        if (!(first >> 31)) { /* a personality routine of the language's */
            first = (u32)take(&t, 4);
            codes = (Codes){.at = t.at, .word = first, .left = 3, .more = first >> 24};
        } else if ((first >> 24 & 15) == 0) {
            codes = (Codes){.at = t.at, .word = first, .left = 3};
        } else {
            codes = (Codes){.at = t.at, .word = first, .left = 2, .more = first >> 16 & 0xff};
        }
    }
    State out = *s;
    u64 sp = s->reg[13];
    bool has_pc = false;
    for (u32 i = 0; i < 256; i++) {
        u8 op = next_code(&codes);
        if (op == 0xb0)
            break;
        if (op < 0x40) {
            sp += (op & 0x3fu) * 4 + 4;
        } else if (op < 0x80) {
            sp -= (op & 0x3fu) * 4 + 4;
        } else if (op < 0x90) {
            u32 mask = (op & 15u) << 8 | next_code(&codes);
            if (!mask)
                return false;
            pop(&out, mask << 4, &sp);
            has_pc |= mask >> 11 & 1;
            if (mask >> 9 & 1)
                sp = out.reg[13];
        } else if (op < 0xa0) {
            if (op == 0x9d || op == 0x9f)
                return false;
            sp = out.reg[op & 15];
        } else if (op < 0xb0) {
            pop(&out, ((1u << ((op & 7u) + 1)) - 1) << 4 | (op & 8 ? 1u << 14 : 0), &sp);
        } else if (op == 0xb1) {
            pop(&out, next_code(&codes) & 15u, &sp);
        } else if (op == 0xb2) {
            u64 more = 0;
            u32 shift = 0;
            u8 byte;
            do {
                byte = next_code(&codes);
                more |= (u64)(byte & 0x7f) << shift;
                shift += 7;
            } while (byte & 0x80 && shift < 28);
            sp += 0x204 + (more << 2);
        } else if (op == 0xb3 || op == 0xc8 || op == 0xc9) { /* VFP registers */
            sp += 8 * ((next_code(&codes) & 15u) + 1) + (op == 0xb3 ? 4 : 0);
        } else if (op >= 0xb8 && op < 0xc0) {
            sp += 8 * ((op & 7u) + 1) + 4;
        } else if (op >= 0xd0 && op < 0xd8) {
            sp += 8 * ((op & 7u) + 1);
        } else {
            return false;
        }
    }
    out.reg[13] = sp;
    out.pc = has_pc ? out.reg[15] : out.reg[14];
    *s = out;
    return true;
}

/* -- frames -------------------------------------------------------------------------------------------------------- */

/* By the frame pointer alone. */
static bool step_by_record(State *s)
{
    const DebugGuest *g = s->t->guest->debug;
    i8 fp = g->regs[g->fp].dwarf;
    u64 at = s->reg[fp], size = s->narrow ? 4 : 8;
    if (!g->frame_records || !at || at % size || at < s->reg[s->sp])
        return false;
    s->pc = word(s, at + size);
    s->reg[fp] = word(s, at);
    s->reg[s->sp] = at + 2 * size;
    s->known = 1ull << fp | 1ull << s->sp;
    return s->pc != 0;
}

/* From a frame to the caller's. */
static bool step(State *s, bool first, bool *interrupted)
{
    Module m;
    Entry e;
    u64 pc = code_address(s->t->guest, s->pc) - (first || *interrupted ? 0 : 1);
    bool found = find_module(s, pc, &m);
    *interrupted = false;
    u8 *copy = NULL;
    bool ok = found && ((m.hdr && find_entry(&m, pc, s->narrow, &e)) || find_in_file(&m, pc, s->narrow, &e, &copy));
    if (ok) {
        *interrupted = e.signal;
        ok = step_by_frames(s, &e, pc);
    }
    free(copy);
    return ok || (found && m.exidx && step_by_index(s, &m, pc)) || step_by_record(s);
}

size_t unwind(Task *t, u64 *pcs, size_t max)
{
    const DebugGuest *g = t->guest->debug;
    size_t n = 0;
    if (!g)
        return 0;
    State s = {
        .t = t, .narrow = t->guest->elf_class == ELFCLASS32, .pc = t->pc, .sp = (u8)g->regs[g->sp].dwarf, .ra = g->ra};
    for (u32 i = 0; i < g->nregs; i++) {
        if (g->regs[i].dwarf < 0)
            continue;
        debug_register(t, &g->regs[i], (u8 *)&s.reg[g->regs[i].dwarf]);
        s.known |= 1ull << g->regs[i].dwarf;
    }
    bool interrupted = false;
    for (u64 sp = 0; n < max; n++) {
        pcs[n] = code_address(t->guest, s.pc);
        u64 before = s.pc;
        bool first = !n;
        /* A jump to nowhere: its caller is where the call returns to. */
        Module m;
        if (first && !find_module(&s, pcs[0], &m)) {
            bool linked = s.known >> s.ra & 1; /* else the call has pushed it */
            s.pc = linked ? s.reg[s.ra] : word(&s, s.reg[s.sp]);
            s.reg[s.sp] += linked ? 0 : s.narrow ? 4 : 8;
            continue;
        }
        if (!step(&s, first, &interrupted) || !s.pc || (s.reg[s.sp] <= sp && s.pc == before))
            return n + 1;
        sp = s.reg[s.sp];
    }
    return n;
}
