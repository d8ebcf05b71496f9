#include "ahead.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>

#include "../lifter/host.h"
#include "cache.h"
#include "perf.h"

static struct {
    const Ahead *payload; /* NULL: none, or not to be used */
    const AheadEntry *index;
    Block *const *hosts;
} ahead;

/* Nothing reads the note: the linker gives it a program header of its own, and `aot` needs one. */
__attribute__((section(".note.dragoman"), aligned(8), used)) static const struct {
    u32 name_size, size, type;
    char name[12];
} note = {sizeof note.name, 0, 1, "dragoman"};

const void *ahead_note(void)
{
    return &note;
}

const Ahead *ahead_payload(void)
{
    const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
    for (u64 i = 0; ph && i < getauxval(AT_PHNUM); i++)
        if (ph[i].p_type == PT_LOAD && ph[i].p_vaddr == AHEAD_ADDRESS)
            return (const Ahead *)AHEAD_ADDRESS;
    return NULL;
}

static const void *part(const Ahead *a, u64 offset)
{
    return (const u8 *)a + offset;
}

Symbols *ahead_symbols(const char *path)
{
    const Ahead *a = strncmp(path, "/memfd:", 7) ? NULL : ahead_payload();
    return a ? symbols_new_in(part(a, a->image), a->image_size) : symbols_new(path);
}

/* Brings pages from the payload to where they belong. */
static bool map_part(const Ahead *a, const ArenaPart *e, bool copy)
{
    if (!arena_keep(e))
        return false;
    void *from = (void *)part(a, e->offset), *to = (void *)e->address;
    if (copy && e->prot & PROT_EXEC) {
        if (mprotect(to, e->size, PROT_READ | PROT_WRITE))
            return false;
        memcpy(to, from, e->size);
        return !mprotect(to, e->size, e->prot);
    }
    return mremap(from, e->size, e->size, MREMAP_MAYMOVE | MREMAP_FIXED, to) == to && !mprotect(to, e->size, e->prot);
}

bool ahead_map(const Ahead *a, bool copy, char *why, size_t size)
{
    if (!host_reaches(a->cpu)) {
        snprintf(why, size, "its translation is for %s processors", a->cpu);
        return false;
    }
    const ArenaPart *e = part(a, a->extents);
    for (u64 i = 0; i < a->nextents; i++) {
        if (!map_part(a, &e[i], copy)) {
            snprintf(why, size, "its translation can't be mapped at 0x%lx", e[i].address);
            return false;
        }
    }
    ahead.payload = a;
    ahead.index = part(a, a->index);
    ahead.hosts = part(a, a->hosts);
    return true;
}

void ahead_perf(void)
{
    /* A region's instructions are its first entry's. */
    for (u64 i = 0; ahead.payload && i < ahead.payload->nblocks; i++)
        if (ahead.index[i].block->insns)
            perf_add(ahead.index[i].block);
}

Block *ahead_find(u64 pc)
{
    u64 lo = 0, hi = ahead.payload ? ahead.payload->nblocks : 0;
    while (lo < hi) {
        u64 mid = lo + (hi - lo) / 2;
        if (ahead.index[mid].pc < pc)
            lo = mid + 1;
        else
            hi = mid;
    }
    if (!ahead.payload || lo == ahead.payload->nblocks || ahead.index[lo].pc != pc || ahead.index[lo].block->dead)
        return NULL;
    return ahead.index[lo].block;
}

Block *ahead_find_host(const void *host)
{
    u64 lo = 0, hi = ahead.payload ? ahead.payload->nblocks : 0;
    while (lo < hi) {
        u64 mid = lo + (hi - lo) / 2;
        if ((const u8 *)ahead.hosts[mid]->code <= (const u8 *)host)
            lo = mid + 1;
        else
            hi = mid;
    }
    Block *b = lo ? ahead.hosts[lo - 1] : NULL;
    return b && (const u8 *)host < (const u8 *)b->code + b->code_size ? b : NULL;
}

Block *ahead_next(u64 lo, u64 hi, u64 *at)
{
    if (!ahead.payload || lo >= ahead.payload->hi || hi <= ahead.payload->lo)
        return NULL;
    while (*at < ahead.payload->nblocks) {
        Block *b = ahead.index[(*at)++].block;
        if (!b->dead && b->low < hi && b->end > lo)
            return b;
    }
    return NULL;
}

void ahead_disconnect(void)
{
    for (u64 i = 0; ahead.payload && i < ahead.payload->nblocks; i++) {
        Block *b = ahead.index[i].block;
        b->next_hash = NULL;
        cache_detach(b);
    }
}

bool ahead_is_exact(void)
{
    return ahead.payload && ahead.payload->exact;
}

void ahead_stop(void)
{
    for (u64 i = 0; ahead.payload && i < ahead.payload->nblocks; i++)
        ahead.index[i].block->dead = true;
}
