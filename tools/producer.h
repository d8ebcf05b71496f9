/* Translates all code of guest files: what `dragoman aot` and `dragoman cache warm` have in common. Each file has a
 * process of its own: what one leaves in memory, or dies of, is nothing to the next. */
#ifndef DRAGOMAN_TOOLS_PRODUCER_H
#define DRAGOMAN_TOOLS_PRODUCER_H

#include <limits.h>
#include <sys/types.h>

#include "../runtime/runtime.h"

/* What all processes have done. */
typedef struct ProducerBoard {
    _Atomic i32 free; /* processes that may be started */
    _Atomic u64 files, blocks, regions, failed;
    _Atomic u64 code_bytes, insn_bytes; /* of the guest: executable, and found */
    _Atomic u64 total, done;            /* bytes of code to be looked at, for whoever watches */
    char why[200];                      /* the last region that failed */
} ProducerBoard;

typedef struct Producer {
    u32 workers;         /* processes */
    int opt;             /* Region.opt */
    bool regions;        /* LLVM's, too, of loops */
    bool exact;          /* of those only what is so (Region.exact) */
    bool tags;           /* addresses may have tags: see lift_ignore_tags */
    const char *cache;   /* the directory where units are kept; NULL: each file's go to a file of their own */
    const char *scratch; /* a directory on whose file system there is room */
    const char *shown;   /* what is being made, on whose progress there are lines; NULL: none */
    ProducerBoard *board;
    u32 running;
    double start, told; /* seconds: progress */
    bool ok;
} Producer;

typedef struct ProducerFile {
    const char *path;
    int out;    /* without a cache: an empty file for its units */
    bool quiet; /* says nothing of a file that has no guest code */
} ProducerFile;

/* False without memory. */
bool producer_begin(Producer *p);
/* Translates the file, now or when a process has ended. */
void producer_file(Producer *p, const ProducerFile *f);
/* Waits for all. False if something has failed; what, is on standard error. */
bool producer_end(Producer *p);

/* An empty file without a name in a directory, or in memory; -1 with errno set. */
int producer_scratch(const char *dir);
/* Seconds since some time. */
double producer_now(void);
/* All of `size` bytes at an offset; false with errno set. */
bool producer_write(int fd, const void *data, u64 size, u64 offset);

#endif
