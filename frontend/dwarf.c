/* Sections of ELF files, and source lines: the line number programs of DWARF 2 to 5 (its section 6.2), in .debug_line.
 */
#include "dwarf.h"

#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool copy_section(Elf *elf, const char *name, Section *out)
{
    size_t strings;
    if (elf_kind(elf) != ELF_K_ELF || elf_getshdrstrndx(elf, &strings))
        return false;
    for (Elf_Scn *section = NULL; (section = elf_nextscn(elf, section));) {
        GElf_Shdr sh;
        const char *called = gelf_getshdr(section, &sh) ? elf_strptr(elf, strings, sh.sh_name) : NULL;
        if (!called || strcmp(called, name))
            continue;
        if (sh.sh_flags & SHF_COMPRESSED && elf_compress(section, 0, 0) < 0)
            return false;
        const Elf_Data *data = elf_rawdata(section, NULL);
        if (!data || !data->d_size || !data->d_buf || !(out->data = malloc(data->d_size)))
            return false;
        memcpy(out->data, data->d_buf, data->d_size);
        out->size = data->d_size;
        out->address = sh.sh_flags & SHF_ALLOC ? sh.sh_addr : 0;
        return true;
    }
    return false;
}

static Elf *open_elf(const char *path, int *fd)
{
    *fd = open(path, O_RDONLY | O_CLOEXEC);
    elf_version(EV_CURRENT);
    return *fd < 0 ? NULL : elf_begin(*fd, ELF_C_READ, NULL);
}

bool dwarf_section(const char *path, const char *name, Section *out)
{
    int fd;
    *out = (Section){0};
    Elf *elf = open_elf(path, &fd);
    bool ok = elf && copy_section(elf, name, out);
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return ok;
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

typedef struct Reader {
    const u8 *at, *end;
    bool bad;
} Reader;

static u64 fixed(Reader *r, size_t size)
{
    u64 v = 0;
    if (r->bad || (size_t)(r->end - r->at) < size || size > sizeof v) {
        r->bad = true;
        return 0;
    }
    memcpy(&v, r->at, size);
    r->at += size;
    return v;
}

static u64 uleb(Reader *r)
{
    u64 v = 0, byte = 0x80;
    for (u32 shift = 0; byte & 0x80 && !r->bad; shift += 7) {
        byte = fixed(r, 1);
        v |= shift < 64 ? (byte & 0x7f) << shift : 0;
    }
    return v;
}

static i64 sleb(Reader *r)
{
    u64 v = 0, byte = 0x80;
    u32 shift = 0;
    for (; byte & 0x80 && !r->bad; shift += 7) {
        byte = fixed(r, 1);
        v |= shift < 64 ? (byte & 0x7f) << shift : 0;
    }
    return (i64)(shift < 64 && byte & 0x40 ? v | ~0ull << shift : v);
}

static const char *string(Reader *r)
{
    const char *s = (const char *)r->at;
    const u8 *end = r->bad ? NULL : memchr(r->at, 0, (size_t)(r->end - r->at));
    if (!end) {
        r->bad = true;
        return "";
    }
    r->at = end + 1;
    return s;
}

static void skip(Reader *r, u64 size)
{
    if (size > (u64)(r->end - r->at))
        r->bad = true;
    else
        r->at += size;
}

/* -- one unit's line number program -------------------------------------------------------------------------------- */

typedef struct Lines {
    const Section *strings, *line_strings; /* .debug_str, .debug_line_str */
    u64 wanted;                            /* the address that is looked for */
    u64 file, line;                        /* what has been found: line 0: nothing */
} Lines;

/* A value of an entry's format (DWARF 5, 6.2.4.1); text if it is a string. */
static u64 form_value(Reader *r, u64 form, u32 offset_size, const Lines *l, const char **text)
{
    u64 at;
    const Section *from;
    switch (form) {
    case 0x08:
        *text = string(r);
        return 0; /* string */
    case 0x0e:    /* strp */
    case 0x1f:    /* line_strp */
        at = fixed(r, offset_size);
        from = form == 0x0e ? l->strings : l->line_strings;
        if (from->data && at < from->size && memchr(from->data + at, 0, from->size - at))
            *text = (const char *)from->data + at;
        return 0;
    case 0x0b:
        return fixed(r, 1); /* data1 */
    case 0x05:
        return fixed(r, 2); /* data2 */
    case 0x06:
        return fixed(r, 4); /* data4 */
    case 0x07:
        return fixed(r, 8); /* data8 */
    case 0x0f:
        return uleb(r); /* udata */
    case 0x1e:
        skip(r, 16);
        return 0; /* data16 */
    case 0x09:
        skip(r, uleb(r));
        return 0; /* block */
    default:
        r->bad = true;
        return 0;
    }
}

/* A table of directories or files of DWARF 5; the name of the wanted entry. */
static const char *entries(Reader *r, u32 offset_size, const Lines *l, u64 wanted)
{
    struct {
        u64 what, form;
    } format[16];
    const char *name = NULL;
    u64 formats = fixed(r, 1);
    for (u64 i = 0; i < formats && !r->bad; i++) {
        u64 what = uleb(r), form = uleb(r);
        if (i < LEN(format)) {
            format[i].what = what;
            format[i].form = form;
        }
    }
    u64 n = uleb(r);
    if (!formats || formats > LEN(format))
        r->bad |= n > 0;
    for (u64 i = 0; i < n && !r->bad; i++) {
        for (u64 k = 0; k < formats && !r->bad; k++) {
            const char *text = NULL;
            form_value(r, format[k].form, offset_size, l, &text);
            if (format[k].what == 1 && i == wanted) /* DW_LNCT_path */
                name = text;
        }
    }
    return name;
}

/* The name of a file of older units: from 1 on. */
static const char *old_file(Reader *r, u64 wanted)
{
    while (!r->bad && *string(r)) /* directories */
        ;
    for (u64 i = 1; !r->bad; i++) {
        const char *name = string(r);
        if (!*name)
            return NULL;
        uleb(r);
        uleb(r);
        uleb(r);
        if (i == wanted)
            return name;
    }
    return NULL;
}

/* Runs the program: a row holds from its address to that of the next one. */
static bool run(Reader *r, const u8 lengths[256], u64 base, u64 min_length, u8 line_base, u64 line_range, Lines *l)
{
    u64 address = 0, file = 1, line = 1, before = 0, file_before = 1, line_before = 0;
    bool any = false;
    while (r->at < r->end && !r->bad) {
        u64 op = fixed(r, 1);
        bool row = false, end = false;
        if (op >= base) {
            address += (op - base) / line_range * min_length;
            line += (u64)(i64)((i8)line_base + (i64)((op - base) % line_range));
            row = true;
        } else {
            switch (op) {
            case 0: {
                u64 size = uleb(r), kind = size ? fixed(r, 1) : 0;
                if (kind == 2 && size <= 9)
                    address = fixed(r, size - 1);
                else
                    skip(r, size ? size - 1 : 0);
                row = end = kind == 1;
                break;
            }
            case 1:
                row = true;
                break;
            case 2:
                address += uleb(r) * min_length;
                break;
            case 3:
                line += (u64)sleb(r);
                break;
            case 4:
                file = uleb(r);
                break;
            case 8:
                address += (255 - base) / line_range * min_length;
                break;
            case 9:
                address += fixed(r, 2);
                break;
            default:
                for (u8 i = 0; i < lengths[op]; i++)
                    uleb(r);
            }
        }
        if (!row)
            continue;
        if (any && l->wanted >= before && l->wanted < address) {
            l->file = file_before;
            l->line = line_before;
            return true;
        }
        any = !end;
        before = address;
        file_before = file;
        line_before = line;
        if (end)
            address = 0, file = line = 1;
    }
    return false;
}

/* A unit; the file's name if the wanted address is in it. */
static const char *unit(Reader *r, u32 offset_size, Lines *l)
{
    u64 version = fixed(r, 2);
    if (version < 2 || version > 5)
        return NULL;
    if (version == 5)
        fixed(r, 2); /* sizes of addresses and segments */
    u64 header = fixed(r, offset_size);
    Reader program = {r->at, r->end, false};
    skip(&program, header);
    u64 min_length = fixed(r, 1);
    if (version >= 4)
        fixed(r, 1);
    fixed(r, 1);
    u8 line_base = (u8)fixed(r, 1), lengths[256] = {0};
    u64 line_range = fixed(r, 1), base = fixed(r, 1);
    for (u64 i = 1; i < base; i++)
        lengths[i] = (u8)fixed(r, 1);
    if (r->bad || program.bad || !line_range || !base ||
        !run(&program, lengths, base, min_length, line_base, line_range, l))
        return NULL;
    if (version < 5)
        return old_file(r, l->file);
    entries(r, offset_size, l, 0);
    return entries(r, offset_size, l, l->file);
}

static const char *find(const Section *lines, Lines *l)
{
    Reader all = {lines->data, lines->data + lines->size, false};
    while (all.at < all.end && !all.bad) {
        u32 offset_size = 4;
        u64 length = fixed(&all, 4);
        if (length == 0xffffffff) {
            length = fixed(&all, 8);
            offset_size = 8;
        }
        Reader one = {all.at, all.at + length, false};
        skip(&all, length);
        const char *name = all.bad ? NULL : unit(&one, offset_size, l);
        if (name)
            return name;
    }
    return NULL;
}

/* The unrelocated address of what is at an offset in the file. */
static bool address_of(const char *path, u64 offset, u64 *address)
{
    int fd;
    Elf *elf = open_elf(path, &fd);
    size_t n = 0;
    bool found = false;
    if (elf && !elf_getphdrnum(elf, &n)) {
        for (size_t i = 0; i < n && !found; i++) {
            GElf_Phdr ph;
            found = gelf_getphdr(elf, (int)i, &ph) && ph.p_type == PT_LOAD && offset >= ph.p_offset &&
                    offset - ph.p_offset < ph.p_filesz;
            if (found)
                *address = offset - ph.p_offset + ph.p_vaddr;
        }
    }
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return found;
}

bool dwarf_line(const char *path, u64 offset, char *out, size_t size)
{
    Section lines, strings, line_strings;
    Lines l = {.strings = &strings, .line_strings = &line_strings};
    if (!address_of(path, offset, &l.wanted) || !dwarf_section(path, ".debug_line", &lines))
        return false;
    dwarf_section(path, ".debug_str", &strings);
    dwarf_section(path, ".debug_line_str", &line_strings);
    const char *name = find(&lines, &l);
    if (name)
        snprintf(out, size, "%s:%lu", strrchr(name, '/') ? strrchr(name, '/') + 1 : name, l.line);
    free(lines.data);
    free(strings.data);
    free(line_strings.data);
    return name;
}
