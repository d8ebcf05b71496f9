/* Readable forms of what a stage made, for -d. Instructions are disassembled by LLVM, guest and host alike. */
#include "dump.h"

#include <inttypes.h>
#include <llvm-c/Disassembler.h>
#include <llvm-c/Target.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../include/log.h"
#include "llvm_init.h"

/* A disassembler for the triple, made at first use and kept; the log's users hold the translation lock. */
static LLVMDisasmContextRef disassembler(const char *triple, const char *features)
{
    static struct {
        const char *triple;
        LLVMDisasmContextRef context;
    } kept[2];
    for (size_t i = 0; i < LEN(kept); i++) {
        if (!kept[i].triple) {
            llvm_init();
            kept[i].triple = triple;
            kept[i].context = LLVMCreateDisasmCPUFeatures(triple, "", features, NULL, 0, NULL, NULL);
        }
        if (!strcmp(kept[i].triple, triple))
            return kept[i].context;
    }
    return NULL;
}

static size_t disassemble(LLVMDisasmContextRef d, const u8 *bytes, size_t size, u64 pc, char *text, size_t text_size)
{
    size_t n = d ? LLVMDisasmInstruction(d, (u8 *)bytes, size, pc, text, text_size) : 0;
    if (!n)
        snprintf(text, text_size, "\t<unknown>");
    for (char *p = text; *p; p++)
        if (*p == '\t')
            *p = ' ';
    return n;
}

size_t dump_guest_insn(const Guest *guest, u64 pc, size_t size, char *text, size_t text_size)
{
    return disassemble(disassembler(guest->llvm_triple, guest->llvm_features), (const u8 *)pc, size, pc, text, text_size);
}

void dump_host(const char *title, const void *code, size_t size)
{
    LLVMDisasmContextRef d = disassembler("x86_64-linux-gnu", "");
    if (d)
        LLVMSetDisasmOptions(d, 2 /* LLVMDisassembler_Option_PrintImmHex */);
    log_printf("%s\n", title);
    const u8 *p = code;
    for (size_t at = 0; at < size;) {
        char text[128];
        size_t n = disassemble(d, p + at, size - at, (u64)(p + at), text, sizeof text);
        if (!n)
            n = 1;
        log_printf("  0x%" PRIx64 ": %s\n", (u64)(p + at), text);
        at += n;
    }
}

void dump_block(const Guest *guest, const Ir *ir, const Block *b)
{
    if (log_on(block))
        log_printf("block 0x%" PRIx64 "..0x%" PRIx64 " %u insns, host %p %u bytes\n", b->pc, b->end, b->insns, b->code,
                   b->code_size);
    if (log_on(in_asm)) {
        log_printf("IN: 0x%" PRIx64 "\n", b->pc);
        for (u64 pc = b->pc; pc < b->end;) {
            char text[128];
            size_t n = dump_guest_insn(guest, pc, b->end - pc, text, sizeof text);
            u32 word;
            memcpy(&word, (const void *)pc, 4);
            log_printf("  0x%08" PRIx64 ": %08x %s\n", pc, word, text);
            pc += n ? n : guest->insn_align;
        }
    }
    if (log_on(op)) {
        char *text = NULL;
        size_t size = 0;
        FILE *f = open_memstream(&text, &size);
        if (f) {
            fprintf(f, "OP: 0x%" PRIx64 "\n", b->pc);
            ir_print(ir, f, guest->reg_at);
            fclose(f);
            for (char *line = text, *end; *line; line = end) {
                end = strchr(line, '\n') + 1;
                log_printf("%.*s", (int)(end - line), line);
            }
            free(text);
        }
    }
    if (log_on(out_asm) && b->code_size) {
        char title[64];
        snprintf(title, sizeof title, "OUT: 0x%" PRIx64 " (%u bytes)", b->pc, b->code_size);
        dump_host(title, b->code, b->code_size);
    }
}

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
}
