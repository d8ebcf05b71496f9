/* jit-PID.dump: translated code itself, for `perf inject --jit`, which makes an ELF file of every piece, so that perf
 * report, annotate and the like treat it as any program's code. Format: Linux,
 * tools/perf/Documentation/jitdump-specification.txt. */
#include <elf.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

#include "../include/log.h"
#include "perf.h"

enum { MAGIC = 0x4a695444 /* JiTD */, VERSION = 1, CODE_LOAD = 0, PAGE = 4096 };

typedef struct Header {
    u32 magic, version, total_size, elf_mach, pad, pid;
    u64 timestamp, flags;
} Header;

typedef struct CodeLoad {
    u32 id, total_size;
    u64 timestamp;
    u32 pid, tid;
    u64 vma, code_addr, code_size, code_index;
    /* the name, NUL-terminated, and the code */
} CodeLoad;

static struct {
    char path[64]; /* "" if none is wanted */
    u64 index;
} dump;

/* perf's clock under -k mono. */
static u64 now(void)
{
    return clock_ns(CLOCK_MONOTONIC);
}

void jitdump_start(void)
{
    Header h = {MAGIC, VERSION, sizeof h, EM_X86_64, 0, (u32)getpid(), now(), 0};
    dump.index = 0;
    snprintf(dump.path, sizeof dump.path, "/tmp/jit-%d.dump", getpid());
    int fd = perf_create(dump.path);
    bool ok = fd >= 0 && write(fd, &h, sizeof h) == sizeof h;
    /* perf learns of the file by its being mapped executable; that once is enough. */
    void *mark = ok ? mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE, fd, 0) : MAP_FAILED;
    if (mark == MAP_FAILED) {
        fprintf(stderr, "dragoman: --jitdump: %s can't be written: %m\n", dump.path);
        dump.path[0] = 0;
    } else {
        munmap(mark, PAGE);
    }
    if (fd >= 0)
        close(fd);
}

void jitdump_add(const char *name, const void *code, u64 size)
{
    int fd = dump.path[0] ? perf_open(dump.path, O_WRONLY | O_APPEND) : -1;
    if (fd < 0)
        return;
    CodeLoad c = {
        .id = CODE_LOAD,
        .total_size = (u32)(sizeof c + strlen(name) + 1 + size),
        .timestamp = now(),
        .pid = (u32)getpid(),
        .tid = (u32)gettid(),
        .vma = (u64)code,
        .code_addr = (u64)code,
        .code_size = size,
        .code_index = dump.index++,
    };
    struct iovec parts[] = {{&c, sizeof c}, {(void *)name, strlen(name) + 1}, {(void *)code, size}};
    if (writev(fd, parts, LEN(parts)) != c.total_size)
        dump.path[0] = 0; /* the disk is full, and what follows half a record is lost anyhow */
    close(fd);
}
