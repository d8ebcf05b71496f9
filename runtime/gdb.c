/* gdb's JIT interface (its manual, "JIT Compilation Interface"): for each block and region an object file in memory
 * that says where the code is, whose it is, and how to get from there to the caller, which is code_enter. */
#include <assert.h>
#include <elf.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "perf.h"

typedef struct Entry {
    struct Entry *next, *prev;
    const void *file;
    u64 size;
} Entry;

/* Names and layouts are gdb's. */
struct {
    u32 version, action; /* 1: register */
    Entry *relevant, *first;
} __jit_debug_descriptor = {.version = 1};

/* gdb stops here. */
void __jit_debug_register_code(void);
__attribute__((noinline, used)) void __jit_debug_register_code(void)
{
    asm volatile("" : : : "memory");
}

enum { SEC_NULL, SEC_TEXT, SEC_FRAME, SEC_SYMTAB, SEC_STRTAB, SECTIONS };
static const char section_names[] = "\0.text\0.eh_frame\0.symtab\0.strtab";
enum { NAME_TEXT = 1, NAME_FRAME = 7, NAME_SYMTAB = 17, NAME_STRTAB = 25 };

/* Call frame information: the caller is code_enter, whatever guest calls are open. Task.host_sp points to the return
 * address, and the Task's own is at the end of the stack. DWARF 5 section 6.4, with the GNU differences of .eh_frame.
 */
typedef struct __attribute__((packed)) Frame {
    struct __attribute__((packed)) {
        u32 length, id;
        u8 version, augmentation[3], code_align, data_align, ra;
        u8 augmentation_size, encoding;
        u8 ops[23];
    } cie;
    struct __attribute__((packed)) {
        u32 length, cie;
        u64 start, size;
        u8 augmentation_size, pad[3];
    } fde;
    u32 end;
} Frame;

typedef struct File {
    Entry entry;
    Elf64_Ehdr header;
    Elf64_Shdr section[SECTIONS];
    Elf64_Sym symbol[2];
    Frame frame;
    char strings[]; /* section_names, then the symbol's name */
} File;

static void describe_frame(Frame *f, u64 code, u64 size)
{
    memset(f, 0, sizeof *f);
    f->cie.length = sizeof f->cie - 4;
    f->cie.version = 1;
    memcpy(f->cie.augmentation, "zR", 3);
    f->cie.code_align = 1;
    f->cie.data_align = 0x78; /* -8 */
    f->cie.ra = 16;
    f->cie.augmentation_size = 1;
    f->cie.encoding = 0; /* absolute addresses */
    /* DW_CFA_def_cfa_expression: DW_OP_breg7 0, const4u, or, lit7, minus, deref, plus_uconst, deref, plus_uconst 8;
     * DW_CFA_offset ra, 1; nops */
    u32 mask = CODE_STACK - 1;
    static_assert(offsetof(Task, host_sp) < 1 << 14, "two bytes of LEB128");
    const u8 ops[] = {0x0f,
                      17,
                      0x77,
                      0,
                      0x0c,
                      (u8)mask,
                      (u8)(mask >> 8),
                      (u8)(mask >> 16),
                      (u8)(mask >> 24),
                      0x21,
                      0x37,
                      0x1c,
                      0x06,
                      0x23,
                      (offsetof(Task, host_sp) & 127) | 128,
                      offsetof(Task, host_sp) >> 7,
                      0x06,
                      0x23,
                      8,
                      0x90,
                      1};
    static_assert(sizeof ops <= sizeof f->cie.ops, "call frame information");
    memcpy(f->cie.ops, ops, sizeof ops);
    f->fde.length = sizeof f->fde - 4;
    f->fde.cie = (u32)((u8 *)&f->fde.cie - (u8 *)&f->cie);
    f->fde.start = code;
    f->fde.size = size;
}

void gdb_add(const char *name, const void *code, u64 size)
{
    size_t name_size = strlen(name) + 1, strings = sizeof section_names + name_size;
    File *f = calloc(1, sizeof *f + strings);
    if (!f)
        return;
    const u8 *base = (const u8 *)&f->header;
#define AT(field) ((u64)((const u8 *)&f->field - base))
    memcpy(f->header.e_ident, ELFMAG, SELFMAG);
    f->header.e_ident[EI_CLASS] = ELFCLASS64;
    f->header.e_ident[EI_DATA] = ELFDATA2LSB;
    f->header.e_ident[EI_VERSION] = EV_CURRENT;
    f->header.e_type = ET_REL;
    f->header.e_machine = EM_X86_64;
    f->header.e_version = EV_CURRENT;
    f->header.e_shoff = AT(section);
    f->header.e_ehsize = sizeof f->header;
    f->header.e_shentsize = sizeof *f->section;
    f->header.e_shnum = SECTIONS;
    f->header.e_shstrndx = SEC_STRTAB;
    f->section[SEC_TEXT] = (Elf64_Shdr){.sh_name = NAME_TEXT,
                                        .sh_type = SHT_NOBITS,
                                        .sh_flags = SHF_ALLOC | SHF_EXECINSTR,
                                        .sh_addr = (u64)code,
                                        .sh_size = size,
                                        .sh_addralign = 1};
    f->section[SEC_FRAME] = (Elf64_Shdr){.sh_name = NAME_FRAME,
                                         .sh_type = SHT_PROGBITS,
                                         .sh_flags = SHF_ALLOC,
                                         .sh_addr = (u64)&f->frame,
                                         .sh_offset = AT(frame),
                                         .sh_size = sizeof f->frame,
                                         .sh_addralign = 1};
    f->section[SEC_SYMTAB] = (Elf64_Shdr){.sh_name = NAME_SYMTAB,
                                          .sh_type = SHT_SYMTAB,
                                          .sh_offset = AT(symbol),
                                          .sh_size = sizeof f->symbol,
                                          .sh_link = SEC_STRTAB,
                                          .sh_info = 1,
                                          .sh_entsize = sizeof *f->symbol,
                                          .sh_addralign = 8};
    f->section[SEC_STRTAB] = (Elf64_Shdr){
        .sh_name = NAME_STRTAB, .sh_type = SHT_STRTAB, .sh_offset = AT(strings), .sh_size = strings, .sh_addralign = 1};
    f->symbol[1] = (Elf64_Sym){.st_name = sizeof section_names,
                               .st_info = ELF64_ST_INFO(STB_GLOBAL, STT_FUNC),
                               .st_shndx = SEC_TEXT,
                               .st_value = 0,
                               .st_size = size};
#undef AT
    describe_frame(&f->frame, (u64)code, size);
    memcpy(f->strings, section_names, sizeof section_names);
    memcpy(f->strings + sizeof section_names, name, name_size);

    f->entry.file = &f->header;
    f->entry.size = (u64)((const u8 *)f->strings - base) + strings;
    f->entry.next = __jit_debug_descriptor.first;
    if (f->entry.next)
        f->entry.next->prev = &f->entry;
    __jit_debug_descriptor.first = __jit_debug_descriptor.relevant = &f->entry;
    __jit_debug_descriptor.action = 1;
    __jit_debug_register_code();
}
