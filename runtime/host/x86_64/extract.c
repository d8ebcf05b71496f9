/* Reads the object of stencils.c and writes the tables of stencil.h as C.
 *
 * extract stencils.o out.c
 *
 * Needs one section a function (-ffunction-sections), so that every reference between functions is a relocation.
 * Constant data that stencils refer to is copied to one array and addressed from there. Runs on the build machine
 * only; anything it doesn't understand ends the build with one line. */
#include <fcntl.h>
#include <gelf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "stencil.h"

static const char *const hole_names[] = {
#define HOLE_NAME(name) #name,
    HOLES(HOLE_NAME)
#undef HOLE_NAME
};

static const char *const row_names[] = {
#define OP(name, ...) #name,
#include "../../../lifter/ir.def"
#define HOST(op, ...) "host_" #op,
#include "../../../lifter/host.def"
};
_Static_assert(LEN(row_names) == STENCILS, "a name for each row");

enum { MAX_SYMBOLS = 4096, MAX_SECTIONS = 131072 };

typedef struct Extract {
    Elf *elf;
    FILE *out;
    Elf_Data *symtab;
    size_t nsyms, strings;
    const char *symbols[MAX_SYMBOLS]; /* names for stencil_symbols */
    size_t nsymbols;
    i64 rodata_at[MAX_SECTIONS]; /* offset of a copied data section in stencil_rodata, or -1 */
    size_t rodata_size;
    size_t bytes, holes;
    char *row[STENCILS]; /* of the table of stencils; owned */
    FILE *hole_file, *rodata_file;
    char *hole_text, *rodata_text;
    size_t hole_size, rodata_text_size;
} Extract;

static _Noreturn void __attribute__((format(printf, 1, 2))) fail(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fputs("extract: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}

static u16 symbol_index(Extract *x, const char *name)
{
    for (size_t i = 0; i < x->nsymbols; i++)
        if (!strcmp(x->symbols[i], name))
            return (u16)i;
    if (x->nsymbols == MAX_SYMBOLS)
        fail("more than %d symbols", MAX_SYMBOLS);
    x->symbols[x->nsymbols] = name;
    return (u16)x->nsymbols++;
}

/* Offset in stencil_rodata of a data section, copied on first use. */
static i64 rodata_offset(Extract *x, size_t index)
{
    if (index >= MAX_SECTIONS)
        fail("more than %d sections", MAX_SECTIONS);
    if (x->rodata_at[index] >= 0)
        return x->rodata_at[index];
    Elf_Scn *section = elf_getscn(x->elf, index);
    GElf_Shdr header;
    gelf_getshdr(section, &header);
    if (header.sh_flags & (SHF_WRITE | SHF_EXECINSTR) || !(header.sh_flags & SHF_ALLOC) || header.sh_addralign > 64)
        fail("a stencil refers to section %s, which isn't constant data",
             elf_strptr(x->elf, x->strings, header.sh_name));
    Elf_Data *data = elf_getdata(section, NULL);
    size_t align = header.sh_addralign ? header.sh_addralign : 1;
    for (; x->rodata_size % align; x->rodata_size++)
        fputs("0,", x->rodata_file);
    x->rodata_at[index] = (i64)x->rodata_size;
    for (size_t i = 0; i < header.sh_size; i++)
        fprintf(x->rodata_file, "%u,", data->d_buf ? ((const u8 *)data->d_buf)[i] : 0);
    fputc('\n', x->rodata_file);
    x->rodata_size += header.sh_size;
    return x->rodata_at[index];
}

static int hole_index(const char *name)
{
    if (!strcmp(name, "CONT"))
        return HOLE_CONT_;
    if (strncmp(name, "HOLE_", 5))
        return -1;
    for (int i = 0; i < HOLE_COUNT; i++)
        if (!strcmp(name + 5, hole_names[i]))
            return i;
    fail("unknown hole %s", name);
}

static int row_index(const char *name)
{
    for (int i = 0; i < STENCILS; i++)
        if (!strcmp(row_names[i], name))
            return i;
    fail("no row for stencil %s", name);
}

/* clang takes a hole for a place of the program, whose address it may get relative to the instruction's: lea disp(%rip), reg. Makes it
 * mov $imm, reg, which is as long. */
static void make_constant(const char *stencil, u8 *code, u64 at)
{
    if (at < 3 || (code[at - 3] & 0xfb) != 0x48 || code[at - 2] != 0x8d || (code[at - 1] & 0xc7) != 5)
        fail("%s: an instruction at %zu has a constant relative to its place", stencil, (size_t)at);
    code[at - 1] = 0xc0 | (code[at - 1] >> 3 & 7);
    code[at - 2] = 0xc7;
    code[at - 3] = code[at - 3] & 4 ? 0x49 : 0x48;
}

/* One relocation of a stencil as a hole; false if it is the trailing jump to CONT, which is not copied. */
static bool relocation(Extract *x, const char *stencil, const GElf_Rela *r, u8 *code, u64 *size)
{
    GElf_Sym sym;
    gelf_getsym(x->symtab, (int)GELF_R_SYM(r->r_info), &sym);
    GElf_Shdr symtab_header;
    const char *name = NULL;
    if (GELF_ST_TYPE(sym.st_info) != STT_SECTION) {
        Elf_Scn *section = NULL;
        while ((section = elf_nextscn(x->elf, section))) {
            gelf_getshdr(section, &symtab_header);
            if (symtab_header.sh_type == SHT_SYMTAB)
                break;
        }
        name = elf_strptr(x->elf, symtab_header.sh_link, sym.st_name);
    }
    u32 type = (u32)GELF_R_TYPE(r->r_info);
    bool relative = type == R_X86_64_PC32 || type == R_X86_64_PLT32;
    int hole = sym.st_shndx == SHN_UNDEF ? hole_index(name) : -1;
    const char *patch;
    i64 addend = r->r_addend;
    unsigned what;
    if (hole >= 0) {
        what = (unsigned)hole;
        bool place = hole == HOLE_CONT_;
        if (place && !relative)
            fail("%s: relocation %u against %s", stencil, type, name);
        if (place && r->r_offset + 4 == *size && code[r->r_offset - 1] == 0xe9) {
            *size -= 5;
            return false;
        }
        switch (type) {
        case R_X86_64_8:
            patch = "PATCH_ABS8";
            break;
        case R_X86_64_16:
            patch = "PATCH_ABS16";
            break;
        case R_X86_64_32:
        case R_X86_64_32S:
            patch = "PATCH_ABS32";
            break;
        case R_X86_64_64:
            patch = "PATCH_ABS64";
            break;
        default:
            patch = "PATCH_PLACE32";
            if (!place) {
                make_constant(stencil, code, r->r_offset);
                patch = "PATCH_ABS32";
                addend += 4;
            }
        }
    } else {
        if (sym.st_shndx != SHN_UNDEF) {
            addend += (i64)sym.st_value + rodata_offset(x, sym.st_shndx);
            name = "stencil_rodata";
        }
        what = symbol_index(x, name);
        patch = "PATCH_SYMREL32";
        if (!relative) /* the translator isn't within 32 bits of 0 */
            fail("%s: relocation %u against %s", stencil, type, name);
    }
    fprintf(x->hole_file, "{%u,%u,%d,%s},\n", (unsigned)r->r_offset, what, (int)addend, patch);
    return true;
}

static void stencil(Extract *x, const char *name, const GElf_Sym *sym)
{
    bool best = !strncmp(name, "st_best_", 8);
    int row = row_index(name + (best ? 8 : 3));
    if (x->row[row])
        return; /* a better one has been there */

    Elf_Scn *section = elf_getscn(x->elf, sym->st_shndx);
    Elf_Data *data = elf_getdata(section, NULL);
    u8 *code = (u8 *)data->d_buf + sym->st_value;
    u64 size = sym->st_size;
    size_t nholes = 0;
    if (sym->st_value)
        fail("%s: not at the start of its section", name);
    GElf_Shdr header = {0};
    Elf_Scn *s = NULL;
    while ((s = elf_nextscn(x->elf, s)) && gelf_getshdr(s, &header))
        if (header.sh_type == SHT_RELA && header.sh_info == sym->st_shndx)
            break;
    size_t nrelocations = s ? header.sh_size / header.sh_entsize : 0;
    Elf_Data *rela = s ? elf_getdata(s, NULL) : NULL;
    if (size > STENCIL_MAX)
        fail("%s: too large (%zu bytes)", name, (size_t)size);
    for (size_t i = 0; i < nrelocations; i++) {
        GElf_Rela r;
        gelf_getrela(rela, (int)i, &r);
        nholes += relocation(x, name, &r, code, &size);
    }
    if (asprintf(&x->row[row], "{%zu,%zu,%zu,%zu}", x->bytes, x->holes, (size_t)size, nholes) < 0)
        fail("out of memory");
    fprintf(x->out, "/* %s */", name + 3);
    for (u64 i = 0; i < size; i++)
        fprintf(x->out, "%u,", code[i]);
    fputc('\n', x->out);
    x->bytes += size;
    x->holes += nholes;
}

static void write_tables(Extract *x)
{
    fclose(x->hole_file);
    fclose(x->rodata_file);
    fprintf(x->out, "};\n\nstatic const u8 stencil_rodata[] __attribute__((aligned(64))) = {\n%s0};\n", x->rodata_text);
    fprintf(x->out, "\nconst Hole stencil_holes[] = {\n%s{0}};\n", x->hole_text);
    fputs("\nconst Stencil stencils[STENCILS] = {\n", x->out);
    for (int i = 0; i < STENCILS; i++) {
        if (x->row[i])
            fprintf(x->out, "[%d] = %s, /* %s */\n", i, x->row[i], row_names[i]);
        free(x->row[i]);
    }
    fputs("};\n\n", x->out);
    for (size_t i = 0; i < x->nsymbols; i++)
        if (strcmp(x->symbols[i], "stencil_rodata"))
            fprintf(x->out, "extern const char symbol_%zu[] __asm__(\"%s\");\n", i, x->symbols[i]);
    fputs("\nconst void *const stencil_symbols[] = {\n", x->out);
    for (size_t i = 0; i < x->nsymbols; i++)
        if (strcmp(x->symbols[i], "stencil_rodata"))
            fprintf(x->out, "symbol_%zu,\n", i);
        else
            fputs("stencil_rodata,\n", x->out);
    fputs("0};\n", x->out);
}

int main(int argc, char **argv)
{
    if (argc != 3)
        fail("usage: extract stencils.o out.c");
    elf_version(EV_CURRENT);
    int fd = open(argv[1], O_RDONLY);
    Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
    if (!elf)
        fail("cannot read %s", argv[1]);
    Extract *x = calloc(1, sizeof *x);
    x->elf = elf;
    x->out = fopen(argv[2], "w");
    x->hole_file = open_memstream(&x->hole_text, &x->hole_size);
    x->rodata_file = open_memstream(&x->rodata_text, &x->rodata_text_size);
    if (!x->out || !x->hole_file || !x->rodata_file)
        fail("cannot write %s", argv[2]);
    memset(x->rodata_at, 0xff, sizeof x->rodata_at);
    elf_getshdrstrndx(elf, &x->strings);
    fputs("/* Made by extract from stencils.c. */\n#include \"stencil.h\"\n\nconst u8 stencil_bytes[] = {\n", x->out);

    Elf_Scn *section = NULL;
    GElf_Shdr header;
    while ((section = elf_nextscn(elf, section))) {
        gelf_getshdr(section, &header);
        if (header.sh_type == SHT_SYMTAB)
            break;
    }
    if (!section)
        fail("%s has no symbols", argv[1]);
    x->symtab = elf_getdata(section, NULL);
    x->nsyms = header.sh_size / header.sh_entsize;
    size_t names = header.sh_link;
    /* The better ones first: those made of bodies are then left out. */
    for (int best = 1; best >= 0; best--)
        for (size_t i = 0; i < x->nsyms; i++) {
            GElf_Sym sym;
            gelf_getsym(x->symtab, (int)i, &sym);
            const char *name = elf_strptr(elf, names, sym.st_name);
            if (GELF_ST_TYPE(sym.st_info) == STT_FUNC && sym.st_shndx != SHN_UNDEF && !strncmp(name, "st_", 3) &&
                (strncmp(name, "st_best_", 8) == 0) == best)
                stencil(x, name, &sym);
        }
    for (int i = 0; i < STENCIL_PAD; i++)
        fputs("0,", x->out);
    write_tables(x);
    if (fclose(x->out))
        fail("cannot write %s", argv[2]);
    elf_end(elf);
    close(fd);
    free(x);
    return 0;
}
