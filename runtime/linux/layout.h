/* What Linux lays out differently from one architecture to the next: a guest describes its side in
 * runtime/<isa>/layout.c. */
#ifndef DRAGOMAN_LAYOUT_H
#define DRAGOMAN_LAYOUT_H

#include <string.h>
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
    size_t epoll_data; /* where struct epoll_event has its 64 bits of data, which end it; 32 bits of events begin it */
    size_t semid_size; /* bytes of struct semid_ds, whose first member is the same struct ipc_perm everywhere */
    void (*semid_in)(struct semid_ds *out, const void *in);
    void (*semid_out)(void *out, const struct semid_ds *in);
} Layout;

/* struct epoll_event: bytes of the guest's, and from and to it. */
static inline size_t epoll_size(const Layout *l)
{
    return l->epoll_data + sizeof(u64);
}

static inline void epoll_in(const Layout *l, struct epoll_event *out, const u8 *in)
{
    memcpy(&out->events, in, sizeof(u32));
    memcpy(&out->data, in + l->epoll_data, sizeof(u64));
}

static inline void epoll_out(const Layout *l, u8 *out, const struct epoll_event *in)
{
    memset(out, 0, epoll_size(l));
    memcpy(out, &in->events, sizeof(u32));
    memcpy(out + l->epoll_data, &in->data, sizeof(u64));
}

#endif
