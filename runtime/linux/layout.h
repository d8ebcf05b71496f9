/* What Linux lays out differently from one architecture to the next: a guest describes its side in
 * runtime/<isa>/layout.c. */
#ifndef DRAGOMAN_LAYOUT_H
#define DRAGOMAN_LAYOUT_H

#include <sys/epoll.h>
#include <sys/sem.h>
#include <sys/stat.h>

#include "../../include/base.h"

/* A bit of open's flags that has another place in the guest. */
typedef struct FlagPair {
    u32 guest, host;
} FlagPair;

typedef struct Layout {
    const FlagPair *open_flags; /* those that differ; the others are passed on */
    size_t nopen_flags;
    size_t stat_size;
    u16 off_st_mode, off_st_size; /* of its 32-bit st_mode and 64-bit st_size, for --strace */
    void (*stat)(void *out, const struct stat *st);
    size_t epoll_size; /* bytes of one struct epoll_event */
    void (*epoll_in)(struct epoll_event *out, const void *in);
    void (*epoll_out)(void *out, const struct epoll_event *in);
    size_t semid_size; /* bytes of struct semid_ds, whose first member is the same struct ipc_perm everywhere */
    void (*semid_in)(struct semid_ds *out, const void *in);
    void (*semid_out)(void *out, const struct semid_ds *in);
} Layout;

#endif
