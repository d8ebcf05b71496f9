#include "warm.h"

#include <errno.h>
#include <fcntl.h>
#include <fts.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

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

int warm_main(Warm *w)
{
    bool ok = true;
    Producer *p = &w->producer;
    p->scratch = p->cache;
    p->opt = 1;
    FTS *tree = producer_begin(p) ? fts_open(w->paths, FTS_PHYSICAL | FTS_COMFOLLOW | FTS_NOCHDIR, NULL) : NULL;
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
        if (e->fts_info == FTS_F && (named || is_elf(e->fts_path)))
            producer_file(p, &(ProducerFile){.path = e->fts_path, .out = -1, .quiet = !named});
    }
    fts_close(tree);
    ok &= producer_end(p);
    printf("%" PRIu64 " files, %" PRIu64 " blocks, %" PRIu64 " regions\n", p->board->files, p->board->blocks,
           p->board->regions);
    return !ok;
}
