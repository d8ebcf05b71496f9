/* `dragoman aot`: a guest program, translated, as an executable of the host's (runtime/ahead.h says what that is). The
 * output gets its name when it is complete. */
#include "aot.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../lifter/host.h"
#include "../runtime/kept.h"
#include "../runtime/load.h"
#include "../runtime/store.h"
#include "command.h"
#include "libraries.h"
#include "producer.h"

enum { PAGE = 4096, MAX_WORKERS = 64, MAX_LIBS = 64 };

/* Program headers of the output. */
typedef struct Headers {
    Elf64_Phdr ph[24];
    u32 count;
} Headers;

typedef struct Aot {
    const char *program, *output;
    const char *libs[MAX_LIBS]; /* --lib */
    u32 nlibs;
    char name[PATH_MAX];      /* the output's, links followed */
    char temporary[PATH_MAX]; /* the output until it is complete; "" if it goes to something else than a file */
    char directory[PATH_MAX]; /* of that */
    char root[PATH_MAX];      /* the guest's */
    int sink;                 /* that, open for writing; -1 for a file */
    const char *cpu;
    bool counts; /* --stats */
    bool with_libs, embed;
    bool no_jit; /* without LLVM */
    Image image;
    Libraries libraries;
    size_t nfiles; /* of them, the ones that are translated */
    int *units;    /* a file of units for each */
    size_t known;  /* those of them that other outputs had had made */
    char cache[PATH_MAX];
    bool into_cache; /* --format=cache */
    Producer producer;
    int out;
    u64 payload; /* its offset in the output */
    u64 end;     /* of what is written so far */
    u64 kept_at; /* where the next file's code in one piece will be mapped */
    Headers headers;
} Aot;

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("dragoman aot: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
}

static u64 page_up(u64 n)
{
    return (n + PAGE - 1) & ~(u64)(PAGE - 1);
}

static bool read_all(int fd, void *data, u64 size, u64 offset)
{
    for (u8 *p = data; size;) {
        ssize_t n = pread(fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return false;
        p += n;
        offset += (u64)n;
        size -= (u64)n;
    }
    return true;
}

/* Appends the file to the output, on a page of its own; *offset is where in the payload. */
static bool append(Aot *a, int fd, u64 *offset, u64 *size)
{
    struct stat st;
    if (fstat(fd, &st))
        return false;
    *offset = a->end - a->payload;
    *size = (u64)st.st_size;
    void *file = *size ? mmap(NULL, *size, PROT_READ, MAP_PRIVATE, fd, 0) : NULL;
    bool ok = file != MAP_FAILED && producer_write(a->out, file, *size, a->end);
    if (file && file != MAP_FAILED)
        munmap(file, *size);
    a->end = page_up(a->end + *size);
    return ok;
}

/* The file's code in one piece, behind its units: see kept.h. Without it the units are placed one by one. */
static bool append_kept(Aot *a, size_t i, AheadFile *f, int fd)
{
    char why[512];
    Image image = {0};
    struct stat st;
    UnitFile units;
    void *bytes, *file = fstat(fd, &st) ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (file == MAP_FAILED || image_open(&image, fd, a->libraries.all[i].host, why, sizeof why))
        return false;
    u64 base = image.pie ? LOAD_PIE_BASE : 0;
    for (size_t s = image.nsegments; s-- > 0;)
        if (image.segments[s].prot & PROT_EXEC)
            base = (image.pie ? LOAD_PIE_BASE : 0) + (image.segments[s].vaddr - image.segments[s].offset);
    unitfile_map(&units, a->units[i]);
    bool ok = true;
    if (!kept_build(image.guest, &units, base, file, (u64)st.st_size, a->kept_at, &bytes, &f->kept_size)) {
        f->kept = a->end - a->payload;
        ok = producer_write(a->out, bytes, f->kept_size, a->end);
        a->end = page_up(a->end + f->kept_size);
        a->kept_at += (f->kept_size + ARENA_GRAIN - 1) & -ARENA_GRAIN;
        munmap(bytes, f->kept_size);
    }
    unitfile_close(&units);
    munmap(file, (size_t)st.st_size);
    free(image.segments);
    return ok;
}

/* -- the guest ---------------------------------------------------------------------------------------------- */

/* The program, and, as far as they are asked for, the files that it needs. */
static int find_files(Aot *a)
{
    char why[512];
    Libraries *l = &a->libraries;
    int fd = open(a->program, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) {
        complain("%s: %s", a->program, strerror(errno));
        return 1;
    }
    if (image_open(&a->image, fd, a->program, why, sizeof why)) {
        complain("%s", why);
        return 1;
    }
    Options none = {0};
    if (!a->root[0] && a->image.interp[0])
        load_default_root(&none, &a->image, a->root);
    l->root = a->root[0] ? a->root : NULL;
    int error = libraries_add_program(l, &a->image, a->program, why, sizeof why);
    for (u32 i = 0; i < a->nlibs && !error; i++)
        error = libraries_add(l, &a->image, a->libs[i], why, sizeof why);
    if (error && (a->with_libs || error != -ENOENT)) {
        complain("%s", why);
        return 1;
    }
    a->nfiles = a->with_libs ? l->count : 1;
    a->units = calloc(a->nfiles, sizeof *a->units);
    return !a->units;
}

/* -- being ended: nothing is left behind, and processes go with the one that forked them --------------------------- */

static const int endings[] = {SIGINT, SIGTERM, SIGHUP};
static Aot *interrupted; /* the one there is, for the handler */

static void on_ending(int signo)
{
    if (interrupted->temporary[0])
        unlink(interrupted->temporary);
    raise(signo); /* SA_RESETHAND: it ends us behind the handler */
}

static void expect_endings(Aot *a)
{
    struct sigaction old, end = {.sa_handler = on_ending, .sa_flags = (int)SA_RESETHAND};
    interrupted = a;
    for (size_t i = 0; i < LEN(endings); i++)
        if (!sigaction(endings[i], NULL, &old) && old.sa_handler != SIG_IGN)
            sigaction(endings[i], &end, NULL);
}

/* -- translating -------------------------------------------------------------------------------------------- */

/* The user's cache, or none. */
static bool find_cache(Aot *a)
{
    const char *path = getenv("DRAGOMAN_CACHE");
    if (path && *path)
        snprintf(a->cache, sizeof a->cache, "%s", path);
    return !getenv("DRAGOMAN_NO_CACHE") && (a->cache[0] || store_default(a->cache, sizeof a->cache));
}

/* The directory in which other outputs' files of units for libraries are; -1: none. */
static int open_kept(Aot *a)
{
    enum { KIND = 1 }; /* of what is made: the next one, if that changes without dragoman's build */
    const Producer *p = &a->producer;
    const u64 how[] = {KIND, (u64)p->opt, p->exact, p->tags, a->counts, host_cpu()};
    return find_cache(a) ? store_apart(a->image.guest, a->cache, how, LEN(how)) : -1;
}

/* One of them, if all that is in it is good; -1 if not. */
static int open_units(int dir, const char *name)
{
    UnitFileStat s;
    int fd =
        unitfile_stat(dir, name, &s) || s.bad || !s.records ? -1 : openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd >= 0 && !unitfile_trusts(fd, false))
        fd = (close(fd), -1);
    return fd;
}

static void keep_units(int dir, const char *name, int fd)
{
    struct stat st;
    void *bytes = fstat(fd, &st) ? MAP_FAILED : mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
    if (bytes == MAP_FAILED)
        return;
    unitfile_replace(dir, name, bytes, (size_t)st.st_size); /* or it is made again the next time */
    munmap(bytes, (size_t)st.st_size);
}

/* Translates the files, or takes what other outputs have had made of the same libraries. */
static bool make_units(Aot *a)
{
    Producer *p = &a->producer;
    int dir = p->cache ? -1 : open_kept(a);
    char(*names)[STORE_NAME] = calloc(a->nfiles, sizeof *names);
    bool *made = calloc(a->nfiles, sizeof *made);
    for (size_t i = 0; names && made && i < a->nfiles; i++) {
        int fd = dir < 0 || i == 0 ? -1 : open(a->libraries.all[i].host, O_RDONLY | O_CLOEXEC);
        a->units[i] = fd >= 0 && store_content(fd, names[i]) ? open_units(dir, names[i]) : -1;
        if (fd >= 0)
            close(fd);
        a->known += a->units[i] >= 0;
        if (a->units[i] >= 0)
            continue;
        made[i] = true;
        a->units[i] = producer_scratch(p->scratch);
        producer_file(p, &(ProducerFile){.path = a->libraries.all[i].host, .out = a->units[i]});
    }
    bool ok = producer_end(p) && names && made;
    for (size_t i = 0; ok && i < a->nfiles; i++)
        if (made[i] && names[i][0])
            keep_units(dir, names[i], a->units[i]);
    free(names);
    free(made);
    if (dir >= 0)
        close(dir);
    return ok;
}

static int translate_all(Aot *a)
{
    Producer *p = &a->producer;
    p->shown = a->program;
    p->scratch = a->directory[0] ? a->directory : NULL;
    p->regions = true;
    if (a->counts)
        lift_counting();
    if (!producer_begin(p)) {
        complain("out of memory");
        return 1;
    }
    return !make_units(a);
}

/* -- the output --------------------------------------------------------------------------------------------- */

static int open_self(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : open((const char *)getauxval(AT_EXECFN), O_RDONLY | O_CLOEXEC);
}

/* Nobody reads the note: the linker gives it a program header of its own, and outputs have one segment more than this
 * executable. */
__attribute__((section(".note.dragoman"), aligned(8), used)) static const struct {
    u32 name_size, size, type;
    char name[12];
} note = {sizeof note.name, 0, 1, "dragoman"};

/* What the linker has put into sections of its own (tools/llvm.ld). */
extern const u8 __start_llvm_text[], __stop_llvm_text[], __start_llvm_rodata[], __stop_llvm_rodata[];

/* Copies [lo, hi) of a segment, which is `from`, behind what is there already, with a header of its own. */
static bool copy_part(Aot *a, Headers *h, int fd, const Elf64_Phdr *from, u64 lo, u64 hi)
{
    u64 skip = lo - from->p_vaddr, file_end = from->p_vaddr + from->p_filesz,
        size = (hi < file_end ? hi : file_end) - lo;
    u64 at = (a->end & -(u64)PAGE) + lo % PAGE;
    at += at < a->end ? PAGE : 0;
    u8 *bytes = malloc(size);
    bool ok = h->count < LEN(h->ph) && bytes && read_all(fd, bytes, size, from->p_offset + skip) &&
              producer_write(a->out, bytes, size, at);
    free(bytes);
    if (!ok)
        return false;
    Elf64_Phdr *ph = &h->ph[h->count++];
    *ph = *from;
    ph->p_vaddr = ph->p_paddr = lo;
    ph->p_offset = at;
    ph->p_filesz = size;
    ph->p_memsz = hi - lo;
    a->end = at + size;
    return true;
}

/* Copies a segment, but for whole pages of LLVM's if there is to be none. */
static bool copy_segment(Aot *a, Headers *h, int fd, const Elf64_Phdr *from)
{
    const u64 holes[][2] = {{(u64)__start_llvm_rodata, (u64)__stop_llvm_rodata},
                            {(u64)__start_llvm_text, (u64)__stop_llvm_text}};
    u64 lo = from->p_vaddr, hi = lo + from->p_memsz;
    for (size_t i = 0; a->no_jit && i < LEN(holes); i++) {
        u64 begin = page_up(holes[i][0]), end = holes[i][1] & -(u64)PAGE;
        if (begin < lo || end > hi || begin >= end)
            continue;
        if (begin > lo && !copy_part(a, h, fd, from, lo, begin))
            return false;
        lo = end;
    }
    return copy_part(a, h, fd, from, lo, hi);
}

/* Copies what this executable loads: section headers and symbols stay behind. */
static bool copy_segments(Aot *a, Headers *h)
{
    const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
    int fd = open_self();
    bool ok = fd >= 0;
    for (u64 i = 0; ok && i < getauxval(AT_PHNUM); i++)
        if (ph[i].p_type == PT_LOAD)
            ok = copy_segment(a, h, fd, &ph[i]);
    if (fd >= 0)
        close(fd);
    return ok;
}

static int copy_self(Aot *a)
{
    if (!copy_segments(a, &a->headers)) {
        complain("can't copy this program's own executable: %s", strerror(errno));
        return 1;
    }
    a->payload = page_up(a->end);
    return 0;
}

/* Where the file has an address. */
static u64 offset_of(const Headers *h, u64 address)
{
    for (u32 i = 0; i < h->count; i++)
        if (h->ph[i].p_type == PT_LOAD && address >= h->ph[i].p_vaddr && address < h->ph[i].p_vaddr + h->ph[i].p_memsz)
            return h->ph[i].p_offset + (address - h->ph[i].p_vaddr);
    return 0;
}

/* The segments, the payload's, and of the other headers those that anybody looks at: that leaves room enough where they
 * were. */
static bool write_headers(Aot *a, u64 size)
{
    Elf64_Ehdr eh;
    Headers *h = &a->headers;
    const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
    h->ph[h->count++] = (Elf64_Phdr){.p_type = PT_LOAD,
                                     .p_flags = PF_R,
                                     .p_offset = a->payload,
                                     .p_vaddr = AHEAD_ADDRESS,
                                     .p_paddr = AHEAD_ADDRESS,
                                     .p_filesz = size,
                                     .p_memsz = size,
                                     .p_align = PAGE};
    for (u64 i = 0; i < getauxval(AT_PHNUM); i++) {
        bool note = ph[i].p_type == PT_NOTE,
             id = note && ((const Elf64_Nhdr *)ph[i].p_vaddr)->n_type == NT_GNU_BUILD_ID;
        if (ph[i].p_type == PT_LOAD || ph[i].p_type == PT_PHDR || (note && !id) || h->count == LEN(h->ph))
            continue;
        h->ph[h->count] = ph[i];
        h->ph[h->count++].p_offset = offset_of(h, ph[i].p_vaddr);
    }
    if (h->count > getauxval(AT_PHNUM) || !read_all(a->out, &eh, sizeof eh, 0)) {
        errno = ENOEXEC;
        return false;
    }
    eh.e_shoff = 0;
    eh.e_shnum = eh.e_shstrndx = 0;
    eh.e_phnum = (u16)h->count;
    return producer_write(a->out, &eh, sizeof eh, 0) &&
           producer_write(a->out, h->ph, h->count * sizeof *h->ph, eh.e_phoff);
}

/* Where the guest will find a library that the output has: where its dynamic linker looks in any case. */
static void embedded_path(const Aot *a, const Library *l, char path[PATH_MAX])
{
    const char *slash = strrchr(l->path, '/');
    bool moves = l != a->libraries.all && !l->named && a->libraries.home && slash;
    snprintf(path, PATH_MAX, "%s%s", moves ? a->libraries.home : "", moves ? slash : l->path);
}

static bool append_file(Aot *a, size_t i, AheadFile *f)
{
    const Library *l = &a->libraries.all[i];
    int fd = open(l->host, O_RDONLY | O_CLOEXEC);
    bool within = i == 0 || a->embed;
    bool ok = fd >= 0 && store_name(fd, f->name) && append(a, a->units[i], &f->units, &f->units_size) &&
              append_kept(a, i, f, fd) && (!within || append(a, fd, &f->image, &f->image_size));
    if (within)
        embedded_path(a, l, f->path);
    else
        snprintf(f->path, sizeof f->path, "%s", l->path);
    if (fd >= 0)
        close(fd);
    return ok;
}

static int write_payload(Aot *a)
{
    size_t size = sizeof(Ahead) + a->nfiles * sizeof(AheadFile);
    Ahead *head = calloc(1, size);
    if (!head) {
        complain("out of memory");
        return 1;
    }
    *head = (Ahead){.magic = AHEAD_MAGIC, .counts = a->counts, .no_llvm = a->no_jit, .nfiles = a->nfiles};
    snprintf(head->cpu, sizeof head->cpu, "%s", a->cpu);
    if (a->image.interp[0] && !a->embed)
        snprintf(head->root, sizeof head->root, "%s", a->root);
    a->end = a->payload + page_up(size);
    a->kept_at = ARENA_KEPT_LO;
    bool ok = true;
    for (size_t i = 0; ok && i < a->nfiles; i++)
        ok = append_file(a, i, &head->files[i]);
    head->size = a->end - a->payload;
    errno = head->size > AHEAD_SIZE ? EFBIG : errno;
    ok = ok && head->size <= AHEAD_SIZE && !ftruncate(a->out, (off_t)a->end) &&
         producer_write(a->out, head, size, a->payload) && write_headers(a, head->size);
    if (!ok)
        complain("%s: %s", a->output, strerror(errno));
    free(head);
    return !ok;
}

/* A file is replaced when its successor is complete; what isn't one, a device or a pipe, is written to when all is
 * done. */
static int open_output(Aot *a)
{
    struct stat st;
    bool there = !stat(a->output, &st);
    a->sink = -1;
    if (there && S_ISDIR(st.st_mode)) {
        complain("%s: is a directory, not a file to write", a->output);
        return 1;
    }
    if (there && !S_ISREG(st.st_mode)) {
        a->sink = open(a->output, O_WRONLY | O_CLOEXEC | O_NOCTTY);
        a->out = a->sink < 0 ? -1 : memfd_create("aot", MFD_CLOEXEC);
        if (a->out >= 0)
            return 0;
        complain("%s: %s", a->output, strerror(errno));
        return 1;
    }
    if (!there || !realpath(a->output, a->name))
        snprintf(a->name, sizeof a->name, "%s", a->output);
    const char *slash = strrchr(a->name, '/');
    snprintf(a->directory, sizeof a->directory, "%.*s", slash ? (int)(slash - a->name + 1) : 1, slash ? a->name : ".");
    int n = snprintf(a->temporary, sizeof a->temporary, "%s.%d", a->name, (int)getpid());
    a->out = n < (int)sizeof a->temporary ? open(a->temporary, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0700) : -1;
    if (a->out >= 0)
        return 0;
    complain("%s: %s", a->temporary, strerror(errno));
    a->temporary[0] = 0;
    return 1;
}

/* Sends what is complete to what isn't a file. */
static bool send_output(const Aot *a)
{
    char buffer[1 << 16];
    ssize_t n;
    for (off_t at = 0; (n = pread(a->out, buffer, sizeof buffer, at)) > 0;) {
        ssize_t written = write(a->sink, buffer, (size_t)n);
        if (written < 0 && errno != EINTR)
            return false;
        at += written < 0 ? 0 : written;
    }
    return n == 0;
}

/* The program's own permissions, and its name. */
static int name_output(Aot *a)
{
    struct stat st;
    mode_t mask = umask(0);
    umask(mask);
    mode_t mode = fstat(a->image.fd, &st) ? 0755 : (st.st_mode & 0777) | 0100;
    if (a->sink >= 0 ? send_output(a) && !close(a->sink)
                     : !fchmod(a->out, mode & ~mask) && !close(a->out) && !rename(a->temporary, a->name)) {
        a->temporary[0] = 0;
        return 0;
    }
    complain("%s: %s", a->output, strerror(errno));
    return 1;
}

static void report(const Aot *a, double seconds)
{
    const ProducerBoard *b = a->producer.board;
    FILE *f = a->sink < 0 ? stdout : stderr; /* standard output may be where it went */
    fprintf(f, "%s: %" PRIu64 " of %" PRIu64 " executable bytes translated (%.1f %%), %zu files", a->program,
            b->insn_bytes, b->code_bytes, b->code_bytes ? 100.0 * (double)b->insn_bytes / (double)b->code_bytes : 0.0,
            a->nfiles);
    if (a->known)
        fprintf(f, " (%zu known)", a->known);
    fprintf(f, ", %" PRIu64 " blocks, %" PRIu64 " regions, %.1f s; %s", b->blocks, b->regions, seconds, a->output);
    if (!a->into_cache)
        fprintf(f, ": %" PRIu64 " bytes", a->end);
    fputc('\n', f);
    if (b->failed)
        fprintf(f, "%" PRIu64 " regions are left to be translated at run time: %s\n", b->failed, b->why);
}

static int run(Aot *a)
{
    double start = producer_now();
    expect_endings(a);
    if (find_files(a))
        return 1;
    if (a->into_cache) {
        a->sink = -1;
        if (translate_all(a))
            return 1;
        report(a, producer_now() - start);
        return 0;
    }
    if (open_output(a))
        return 1;
    host_level = a->cpu;
    int status = copy_self(a) || translate_all(a) || write_payload(a) || name_output(a);
    if (status && a->temporary[0])
        unlink(a->temporary);
    else if (!status)
        report(a, producer_now() - start);
    return status;
}

/* -- options ------------------------------------------------------------------------------------------------ */

static u32 processors(void)
{
    cpu_set_t set;
    return sched_getaffinity(0, sizeof set, &set) ? 1 : (u32)CPU_COUNT(&set);
}

static int usage(const char *what)
{
    complain("%s; 'dragoman help aot' explains", what);
    return 2;
}

static int wants(const char *option)
{
    static const char *const what[][2] = {{"-o", "-o wants the name of the executable to write"},
                                          {"-j", "-j wants a number"},
                                          {"-L", "-L wants the guest's root"},
                                          {"--lib", "--lib wants a library's name or path"}};
    size_t i = 0;
    while (strcmp(what[i][0], option) != 0)
        i++;
    return usage(what[i][1]);
}

/* 0, or an exit status. */
static int take_value(Aot *a, const char *option, const char *value)
{
    char *end;
    if (!strcmp(option, "-o")) {
        a->output = value;
    } else if (!strcmp(option, "-L")) {
        char *real = realpath(value, NULL);
        snprintf(a->root, sizeof a->root, "%s", real ? real : value);
        free(real);
        if (access(a->root, F_OK)) {
            complain("-L %s: %s", value, strerror(errno));
            return 1;
        }
    } else if (!strcmp(option, "--lib")) {
        if (a->nlibs == MAX_LIBS)
            return usage("too many libraries");
        a->libs[a->nlibs++] = value;
        a->with_libs = true;
    } else {
        unsigned long n = strtoul(value, &end, 10);
        if (*end || end == value || n < 1)
            return usage("-j wants a number of processes");
        a->producer.workers = n > MAX_WORKERS ? MAX_WORKERS : (u32)n;
    }
    return 0;
}

int aot_main(int argc, char **argv, int at)
{
    static Aot aot;
    Aot *a = &aot;
    a->cpu = host_reaches("x86-64-v3") ? "x86-64-v3" : "x86-64-v2";
    a->producer.workers = processors();
    a->producer.opt = 1;
    for (; at < argc; at++) {
        const char *arg = argv[at];
        if (!strcmp(arg, "-h") || !strcmp(arg, "--help")) {
            command_help("aot");
            return 0;
        }
        if (!strcmp(arg, "-o") || !strcmp(arg, "-j") || !strcmp(arg, "-L") || !strcmp(arg, "--lib")) {
            int status = ++at == argc ? wants(arg) : take_value(a, arg, argv[at]);
            if (status)
                return status;
        } else if (!strncmp(arg, "-march=", 7)) {
            a->cpu = arg + 7;
            if (strcmp(a->cpu, "x86-64-v2") && strcmp(a->cpu, "x86-64-v3"))
                return usage("-march takes x86-64-v2 or x86-64-v3");
        } else if (!strcmp(arg, "-O1") || !strcmp(arg, "-O2")) {
            a->producer.opt = arg[2] - '0';
        } else if (!strcmp(arg, "--exact")) {
            a->producer.exact = true;
        } else if (!strcmp(arg, "--with-libs") || !strcmp(arg, "--embed")) {
            a->with_libs = true;
            a->embed |= arg[2] == 'e';
        } else if (!strncmp(arg, "--format=", 9)) {
            a->into_cache = !strcmp(arg + 9, "cache");
            if (!a->into_cache && strcmp(arg + 9, "executable"))
                return usage("--format takes executable or cache");
        } else if (!strcmp(arg, "--no-jit")) {
            a->no_jit = true;
        } else if (!strcmp(arg, "--tags")) {
            a->producer.tags = true;
        } else if (!strcmp(arg, "--stats")) {
            a->counts = true;
        } else if (arg[0] == '-' && arg[1]) {
            complain("no such option: %s ('dragoman help aot' lists those there are)", arg);
            return 2;
        } else if (a->program) {
            return usage("one program at a time");
        } else {
            a->program = arg;
        }
    }
    if (!a->program)
        return usage("no program given: dragoman aot PROGRAM -o OUT");
    if (a->into_cache && !a->output && !find_cache(a))
        return usage("there is no cache: name a directory with -o");
    if (a->into_cache)
        a->producer.cache = a->output = a->output ? a->output : a->cache;
    if (!a->output)
        return usage("-o OUT is missing: the executable to write");
    return run(a);
}
