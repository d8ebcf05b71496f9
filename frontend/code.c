/* Where an ELF image has code. Executable sections say which bytes; the ELF header, symbols, the unwind tables' index
 * and whatever in its data looks like a pointer say where functions and the targets of computed jumps may begin. None
 * of it is believed: a wrong address becomes code that is never run. */
#include "code.h"

#include <gelf.h>
#include <libelf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "symbols.h"

/* An image being surveyed. */
typedef struct Scan {
    const Image *image;
    u64 bias;
    Survey *survey;
} Scan;

static int by_address(const void *a, const void *b)
{
    const CodeRange *x = a, *y = b;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* The part of [lo, hi) that lies in the file's part of an executable segment; empty if there is none. */
static CodeRange clip(const Image *image, u64 lo, u64 hi)
{
    for (size_t i = 0; i < image->nsegments; i++) {
        const Segment *s = &image->segments[i];
        if (!(s->prot & PROT_EXEC) || lo < s->vaddr || lo >= s->vaddr + s->filesz)
            continue;
        u64 end = s->vaddr + s->filesz;
        return (CodeRange){lo, hi < end ? hi : end};
    }
    return (CodeRange){0, 0};
}

/* Executable sections, where they lie in executable segments; *n of them, owned by the caller. NULL without memory. */
static CodeRange *find_sections(const Image *image, Elf *elf, size_t *n)
{
    size_t max = 0;
    if (!elf || elf_getshdrnum(elf, &max) < 0)
        max = 0;
    CodeRange *ranges = calloc(max + image->nsegments + 1, sizeof *ranges);
    for (Elf_Scn *section = NULL; ranges && max && (section = elf_nextscn(elf, section));) {
        GElf_Shdr sh;
        if (!gelf_getshdr(section, &sh) || sh.sh_type != SHT_PROGBITS || !(sh.sh_flags & SHF_EXECINSTR))
            continue;
        CodeRange r = clip(image, sh.sh_addr, sh.sh_addr + sh.sh_size);
        if (r.lo < r.hi)
            ranges[(*n)++] = r;
    }
    return ranges;
}

/* Ranges of code, apart and in order. */
static CodeRange *find_ranges(const Image *image, u64 bias, size_t *n)
{
    *n = 0;
    elf_version(EV_CURRENT);
    Elf *elf = elf_begin(image->fd, ELF_C_READ, NULL);
    CodeRange *ranges = find_sections(image, elf, n);
    elf_end(elf);
    if (!ranges)
        return NULL;
    for (size_t i = 0; i < image->nsegments && !*n; i++) {
        const Segment *s = &image->segments[i];
        if (s->prot & PROT_EXEC)
            ranges[(*n)++] = (CodeRange){s->vaddr, s->vaddr + s->filesz};
    }
    qsort(ranges, *n, sizeof *ranges, by_address);
    size_t kept = 0;
    for (size_t i = 0; i < *n; i++) {
        CodeRange r = {ranges[i].lo + bias, ranges[i].hi + bias};
        if (kept && r.lo < ranges[kept - 1].hi)
            r.lo = ranges[kept - 1].hi;
        if (r.lo < r.hi)
            ranges[kept++] = r;
    }
    *n = kept;
    return ranges;
}

static void seed_symbol(void *context, const Function *f)
{
    const Scan *scan = context;
    for (size_t i = 0; i < scan->image->nsegments; i++) {
        const Segment *s = &scan->image->segments[i];
        if (f->offset >= s->offset && f->offset - s->offset < s->filesz)
            survey_seed(scan->survey, (f->offset - s->offset + s->vaddr + scan->bias) | f->mode, CODE_ENTRY | CODE_FUNCTION);
    }
}

/* Reads the image's bytes at an unrelocated address, if there are so many in the file. */
static bool read_at(const Scan *scan, u64 vaddr, void *bytes, u64 size)
{
    for (size_t i = 0; i < scan->image->nsegments; i++) {
        const Segment *s = &scan->image->segments[i];
        if (s->prot && vaddr >= s->vaddr && vaddr - s->vaddr < s->filesz && size <= s->filesz - (vaddr - s->vaddr))
            return code_read(bytes, vaddr + scan->bias, size) == size;
    }
    return false;
}

/* The sorted table that unwinders search (LSB Core, "DWARF Extensions", .eh_frame_hdr), in the form that linkers write:
 * 32-bit offsets from its own start. */
static void seed_unwind_index(const Scan *scan, u64 vaddr, u64 size)
{
    enum { HEAD = 12, ENTRY = 8, PCREL_S4 = 0x1b, UDATA4 = 0x03, DATAREL_S4 = 0x3b };
    u8 table[HEAD];
    u32 n;
    if (!read_at(scan, vaddr, table, sizeof table) || table[0] != 1 || table[1] != PCREL_S4 || table[2] != UDATA4 || table[3] != DATAREL_S4)
        return;
    memcpy(&n, table + 8, sizeof n);
    for (u64 at = HEAD; n-- > 0 && at + ENTRY <= size; at += ENTRY) {
        i32 offset;
        if (!read_at(scan, vaddr + at, &offset, sizeof offset))
            break;
        survey_seed(scan->survey, vaddr + scan->bias + (u64)(i64)offset, CODE_ENTRY | CODE_FUNCTION);
    }
}

static void seed_unwind(const Scan *scan)
{
    Elf *elf = elf_begin(scan->image->fd, ELF_C_READ, NULL);
    for (int i = 0; elf && i < scan->image->phnum; i++) {
        GElf_Phdr ph;
        if (gelf_getphdr(elf, i, &ph) && ph.p_type == PT_GNU_EH_FRAME)
            seed_unwind_index(scan, ph.p_vaddr, ph.p_filesz);
    }
    elf_end(elf);
}

/* Words of data that are addresses of code, relocated or still to be. */
static void seed_pointers(const Scan *scan)
{
    u64 step = scan->image->guest->elf_class == ELFCLASS64 ? 8 : 4;
    for (size_t i = 0; i < scan->image->nsegments; i++) {
        const Segment *s = &scan->image->segments[i];
        if (!s->prot)
            continue;
        u64 lo = (s->vaddr + scan->bias + step - 1) & -step;
        for (u64 at = lo; at + step <= s->vaddr + scan->bias + s->filesz; at += step) {
            u64 word = 0;
            if (code_read(&word, at, step) < step)
                break;
            survey_seed(scan->survey, word, CODE_ENTRY);
            if (scan->bias)
                survey_seed(scan->survey, word + scan->bias, CODE_ENTRY);
        }
    }
}

Survey *code_survey(const Image *image, u64 bias, const char *path, u64 *bytes)
{
    size_t n;
    CodeRange *ranges = find_ranges(image, bias, &n);
    Survey *survey = ranges ? survey_new(image->guest, ranges, n) : NULL;
    *bytes = 0;
    for (size_t i = 0; ranges && i < n; i++)
        *bytes += ranges[i].hi - ranges[i].lo;
    free(ranges);
    if (!survey)
        return NULL;
    Scan scan = {image, bias, survey};
    survey_seed(survey, image->entry + bias, CODE_ENTRY | CODE_FUNCTION);
    Symbols *symbols = symbols_new(path);
    if (symbols)
        symbols_each(symbols, seed_symbol, &scan);
    symbols_free(symbols);
    seed_unwind(&scan);
    seed_pointers(&scan);
    if (survey_follow(survey) && survey_sweep(survey))
        return survey;
    survey_free(survey);
    return NULL;
}
