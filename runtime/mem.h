/* The guest's mappings: what the guest may touch of the address space it shares with the translator. */
#ifndef DRAGOMAN_MEM_H
#define DRAGOMAN_MEM_H

#include "../include/base.h"

/* One range of guest memory with the protection and kind the guest asked for. The host's protection is the same without
 * execution: guest code is data here. */
typedef struct Mapping {
    u64 start, end; /* page-aligned, half open */
    u16 prot;       /* PROT_* as the guest sees it */
    u16 kind;       /* MEM_* */
    u64 dev, ino;   /* of shared memory, and of a file with code: what it is; 0 otherwise */
    u64 offset;     /* and start's place in it */
} Mapping;
enum {
    MEM_SHARED = 1,
    MEM_STACK = 2, /* [stack] of /proc/self/maps */
    MEM_HEAP = 4,  /* [heap] */
    MEM_VDSO = 8,  /* [vdso] */
    MEM_NOEXEC = 32, /* of a file that may not be executed: neither may this */
    MEM_WATCHED = 64, /* writable and executable to the guest, not writable on the host: see mem_watch_code */
    MEM_CHECKED = 128, /* written too often for that: its blocks look by themselves whether their code is the same */
    MEM_GROWS = 16, /* the kernel extends it downwards when it is accessed below (MAP_GROWSDOWN) */
};

/* Sorted, disjoint mappings. Every change of guest memory goes through the functions below, which hold the lock over
 * the host's call and the change here, so both always agree. */
struct MemMap;

/* limit: where the guest's address space ends, 0 for the host's own end. Aborts without memory. */
struct MemMap *mem_new(u64 limit);
/* With a limit: room for `size` bytes below it that nobody has mapped, as high as possible; 0 if there is none, or no
 * limit. */
u64 mem_room(struct MemMap *m, u64 size);

/* The address space ends there, or where it ended if that was lower. Before anything is mapped. */
void mem_set_end(struct MemMap *m, u64 end);
/* Bits of mmap's and mprotect's protection that the guest's architecture adds, and Mapping.prot keeps; mmap's flags that it has of the
 * host's. Before anything is mapped. */
void mem_own_prot(struct MemMap *m, int bits, int flags);
/* For a guest that doesn't say when it changes code: pages whose code is read for translation and that the guest may write become
 * unwritable on the host. mem_written is the signal handler's question after a store's fault: true if it was at such a page, which is
 * writable from then on; mem_settle then forgets the translations, at the next safepoint. mem_unwatch makes all of them writable,
 * for a system call that has failed because of them: true if there were any. */
void mem_watch_code(struct MemMap *m);
bool mem_written(struct MemMap *m, u64 addr);
void mem_settle(struct MemMap *m);
bool mem_unwatch(struct MemMap *m);
/* The guest's RLIMIT_AS and RLIMIT_DATA, in bytes: what would exceed them is -ENOMEM below, as the kernel has it for what a process
 * maps, and only what is the guest's counts. */
void mem_limit(struct MemMap *m, u64 space, u64 data);

/* As mmap, munmap, mprotect and mremap for the guest: return the address (0 for the latter two), or -errno. They
 * invalidate translations of code that goes away or changes, never disturb memory of the translator's (MAP_FIXED over
 * it is -ENOMEM), and map PROT_EXEC as readable. `kind` is added to what flags say. */
i64 mem_map(struct MemMap *m, u64 addr, u64 size, int prot, int flags, int fd, u64 offset, int kind);
i64 mem_unmap(struct MemMap *m, u64 addr, u64 size);
i64 mem_protect(struct MemMap *m, u64 addr, u64 size, int prot);
i64 mem_remap(struct MemMap *m, u64 addr, u64 old_size, u64 new_size, int flags, u64 new_addr);
/* Moves the end of the heap as brk does; returns the end there is then. p->brk is where it stands; Process.brk_lock is
 * taken. */
struct Process;
u64 mem_brk(struct Process *p, u64 end);
/* Attaches a System V segment (shmat, shmdt). */
i64 mem_shm_attach(struct MemMap *m, int id, u64 addr, int flags);
i64 mem_shm_detach(struct MemMap *m, u64 addr);

/* mlockall and munlockall. */
i64 mem_lock_all(struct MemMap *m, int flags);
i64 mem_unlock_all(struct MemMap *m);
/* personality's READ_IMPLIES_EXEC: sets it, unless `implies` is negative; what it was. */
bool mem_read_implies_exec(struct MemMap *m, int implies);

/* A file has become shorter: code of it that is mapped may be gone. */
void mem_file_cut(struct MemMap *m, u64 dev, u64 ino);

/* Guest protection at addr, or -1 where the guest has nothing mapped. */
int mem_prot(struct MemMap *m, u64 addr);
/* Why the guest can't execute at pc: the signal, *code is its si_code; 0 if it can, *map is where pc is then. */
int mem_code_fault(struct MemMap *m, u64 pc, int *code, Mapping *map);
/* The first mapping that ends above addr; false if there is none. For walking: the copy is taken under the lock. */
bool mem_next(struct MemMap *m, u64 addr, Mapping *out);
/* A copy of all of them, malloc'd and in order; NULL without memory. With a `read`, which copies from another process's memory, m
 * is that one's, and NULL is for what can't be a map, too. */
typedef int MemReader(void *context, void *dst, u64 src, size_t size);
Mapping *mem_copy(struct MemMap *m, MemReader *read, void *context, size_t *count);

/* PR_SET_MDWE's bits: whether mappings may be writable and executable, or become executable (-EACCES above if not). */
enum { MDWE_REFUSE = 1, MDWE_NO_INHERIT = 2 };
int mem_mdwe(struct MemMap *m);
void mem_set_mdwe(struct MemMap *m, int bits);

/* Held over fork, so that the child's map is whole. */
void mem_before_fork(struct MemMap *m);
void mem_after_fork(struct MemMap *m, bool child);

/* Copies a guest string, NUL included, into dst; its length, -EFAULT, or -ENAMETOOLONG if it has no end in `max`
 * bytes. */
i64 mem_string(char *dst, u64 guest_src, size_t max);

#endif
