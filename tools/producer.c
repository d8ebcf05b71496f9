/* A file's process surveys it and translates it outline by outline (lifter/survey.h), with others that it forks for
 * that as long as there may be more of them: each takes the next outline, and leaves its records in a file without a
 * name. In the end they are put in the order of the outlines, so that the same bytes come out however many have worked.
 */
#include "producer.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../frontend/code.h"
#include "../include/host.h"
#include "../include/unit.h"
#include "../lifter/orc.h"
#include "../runtime/cache.h"
#include "../runtime/load.h"
#include "../runtime/mem.h"
#include "../runtime/store.h"

/* Where the records of an outline are in the scratch file. */
typedef struct Piece {
    u64 at, size;
} Piece;

/* What the processes of one file share. */
typedef struct Share {
    _Atomic u64 next; /* outline */
    _Atomic u64 end;  /* of the scratch file */
    _Atomic u64 blocks, regions, failed, seen;
    Piece pieces[];
} Share;

typedef struct Work {
    const Producer *producer;
    ProducerBoard *board;
    const char *path;
    Image image;
    Process process;
    Survey *survey;
    const Outline *outlines;
    u64 noutlines;
    Share *share;
    int scratch;
    u32 helpers;
    UnitBuffer buffer, found;
    UnitStage stage;
    Ir *ir;
} Work;

double producer_now(void)
{
    struct timespec ts;
    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

int producer_scratch(const char *dir)
{
    int fd = dir ? open(dir, O_TMPFILE | O_RDWR | O_CLOEXEC, 0600) : -1;
    return fd >= 0 ? fd : memfd_create("scratch", MFD_CLOEXEC);
}

bool producer_write(int fd, const void *data, u64 size, u64 offset)
{
    for (const u8 *p = data; size;) {
        ssize_t n = pwrite(fd, p, size, (off_t)offset);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            errno = n < 0 ? errno : ENOSPC;
            return false;
        }
        p += n;
        offset += (u64)n;
        size -= (u64)n;
    }
    return true;
}

/* A process that ends when the one that forks it does; 0 in it. */
static pid_t fork_below(void)
{
    pid_t parent = getpid();
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        signal(SIGINT, SIG_DFL);
        signal(SIGTERM, SIG_DFL);
        signal(SIGHUP, SIG_DFL);
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (getppid() != parent)
            _exit(1);
    }
    return pid;
}

/* One process more, if there may be one. */
static bool take_process(ProducerBoard *b)
{
    i32 n = b->free;
    while (n > 0)
        if (atomic_compare_exchange_weak(&b->free, &n, n - 1))
            return true;
    return false;
}

/* -- an outline --------------------------------------------------------------------------------------------- */

/* Where code at pc is kept. */
static StorePlace place_of(const Work *w, u64 pc)
{
    Mapping map;
    int code;
    u64 address = code_address(w->image.guest, pc);
    bool is_code = !mem_code_fault(w->process.mem, address, &code, &map);
    return is_code ? store_place(w->image.guest, &map, pc) : (StorePlace){.pc = pc, .address = address};
}

/* What is there already, from an earlier run or an earlier warming, is left. */
static void add_block(Work *w, u64 pc)
{
    StorePlace place = place_of(w, pc);
    Unit known;
    if (store_find(&place, &w->found, &known) || !lift_block(w->image.guest, pc, BLOCK_INSNS, w->ir))
        return;
    baseline_unit(w->image.guest, w->ir, true, true, &w->buffer);
    w->share->blocks += unitstage_add(&w->stage, &w->buffer.unit, place.offset, pc, w->ir->code);
}

static void compile(Work *w, Region *r, const StorePlace *place, bool exact, bool flushes)
{
    r->exact = exact;
    r->flushes = flushes;
    u8 *code = region_code(r);
    bool ok = code && orc_unit(r, &w->buffer, w->board->why, sizeof w->board->why) &&
              unitstage_add(&w->stage, &w->buffer.unit, place->offset, place->pc, code);
    free(code);
    w->share->regions += ok;
    w->share->failed += !ok;
}

/* A region, and where there is floating point one that is right for threads that flush denormals, too. */
static void add_region(Work *w, Region *r)
{
    StorePlace place = place_of(w, r->pc);
    Unit known;
    u64 pc;
    bool exact = w->producer->exact;
    if (store_find_region(&place, &w->found, &known, &pc))
        return;
    r->opt = w->producer->opt;
    compile(w, r, &place, exact, false);
    if (region_effects(r) & FX_FP)
        compile(w, r, &place, exact, true);
}

static bool take_outline(Work *w, u64 i)
{
    const Outline *o = &w->outlines[i];
    Region *loops[REGION_BLOCKS];
    i64 n = w->producer->regions ? survey_loops(w->survey, o, loops) : 0;
    for (u32 k = 0; k < o->nblocks; k++)
        add_block(w, o->blocks[k]);
    for (i64 k = 0; k < n; k++) {
        add_region(w, loops[k]);
        region_free(loops[k]);
    }
    u64 bytes = survey_bytes(w->survey, o);
    w->board->insn_bytes += bytes;
    w->board->done += bytes;
    w->share->seen += bytes;
    Piece *p = &w->share->pieces[i];
    *p = (Piece){.at = atomic_fetch_add(&w->share->end, w->stage.size), .size = w->stage.size};
    bool ok = n >= 0 && producer_write(w->scratch, w->stage.bytes, p->size, p->at);
    if (!ok)
        fprintf(stderr, "dragoman: %s: %s\n", w->path, n < 0 ? "out of memory" : strerror(errno));
    unitstage_empty(&w->stage);
    return ok;
}

/* -- a file ------------------------------------------------------------------------------------------------- */

/* Takes outlines until none is left; `first`: it may have others help. */
static bool take_outlines(Work *w, bool first)
{
    bool ok = true;
    for (u64 i; ok && (i = w->share->next++) < w->noutlines;) {
        while (first && i + 1 < w->noutlines && take_process(w->board)) {
            pid_t pid = fork_below();
            if (pid == 0)
                _exit(!take_outlines(w, false));
            w->helpers += pid > 0;
            w->board->free += pid < 0;
        }
        ok = take_outline(w, i);
    }
    return ok;
}

/* What all have made, in the order of the outlines. */
static bool assemble(Work *w, UnitStage *all)
{
    u64 size = w->share->end;
    const u8 *bytes = size ? mmap(NULL, size, PROT_READ, MAP_SHARED, w->scratch, 0) : NULL;
    bool ok = bytes != MAP_FAILED;
    for (u64 i = 0; ok && i < w->noutlines; i++)
        ok = unitstage_take(all, bytes + w->share->pieces[i].at, w->share->pieces[i].size);
    if (bytes && bytes != MAP_FAILED)
        munmap((void *)bytes, size);
    return ok;
}

/* 0, or a line in `why`. */
static int translate(Work *w, const ProducerFile *f, char *why, size_t size)
{
    u64 bytes;
    const Guest *guest = w->image.guest;
    w->process.guest = guest;
    w->process.options = (Options){.tier = TIER_AUTO, .hot = -1};
    w->process.mem = mem_new(0);
    w->ir = ir_new();
    pthread_mutex_init(&w->process.lock, NULL);
    the_process = &w->process;
    if (w->producer->tags)
        lift_ignore_tags();
    if (w->producer->exact)
        cache_require_exact();
    u64 bias = !w->image.pie ? 0 : guest->address_end ? guest->address_end / 4 : LOAD_PIE_BASE;
    if (w->producer->cache)
        store_open(&w->process, guest, w->producer->cache);
    if (!w->process.mem || !w->ir || load_for_aot(&w->process, &w->image, w->path, bias, why, size))
        return -1;
    store_file(w->image.fd);
    w->survey = code_survey(&w->image, bias, w->path, &bytes);
    i64 n = w->survey ? survey_outline(w->survey, &w->outlines) : -1;
    size_t room = sizeof *w->share + (n < 0 ? 0 : (size_t)n) * sizeof(Piece);
    w->share = n < 0 ? MAP_FAILED : mmap(NULL, room, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    w->scratch = producer_scratch(w->producer->scratch);
    if (w->share == MAP_FAILED || w->scratch < 0)
        return snprintf(why, size, "%s: %s", w->path, n < 0 ? "out of memory" : strerror(errno)), -1;
    w->noutlines = (u64)n;
    w->board->total += bytes;
    bool ok = take_outlines(w, true);
    for (; w->helpers; w->helpers--, w->board->free++) {
        int status = 1;
        ok &= wait(&status) > 0 && !status;
    }
    w->board->done += bytes - w->share->seen;
    w->board->code_bytes += bytes;
    if (!ok)
        return snprintf(why, size, "%s: a translating process died", w->path), -1;
    UnitStage all = {0};
    const char *slash = strrchr(w->path, '/');
    int error = !assemble(w, &all)   ? -ENOMEM
                : w->producer->cache ? store_add_all(w->image.fd, &all)
                                     : unitfile_write(f->out, &all, slash ? slash + 1 : w->path);
    unitstage_free(&all);
    Mapping map;
    int code;
    if (!error && w->producer->cache && n &&
        !mem_code_fault(w->process.mem, code_address(guest, w->outlines[0].blocks[0]), &code, &map))
        error = store_make_kept(w->image.fd, guest, &map);
    return error ? snprintf(why, size, "%s: its translation can't be written: %s", w->path, strerror(-error)), -1 : 0;
}

static void report(const Work *w)
{
    const Share *s = w->share;
    printf("%s: %" PRIu64 " blocks", w->path, s->blocks);
    if (w->producer->regions)
        printf(", %" PRIu64 " regions", s->regions);
    if (s->failed)
        printf(", %" PRIu64 " are left to the baseline", s->failed);
    puts("");
    fflush(stdout);
}

/* In the process of the file. */
_Noreturn static void work(const Producer *p, const ProducerFile *f)
{
    static Work w;
    char why[512] = "out of memory";
    w.producer = p;
    w.board = p->board;
    w.path = f->path;
    int fd = open(f->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || image_open(&w.image, fd, f->path, why, sizeof why)) {
        if (fd < 0)
            snprintf(why, sizeof why, "%s: %s", f->path, strerror(errno));
        if (!f->quiet)
            fprintf(stderr, "dragoman: %s\n", why);
        _exit(!f->quiet);
    }
    if (f->quiet && w.image.guest->elf_machine == HOST_MACHINE) /* who translates these says so */
        _exit(0);
    if (translate(&w, f, why, sizeof why)) {
        fprintf(stderr, "dragoman: %s\n", why);
        _exit(1);
    }
    p->board->files++;
    p->board->blocks += w.share->blocks;
    p->board->regions += w.share->regions;
    p->board->failed += w.share->failed;
    if (!p->shown)
        report(&w);
    _exit(0);
}

/* -- all of them -------------------------------------------------------------------------------------------- */

/* How far it is and how long it will take: in one place on a terminal, a line now and then in a log, nothing if it is
 * quick. */
static void show_progress(Producer *p)
{
    const ProducerBoard *b = p->board;
    bool terminal = isatty(STDERR_FILENO);
    double elapsed = producer_now() - p->start, done = (double)b->done, total = (double)b->total;
    if (!p->shown || elapsed - p->told < (terminal ? 0.9 : 10) || !b->done)
        return;
    p->told = elapsed;
    double left = elapsed * (total - done) / done;
    fprintf(stderr, terminal ? "\r%s: %3.0f %%, %.0f s left   " : "%s: %.0f %% translated, %.0f s left\n", p->shown,
            100 * done / total, left);
}

bool producer_begin(Producer *p)
{
    p->board = mmap(NULL, sizeof *p->board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    if (p->board == MAP_FAILED)
        return false;
    p->board->free = (i32)p->workers;
    p->start = producer_now();
    p->ok = true;
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    sigprocmask(SIG_BLOCK, &child, NULL); /* for sigtimedwait */
    return true;
}

/* Waits until fewer than n files' processes run and, if there are any, one more may. */
static void wait_for(Producer *p, u32 n)
{
    const struct timespec soon = {.tv_nsec = 100000000};
    sigset_t child;
    sigemptyset(&child);
    sigaddset(&child, SIGCHLD);
    while (p->running && (p->running >= n || p->board->free <= 0)) {
        int status;
        pid_t pid = waitpid(-1, &status, WNOHANG);
        if (pid < 0 && errno != EINTR)
            break;
        if (pid == 0)
            sigtimedwait(&child, NULL, &soon);
        if (pid > 0) {
            p->running--;
            p->board->free++;
            p->ok &= WIFEXITED(status) && !WEXITSTATUS(status);
        }
        show_progress(p);
    }
}

void producer_file(Producer *p, const ProducerFile *f)
{
    wait_for(p, p->workers);
    p->board->free--;
    pid_t pid = fork_below();
    if (pid == 0)
        work(p, f);
    p->running += pid > 0;
    p->board->free += pid < 0;
    if (pid < 0)
        fprintf(stderr, "dragoman: can't start a process: %s\n", strerror(errno));
    p->ok &= pid > 0;
}

bool producer_end(Producer *p)
{
    wait_for(p, 1);
    if (p->told > 0 && isatty(STDERR_FILENO))
        fputs("\r\033[K", stderr);
    return p->ok;
}
