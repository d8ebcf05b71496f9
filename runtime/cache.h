/* The in-memory index of translations: by guest pc, by guest page (for invalidation), by host address (for faults). */
#ifndef DRAGOMAN_RUNTIME_CACHE_H
#define DRAGOMAN_RUNTIME_CACHE_H

#include "runtime.h"

/* The translation lock: held while blocks are made, connected and dropped, and while jump caches are filled. */
void cache_lock(void);
void cache_unlock(void);
/* The same for who has nothing to lose: false if another thread doesn't give it back in a fraction of a second. */
bool cache_lock_soon(void);

/* The newest translation of the block at pc, or NULL. With the lock held, or in_code set: a flush frees blocks. */
Block *cache_lookup(u64 pc);
/* Enters a fresh block. Lock held. */
void cache_insert(Block *b);
/* Enters a fresh region by those of its entries that have their bits set in `entries`, the first one in bit 0. Lock held. */
void cache_insert_region(Block *region, u64 entries);
/* Enters a fresh region by those of its entries where no other region is entered, in the place of baseline blocks that
 * are there. Lock held. */
void cache_add_region(Block *region);
/* Enters a baseline block that nobody may find but through a host address in it. Lock held. */
void cache_insert_host(Block *b);
/* From now on nobody enters the block. Lock held. */
void cache_drop(Block *b);
/* Connects a direct exit to its target, unless either is no longer current. Lock held. */
void cache_connect(Link *link, Block *to);
/* From now on the block's counter counts calls, jumps backwards and indirect ones alone. */
void cache_settle(Block *b);
/* Enters pc into the task's own jump cache. Lock held. */
void cache_fill_jump(Task *t, const Block *b);
/* Puts a region's entries in the place of baseline blocks: their links and jump-cache entries move over. `members` are the blocks
 * whose code the region was made from; false if one is dead by now, or if regions must be exact (or flush) and this one doesn't:
 * then the region must be forgotten. Takes the lock. */
bool cache_publish_region(Block *region, bool exact, bool flushes, Block *const *members, size_t n);
/* Guest code that somebody is translating without the lock: [lo, hi), and whether it has been invalidated meanwhile. The caller's
 * own memory, from cache_watch until cache_unwatch, which is called with the lock held. */
typedef struct Watch {
    u64 lo, hi;
    bool hit;
    struct Watch *next;
} Watch;
void cache_watch(Watch *w);
void cache_unwatch(Watch *w);
/* Counts flushes: a Block found before one is gone after it. */
u64 cache_flushes(void);
/* Counts invalidations that dropped a block. */
u64 cache_generation(void);
/* What is forgotten at once: nothing, all that the baseline has made, or LLVM's regions, too, which take a thousand times as long to
 * make anew. */
typedef enum Flush { FLUSH_NONE, FLUSH_BLOCKS, FLUSH_ALL } Flush;
/* Of what so much memory is dropped blocks' that it is worth making the others anew. */
Flush cache_waste(void);
/* Forgets it because the arena is full, or for cache_waste: waits until no task but t (NULL: none) could be in translated code and
 * frees it. Takes the lock; t holds no block any more. Does nothing if there has been a flush since `flushes` were counted. False if a
 * child that shares this memory is in translated code and doesn't leave, as when it is stopped. */
bool cache_flush(Task *t, u64 flushes, Flush what);
/* Forgets all translations, freed if that can be. */
void cache_forget(Task *t);
/* When all blocks that have been connected with it are gone: makes it lead nowhere. */
void cache_detach(Block *b);
/* The way into translated code: sets t->in_code and returns the block at t->pc. NULL, and in_code as it was, if there is none yet
 * or the cache has changed since `generation` was read; waits for a flush to end. */
Block *cache_enter(Task *t, u64 generation);
/* The block whose host code contains `host`, and the guest pc of the instruction there (the task's pc where the block has
 * no map); NULL if it isn't translated code. Callable from a signal handler. */
Block *cache_find_host(const Task *t, const void *host, u64 *guest_pc);
/* Around fork: the child's copy of the index is consistent. */
void cache_before_fork(void);
void cache_after_fork(bool child);
/* From the moment code runs that may write to itself, or a handler for SIGSEGV, SIGBUS, SIGFPE, SIGILL or SIGTRAP is installed, regions must be exact: drops those
 * that aren't. Idempotent and cheap the second time. */
void cache_require_exact(void);
bool cache_is_exact(void);
/* Whether regions must be such that do for threads that flush denormals; see code_flushes_denormals. */
bool cache_is_flushing(void);

#endif
