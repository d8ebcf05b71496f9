/* ELF images: reads the headers, believes nothing in them, and says in one line what is wrong with a file and what
 * to do. What is accepted is what the kernel's binfmt_elf accepts, less what could only end in a fault: segments
 * that reach past the end of the file or overlap one another. Rules: ELF gABI chapters 4 and 5, Linux
 * fs/binfmt_elf.c. */
#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <libelf.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../runtime/runtime.h"

enum {
    PAGE = 4096,
    PHNUM_MAX = 65536 / sizeof(Elf64_Phdr), /* binfmt_elf.c: load_elf_phdrs */
    EHDR_MIN = EI_NIDENT + 4,               /* enough to tell the class and the machine */
};
#define ADDRESS_END ((u64)1 << 47) /* of the host's user space: guest addresses are host addresses */

const Guest *const guests[] = {
#define GUEST(isa) &guest_##isa,
#include "guests.def"
};
const size_t nguests = LEN(guests);

const Guest *guest_find(const char *name, size_t n)
{
    for (size_t i = 0; i < nguests; i++)
        if (strlen(guests[i]->name) == n && !memcmp(guests[i]->name, name, n))
            return guests[i];
    return NULL;
}

/* e_ident, e_type and e_machine of executables and shared objects of any OS ABI. */
void guest_pattern(const Guest *guest, u8 magic[GUEST_PATTERN], u8 mask[GUEST_PATTERN])
{
    const u8 head[GUEST_PATTERN] = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, guest->elf_class, ELFDATA2LSB, EV_CURRENT,
                                    [16] = ET_EXEC, [18] = (u8)guest->elf_machine, (u8)(guest->elf_machine >> 8)};
    memcpy(magic, head, sizeof head);
    memset(mask, 0xff, GUEST_PATTERN);
    mask[EI_OSABI] = 0;
    mask[16] = (u8)~(ET_EXEC ^ ET_DYN);
}

/* Names of machines, as people write them; MACHINE(EM_ constant, name). */
#define MACHINES(MACHINE) \
    MACHINE(EM_X86_64, "x86-64") \
    MACHINE(EM_386, "i386") \
    MACHINE(EM_AARCH64, "AArch64") \
    MACHINE(EM_ARM, "32-bit Arm") \
    MACHINE(EM_RISCV, "RISC-V") \
    MACHINE(EM_PPC, "PowerPC") \
    MACHINE(EM_PPC64, "PowerPC 64") \
    MACHINE(EM_S390, "S/390") \
    MACHINE(EM_MIPS, "MIPS") \
    MACHINE(EM_SPARC, "SPARC") \
    MACHINE(EM_SPARCV9, "SPARC V9") \
    MACHINE(EM_IA_64, "Itanium") \
    MACHINE(EM_ALPHA, "Alpha") \
    MACHINE(EM_68K, "m68k") \
    MACHINE(EM_PARISC, "PA-RISC") \
    MACHINE(EM_SH, "SuperH") \
    MACHINE(258, "LoongArch") \
    MACHINE(EM_BPF, "BPF")

/* A message under construction, and the errno that goes with it. */
typedef struct Complaint {
    const char *path;
    char *why;
    size_t size;
} Complaint;

__attribute__((format(printf, 3, 4))) static int complain(const Complaint *c, int error, const char *format, ...)
{
    int n = snprintf(c->why, c->size, "%s: ", c->path);
    if (n >= 0 && (size_t)n < c->size) {
        va_list args;
        va_start(args, format);
        vsnprintf(c->why + n, c->size - (size_t)n, format, args);
        va_end(args);
    }
    return -error;
}

static const char *machine_name(u16 machine, char *buf, size_t size)
{
    switch (machine) {
#define MACHINE(em, name) case em: return name;
        MACHINES(MACHINE)
#undef MACHINE
    }
    snprintf(buf, size, "ELF machine %u", machine);
    return buf;
}

/* "aarch64, riscv64": what there is, for messages. */
static const char *supported(char *buf, size_t size)
{
    size_t n = 0;
    buf[0] = 0;
    for (size_t i = 0; i < LEN(guests) && n < size; i++)
        n += (size_t)snprintf(buf + n, size - n, "%s%s", i ? ", " : "", guests[i]->name);
    return buf;
}

/* Reads exactly `size` bytes at `offset`; false at the end of the file or on an error (errno 0 or set). */
static bool read_at(int fd, void *dst, size_t size, u64 offset)
{
    u8 *p = dst;
    while (size) {
        ssize_t n = pread(fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            if (n == 0)
                errno = 0;
            return false;
        }
        p += n;
        size -= (size_t)n;
        offset += (u64)n;
    }
    return true;
}

/* The guest for an ELF header whose first EHDR_MIN bytes are in `head`. */
static int find_guest(const Complaint *c, const u8 *head, const Guest **guest)
{
    bool big = head[EI_DATA] == ELFDATA2MSB;
    u16 machine = big ? (u16)(head[18] << 8 | head[19]) : (u16)(head[19] << 8 | head[18]);
    char name[32], list[128];
    const char *bits = head[EI_CLASS] == ELFCLASS32 ? "32-bit " : "";
    for (size_t i = 0; i < LEN(guests); i++)
        if (guests[i]->elf_machine == machine && guests[i]->elf_class == head[EI_CLASS] && !big) {
            *guest = guests[i];
            return 0;
        }
    return complain(c, ENOEXEC, "is a %s%sprogram for %s; dragoman runs little-endian programs for %s%s", bits,
                    big ? "big-endian " : "", machine_name(machine, name, sizeof name), supported(list, sizeof list),
                    machine == EM_X86_64 ? " (this one runs without dragoman)" : "");
}

static int by_vaddr(const void *a, const void *b)
{
    u64 x = ((const Segment *)a)->vaddr, y = ((const Segment *)b)->vaddr;
    return x < y ? -1 : x > y;
}

static int add_segment(const Complaint *c, Image *image, const Elf64_Phdr *ph, u64 file_size, size_t index)
{
    if (ph->p_memsz == 0)
        return 0;
    if (ph->p_filesz > ph->p_memsz)
        return complain(c, ENOEXEC,
                        "segment %zu holds more of the file (%#lx bytes) than of memory (%#lx): damaged file", index,
                        ph->p_filesz, ph->p_memsz);
    if (ph->p_filesz && (ph->p_offset > file_size || ph->p_filesz > file_size - ph->p_offset))
        return complain(c, ENOEXEC,
                        "truncated: segment %zu ends at byte %#lx of the file, which has %#lx; get a complete copy",
                        index, ph->p_offset + ph->p_filesz, file_size);
    if (ph->p_vaddr >= ADDRESS_END || ph->p_memsz > ADDRESS_END - ph->p_vaddr)
        return complain(c, ENOEXEC, "segment %zu (%#lx bytes at %#lx) lies outside the address space: damaged file",
                        index, ph->p_memsz, ph->p_vaddr);
    if (ph->p_filesz && ((ph->p_offset ^ ph->p_vaddr) & (PAGE - 1)))
        return complain(
            c, ENOEXEC,
            "segment %zu: file offset %#lx and address %#lx differ modulo the page size of %d; link it with "
            "-z max-page-size=%d or more",
            index, ph->p_offset, ph->p_vaddr, PAGE, PAGE);
    Segment *s = &image->segments[image->nsegments++];
    *s = (Segment){
        .vaddr = ph->p_vaddr,
        .memsz = ph->p_memsz,
        .offset = ph->p_offset,
        .filesz = ph->p_filesz,
        .prot = (ph->p_flags & PF_R ? PROT_READ : 0) | (ph->p_flags & PF_W ? PROT_WRITE : 0) |
            (ph->p_flags & PF_X ? PROT_EXEC : 0),
        /* The kernel too passes over an alignment that isn't a power of two. */
        .align = ph->p_align && !(ph->p_align & (ph->p_align - 1)) ? ph->p_align : 1,
    };
    return 0;
}

static int read_interp(const Complaint *c, Image *image, const Elf64_Phdr *ph)
{
    if (image->interp[0])
        return 0; /* the first one counts */
    if (ph->p_filesz < 2 || ph->p_filesz > sizeof image->interp)
        return complain(c, ENOEXEC, "its interpreter's name (PT_INTERP) is %#lx bytes long, not 2 to %zu: damaged file",
                        ph->p_filesz, sizeof image->interp);
    if (!read_at(image->fd, image->interp, ph->p_filesz, ph->p_offset))
        return complain(c, errno ? errno : ENOEXEC,
                        "truncated: its interpreter's name (PT_INTERP) at byte %#lx can't be read", ph->p_offset);
    if (image->interp[ph->p_filesz - 1] || !image->interp[0])
        return complain(c, ENOEXEC, "its interpreter's name (PT_INTERP) isn't a string: damaged file");
    return 0;
}

/* The property of all code that the architecture has, of PT_GNU_PROPERTY: notes of type NT_GNU_PROPERTY_TYPE_0, "GNU", whose
 * contents are (type, size, value) in words, aligned (binfmt_elf.c: parse_elf_properties). What is malformed says nothing. */
static u32 read_property(const Image *image, const Elf64_Phdr *ph)
{
    enum { MOST = 1024, LOPROC = (int)0xc0000000 };
    struct {
        Elf64_Nhdr head;
        char name[4];
        u8 bytes[MOST];
    } note;
    size_t align = image->guest->elf_class == ELFCLASS64 ? 8 : 4, size = ph->p_filesz;
    if (size < offsetof(typeof(note), bytes) || size > sizeof note || !read_at(image->fd, &note, size, ph->p_offset))
        return 0;
    size -= offsetof(typeof(note), bytes);
    if (note.head.n_type != NT_GNU_PROPERTY_TYPE_0 || note.head.n_namesz != 4 || memcmp(note.name, "GNU", 4) ||
        note.head.n_descsz > size)
        return 0;
    u32 property[3];
    for (size_t at = 0; at + sizeof property <= note.head.n_descsz; at += 8 + ((property[1] + align - 1) & -align)) {
        memcpy(property, note.bytes + at, sizeof property);
        if (property[0] == (u32)LOPROC && property[1] == sizeof(u32))
            return property[2];
        if (property[1] > MOST)
            break;
    }
    return 0;
}

/* True if no two segments share a byte; they are sorted. */
static int check_segments(const Complaint *c, const Image *image)
{
    if (image->nsegments == 0)
        return complain(c, ENOEXEC, "has nothing to load (no PT_LOAD): not an executable");
    for (size_t i = 1; i < image->nsegments; i++) {
        const Segment *s = &image->segments[i - 1];
        if (s->vaddr + s->memsz > s[1].vaddr)
            return complain(c, ENOEXEC, "segments at %#lx and %#lx overlap: damaged file", s->vaddr, s[1].vaddr);
    }
    return 0;
}

/* The headers of an image of 32 bits as those of 64. */
static void widen_ehdr(Elf64_Ehdr *to, const Elf32_Ehdr *from)
{
    *to = (Elf64_Ehdr){
        .e_type = from->e_type,
        .e_entry = from->e_entry,
        .e_phoff = from->e_phoff,
        .e_phentsize = from->e_phentsize,
        .e_phnum = from->e_phnum,
    };
    memcpy(to->e_ident, from->e_ident, EI_NIDENT);
}

static void widen_phdr(Elf64_Phdr *to, const Elf32_Phdr *from)
{
    *to = (Elf64_Phdr){
        .p_type = from->p_type,
        .p_flags = from->p_flags,
        .p_offset = from->p_offset,
        .p_vaddr = from->p_vaddr,
        .p_filesz = from->p_filesz,
        .p_memsz = from->p_memsz,
        .p_align = from->p_align,
    };
}

static bool read_ehdr(Elf64_Ehdr *eh, int fd, u8 class)
{
    Elf32_Ehdr narrow;
    if (class == ELFCLASS64)
        return read_at(fd, eh, sizeof *eh, 0);
    if (!read_at(fd, &narrow, sizeof narrow, 0))
        return false;
    widen_ehdr(eh, &narrow);
    return true;
}

/* n of them at `offset`, each of the file's own size. */
static bool read_phdr_table(Elf64_Phdr *to, int fd, u64 offset, size_t n, size_t each)
{
    if (each == sizeof *to)
        return read_at(fd, to, n * each, offset);
    for (size_t i = 0; i < n; i++) {
        Elf32_Phdr narrow;
        if (!read_at(fd, &narrow, sizeof narrow, offset + i * each))
            return false;
        widen_phdr(&to[i], &narrow);
    }
    return true;
}

static int read_phdrs(const Complaint *c, Image *image, const Elf64_Ehdr *eh, u64 file_size)
{
    size_t each = image->guest->elf_class == ELFCLASS64 ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr);
    if (eh->e_phentsize != each)
        return complain(c, ENOEXEC, "program headers of %u bytes instead of %zu: damaged file", eh->e_phentsize,
                        each);
    if (eh->e_phnum == 0 || eh->e_phnum > PHNUM_MAX)
        return complain(c, ENOEXEC, "%u program headers, not 1 to %d: not an executable, or damaged", eh->e_phnum,
                        PHNUM_MAX);
    size_t size = eh->e_phnum * each;
    if (eh->e_phoff > file_size || size > file_size - eh->e_phoff)
        return complain(c, ENOEXEC, "truncated: program headers at byte %#lx, file has %#lx; get a complete copy",
                        eh->e_phoff, file_size);
    Elf64_Phdr *phdrs = malloc(eh->e_phnum * sizeof *phdrs);
    image->segments = calloc(eh->e_phnum, sizeof *image->segments);
    if (!phdrs || !image->segments) {
        free(phdrs);
        return complain(c, ENOMEM, "no memory for its program headers");
    }
    int error = 0;
    if (!read_phdr_table(phdrs, image->fd, eh->e_phoff, eh->e_phnum, each))
        error = complain(c, errno ? errno : ENOEXEC, "its program headers can't be read");
    u64 phdr_vaddr = 0;
    for (size_t i = 0; !error && i < eh->e_phnum; i++) {
        const Elf64_Phdr *ph = &phdrs[i];
        switch (ph->p_type) {
        case PT_LOAD: error = add_segment(c, image, ph, file_size, i); break;
        case PT_INTERP: error = read_interp(c, image, ph); break;
        case PT_PHDR: phdr_vaddr = ph->p_vaddr; break;
        case PT_GNU_STACK: image->exec_stack = ph->p_flags & PF_X; break;
        case PT_GNU_PROPERTY: image->note = read_property(image, ph); break;
        }
    }
    free(phdrs);
    if (error)
        return error;
    qsort(image->segments, image->nsegments, sizeof *image->segments, by_vaddr);
    /* As the kernel does since 5.18: PT_PHDR's address if there is one, else where a segment holds the headers. */
    image->phdr_vaddr = phdr_vaddr;
    for (size_t i = 0; !phdr_vaddr && i < image->nsegments; i++) {
        const Segment *s = &image->segments[i];
        if (eh->e_phoff >= s->offset && eh->e_phoff - s->offset < s->filesz) {
            image->phdr_vaddr = eh->e_phoff - s->offset + s->vaddr;
            break;
        }
    }
    return check_segments(c, image);
}

static int check_type(const Complaint *c, const Elf64_Ehdr *eh)
{
    switch (eh->e_type) {
    case ET_EXEC:
    case ET_DYN: return 0;
    case ET_REL: return complain(c, ENOEXEC, "is an object file (ET_REL); link it into a program first");
    case ET_CORE: return complain(c, ENOEXEC, "is a core dump, not a program");
    default: return complain(c, ENOEXEC, "has ELF type %u, which is no program", eh->e_type);
    }
}

int image_open(Image *image, int fd, const char *path, char *why, size_t size)
{
    Complaint c = {path, why, size};
    *image = (Image){.fd = fd};
    struct stat st;
    if (fstat(fd, &st) < 0)
        return complain(&c, errno, "%s", strerror(errno));
    if (S_ISDIR(st.st_mode))
        return complain(&c, EACCES, "is a directory, not a program");
    if (!S_ISREG(st.st_mode))
        return complain(&c, EACCES, "isn't a regular file");
    Elf64_Ehdr eh;
    u8 *head = (u8 *)&eh;
    bool complete = read_at(fd, head, EHDR_MIN, 0);
    if (!complete && errno)
        return complain(&c, errno, "can't be read: %s", strerror(errno));
    if (!complete || memcmp(head, ELFMAG, SELFMAG))
        return complain(&c, ENOEXEC, st.st_size ? "isn't an ELF program" : "is empty, so not an ELF program");
    int error = find_guest(&c, head, &image->guest);
    if (error)
        return error;
    if (!read_ehdr(&eh, fd, image->guest->elf_class))
        return complain(&c, ENOEXEC, "truncated: its ELF header needs %zu bytes, file has %#lx; get a complete copy",
                        image->guest->elf_class == ELFCLASS64 ? sizeof(Elf64_Ehdr) : sizeof(Elf32_Ehdr), (u64)st.st_size);
    if (eh.e_ident[EI_VERSION] != EV_CURRENT)
        return complain(&c, ENOEXEC, "its ELF header can't be decoded: version %u", eh.e_ident[EI_VERSION]);
    error = check_type(&c, &eh);
    if (error)
        return error;
    image->pie = eh.e_type == ET_DYN;
    image->entry = eh.e_entry;
    image->phoff = eh.e_phoff;
    image->phnum = eh.e_phnum;
    image->phentsize = eh.e_phentsize;
    error = read_phdrs(&c, image, &eh, (u64)st.st_size);
    if (error) {
        free(image->segments);
        image->segments = NULL;
    }
    return error;
}

void image_close(Image *image)
{
    free(image->segments);
    image->segments = NULL;
    if (image->fd >= 0)
        close(image->fd);
    image->fd = -1;
}
