/* `dragoman aot`: a static guest program, translated, as an executable of the host's (runtime/ahead.h says what that
 * is).
 *
 * Several processes translate, each every n-th region, in a share of the arena of its own, and append what they made to
 * the output themselves. Then the links between regions are connected in the file, which is mapped for that. The output
 * gets its name when it is complete. */
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

#include "../frontend/code.h"
#include "../lifter/host.h"
#include "../lifter/orc.h"
#include "../runtime/load.h"
#include "../runtime/mem.h"
#include "command.h"

enum { PAGE = 4096, MAX_WORKERS = 16 };

/* What a worker made. */
typedef struct Share {
    ArenaPart extents[ARENA_PARTS];
    u64 nextents;
    u64 nblocks;
    u64 regions, failed;
    char why[200]; /* the last failure */
    bool complete;
} Share;

/* What workers and their parent share. */
typedef struct Board {
    _Atomic u64 end; /* of the output so far */
    _Atomic u64 done; /* regions, for whoever watches */
    u64 error;       /* errno of a failed write */
    Share share[MAX_WORKERS];
    AheadEntry entries[]; /* max_entries for each worker */
} Board;

typedef struct Aot {
    const char *program, *output;
    char name[PATH_MAX];      /* the output's, links followed */
    char temporary[PATH_MAX]; /* the output until it is complete; "" if it goes to something else than a file */
    int sink;                 /* that, open for writing; -1 for a file */
    pid_t processes[MAX_WORKERS];
    const char *cpu;
    u32 workers;
    bool counts; /* --stats */
    int opt;     /* Region.opt */
    bool exact;  /* Region.exact */
    Image image;
    Process process;
    Survey *survey;
    const Outline *outlines;
    u64 noutlines;
    u64 bytes; /* that can be executed */
    u64 max_entries;
    Board *board;
    int out;
    u64 payload; /* its offset in the output */
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

static double now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static u64 page_up(u64 n)
{
    return (n + PAGE - 1) & ~(u64)(PAGE - 1);
}

/* All of `size` bytes at an offset, from or to `data`. */
static bool transfer(int fd, void *data, u64 size, u64 offset, bool out)
{
    for (u8 *p = data; size;) {
        ssize_t n = out ? pwrite(fd, p, size, (off_t)offset) : pread(fd, p, size, (off_t)offset);
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

static bool write_all(int fd, const void *data, u64 size, u64 offset)
{
    return transfer(fd, (void *)data, size, offset, true);
}

static bool read_all(int fd, void *data, u64 size, u64 offset)
{
    return transfer(fd, data, size, offset, false);
}

/* Room for `size` bytes at the end of the output, on a page of its own; its offset. */
static u64 reserve(Aot *a, u64 size)
{
    return atomic_fetch_add(&a->board->end, page_up(size));
}

static bool append(Aot *a, const void *data, u64 size, u64 *offset)
{
    u64 at = reserve(a, size);
    *offset = at - a->payload;
    return write_all(a->out, data, size, at);
}

/* -- the guest ---------------------------------------------------------------------------------------------- */

static int open_program(Aot *a)
{
    char why[512];
    int fd = open(a->program, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        complain("%s: %s", a->program, strerror(errno));
        return 1;
    }
    if (image_open(&a->image, fd, a->program, why, sizeof why)) {
        complain("%s", why);
        return 1;
    }
    if (a->image.interp[0]) {
        complain(
            "%s: is linked dynamically (interpreter %s); only static programs can be translated ahead of time: link it "
            "with -static or -static-pie, or start it with 'dragoman run'",
            a->program, a->image.interp);
        return 1;
    }
    a->process.guest = a->image.guest;
    a->process.mem = mem_new(0);
    pthread_mutex_init(&a->process.lock, NULL);
    the_process = &a->process;
    u64 bias = a->image.pie ? LOAD_PIE_BASE : 0;
    if (!a->process.mem || load_for_aot(&a->process, &a->image, a->program, bias, why, sizeof why)) {
        complain("%s", a->process.mem ? why : "out of memory");
        return 1;
    }
    a->process.load_bias = bias;
    return 0;
}

static int find_code(Aot *a)
{
    if (a->counts)
        lift_counting();
    a->survey = code_survey(&a->image, a->process.load_bias, a->program, &a->bytes);
    i64 n = a->survey ? survey_outline(a->survey, &a->outlines) : -1;
    if (n < 0) {
        complain("out of memory");
        return 1;
    }
    a->noutlines = (u64)n;
    for (u64 i = 0; i < a->noutlines; i++)
        a->max_entries += a->outlines[i].nblocks;
    size_t size = sizeof(Board) + a->workers * a->max_entries * sizeof(AheadEntry);
    a->board = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (a->board == MAP_FAILED) {
        complain("out of memory");
        return 1;
    }
    return 0;
}

/* -- being ended: nothing is left behind ---------------------------------------------------------------------- */

static const int endings[] = {SIGINT, SIGTERM, SIGHUP};
static Aot *interrupted; /* the one there is, for the handler */

static void on_ending(int signo)
{
    for (u32 k = 0; k < MAX_WORKERS; k++)
        if (interrupted->processes[k] > 0)
            kill(interrupted->processes[k], SIGKILL);
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

/* Translates one region; false only if there is no memory for it. */
static void translate(Aot *a, const Outline *o, Share *share, AheadEntry *entries)
{
    Region *r = survey_region(a->survey, o);
    Block *b = NULL;
    if (r) {
        r->opt = a->opt;
        r->exact = a->exact;
        b = orc_compile(r, share->why, sizeof share->why);
    } else {
        snprintf(share->why, sizeof share->why, "out of memory");
    }
    share->regions += b != NULL;
    share->failed += b == NULL;
    for (; b; b = b->sibling)
        entries[share->nblocks++] = (AheadEntry){b->pc, b};
    if (r)
        region_free(r);
}

_Noreturn static void work(Aot *a, u32 k)
{
    Share *share = &a->board->share[k];
    AheadEntry *entries = a->board->entries + k * a->max_entries;
    arena_share(k, a->workers);
    host_level = a->cpu;
    for (u64 i = k; i < a->noutlines; i += a->workers)
        translate(a, &a->outlines[i], share, entries), atomic_fetch_add(&a->board->done, 1);
    share->nextents = arena_parts(share->extents);
    for (u64 i = 0; i < share->nextents; i++) {
        ArenaPart *e = &share->extents[i];
        if (!append(a, (const void *)e->address, e->size, &e->offset)) {
            a->board->error = (u64)errno;
            _exit(1);
        }
    }
    share->complete = true;
    _exit(0);
}

/* How far it is and how long it will take: in one place on a terminal, a line now and then in a log, nothing if it is
 * quick. */
static void show_progress(const Aot *a, double start, double *shown)
{
    bool terminal = isatty(STDERR_FILENO);
    u64 done = a->board->done;
    double elapsed = now() - start;
    if (elapsed - *shown < (terminal ? 0.9 : 10) || !done)
        return;
    *shown = elapsed;
    double left = elapsed * (double)(a->noutlines - done) / (double)done;
    fprintf(stderr, terminal ? "\r%s: %3.0f %%, %.0f s left   " : "%s: %.0f %% translated, %.0f s left\n", a->program,
            100 * (double)done / (double)a->noutlines, left);
}

static int translate_all(Aot *a)
{
    int status = 0;
    double start = now(), shown = 0;
    u32 running = 0;
    sigset_t child, before;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, &before); /* for sigtimedwait */
    for (u32 k = 0; k < a->workers; k++) {
        pid_t parent = getpid(), pid = fork();
        if (pid == 0) {
            for (size_t i = 0; i < LEN(endings); i++)
                signal(endings[i], SIG_DFL);
            prctl(PR_SET_PDEATHSIG, SIGKILL);
            if (getppid() == parent)
                work(a, k);
            _exit(1);
        }
        if (pid < 0) {
            complain("can't start a process: %s", strerror(errno));
            status = 1;
            break;
        }
        a->processes[k] = pid;
        running++;
    }
    while (running) {
        pid_t pid = waitpid(-1, NULL, WNOHANG);
        running -= pid > 0;
        if (pid < 0 && errno != EINTR)
            break;
        if (pid == 0)
            sigtimedwait(&child, NULL, &(struct timespec){.tv_sec = 1});
        show_progress(a, start, &shown);
    }
    sigprocmask(SIG_SETMASK, &before, NULL);
    if (shown > 0 && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    memset(a->processes, 0, sizeof a->processes);
    for (u32 k = 0; k < a->workers && !status; k++) {
        if (a->board->share[k].complete)
            continue;
        complain("%s: %s", a->output, a->board->error ? strerror((int)a->board->error) : "a translating process died");
        status = 1;
    }
    return status;
}

/* -- the output --------------------------------------------------------------------------------------------- */

static int open_self(void)
{
    int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
    return fd >= 0 ? fd : open((const char *)getauxval(AT_EXECFN), O_RDONLY | O_CLOEXEC);
}

/* Copies what this executable loads: section headers and symbols stay behind. */
static int copy_self(Aot *a)
{
    int fd = open_self();
    if (fd < 0) {
        complain("can't open this program's own executable: %s", strerror(errno));
        return 1;
    }
    const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
    u64 size = 0, top = 0;
    for (u64 i = 0; i < getauxval(AT_PHNUM); i++) {
        if (ph[i].p_type != PT_LOAD)
            continue;
        size = ph[i].p_offset + ph[i].p_filesz > size ? ph[i].p_offset + ph[i].p_filesz : size;
        top = ph[i].p_vaddr + ph[i].p_memsz > top ? ph[i].p_vaddr + ph[i].p_memsz : top;
    }
    if (top > AHEAD_ADDRESS) {
        complain("this build of dragoman reaches to 0x%" PRIx64 ", where the payload of its output would be", top);
        return 1;
    }
    void *all = malloc(size);
    bool ok = all && read_all(fd, all, size, 0) && write_all(a->out, all, size, 0);
    if (!ok)
        complain("can't copy this program's own executable: %s", strerror(errno));
    free(all);
    close(fd);
    a->payload = page_up(size);
    a->board->end = a->payload + page_up(sizeof(Ahead));
    return !ok;
}

/* The note's program header becomes the payload's. */
static bool patch_headers(Aot *a, u64 size)
{
    Elf64_Ehdr eh;
    if (!read_all(a->out, &eh, sizeof eh, 0))
        return false;
    eh.e_shoff = 0;
    eh.e_shnum = eh.e_shstrndx = 0;
    for (u32 i = 0; i < eh.e_phnum; i++) {
        Elf64_Phdr ph;
        u64 at = eh.e_phoff + i * sizeof ph, note = (u64)ahead_note();
        if (!read_all(a->out, &ph, sizeof ph, at))
            return false;
        if (ph.p_type != PT_NOTE || note < ph.p_vaddr || note >= ph.p_vaddr + ph.p_filesz)
            continue;
        ph = (Elf64_Phdr){.p_type = PT_LOAD,
                          .p_flags = PF_R,
                          .p_offset = a->payload,
                          .p_vaddr = AHEAD_ADDRESS,
                          .p_paddr = AHEAD_ADDRESS,
                          .p_filesz = size,
                          .p_memsz = size,
                          .p_align = PAGE};
        return write_all(a->out, &ph, sizeof ph, at) && write_all(a->out, &eh, sizeof eh, 0);
    }
    errno = ENOEXEC;
    return false;
}

static int by_pc(const void *a, const void *b)
{
    const AheadEntry *x = a, *y = b;
    return x->pc < y->pc ? -1 : x->pc > y->pc;
}

static int by_code(const void *a, const void *b)
{
    const Block *const *x = a, *const *y = b;
    return (*x)->code < (*y)->code ? -1 : (*x)->code > (*y)->code;
}

/* The output's extents where they will be at run time, so that blocks and links can be followed. */
static bool map_extents(Aot *a)
{
    for (u32 k = 0; k < a->workers; k++) {
        for (u64 i = 0; i < a->board->share[k].nextents; i++) {
            const ArenaPart *e = &a->board->share[k].extents[i];
            int prot = e->prot & PROT_WRITE ? PROT_READ | PROT_WRITE : PROT_READ;
            if (!arena_keep(e) || mmap((void *)e->address, e->size, prot, MAP_SHARED | MAP_FIXED, a->out,
                                       (off_t)(a->payload + e->offset)) == MAP_FAILED)
                return false;
        }
    }
    return true;
}

static Block *find(const AheadEntry *index, u64 n, u64 pc)
{
    AheadEntry key = {.pc = pc};
    const AheadEntry *e = bsearch(&key, index, n, sizeof *index, by_pc);
    return e ? e->block : NULL;
}

/* Connects the exits that lead to other blocks of the index. */
static void connect_links(const AheadEntry *index, u64 n)
{
    for (u64 i = 0; i < n; i++) {
        const Block *b = index[i].block;
        for (u32 k = 0; k < b->nlinks; k++) {
            Link *l = &b->links[k];
            Block *to = find(index, n, l->pc);
            if (!to)
                continue;
            l->code = to->code;
            l->to = to;
            l->next_in = to->incoming;
            to->incoming = l;
        }
    }
}

/* Guest bytes in the regions that were made: an entry's region is the outline of the same number of blocks. */
static u64 translated_bytes(const Aot *a, const AheadEntry *index, u64 n)
{
    u64 bytes = 0;
    for (u64 i = 0; i < a->noutlines; i++) {
        const Outline *o = &a->outlines[i];
        if (find(index, n, o->blocks[0]))
            bytes += survey_bytes(a->survey, o);
    }
    return bytes;
}

static bool append_image(Aot *a, Ahead *head)
{
    struct stat st;
    if (fstat(a->image.fd, &st))
        return false;
    void *file = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, a->image.fd, 0);
    head->image_size = (u64)st.st_size;
    bool ok = file != MAP_FAILED && append(a, file, head->image_size, &head->image);
    if (file != MAP_FAILED)
        munmap(file, (size_t)st.st_size);
    return ok;
}

/* Everything but the extents, which the workers have appended. */
static bool write_payload(Aot *a, Ahead *head, AheadEntry *index, Block **hosts, u64 n)
{
    ArenaPart extents[MAX_WORKERS * ARENA_PARTS];
    for (u32 k = 0; k < a->workers; k++)
        for (u64 i = 0; i < a->board->share[k].nextents; i++)
            extents[head->nextents++] = a->board->share[k].extents[i];
    bool ok = append_image(a, head) && append(a, extents, head->nextents * sizeof *extents, &head->extents) &&
              append(a, index, n * sizeof *index, &head->index) && append(a, hosts, n * sizeof *hosts, &head->hosts);
    head->size = a->board->end - a->payload;
    return ok && !ftruncate(a->out, (off_t)a->board->end) && write_all(a->out, head, sizeof *head, a->payload) &&
           patch_headers(a, head->size);
}

static int finish(Aot *a, Ahead *head)
{
    u64 n = 0;
    for (u32 k = 0; k < a->workers; k++)
        n += a->board->share[k].nblocks;
    AheadEntry *index = malloc((n ? n : 1) * sizeof *index);
    Block **hosts = malloc((n ? n : 1) * sizeof *hosts);
    if (!index || !hosts || !map_extents(a)) {
        complain("out of memory");
        return 1;
    }
    u64 at = 0;
    for (u32 k = 0; k < a->workers; k++)
        for (u64 i = 0; i < a->board->share[k].nblocks; i++)
            index[at++] = a->board->entries[k * a->max_entries + i];
    qsort(index, n, sizeof *index, by_pc);
    for (u64 i = 0; i < n; i++)
        hosts[i] = index[i].block;
    qsort(hosts, n, sizeof *hosts, by_code);
    connect_links(index, n);
    u64 lo = UINT64_MAX, hi = 0;
    for (u64 i = 0; i < n; i++) {
        lo = index[i].block->low < lo ? index[i].block->low : lo;
        hi = index[i].block->end > hi ? index[i].block->end : hi;
    }
    *head = (Ahead){.lo = lo,
                    .hi = hi,
                    
        .magic = AHEAD_MAGIC, .bias = a->process.load_bias, .nblocks = n, .code_bytes = a->bytes, .counts = a->counts,
                    .exact = a->exact};
    head->insn_bytes = translated_bytes(a, index, n);
    snprintf(head->cpu, sizeof head->cpu, "%s", a->cpu);
    bool ok = write_payload(a, head, index, hosts, n);
    if (!ok)
        complain("%s: %s", a->output, strerror(errno));
    free(index);
    free(hosts);
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

static void report(const Aot *a, const Ahead *head, double seconds)
{
    u64 regions = 0, failed = 0;
    const char *why = "";
    for (u32 k = 0; k < a->workers; k++) {
        regions += a->board->share[k].regions;
        failed += a->board->share[k].failed;
        if (a->board->share[k].failed)
            why = a->board->share[k].why;
    }
    FILE *f = a->sink < 0 ? stdout : stderr; /* standard output may be where it went */
    fprintf(f,
            "%s: %" PRIu64 " of %" PRIu64 " executable bytes translated (%.1f %%), %" PRIu64
            " regions, %.1f s; %s: %" PRIu64 " bytes\n",
            a->program, head->insn_bytes, head->code_bytes,
            head->code_bytes ? 100.0 * (double)head->insn_bytes / (double)head->code_bytes : 0.0, regions, seconds,
            a->output, a->payload + head->size);
    if (failed)
        fprintf(f, "%" PRIu64 " regions are left to be translated at run time: %s\n", failed, why);
}

static int run(Aot *a)
{
    Ahead head;
    double start = now();
    expect_endings(a);
    if (open_program(a) || find_code(a) || open_output(a))
        return 1;
    int status = copy_self(a) || translate_all(a) || finish(a, &head) || name_output(a);
    if (status && a->temporary[0])
        unlink(a->temporary);
    else if (!status)
        report(a, &head, now() - start);
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

int aot_main(int argc, char **argv, int at)
{
    static Aot aot;
    Aot *a = &aot;
    a->cpu = host_reaches("x86-64-v3") ? "x86-64-v3" : "x86-64-v2";
    a->workers = processors();
    a->opt = 2;
    for (; at < argc; at++) {
        const char *arg = argv[at];
        if (!strcmp(arg, "-h") || !strcmp(arg, "--help")) {
            command_help("aot");
            return 0;
        }
        if (!strcmp(arg, "-o") || !strcmp(arg, "-j")) {
            if (++at == argc)
                return usage(arg[1] == 'o' ? "-o wants the name of the executable to write" : "-j wants a number");
            if (arg[1] == 'o') {
                a->output = argv[at];
                continue;
            }
            char *end;
            unsigned long n = strtoul(argv[at], &end, 10);
            if (*end || end == argv[at] || n < 1)
                return usage("-j wants a number of processes");
            a->workers = n > MAX_WORKERS ? MAX_WORKERS : (u32)n;
        } else if (!strncmp(arg, "-march=", 7)) {
            a->cpu = arg + 7;
            if (strcmp(a->cpu, "x86-64-v2") && strcmp(a->cpu, "x86-64-v3"))
                return usage("-march takes x86-64-v2 or x86-64-v3");
        } else if (!strcmp(arg, "-O1") || !strcmp(arg, "-O2")) {
            a->opt = arg[2] - '0';
        } else if (!strcmp(arg, "--exact")) {
            a->exact = true;
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
    if (!a->output)
        return usage("-o OUT is missing: the executable to write");
    a->workers = a->workers > MAX_WORKERS ? MAX_WORKERS : a->workers;
    return run(a);
}
