/* Each file in a process of its own, some at once: what one leaves in memory, or dies of, is nothing to the next. */
#include "warm.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../frontend/code.h"
#include "../include/host.h"
#include "../include/unit.h"
#include "../lifter/orc.h"
#include "../runtime/cache.h"
#include "../runtime/load.h"
#include "../runtime/mem.h"
#include "../runtime/store.h"

/* What all processes have done. */
typedef struct Board {
    _Atomic u64 files, blocks, regions;
} Board;

typedef struct Work {
    const Warm *warm;
    const char *path;
    Image image;
    Process process;
    Survey *survey;
    UnitBuffer buffer, found;
    Ir *ir;
    u64 blocks, regions, failed;
} Work;

/* Where code at pc is kept; with the translation lock held. */
static StorePlace place_of(Work *w, u64 pc)
{
    Mapping map;
    int code;
    u64 address = code_address(w->image.guest, pc);
    bool is_code = !mem_code_fault(w->process.mem, address, &code, &map);
    return is_code ? store_place(w->image.guest, &map, pc) : (StorePlace){0};
}

/* What is there already, from an earlier run or an earlier warming, is left. */
static void add_block(Work *w, u64 pc)
{
    StorePlace place = place_of(w, pc);
    Unit known;
    if (!place.file || store_find(&place, &w->found, &known) || !lift_block(w->image.guest, pc, BLOCK_INSNS, w->ir))
        return;
    baseline_unit(w->image.guest, w->ir, true, &w->buffer);
    store_add(&place, &w->buffer.unit, w->ir->code);
    w->blocks++;
}

static void add_region(Work *w, const Outline *o)
{
    char why[200];
    StorePlace place = place_of(w, o->blocks[0]);
    Unit known;
    u64 pc;
    Region *r = !place.file || store_find_region(&place, &w->found, &known, &pc) ? NULL : survey_region(w->survey, o);
    if (!r)
        return;
    r->exact = w->warm->exact;
    if (orc_unit(r, &w->buffer, why, sizeof why)) {
        store_add_region(&place, &w->buffer.unit, r);
        w->regions++;
    } else {
        w->failed++;
    }
    region_free(r);
}

/* 0, or a line in `why`. */
static int translate(Work *w, int fd, char *why, size_t size)
{
    const Outline *outlines;
    u64 bytes, bias;
    w->process.guest = w->image.guest;
    w->process.options = (Options){.tier = TIER_AUTO, .hot = -1, .cache = w->warm->cache};
    w->process.mem = mem_new(0);
    w->ir = ir_new();
    pthread_mutex_init(&w->process.lock, NULL);
    the_process = &w->process;
    if (w->warm->exact)
        cache_require_exact();
    bias = !w->image.pie ? 0 : w->image.guest->address_end ? w->image.guest->address_end / 4 : LOAD_PIE_BASE;
    store_open(&w->process, w->image.guest, w->warm->cache);
    if (!w->process.mem || !w->ir || load_for_aot(&w->process, &w->image, w->path, bias, why, size))
        return -1;
    store_file(fd);
    w->survey = code_survey(&w->image, bias, w->path, &bytes);
    i64 n = w->survey ? survey_outline(w->survey, &outlines) : -1;
    if (n < 0)
        return snprintf(why, size, "%s: out of memory", w->path), -1;
    cache_lock();
    for (i64 i = 0; i < n; i++) {
        for (u32 k = 0; k < outlines[i].nblocks; k++)
            add_block(w, outlines[i].blocks[k]);
        if (w->warm->regions)
            add_region(w, &outlines[i]);
    }
    cache_unlock();
    store_save(0, 0);
    return 0;
}

/* In the process of the file. `named`: what can't be translated is worth a line. */
_Noreturn static void work(const Warm *warm, const char *path, bool named, Board *board)
{
    static Work w;
    char why[512] = "out of memory";
    w.warm = warm;
    w.path = path;
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0 || image_open(&w.image, fd, path, why, sizeof why)) {
        if (fd < 0)
            snprintf(why, sizeof why, "%s: %s", path, strerror(errno));
        if (named)
            fprintf(stderr, "dragoman: cache: %s\n", why);
        _exit(named);
    }
    if (!named && w.image.guest->elf_machine == HOST_MACHINE) /* who translates these says so */
        _exit(0);
    if (translate(&w, w.image.fd, why, sizeof why)) {
        fprintf(stderr, "dragoman: cache: %s\n", why);
        _exit(1);
    }
    printf("%s: %" PRIu64 " blocks", path, w.blocks);
    if (warm->regions)
        printf(", %" PRIu64 " regions", w.regions);
    if (w.failed)
        printf(", %" PRIu64 " are left to the baseline", w.failed);
    puts("");
    fflush(stdout);
    board->files++;
    board->blocks += w.blocks;
    board->regions += w.regions;
    _exit(0);
}

/* Waits until there are fewer than n processes; whether all that ended meanwhile ended well. */
static bool wait_for(u32 *running, u32 n)
{
    bool ok = true;
    while (*running >= n && *running) {
        int status;
        if (wait(&status) < 0)
            break;
        (*running)--;
        ok &= WIFEXITED(status) && !WEXITSTATUS(status);
    }
    return ok;
}

/* Whether a file may be worth a process: the first bytes are ELF's. */
static bool is_elf(const char *path)
{
    char magic[4] = "";
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    bool is = fd >= 0 && read(fd, magic, sizeof magic) == sizeof magic && !memcmp(magic, "\177ELF", 4);
    if (fd >= 0)
        close(fd);
    return is;
}

int warm_main(const Warm *w)
{
    u32 running = 0;
    bool ok = true;
    Board *board = mmap(NULL, sizeof *board, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    FTS *tree = board != MAP_FAILED ? fts_open(w->paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL) : NULL;
    if (!tree) {
        fprintf(stderr, "dragoman: cache: out of memory\n");
        return 1;
    }
    for (FTSENT *e; (e = fts_read(tree));) {
        bool named = e->fts_level == FTS_ROOTLEVEL;
        if (e->fts_info == FTS_NS || e->fts_info == FTS_DNR || e->fts_info == FTS_ERR) {
            fprintf(stderr, "dragoman: cache: %s: %s\n", e->fts_path, strerror(e->fts_errno));
            ok &= !named;
        }
        if (e->fts_info != FTS_F || (!named && !is_elf(e->fts_path)))
            continue;
        ok &= wait_for(&running, w->workers);
        fflush(NULL);
        pid_t pid = fork();
        if (pid == 0)
            work(w, e->fts_path, named, board);
        running += pid > 0;
        ok &= pid > 0;
    }
    fts_close(tree);
    ok &= wait_for(&running, 1);
    printf("%" PRIu64 " files, %" PRIu64 " blocks, %" PRIu64 " regions\n", board->files, board->blocks, board->regions);
    return !ok;
}
