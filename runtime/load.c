/* The loader: what execve does in the kernel (fs/exec.c, fs/binfmt_elf.c, fs/binfmt_script.c), done for a guest.
 *
 * Guest addresses are host addresses, so an image is mapped where it will run: a position-independent one where the
 * host's kernel would put it, a fixed one at its own addresses. Nothing of the guest's is ever mapped executable on
 * the host; that a page may be executed by the guest is known to the MemMap alone. */
#include "load.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/personality.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "linux/linux.h"
#include "store.h"
#include "mem.h"
#include "zone.h"

#define PAGE ((u64)4096)
#define DYN_BASE ((u64)0x555555554000) /* on the host */

enum : u64 {
    DYN_RANDOM_PAGES = 1 << 28,   /* vm.mmap_rnd_bits */
    DYN_RANDOM_PAGES_LIMITED = 1 << 18, /* under -R, which makes the address space smaller */
    BRK_RANDOM = 32 << 20,        /* x86's arch_randomize_brk: leaves room below the translator for programs at 4 MiB */
    HOST_STACK = 16 << 20,        /* our own stack's, above the guest's */
    STACK_DEFAULT = 8 << 20,
    STACK_ROOM = 128 << 10,       /* below what a new program finds on its stack (fs/exec.c: setup_arg_pages) */
    STACK_MIN = 256 << 10,        /* of a stack that can't grow, */
    STACK_MAX = 1 << 30,          /* and for an unlimited one */
};

/* Tags the C library's headers may not have yet. */
#ifndef AT_MINSIGSTKSZ
#define AT_MINSIGSTKSZ 51
#endif

typedef struct Loader {
    Process *p;
    Task *t;
    char *why;
    size_t size;
} Loader;

__attribute__((format(printf, 3, 4))) static int fail(const Loader *l, int error, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vsnprintf(l->why, l->size, format, args);
    va_end(args);
    return -error;
}

static u64 page_down(u64 a)
{
    return a & ~(PAGE - 1);
}

static u64 page_up(u64 a)
{
    return (a + PAGE - 1) & ~(PAGE - 1);
}

static u64 random64(void)
{
    u64 r = 0;
    while (getrandom(&r, sizeof r, 0) < 0 && errno == EINTR)
        ;
    return r;
}

static bool randomized(void)
{
    int persona = personality(0xffffffff);
    return persona == -1 || !(persona & ADDR_NO_RANDOMIZE);
}

const Abi *abi_of(const Guest *guest)
{
#define GUEST(isa) \
    if (guest == &guest_##isa) \
        return &abi_##isa;
#include "../frontend/guests.def"
    return NULL;
}

/* -- scripts ------------------------------------------------------------------------------------------------------ */

int script_parse(const char *head, size_t size, Script *s)
{
    if (size < 2 || head[0] != '#' || head[1] != '!')
        return 0;
    if (size > SCRIPT_LINE - 1)
        size = SCRIPT_LINE - 1;
    const char *at = head + 2, *limit = head + size;
    const char *end = memchr(at, '\n', (size_t)(limit - at));
    bool whole = end || size < SCRIPT_LINE - 1;
    if (!end)
        end = limit;
    const char *nul = memchr(at, 0, (size_t)(end - at));
    if (nul)
        end = nul;
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
        end--;
    const char *name = at;
    while (at < end && *at != ' ' && *at != '\t')
        at++;
    if (at == name || (at == end && !whole))
        return -ENOEXEC;
    snprintf(s->interp, sizeof s->interp, "%.*s", (int)(at - name), name);
    while (at < end && (*at == ' ' || *at == '\t'))
        at++;
    snprintf(s->arg, sizeof s->arg, "%.*s", (int)(end - at), at);
    return 1;
}

ProgramKind program_kind(const char *head, size_t size, Script *s)
{
    if (script_parse(head, size, s) > 0)
        return PROGRAM_SCRIPT;
    if (size < 20 || memcmp(head, ELFMAG, SELFMAG) || head[EI_DATA] != ELFDATA2LSB)
        return PROGRAM_OTHER;
    u16 machine = (u16)((u8)head[18] | (u8)head[19] << 8);
#define GUEST(isa) \
    if (guest_##isa.elf_machine == machine && guest_##isa.elf_class == (u8)head[EI_CLASS]) \
        return PROGRAM_GUEST;
#include "../frontend/guests.def"
    return PROGRAM_OTHER;
}

ProgramKind program_kind_for(const Process *p, const char *head, size_t size, Script *s)
{
    ProgramKind kind = program_kind(head, size, s);
    bool hosts = kind == PROGRAM_GUEST && (u8)head[18] == HOST_MACHINE && head[19] == 0;
    return hosts && !p->options.translate_host && !(p->guest && p->guest->elf_machine == HOST_MACHINE) ? PROGRAM_OTHER : kind;
}

/* Replaces argv[0] by the interpreter, its argument and the script's path. */
static bool script_argv(Process *p, const Script *s, const char *path)
{
    size_t n = 0;
    while (p->argv[n])
        n++;
    char **argv = calloc(n + 4, sizeof *argv);
    if (!argv)
        return false;
    size_t at = 0;
    argv[at++] = strdup(s->interp);
    if (s->arg[0])
        argv[at++] = strdup(s->arg);
    argv[at++] = strdup(path);
    for (size_t i = 1; i < n; i++)
        argv[at++] = p->argv[i];
    p->argv = argv;
    return true;
}

/* -- images ------------------------------------------------------------------------------------------------------- */

/* ELF_ET_DYN_BASE: two thirds of the address space. */
static u64 dyn_base(const Process *p)
{
    u64 limit = p->address_end;
    return limit && limit / 3 * 2 < DYN_BASE ? page_down(limit / 3 * 2) : DYN_BASE;
}

/* Finds room for a position-independent image of `size` bytes: around dyn_base for a program with an interpreter,
 * else where mmap puts things (binfmt_elf.c: load_elf_binary). Returns the address, 0 if there is none. */
static u64 place(const Process *p, u64 size, u64 align, bool at_base)
{
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE;
    u64 mask = align > PAGE ? align - 1 : PAGE - 1, limit = p->address_end;
    for (int tries = 0; at_base && tries < 8; tries++) {
        u64 pages = limit ? DYN_RANDOM_PAGES_LIMITED : DYN_RANDOM_PAGES;
        u64 at = (dyn_base(p) + (randomized() ? random64() % pages * PAGE : 0) + mask) & ~mask;
        if (limit && at + size > limit)
            break;
        void *room = mmap((void *)at, size, PROT_NONE, flags | MAP_FIXED_NOREPLACE, -1, 0);
        if (room != MAP_FAILED)
            munmap(room, size);
        if (room == (void *)at)
            return at;
    }
    u64 below_limit = mem_room(p->mem, size + mask);
    if (below_limit)
        return (below_limit + mask) & ~mask;
    i64 room = mem_map(p->mem, 0, size + mask, PROT_NONE, flags, -1, 0, 0);
    if (room < 0)
        return 0;
    mem_unmap(p->mem, (u64)room, size + mask);
    return ((u64)room + mask) & ~mask;
}

/* Maps for the guest at addr; 0 or -errno. */
static int map_fixed(Process *p, u64 addr, u64 size, int prot, int fd, u64 offset)
{
    int flags = MAP_PRIVATE | MAP_FIXED | (fd < 0 ? MAP_ANONYMOUS : 0);
    i64 at = mem_map(p->mem, addr, size, prot, flags, fd, offset, 0);
    if (at >= 0 && prot & PROT_EXEC)
        store_file(fd);
    return at < 0 ? (int)at : 0;
}

/* Maps one segment at `bias`; pages below `mapped` belong to the segment before it. */
static int map_segment(Process *p, const Image *image, const Segment *s, u64 bias, u64 mapped)
{
    u64 lo = page_down(s->vaddr + bias), hi = page_up(s->vaddr + s->memsz + bias);
    u64 file_end = s->vaddr + s->filesz + bias;
    u64 anon = lo > mapped ? lo : mapped;
    if (s->filesz) {
        anon = page_up(file_end);
        int error = map_fixed(p, lo, anon - lo, s->prot, image->fd, page_down(s->offset));
        if (error)
            return error;
        /* The rest of the file's last page is bss, if it is writable at all. */
        static const u8 zeros[4096];
        if (s->memsz > s->filesz && (s->prot & PROT_WRITE) && file_end < anon &&
            mem_write(file_end, zeros, anon - file_end))
            return -EIO; /* the file has become shorter meanwhile */
    }
    return anon < hi ? map_fixed(p, anon, hi - anon, s->prot, -1, 0) : 0;
}

/* Protection of the architecture's that the kernel gives the code of a program's interpreter or, without one, the program. */
static int guards(const Loader *l, const Image *image)
{
    const Abi *abi = l->p->abi;
    int prot = abi->image_prot ? abi->image_prot(image->note) : 0;
    if (prot)
        abi->guard(l->t);
    return prot;
}

/* Maps an image, its code with `prot` added; *bias is what to add to its addresses, chosen here for a position-independent one
 * unless it is set. */
static int map_image(const Loader *l, const Image *image, const char *path, int prot, bool at_base, u64 *bias)
{
    const Segment *first = image->segments, *last = &first[image->nsegments - 1];
    u64 lo = page_down(first->vaddr), hi = page_up(last->vaddr + last->memsz);
    if (image->pie && !*bias) {
        u64 align = 1;
        for (size_t i = 0; i < image->nsegments; i++)
            align = image->segments[i].align > align ? image->segments[i].align : align;
        u64 at = place(l->p, hi - lo, align, at_base);
        if (!at)
            return fail(l, ENOMEM, "%s: no room for its %#lx bytes in the address space: raise ulimit -v", path,
                        hi - lo);
        *bias = at - lo;
    }
    u64 mapped = 0;
    for (size_t i = 0; i < image->nsegments; i++) {
        const Segment *s = &image->segments[i];
        u64 from = page_down(s->vaddr + *bias), to = page_up(s->vaddr + s->memsz + *bias);
        Segment with = *s;
        with.prot |= s->prot & PROT_EXEC ? prot : 0;
        int error = map_segment(l->p, image, &with, *bias, mapped);
        if (error == -EPERM)
            return fail(l, EPERM,
                        "%s: wants to lie at %#lx, below the lowest address the host allows (sysctl vm.mmap_min_addr)",
                        path, from);
        if (error)
            return fail(l, -error,
                        "%s: can't map the segment at %#lx to %#lx (%s); if dragoman itself is in its way, link it "
                        "as a PIE or elsewhere",
                        path, from, to, strerror(-error));
        mapped = to;
    }
    return 0;
}

/* What /proc and prctl tell about the program. */
static void note_addresses(Process *p, const Image *image, u64 bias)
{
    for (size_t i = 0; i < image->nsegments; i++) {
        const Segment *s = &image->segments[i];
        u64 start = s->vaddr + bias;
        if ((s->prot & PROT_EXEC) && !p->code_end) {
            p->code_start = start;
            p->code_end = start + s->filesz;
        }
        if (!(s->prot & PROT_EXEC) || i + 1 == image->nsegments) {
            p->data_start = start;
            p->data_end = start + s->filesz;
        }
        p->brk = page_up(start + s->memsz);
    }
    if (image->pie && !image->interp[0])
        p->brk = dyn_base(p); /* a static PIE lies among the mmaps, where its heap could not grow */
    if (randomized())
        p->brk = page_down(p->brk + random64() % BRK_RANDOM);
    p->brk_start = p->brk;
    p->entry = image->entry + bias;
    p->load_bias = bias;
}

/* Opens a file by the guest's name for it; *host is then the host's (freed by nobody: the process starts or ends). */
static int open_guest(Task *t, const char *name, char **host)
{
    int ahead = ahead_open(name);
    if (ahead >= 0)
        return ahead;
    Path *path = malloc(sizeof *path);
    int error = path ? path_find(t->process, AT_FDCWD, name, PATH_FOLLOW, path) : -ENOMEM;
    int fd = -1, how = O_RDONLY | O_CLOEXEC | O_NONBLOCK; /* it may be a pipe */
    FdLimit saved;
    if (error)
        errno = -error;
    else
        fd = openat(path->dir, path->name, how);
    if (!error && fd < 0 && errno == EMFILE && fd_raise_limit(&saved)) {
        fd = openat(path->dir, path->name, how);
        error = errno;
        fd_lower_limit(&saved);
        errno = error;
    }
    if (fd >= 0 && host)
        *host = strdup(path->name);
    free(path);
    return fd;
}

/* Where Debian's qemu has the guest's root, and its cross libraries are. */
#define QEMU_ROOT "/etc/qemu-binfmt/"
#define CROSS_ROOT "/usr/"

bool load_default_root(const Options *o, const Image *image, char root[PATH_MAX])
{
    struct stat st;
    char interp[PATH_MAX];
    const Abi *abi = abi_of(image->guest);
    if (o->root_given || o->sysroot)
        return false;
    snprintf(root, PATH_MAX, QEMU_ROOT "%s", image->guest->name);
    if (stat(root, &st) == 0 && S_ISDIR(st.st_mode))
        return true;
    if (!image->interp[0] || access(image->interp, F_OK) == 0)
        return false;
    for (size_t i = 0; i < LEN(abi->triplets) && abi->triplets[i]; i++) {
        int n = snprintf(root, PATH_MAX, CROSS_ROOT "%s", abi->triplets[i]);
        n += snprintf(interp, sizeof interp, "%s%s", root, image->interp);
        if (n < PATH_MAX && access(interp, F_OK) == 0)
            return true;
    }
    return false;
}

static int no_interp(const Loader *l, const char *name, const char *program)
{
    const Options *o = &l->p->options;
    const char *given = o->no_sysroot ? o->no_sysroot : o->sysroot;
    if (given)
        return fail(l, ENOENT, "%s: interpreter %s is neither in %s nor in /: give the guest's root with -L DIR", program, name,
                    given);
    return fail(l, ENOENT,
                "%s: interpreter %s not found: give the guest's root with -L DIR or DRAGOMAN_SYSROOT, or install one where it is "
                "looked for (" QEMU_ROOT "%s; on Debian: apt-get install libc6-%s-cross)",
                program, name, l->p->guest->name, l->p->abi->debian);
}

static int open_interp(const Loader *l, Image *image, const char *name, const char *program)
{
    int fd = open_guest(l->t, name, NULL);
    if (fd < 0 && errno == ENOENT)
        return no_interp(l, name, program);
    if (fd < 0)
        return fail(l, errno, "%s: interpreter %s: %s", program, name, strerror(errno));
    int error = image_open(image, fd, name, l->why, l->size);
    if (!error && image->guest != l->p->guest)
        error = fail(l, ELIBBAD, "%s: interpreter %s is for %s, the program for %s", program, name, image->guest->name,
                     l->p->guest->name);
    if (error)
        image_close(image);
    return error;
}

/* -- stack -------------------------------------------------------------------------------------------------------- */

/* A stack as the kernel makes it: no bigger than what is on it (`used`), it grows when it is accessed below, as far as RLIMIT_STACK
 * allows at the time. Below `hi`, which is under the one that the kernel has made for us, it leaves room for stacks to grow. False if that
 * isn't to be had. */
static bool map_growing_stack(Process *p, int prot, u64 hi, u64 used)
{
    struct rlimit r;
    u8 byte;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK | MAP_GROWSDOWN | MAP_FIXED_NOREPLACE;
    u64 lo = hi - used;
    i64 at = mem_map(p->mem, lo, used, prot, flags, -1, 0, MEM_STACK);
    bool may_grow = getrlimit(RLIMIT_STACK, &r) || used + STACK_ROOM <= r.rlim_cur;
    /* Kernels before 5.0 let no stack grow that the stack pointer isn't in. */
    if (at != (i64)lo || (may_grow && mem_read(&byte, lo - STACK_ROOM, 1))) {
        if (at >= 0)
            mem_unmap(p->mem, (u64)at, used);
        return false;
    }
    p->stack_lo = lo;
    p->stack_hi = hi;
    return true;
}

static u64 stack_size(const Process *p)
{
    struct rlimit r;
    u64 size = p->options.stack_size;
    if (!size)
        size = getrlimit(RLIMIT_STACK, &r) == 0 ? r.rlim_cur : STACK_DEFAULT;
    if (getrlimit(RLIMIT_AS, &r) == 0 && r.rlim_cur != RLIM_INFINITY && size > r.rlim_cur / 8)
        size = r.rlim_cur / 8;
    size = size > STACK_MAX ? STACK_MAX : size < STACK_MIN ? STACK_MIN : size;
    return page_up(size);
}

/* One of a size that was asked for (-s), or in an address space that ends below the host's (-R), is mapped at once and touched lazily, over a
 * guard page. */
static int map_stack(const Loader *l, bool exec, u64 used)
{
    Process *p = l->p;
    int prot = PROT_READ | PROT_WRITE | (exec ? PROT_EXEC : 0);
    u64 top = page_down(getauxval(AT_RANDOM)) - HOST_STACK;
    zone_init(top);
    if (!p->options.stack_size && !p->address_end && map_growing_stack(p, prot, top, used))
        return 0;
    u64 size = stack_size(p);
    if (used + STACK_MIN / 4 > size)
        return fail(l, E2BIG, "arguments and environment don't fit into a stack of %lu KiB: raise ulimit -s", size >> 10);
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK;
    i64 room = mem_map(p->mem, 0, size + PAGE, PROT_NONE, flags, -1, 0, 0);
    i64 at = room < 0 ? room : mem_map(p->mem, (u64)room + PAGE, size, prot, flags | MAP_FIXED, -1, 0, MEM_STACK);
    if (at < 0)
        return fail(l, ENOMEM, "no room for a stack of %lu KiB: lower ulimit -s or raise ulimit -v", size >> 10);
    p->stack_lo = (u64)at;
    p->stack_hi = p->stack_lo + size;
    return 0;
}

/* The stack under construction, in our own memory: grows down. */
typedef struct Stack {
    u64 sp, lo;
    u8 *bytes; /* what is to be at lo */
} Stack;

static void *stack_at(const Stack *s, u64 addr)
{
    return s->bytes + (addr - s->lo);
}

static u64 push(Stack *s, const void *data, size_t size)
{
    s->sp -= size;
    memcpy(stack_at(s, s->sp), data, size);
    return s->sp;
}

/* Pushes the strings so that the first lies lowest; returns how many. */
static size_t push_strings(Stack *s, char **strings)
{
    size_t n = 0;
    while (strings[n])
        n++;
    for (size_t i = n; i-- > 0;)
        push(s, strings[i], strlen(strings[i]) + 1);
    return n;
}

static char **environment(const Process *p)
{
    static char *none[] = {NULL};
    return p->options.env ? p->options.env : none;
}

/* An upper bound of the bytes that build_stack pushes, in whole pages. */
static u64 stack_used(const Process *p, const char *execfn)
{
    enum { OTHERS = 2048 }; /* auxiliary vector, random bytes, platform, padding */
    u64 size = OTHERS + strlen(execfn) + strlen(p->abi->platform());
    for (char **s = p->argv; *s; s++)
        size += strlen(*s) + 1 + sizeof(u64);
    for (char **s = environment(p); *s; s++)
        size += strlen(*s) + 1 + sizeof(u64);
    return page_up(size);
}

static void random_bytes(const Process *p, u8 out[16])
{
    if (!p->options.has_seed) {
        for (size_t i = 0; i < 16; i += 8) {
            u64 r = random64();
            memcpy(out + i, &r, 8);
        }
        return;
    }
    /* splitmix64 */
    u64 x = p->options.seed;
    for (size_t i = 0; i < 16; i += 8) {
        u64 z = x += 0x9e3779b97f4a7c15;
        z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9;
        z = (z ^ z >> 27) * 0x94d049bb133111eb;
        z ^= z >> 31;
        memcpy(out + i, &z, 8);
    }
}

/* Words of the guest's size, written upwards from `at`. */
typedef struct Words {
    u8 *at;
    size_t size;
} Words;

static void put_word(Words *w, u64 v)
{
    memcpy(w->at, &v, w->size); /* little-endian */
    w->at += w->size;
}

/* Writes the addresses of n strings, the first of which is at `string`, and a NULL. */
static void put_pointers(const Stack *s, Words *w, size_t n, u64 string)
{
    for (size_t i = 0; i < n; i++) {
        put_word(w, string);
        string += strlen(stack_at(s, string)) + 1;
    }
    put_word(w, 0);
}

/* Argument count, argv, envp, auxiliary vector and what they point at (binfmt_elf.c: create_elf_tables). */
static int build_stack(const Loader *l, const Image *image, const char *execfn, u64 used, u64 *sp)
{
    Process *p = l->p;
    Stack s = {.sp = p->stack_hi - 8, .lo = p->stack_hi - used, .bytes = calloc(used, 1)};
    if (!s.bytes)
        return fail(l, ENOMEM, "%s: out of memory", execfn);
    u64 at_execfn = push(&s, execfn, strlen(execfn) + 1);
    p->env_end = s.sp;
    size_t envc = push_strings(&s, environment(p));
    p->env_start = p->arg_end = s.sp;
    size_t argc = push_strings(&s, p->argv);
    p->arg_start = s.sp;
    s.sp &= ~(u64)15;
    u64 platform = push(&s, p->abi->platform(), strlen(p->abi->platform()) + 1);
    u8 random[16];
    random_bytes(p, random);
    u64 at_random = push(&s, random, sizeof random);
    s.sp &= ~(u64)15;
    const u64 auxv[][2] = {
        {AT_SYSINFO_EHDR, p->vdso},
        {AT_MINSIGSTKSZ, p->abi->min_sigstack},
        {AT_HWCAP, p->abi->hwcap()},
        {AT_PAGESZ, PAGE},
        {AT_CLKTCK, (u64)sysconf(_SC_CLK_TCK)},
        {AT_PHDR, image->phdr_vaddr ? image->phdr_vaddr + p->load_bias : 0},
        {AT_PHENT, image->phentsize},
        {AT_PHNUM, image->phnum},
        {AT_BASE, p->interp_base},
        {AT_FLAGS, 0},
        {AT_ENTRY, p->entry},
        {AT_UID, getuid()},
        {AT_EUID, geteuid()},
        {AT_GID, getgid()},
        {AT_EGID, getegid()},
        {AT_SECURE, getauxval(AT_SECURE)},
        {AT_RANDOM, at_random},
        {AT_HWCAP2, p->abi->hwcap2()},
        {AT_EXECFN, at_execfn},
        {AT_PLATFORM, platform},
        {AT_NULL, 0},
    };
    size_t skip = p->vdso ? 0 : 1; /* entries that aren't there */
    Words w = {.size = image->guest->elf_class == ELFCLASS64 ? 8 : 4};
    u64 words = 1 + argc + 1 + envc + 1;
    p->auxv_size = 2 * (LEN(auxv) - skip) * w.size;
    s.sp = (s.sp - words * w.size - p->auxv_size) & ~(u64)15;
    w.at = stack_at(&s, s.sp);
    put_word(&w, argc);
    put_pointers(&s, &w, argc, p->arg_start);
    put_pointers(&s, &w, envc, p->env_start);
    p->auxv = s.lo + (u64)(w.at - s.bytes);
    for (size_t i = skip; i < LEN(auxv); i++) {
        put_word(&w, auxv[i][0]);
        put_word(&w, auxv[i][1]);
    }
    *sp = s.sp;
    int error = mem_write(s.sp, stack_at(&s, s.sp), p->stack_hi - s.sp);
    free(s.bytes);
    return error ? fail(l, ENOMEM, "%s: no memory for its stack", execfn) : 0;
}

/* A program runs without a vDSO if there is no room. */
static void map_vdso(Process *p)
{
    const Abi *abi = p->abi;
    if (!abi->vdso_size)
        return;
    u64 size = page_up(abi->vdso_size);
    i64 at = mem_map(p->mem, 0, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, MEM_VDSO);
    if (at < 0)
        return;
    p->vdso = (u64)at;
    mem_write(p->vdso, abi->vdso, abi->vdso_size);
    mem_protect(p->mem, p->vdso, size, PROT_READ | PROT_EXEC);
}

static int map_own_page(const Loader *l, const Abi *abi)
{
    if (!abi->page)
        return 0;
    int flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED;
    i64 at = mem_map(l->p->mem, abi->page_address, PAGE, PROT_READ | PROT_WRITE, flags, -1, 0, 0);
    if (at < 0 || mem_write(abi->page_address, abi->page, PAGE))
        return fail(l, ENOMEM, "no room at %#lx, where programs for %s have a page of the kernel's", abi->page_address, abi->machine());
    mem_protect(l->p->mem, abi->page_address, PAGE, PROT_READ | PROT_EXEC);
    return 0;
}

/* -- the program -------------------------------------------------------------------------------------------------- */

/* The file's own name, links resolved, and as the guest sees it; `link` leads to it if there is a /proc. Keeps it open. */
static void note_exe(Process *p, const char *link, const char *path)
{
    char name[PATH_MAX];
    p->exe_fd = fd_hide(p, open(link, O_PATH | O_CLOEXEC));
    ssize_t n = readlink(link, name, sizeof name - 1);
    if (n < 0 && !realpath(path, name))
        snprintf(name, sizeof name, "%s", path);
    else if (n >= 0)
        name[n] = 0;
    p->exe_path = strdup(name);
    const char *root = p->options.sysroot;
    size_t len = root ? strlen(root) : 0;
    bool inside = len && strncmp(name, root, len) == 0 && name[len] == '/';
    p->guest_exe = strdup(inside ? name + len : name);
}

/* The command's name, as the kernel makes it (fs/exec.c: begin_new_exec): of the name it was executed by, or, if that was a descriptor,
 * the file's. */
static void name_command(const Process *p, const char *execfn)
{
    static const char by_fd[] = "/dev/fd/", gone[] = " (deleted)";
    char name[PATH_MAX];
    bool fd = !strncmp(execfn, by_fd, sizeof by_fd - 1) && !strchr(execfn + sizeof by_fd - 1, '/');
    snprintf(name, sizeof name, "%s", fd && p->guest_exe ? p->guest_exe : execfn);
    char *end = fd ? strstr(name, gone) : NULL;
    if (end && !end[sizeof gone - 1])
        *end = 0;
    const char *slash = strrchr(name, '/');
    prctl(PR_SET_NAME, slash ? slash + 1 : name);
}

/* What ps, pgrep and the like read about this process: the guest's name, command line, environment and addresses rather than
 * the translator's. The heap is the host's. */
static void tell_host(Process *p, const char *execfn, u64 sp)
{
    extern const char end[];
    name_command(p, execfn);
    const struct prctl_mm_map map = {
        .start_code = p->code_start,
        .end_code = p->code_end,
        .start_data = p->data_start,
        .end_data = p->data_end,
        .start_brk = (u64)end,
        .brk = (u64)syscall(SYS_brk, 0),
        .start_stack = sp,
        .arg_start = p->arg_start,
        .arg_end = p->arg_end,
        .env_start = p->env_start,
        .env_end = p->env_end,
        .auxv = (__u64 *)p->auxv,
        .auxv_size = (u32)p->auxv_size,
        .exe_fd = (u32)-1,
    };
    p->told = prctl(PR_SET_MM, PR_SET_MM_MAP, &map, sizeof map, 0) == 0; /* not all kernels have it */
    p->loaded = true;
}

static int load_image(const Loader *l, Image *image, const char *path, const char *execfn)
{
    Process *p = l->p;
    Image interp = {.fd = -1};
    u64 bias = 0, interp_bias = 0, used = 0, sp;
    p->guest = image->guest;
    if (p->guest->verify_helper)
        mem_watch_code(p->mem);
    p->abi = abi_of(image->guest);
    mem_own_prot(p->mem, p->abi->own_prot(), p->abi->own_map_flags);
    p->address_end = p->options.reserved_va;
    if (p->guest->address_end && (!p->address_end || p->address_end > p->guest->address_end))
        p->address_end = p->guest->address_end;
    if (p->address_end)
        mem_set_end(p->mem, p->address_end);
    l->t->guest = p->guest;
    l->t->abi = p->abi;
    /* Open the interpreter first: its absence is the commonest failure. */
    int error = image->interp[0] ? open_interp(l, &interp, image->interp, path) : 0;
    if (!error)
        error = map_own_page(l, p->abi);
    if (error) {
        image_close(&interp);
        return error;
    }
    bool loads_itself = image->interp[0] == 0;
    error = map_image(l, image, path, loads_itself ? guards(l, image) : 0, !loads_itself, &bias);
    if (!error) {
        note_addresses(p, image, bias);
        if (image->interp[0])
            error = map_image(l, &interp, image->interp, guards(l, &interp), false, &interp_bias);
    }
    if (!error) {
        u64 first = image->interp[0] && interp.pie ? page_down(interp.segments[0].vaddr) : 0;
        p->interp_base = image->interp[0] ? interp_bias + first : 0;
        used = stack_used(p, execfn);
        error = map_stack(l, image->exec_stack, used);
    }
    if (!error) {
        map_vdso(p);
        error = build_stack(l, image, execfn, used, &sp);
    }
    u64 entry = image->interp[0] ? interp.entry + interp_bias : p->entry;
    image_close(&interp);
    if (error)
        return error;
    tell_host(p, execfn, sp);
    p->guest->reset(l->t, entry, sp);
    l->t->pc = entry;
    return 0;
}

/* Reads the first bytes of fd; how many. */
static size_t read_head(int fd, char head[SCRIPT_LINE])
{
    ssize_t n = pread(fd, head, SCRIPT_LINE, 0);
    return n < 0 ? 0 : (size_t)n;
}

int load_program(Process *p, Task *t, const char *path, char *why, size_t size)
{
    Loader loader = {p, t, why, size}, *l = &loader;
    const char *execfn = path;
    for (int depth = 0;; depth++) {
        char head[SCRIPT_LINE], *file = NULL;
        int fd = depth || p->options.fd < 0 ? open_guest(t, path, &file) : p->options.fd;
        if (fd < 0)
            return fail(l, errno, "%s: %s%s", path, strerror(errno), depth ? " (a script's interpreter)" : "");
        if (depth || p->options.fd < 0) {
            struct stat st; /* the kernel would, and even root may not */
            if (!fstat(fd, &st) && S_ISREG(st.st_mode) && !(st.st_mode & 0111)) {
                close(fd);
                return fail(l, EACCES, "%s: isn't executable%s (chmod +x)", path, depth ? ", but a script's interpreter" : "");
            }
        }
        Script s;
        size_t n = read_head(fd, head);
        switch (depth ? program_kind_for(p, head, n, &s) : program_kind(head, n, &s)) {
        case PROGRAM_SCRIPT:
            close(fd);
            if (depth >= SCRIPT_DEPTH)
                return fail(l, ELOOP, "%s: scripts whose interpreters are scripts, more than %d deep", path,
                            SCRIPT_DEPTH);
            if (!script_argv(p, &s, path))
                return fail(l, ENOMEM, "%s: out of memory", path);
            path = strdup(s.interp);
            continue;
        case PROGRAM_OTHER:
            if (depth) { /* a script of the host's */
                close(fd);
                system_before_exec(p, false);
                signal_before_exec(t);
                execve(file, p->argv, p->options.env);
                return fail(l, errno, "%s: %s", path, strerror(errno));
            }
            [[fallthrough]];
        case PROGRAM_GUEST: {
            Image image;
            int error = image_open(&image, fd, path, why, size);
            if (!error) {
                char link[64], name[PATH_MAX];
                snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
                if (load_default_root(&p->options, &image, name))
                    fd_set_root(p, name);
                note_exe(p, link, file ? file : path);
                error = load_image(l, &image, path, execfn);
            }
            image_close(&image);
            return error;
        }
        }
    }
}

int load_payload(Process *p, Task *t, const Ahead *a, const char *path, char *why, size_t size)
{
    Loader loader = {p, t, why, size}, *l = &loader;
    int fd = ahead_open(a->files[0].path);
    if (fd < 0)
        return fail(l, -fd, "%s: no memory for the guest's image: %s", path, strerror(-fd));
    Image image;
    int error = image_open(&image, fd, path, why, size);
    if (!error && !ahead_check(t, why, size))
        error = -ENOENT;
    if (!error) {
        note_exe(p, "/proc/self/exe", path);
        error = load_image(l, &image, path, path);
    }
    image_close(&image);
    return error;
}

int load_for_aot(Process *p, const Image *image, const char *path, u64 bias, char *why, size_t size)
{
    Loader loader = {p, NULL, why, size};
    return map_image(&loader, image, path, 0, false, &bias);
}
