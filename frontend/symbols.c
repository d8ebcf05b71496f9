/* Guest functions by name, for crash reports and perf maps. Files are read through libelf and believed in nothing. */
#include "symbols.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../include/guest.h"

struct Symbols {
    Function *functions; /* by offset; names are owned */
    size_t n, cap;
};

bool mapped_file(u64 addr, MappedFile *out)
{
    char buf[sizeof out->path + 512];
    size_t have = 0;
    bool found = false;
    int fd = open("/proc/self/maps", O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return false;
    for (;;) {
        ssize_t n = read(fd, buf + have, sizeof buf - 1 - have);
        if (n <= 0)
            break;
        have += (size_t)n;
        buf[have] = 0;
        char *line = buf, *end;
        while ((end = strchr(line, '\n'))) {
            int path = 0;
            *end = 0;
            if (sscanf(line, "%lx-%lx %*s %lx %*s %*s %n", &out->lo, &out->hi, &out->offset, &path) == 3 &&
                addr >= out->lo && addr < out->hi) {
                found = path && line[path] == '/';
                if (found)
                    snprintf(out->path, sizeof out->path, "%s", line + path);
                close(fd);
                return found;
            }
            line = end + 1;
        }
        have = (size_t)(buf + have - line);
        memmove(buf, line, have);
        if (have == sizeof buf - 1)
            have = 0;
    }
    close(fd);
    return false;
}

/* The file offset of what is loaded at an address. */
static bool vaddr_to_offset(Elf *elf, u64 vaddr, u64 *offset)
{
    size_t n = 0;
    if (elf_getphdrnum(elf, &n) < 0)
        return false;
    for (size_t i = 0; i < n; i++) {
        GElf_Phdr ph;
        if (!gelf_getphdr(elf, (int)i, &ph) || ph.p_type != PT_LOAD)
            continue;
        if (vaddr >= ph.p_vaddr && vaddr - ph.p_vaddr < ph.p_filesz) {
            *offset = vaddr - ph.p_vaddr + ph.p_offset;
            return true;
        }
    }
    return false;
}

static void add(Symbols *s, u64 offset, u64 size, u64 mode, const char *name)
{
    if (s->n == s->cap) {
        size_t cap = s->cap ? 2 * s->cap : 256;
        Function *more = realloc(s->functions, cap * sizeof *more);
        if (!more)
            return;
        s->functions = more;
        s->cap = cap;
    }
    char *copy = strdup(name);
    if (copy)
        s->functions[s->n++] = (Function){offset, size, mode, copy};
}

/* The bits of a function's value that are its address. */
static u64 address_mask(Elf *elf)
{
    GElf_Ehdr h;
    for (size_t i = 0; gelf_getehdr(elf, &h) && i < nguests; i++)
        if (guests[i]->elf_machine == h.e_machine)
            return guests[i]->code_mask;
    return UINT64_MAX;
}

static void read_table(Symbols *s, Elf *elf, Elf_Scn *section, const GElf_Shdr *sh)
{
    u64 mask = address_mask(elf);
    Elf_Data *data = elf_getdata(section, NULL);
    if (!data || !sh->sh_entsize)
        return;
    for (size_t i = 0; i < sh->sh_size / sh->sh_entsize; i++) {
        GElf_Sym sym;
        u64 offset;
        if (!gelf_getsym(data, (int)i, &sym))
            break;
        const char *name = GELF_ST_TYPE(sym.st_info) == STT_FUNC ? elf_strptr(elf, sh->sh_link, sym.st_name) : NULL;
        if (name && sym.st_size && vaddr_to_offset(elf, sym.st_value & mask, &offset))
            add(s, offset, sym.st_size, sym.st_value & ~mask, name);
    }
}

static int by_offset(const void *a, const void *b)
{
    const Function *x = a, *y = b;
    return x->offset < y->offset ? -1 : x->offset > y->offset;
}

/* Takes over elf. */
static Symbols *symbols_of(Elf *elf)
{
    Symbols *s = calloc(1, sizeof *s);
    if (s && elf && elf_kind(elf) == ELF_K_ELF) {
        for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
            GElf_Shdr sh;
            if (gelf_getshdr(section, &sh) && (sh.sh_type == SHT_SYMTAB || sh.sh_type == SHT_DYNSYM))
                read_table(s, elf, section, &sh);
        }
    }
    elf_end(elf);
    if (s && !s->n) {
        symbols_free(s);
        s = NULL;
    }
    if (s)
        qsort(s->functions, s->n, sizeof *s->functions, by_offset);
    return s;
}

Symbols *symbols_new(const char *path)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    elf_version(EV_CURRENT);
    Symbols *s = symbols_of(elf_begin(fd, ELF_C_READ, NULL));
    close(fd);
    return s;
}

Symbols *symbols_new_in(const void *file, size_t size)
{
    elf_version(EV_CURRENT);
    return symbols_of(elf_memory((char *)file, size));
}

void symbols_free(Symbols *s)
{
    for (size_t i = 0; s && i < s->n; i++)
        free(s->functions[i].name);
    if (s)
        free(s->functions);
    free(s);
}

const Function *symbols_all(const Symbols *s, size_t *n)
{
    *n = s->n;
    return s->functions;
}

const char *symbols_find(const Symbols *s, u64 offset, u64 *distance)
{
    size_t lo = 0, hi = s->n;
    while (lo < hi) {
        size_t mid = lo + (hi - lo) / 2;
        if (s->functions[mid].offset <= offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    /* Functions don't nest; aliases that start at the same place may differ in size. */
    enum { ALIASES = 8 };
    for (size_t i = lo; i > 0 && i + ALIASES > lo; i--) {
        const Function *f = &s->functions[i - 1];
        *distance = offset - f->offset;
        if (*distance < f->size)
            return f->name;
    }
    return NULL;
}

void symbols_each(const Symbols *s, void (*f)(void *context, const Function *function), void *context)
{
    for (size_t i = 0; i < s->n; i++)
        f(context, &s->functions[i]);
}
