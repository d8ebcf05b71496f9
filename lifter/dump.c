/* Readable forms of what a stage made. Instructions are disassembled by LLVM, guest and host alike. */
#include "dump.h"

#include <inttypes.h>
#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>
#include <pthread.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../frontend/symbols.h"
#include "../include/log.h"
#include "llvm_init.h"
#include "orc.h"

/* -- disassembly -------------------------------------------------------------------------------------------- */

/* Compile threads log as guest threads do. */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;

/* Asked for a name for every address and immediate. Without one LLVM prints a branch's target as an address, not as a
 * distance, which is all that it is wanted for. */
static const char *no_name(void *info, uint64_t value, uint64_t *type, uint64_t pc, const char **name)
{
    *type = LLVMDisassembler_ReferenceType_InOut_None;
    *name = NULL;
    return NULL;
}

/* A disassembler for the triple, made at first use and kept. */
static LLVMDisasmContextRef disassembler(const char *triple, const char *features)
{
    static struct {
        const char *triple;
        LLVMDisasmContextRef context;
    } kept[3];
    for (size_t i = 0; i < LEN(kept); i++) {
        if (!kept[i].triple) {
            if (!orc_usable())
                return NULL;
            llvm_init();
            kept[i].triple = triple;
            kept[i].context = LLVMCreateDisasmCPUFeatures(triple, "", features, NULL, 0, NULL, no_name);
            if (kept[i].context)
                LLVMSetDisasmOptions(kept[i].context, LLVMDisassembler_Option_PrintImmHex);
        }
        if (!strcmp(kept[i].triple, triple))
            return kept[i].context;
    }
    return NULL;
}

static size_t disassemble(const char *triple, const char *features, const u8 *bytes, size_t size, u64 pc, char *text,
                          size_t text_size)
{
    pthread_mutex_lock(&lock);
    LLVMDisasmContextRef d = disassembler(triple, features);
    size_t n = d ? LLVMDisasmInstruction(d, (u8 *)bytes, size, pc, text, text_size) : 0;
    pthread_mutex_unlock(&lock);
    if (!n)
        snprintf(text, text_size, "<unknown>");
    for (char *p = text; *p; p++)
        if (*p == '\t')
            *p = ' ';
    size_t blanks = strspn(text, " ");
    memmove(text, text + blanks, strlen(text + blanks) + 1);
    return n;
}

size_t dump_guest_insn(const Guest *guest, u64 pc, size_t size, char *text, size_t text_size)
{
    u8 bytes[16];
    u64 address = code_address(guest, pc);
    size = code_read(bytes, address, size < sizeof bytes ? size : sizeof bytes);
    const char *triple = (pc & ~guest->code_mask & 1) ? guest->llvm_triple_odd : guest->llvm_triple;
    return disassemble(triple, guest->llvm_features, bytes, size, address, text, text_size);
}

/* -- what host code refers to ------------------------------------------------------------------------------- */

/* Fields of the Task, so that translated code reads like what it is about. */
#define TASK_FIELDS(FIELD)                                                                                             \
    FIELD(pc)                                                                                                          \
    FIELD(attention)                                                                                                   \
    FIELD(exit) FIELD(exit_link) FIELD(host_sp) FIELD(code_sp) FIELD(jump_cache) FIELD(fp_mode) FIELD(fp_status)       \
        FIELD(saturated) FIELD(guest) FIELD(process)

static void name_task_field(const Guest *guest, u64 offset, char *name, size_t size)
{
    u64 state = offset - offsetof(Task, state), spill = offset - offsetof(Task, spill);
    u64 executed = offset - offsetof(Task, executed);
    if (state < STATE_BYTES)
        guest_state_name(guest, (u32)state, name, size);
    else if (spill < sizeof((Task *)0)->spill)
        snprintf(name, size, "spill %" PRIu64, spill / sizeof(V128));
    else if (executed < sizeof((Task *)0)->executed)
        snprintf(name, size, "executed");
#define FIELD(field) else if (offset == offsetof(Task, field)) snprintf(name, size, "t->" #field);
    TASK_FIELDS(FIELD)
#undef FIELD
}

/* One of this program's own functions; leaves name alone if there is none at the address. */
static void name_function(u64 addr, char *name, size_t size)
{
    static pthread_mutex_t own = PTHREAD_MUTEX_INITIALIZER;
    static MappedFile text; /* this program's code */
    static Symbols *symbols;
    pthread_mutex_lock(&own);
    if (!text.hi && mapped_file((u64)&name_function, &text))
        symbols = symbols_new(text.path);
    u64 distance;
    const char *found = symbols && addr >= text.lo && addr < text.hi
                            ? symbols_find(symbols, addr - text.lo + text.offset, &distance)
                            : NULL;
    if (found)
        snprintf(name, size, distance ? "%s+0x%" PRIx64 : "%s", found, distance);
    pthread_mutex_unlock(&own);
}

/* The guest registers that the instruction has in host registers. */
static void name_pinned(const Guest *guest, const char *text, char *note, size_t size)
{
    static const char *const names[PINNED] = CODE_PIN_NAMES;
    size_t used = 0;
    for (u32 i = 0; i < PINNED && used < size; i++) {
        char wide[8], narrow[8], name[32];
        snprintf(wide, sizeof wide, "%%r%s", names[i]);
        snprintf(narrow, sizeof narrow, "%%e%s", names[i]);
        if (!strstr(text, wide) && !strstr(text, narrow))
            continue;
        guest_state_name(guest, guest->pinned[i], name, sizeof name);
        used += (size_t)snprintf(note + used, size - used, used ? " %s" : "%s", name);
    }
}

/* A note on one host instruction's text: the guest register or field of the Task that it accesses, where a link leads,
 * the function that is called. "" if there is nothing to say. b is the block or region it is part of, or NULL; `next` the address of the instruction behind. */
static void annotate(const Guest *guest, const Block *b, const char *text, u64 next, char *note, size_t size)
{
    note[0] = 0;
    const char *task = strstr(text, "(%r13)"), *number = task;
    if (task) {
        while (number > text && strchr("0123456789abcdefx-", number[-1]))
            number--;
        name_task_field(guest, number < task ? strtoull(number, NULL, 0) : 0, note, size);
        return;
    }
    number = strstr(text, "0x");
    u64 value = number ? strtoull(number, NULL, 16) : 0;
    if (number && strstr(text, "(%rip)"))
        value = number > text && number[-1] == '-' ? next - value : next + value;
    for (u32 i = 0; b && i < b->nlinks; i++)
        if (value == (u64)&b->links[i])
            snprintf(note, size, "link to 0x%" PRIx64, b->links[i].pc);
    if (b && value == (u64)b)
        snprintf(note, size, "this block");
    if (!note[0] && b && b->tier == TIER_BASELINE)
        name_pinned(guest, text, note, size);
    if (!note[0] && number)
        name_function(value, note, size);
}

/* One host instruction with its note; its length. */
static size_t host_insn(const Guest *guest, const Block *b, const u8 *p, size_t size, char *line, size_t line_size)
{
    char text[128], note[160];
    size_t n = disassemble("x86_64-linux-gnu", "", p, size, (u64)p, text, sizeof text);
    annotate(guest, b, text, (u64)p + n, note, sizeof note);
    if (note[0])
        snprintf(line, line_size, "%" PRIx64 "  %-38s ; %s", (u64)p, text, note);
    else
        snprintf(line, line_size, "%" PRIx64 "  %s", (u64)p, text);
    return n ? n : 1;
}

static void dump_host(const Guest *guest, const Block *b, const u8 *code, size_t size)
{
    for (size_t at = 0; at < size;) {
        char line[320];
        at += host_insn(guest, b, code + at, size - at, line, sizeof line);
        log_printf("  %s\n", line);
    }
}

/* The number behind `before` in a line; false if there is none but 0. */
static bool number_after(const char *line, size_t n, const char *before, int base, u64 *number)
{
    const char *at = memmem(line, n, before, strlen(before));
    *number = at ? strtoull(at + strlen(before), NULL, base) : 0;
    return *number;
}

void dump_module(const Guest *guest, const char *title, const char *text)
{
    const char *line = strstr(text, "\ndefine"); /* what is before it says nothing new */
    log_printf("-- %s\n", title);
    for (line = line ? line + 1 : text; *line;) {
        char note[160] = "";
        size_t n = strcspn(line, "\n");
        u64 number;
        if (number_after(line, n, "@" HOST_SYMBOL, 16, &number))
            name_function(number, note, sizeof note);
        else if (number_after(line, n, "ptr %task, i64 ", 10, &number))
            name_task_field(guest, number, note, sizeof note);
        log_printf(note[0] ? "%.*s    ; %s\n" : "%.*s\n", (int)n, line, note);
        line += n + (line[n] == '\n');
    }
}

static void dump_guest(const Guest *guest, u64 pc, u64 end)
{
    log_printf("IN: 0x%" PRIx64 "\n", pc);
    while (pc < end) {
        char text[128];
        size_t n = dump_guest_insn(guest, pc, end - pc, text, sizeof text);
        u32 word = 0;
        code_read(&word, code_address(guest, pc), n && n < sizeof word ? n : sizeof word);
        log_printf("  0x%08" PRIx64 ": %0*x  %s\n", pc, n ? 2 * (int)n : 8, word, text);
        pc += n ? n : guest->insn_align;
    }
}

static void dump_ir(const Guest *guest, const Ir *ir)
{
    char *text = NULL;
    size_t size = 0;
    FILE *f = open_memstream(&text, &size);
    if (!f)
        return;
    fprintf(f, "OP: 0x%" PRIx64 "\n", ir->pc);
    ir_print(ir, f, guest);
    fclose(f);
    log_text(text);
    free(text);
}

void dump_block(const Guest *guest, const Ir *ir, const Block *b)
{
    if (!log_at(b->pc, b->end))
        return;
    if (log_on(block))
        log_printf("block 0x%" PRIx64 "..0x%" PRIx64 " %u insns, host %p %u bytes\n", b->pc, b->end, b->insns, b->code,
                   b->code_size);
    if (log_on(in_asm))
        dump_guest(guest, b->pc, ir->end);
    if (log_on(op))
        dump_ir(guest, ir);
    if (log_on(out_asm) && b->code_size) {
        log_printf("OUT: 0x%" PRIx64 " (%u bytes)\n", b->pc, b->code_size);
        dump_host(guest, b, b->code, b->code_size);
    }
}

bool dump_wanted(const Region *r)
{
    for (size_t i = 0; i < r->nblocks; i++)
        if (log_at(r->blocks[i]->pc, r->blocks[i]->end))
            return true;
    return false;
}

void dump_region(const Region *r)
{
    if (!dump_wanted(r))
        return;
    if (log_on(in_asm) || log_on(op))
        log_printf("region 0x%" PRIx64 "\n", r->pc);
    for (size_t i = 0; i < r->nblocks; i++) {
        if (!log_at(r->blocks[i]->pc, r->blocks[i]->end))
            continue;
        if (log_on(in_asm))
            dump_guest(r->guest, r->blocks[i]->pc, r->blocks[i]->end);
        if (log_on(op))
            dump_ir(r->guest, r->blocks[i]);
    }
}

void dump_region_code(const Guest *guest, const Block *b)
{
    u32 bytes = 0;
    if (!log_at(b->low, b->end))
        return;
    for (const Block *s = b; s; s = s->sibling)
        bytes += s->code_size;
    log_printf("OUT: region 0x%" PRIx64 " (%u bytes)\n", b->pc, bytes);
    for (const Block *s = b; s; s = s->sibling) {
        log_printf("  entry 0x%" PRIx64 ":\n", s->pc);
        dump_host(guest, b, s->code, s->code_size);
    }
}

/* -- side by side ------------------------------------------------------------------------------------------- */

enum { LEFT = 46, MIDDLE = 34 }; /* columns for guest code and for IR */

/* Lines of one column. */
typedef struct Column {
    char *text;
    size_t size;
    const char *at; /* the next line to print */
} Column;

/* Takes the next line off a column into `line`; false at its end. */
static bool next_line(Column *c, char *line, size_t size)
{
    size_t n = strcspn(c->at, "\n");
    snprintf(line, size, "%.*s", (int)n, c->at);
    bool any = *c->at;
    c->at += n + (c->at[n] == '\n');
    return any;
}

/* Host code of a block from one offset to another. */
static void host_column(FILE *f, const Guest *guest, const Block *b, u32 from, u32 to)
{
    while (from < to) {
        char line[320];
        from += (u32)host_insn(guest, b, (const u8 *)b->code + from, b->code_size - from, line, sizeof line);
        fprintf(f, "%s\n", line);
    }
}

static void print_columns(Column column[3], u32 items)
{
    for (;;) {
        char line[3][320], out[1000];
        bool any = false;
        for (size_t i = 0; i < 3; i++)
            any |= next_line(&column[i], line[i], sizeof line[i]);
        if (!any)
            return;
        size_t n = 0;
        if (items & LOG(in_asm))
            n += (size_t)snprintf(out, sizeof out, "%-*s ", LEFT, line[0]);
        if (items & LOG(op))
            n += (size_t)snprintf(out + n, sizeof out - n, "%-*s ", MIDDLE, line[1]);
        if (items & LOG(out_asm))
            n += (size_t)snprintf(out + n, sizeof out - n, "%s", line[2]);
        while (n && out[n - 1] == ' ')
            n--;
        if (n)
            log_printf("%.*s\n", (int)n, out);
    }
}

void dump_side_by_side(const Guest *guest, const Ir *ir, const Block *b, u32 items)
{
    u32 host = 0, row = 0;
    for (u32 n = 0; n < ir->count;) {
        Column column[3] = {0};
        FILE *f[3];
        for (size_t i = 0; i < 3; i++)
            f[i] = open_memstream(&column[i].text, &column[i].size);
        if (!f[0] || !f[1] || !f[2])
            out_of_memory("a listing");
        /* What comes before the first instruction is the block's entry. */
        if (ir->ops[n].code == IR_insn) {
            u64 pc = (u64)ir->ops[n].imm;
            char text[128];
            dump_guest_insn(guest, pc, ir->end - pc, text, sizeof text);
            fprintf(f[0], "%" PRIx64 "  %s\n", pc, text);
            n++;
            row++;
        }
        for (; n < ir->count && ir->ops[n].code != IR_insn; n++) {
            char text[160];
            ir_text(ir, n, guest, text, sizeof text);
            if (text[0])
                fprintf(f[1], "%s\n", text);
        }
        u32 end = row < b->nmap ? b->map[row].host : b->code_size;
        host_column(f[2], guest, b, host, end);
        host = end;
        for (size_t i = 0; i < 3; i++) {
            fclose(f[i]);
            column[i].at = column[i].text;
        }
        print_columns(column, items);
        for (size_t i = 0; i < 3; i++)
            free(column[i].text);
    }
}

/* -- registers ---------------------------------------------------------------------------------------------- */

void dump_regs(const Task *t)
{
    const Guest *g = t->guest;
    log_printf("pc 0x%" PRIx64 "\n", t->pc);
    char line[256];
    size_t at = 0;
    for (size_t i = 0; i < g->nregs; i++) {
        if (g->regs[i].type == TYPE_Q)
            continue;
        u64 v = 0;
        memcpy(&v, t->state + g->regs[i].offset, g->regs[i].type == TYPE_W ? 4 : 8);
        at += (size_t)snprintf(line + at, sizeof line - at, "%s%-5s %016" PRIx64, at ? "  " : "", g->regs[i].name, v);
        if (at > 90) {
            log_printf("%s\n", line);
            at = 0;
        }
    }
    if (at)
        log_printf("%s\n", line);
    for (size_t i = 0; i < g->nregs && log_on(fpu); i++) {
        u64 v[2];
        if (g->regs[i].type != TYPE_Q)
            continue;
        memcpy(v, t->state + g->regs[i].offset, sizeof v);
        log_printf("%-5s %016" PRIx64 "%016" PRIx64 "\n", g->regs[i].name, v[1], v[0]);
    }
}
