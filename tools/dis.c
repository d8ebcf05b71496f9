/* `dragoman dis`: what becomes of a function of a guest program. Its file is mapped as the program would be, and its
 * code goes through the same stages: a function is cut into blocks and regions as if all of it were hot. */
#include "dis.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../frontend/symbols.h"
#include "../lifter/dump.h"
#include "../lifter/orc.h"
#include "../runtime/runtime.h"
#include "command.h"

enum { EXIT_USAGE = 2, PAGE = 4096, MAX_NEAR = 8 };
/* Where position-independent files are mapped: far from everything, and a file's own address is easily seen in the sum.
 */
#define BIAS 0x5500000000u
#define NARROW_BIAS 0x40000000u /* for 32-bit guests */

typedef struct Dis {
    const char *path;
    Image image;
    u64 bias;
    Symbols *symbols; /* NULL if there are none */
    u32 items;        /* what to print */
    bool baseline, llvm;
    bool exact;
    int opt;
} Dis;

/* What to show: [lo, hi), from lo on; `whole` if it is a function rather than an address. */
typedef struct Extent {
    u64 lo, hi, mode; /* mode: what pcs say besides the address */
    const char *name; /* of the function, or NULL */
    bool whole;
} Extent;

__attribute__((format(printf, 1, 2))) _Noreturn static void fail(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("dragoman dis: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
    exit(EXIT_USAGE);
}

/* -- the file ----------------------------------------------------------------------------------------------- */

static void open_file(Dis *d)
{
    char why[512];
    int fd = open(d->path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        fail("%s: %s", d->path, strerror(errno));
    if (image_open(&d->image, fd, d->path, why, sizeof why))
        fail("%s", why);
    u64 bias = d->image.guest->address_end ? NARROW_BIAS : BIAS;
    d->bias = d->image.pie ? bias : 0;
    for (size_t i = 0; i < d->image.nsegments; i++) {
        const Segment *s = &d->image.segments[i];
        u64 from = s->vaddr & -(u64)PAGE, skew = s->vaddr - from;
        if (!s->filesz)
            continue;
        void *at = mmap((void *)(from + d->bias), s->filesz + skew, PROT_READ, MAP_PRIVATE | MAP_FIXED_NOREPLACE, fd,
                        (off_t)(s->offset - skew));
        if (at == MAP_FAILED)
            fail("%s: can't map the segment at 0x%" PRIx64 ": %s", d->path, s->vaddr, strerror(errno));
    }
    d->symbols = symbols_new(d->path);
}

/* The address of what is at a file offset, which functions are known by; 0 if that isn't loaded. */
static u64 address_of(const Dis *d, u64 offset)
{
    for (size_t i = 0; i < d->image.nsegments; i++) {
        const Segment *s = &d->image.segments[i];
        if (offset >= s->offset && offset - s->offset < s->filesz)
            return offset - s->offset + s->vaddr + d->bias;
    }
    return 0;
}

/* The executable segment that holds an address. */
static const Segment *code_at(const Dis *d, u64 addr)
{
    for (size_t i = 0; i < d->image.nsegments; i++) {
        const Segment *s = &d->image.segments[i];
        if (s->prot & PROT_EXEC && addr - d->bias - s->vaddr < s->filesz)
            return s;
    }
    return NULL;
}

/* -- what to show ------------------------------------------------------------------------------------------- */

static void check_code(const Dis *d, u64 addr)
{
    if (addr & (d->image.guest->insn_align - 1u))
        fail("0x%" PRIx64 " isn't a multiple of %u, as instructions' addresses are", addr, d->image.guest->insn_align);
    if (code_at(d, addr))
        return;
    fprintf(stderr, "dragoman dis: %s has no code at 0x%" PRIx64 "; it has at", d->path, addr - d->bias);
    for (size_t i = 0; i < d->image.nsegments; i++)
        if (d->image.segments[i].prot & PROT_EXEC)
            fprintf(stderr, " 0x%" PRIx64 "..0x%" PRIx64, d->image.segments[i].vaddr,
                    d->image.segments[i].vaddr + d->image.segments[i].filesz);
    fputc('\n', stderr);
    exit(EXIT_USAGE);
}

/* An address, shown to the end of the function that holds it, if that is known, else of the segment. */
static Extent extent_at(const Dis *d, u64 pc)
{
    u64 addr = code_address(d->image.guest, pc);
    check_code(d, addr);
    const Segment *s = code_at(d, addr);
    Extent e = {.lo = addr, .hi = s->vaddr + s->filesz + d->bias, .mode = pc ^ addr};
    u64 offset = addr - d->bias - s->vaddr + s->offset;
    size_t n = 0;
    const Function *f = d->symbols ? symbols_all(d->symbols, &n) : NULL;
    for (size_t i = 0; i < n; i++) {
        if (offset - f[i].offset < f[i].size) {
            e.name = f[i].name;
            e.mode = f[i].mode;
            e.hi = addr + f[i].size - (offset - f[i].offset);
            e.whole = offset == f[i].offset;
        }
    }
    return e;
}

/* How many characters two names share from the beginning. */
static size_t shared(const char *a, const char *b)
{
    size_t n = 0;
    while (a[n] && a[n] == b[n])
        n++;
    return n;
}

/* Shows a name after those that were shown before. */
static void show_near(size_t *shown, const char *before, const char **last, const char *name)
{
    if (*shown == MAX_NEAR || (*last && !strcmp(*last, name)))
        return;
    fprintf(stderr, "%s %s", (*shown)++ ? "," : before, name);
    *last = name;
}

/* Says which names are like the one asked for: those that contain it, else those that begin like it. */
_Noreturn static void no_symbol(const Dis *d, const char *name)
{
    size_t n, shown = 0, best = 1;
    const char *last = NULL;
    if (!d->symbols)
        fail("%s has no symbols (is it stripped?): give an address, or nothing for the entry point", d->path);
    const Function *f = symbols_all(d->symbols, &n);
    fprintf(stderr, "dragoman dis: %s has no function %s", d->path, name);
    for (size_t i = 0; i < n; i++) {
        best = shared(f[i].name, name) > best ? shared(f[i].name, name) : best;
        if (strcasestr(f[i].name, name))
            show_near(&shown, "; there are", &last, f[i].name);
    }
    for (size_t i = 0; i < n && !(shown && strcasestr(last, name)); i++)
        if (shared(f[i].name, name) == best)
            show_near(&shown, "; names like it are", &last, f[i].name);
    fprintf(stderr, "%s\n", shown ? "" : ", nor one like it");
    exit(EXIT_USAGE);
}

static Extent find(const Dis *d, const char *what)
{
    char *end;
    if (!what) {
        if (!d->image.entry)
            fail("%s has no entry point: name a function or an address", d->path);
        return extent_at(d, d->image.entry + d->bias);
    }
    u64 addr = strtoull(what, &end, 16);
    if (!strncmp(what, "0x", 2) && !*end)
        return extent_at(d, d->bias && addr < d->bias ? addr + d->bias : addr);
    size_t n = 0;
    const Function *f = d->symbols ? symbols_all(d->symbols, &n) : NULL;
    for (size_t i = 0; i < n; i++) {
        u64 at = strcmp(f[i].name, what) ? 0 : address_of(d, f[i].offset);
        if (!at)
            continue;
        check_code(d, at);
        return (Extent){.lo = at, .hi = at + f[i].size, .mode = f[i].mode, .name = f[i].name, .whole = true};
    }
    no_symbol(d, what);
}

/* -- showing ------------------------------------------------------------------------------------------------ */

/* Code that has been shown, as far as a function is concerned: a bit for every instruction. */
typedef struct Shown {
    Extent e;
    const Guest *guest;
    u32 step;
    bool *done;
} Shown;

static bool *done_at(const Shown *s, u64 pc)
{
    pc = code_address(s->guest, pc);
    return pc >= s->e.lo && pc < s->e.hi ? &s->done[(pc - s->e.lo) / s->step] : NULL;
}

static bool admits(void *shown, u64 pc)
{
    const bool *done = done_at(shown, pc);
    return done && !*done;
}

static int by_pc(const void *a, const void *b)
{
    const Ir *x = *(Ir *const *)a, *y = *(Ir *const *)b;
    return x->pc < y->pc ? -1 : x->pc > y->pc;
}

static void show_blocks(const Dis *d, const Region *r)
{
    u32 items = d->items & (LOG(in_asm) | LOG(op) | (d->baseline ? LOG(out_asm) : 0u));
    Ir **blocks = items ? malloc(r->nblocks * sizeof *blocks) : NULL;
    if (!items)
        return;
    if (!blocks)
        fail("out of memory");
    memcpy(blocks, r->blocks, r->nblocks * sizeof *blocks);
    qsort(blocks, r->nblocks, sizeof *blocks, by_pc);
    for (size_t i = 0; i < r->nblocks; i++) {
        const Ir *ir = blocks[i];
        Block *b = baseline_compile(r->guest, ir, -1);
        if (!b)
            fail("no memory for translated code");
        log_printf("\n-- block 0x%" PRIx64 "..0x%" PRIx64 ": %u instructions%s\n", b->pc, b->end, b->insns,
                   d->baseline ? ", baseline" : "");
        dump_side_by_side(d->image.guest, ir, b, items);
    }
    free(blocks);
}

/* The log prints what is asked for while the region is compiled. */
static void show_region(const Dis *d, Region *r)
{
    char why[200];
    log_printf("\n-- region 0x%" PRIx64 ": %zu blocks, %zu entries, LLVM\n", r->pc, r->nblocks, r->nentries);
    log_.items = d->items & (LOG(llvm) | LOG(op_opt) | LOG(out_asm));
    if (!orc_compile(r, why, sizeof why))
        log_printf("LLVM can't compile it: %s\n", why);
    log_.items = 0;
}

/* Everything of the extent: regions and, since indirect branches reach what no region does, what lies between. An
 * address that isn't a function's start is shown as far as its region goes. */
static void show(const Dis *d, Extent e)
{
    Shown shown = {.e = e, .guest = d->image.guest, .step = d->image.guest->insn_align};
    shown.done = calloc((e.hi - e.lo) / shown.step + 1, sizeof *shown.done);
    if (!shown.done)
        fail("out of memory");
    log_printf("%s, %s%s0x%" PRIx64 "..0x%" PRIx64, d->path, e.name ? e.name : "", e.name ? " " : "", e.lo, e.hi);
    log_printf(d->bias ? " (the file's addresses + 0x%" PRIx64 ")\n" : "\n", d->bias);
    for (u64 pc = e.lo; pc < e.hi; pc += shown.step) {
        if (*done_at(&shown, pc))
            continue;
        Region *r = region_form(d->image.guest, pc | e.mode, admits, &shown);
        if (!r)
            fail("out of memory");
        r->exact = d->exact;
        r->opt = d->opt;
        for (size_t i = 0; i < r->nblocks; i++)
            for (u64 at = r->blocks[i]->pc; at < r->blocks[i]->end; at += shown.step)
                if (done_at(&shown, at))
                    *done_at(&shown, at) = true;
        show_blocks(d, r);
        if (d->llvm)
            show_region(d, r);
        region_free(r);
        if (!e.whole)
            break;
    }
    free(shown.done);
}

/* -- command line ------------------------------------------------------------------------------------------- */

static const char *argument(int argc, char **argv, int *at)
{
    if (*at + 1 >= argc)
        fail("%s wants an argument ('dragoman help dis' explains)", argv[*at]);
    return argv[++*at];
}

static void set_items(Dis *d, const char *list)
{
    const u32 known = LOG(in_asm) | LOG(op) | LOG(llvm) | LOG(op_opt) | LOG(out_asm);
    u32 items = 0;
    const char *bad = log_parse(list, &items);
    if (bad || items & ~known)
        fail("-d %s: there are in_asm, op, llvm, op_opt and out_asm", bad ? bad : list);
    d->items = items;
}

static void set_tier(Dis *d, const char *name)
{
    d->baseline = !strcmp(name, "baseline");
    d->llvm = !strcmp(name, "llvm");
    if (!d->baseline && !d->llvm)
        fail("--tier %s: there are baseline and llvm", name);
}

int dis_main(int argc, char **argv, int at)
{
    Dis d = {.items = LOG(in_asm) | LOG(op) | LOG(op_opt) | LOG(out_asm), .baseline = true, .llvm = true, .opt = 1};
    for (; at < argc && argv[at][0] == '-'; at++) {
        const char *option = argv[at] + (argv[at][1] == '-');
        if (!strcmp(option, "-d"))
            set_items(&d, argument(argc, argv, &at));
        else if (!strcmp(option, "-tier"))
            set_tier(&d, argument(argc, argv, &at));
        else if (!strncmp(option, "-tier=", 6))
            set_tier(&d, option + 6);
        else if (!strcmp(option, "-exact"))
            d.exact = true;
        else if (!strcmp(option, "-O2"))
            d.opt = 2;
        else if (!strcmp(option, "-h") || !strcmp(option, "-help"))
            return command_help("dis"), 0;
        else
            fail("no such option: %s ('dragoman help dis' lists those there are)", argv[at]);
    }
    if (at >= argc)
        fail("no file given ('dragoman help dis' explains)");
    if (at + 2 < argc)
        fail("one function or address at a time, please: '%s' is one too many", argv[at + 2]);
    log_.file = stdout;
    d.path = argv[at];
    if (!arena_init())
        fail("no memory for translated code: %s", strerror(errno));
    open_file(&d);
    show(&d, find(&d, at + 1 < argc ? argv[at + 1] : NULL));
    return 0;
}
