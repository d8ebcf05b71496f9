/* x86-64's struct layouts, see layout.h. */
#include "layout.h"

#include <string.h>

_Static_assert(sizeof(struct stat) == 144 && offsetof(struct stat, st_mode) == 24 && offsetof(struct stat, st_size) == 48, "struct stat");
_Static_assert(sizeof(struct semid_ds) == 104 && offsetof(struct semid_ds, sem_nsems) == 80, "struct semid64_ds");

static void put_stat(void *out, const struct stat *st)
{
    memcpy(out, st, sizeof *st);
}

static void semid_in(struct semid_ds *out, const void *in)
{
    memcpy(out, in, sizeof *out);
}

static void semid_out(void *out, const struct semid_ds *in)
{
    memcpy(out, in, sizeof *in);
}

const Layout layout_x86_64 = {
    .stat_size = sizeof(struct stat),
    .off_st_mode = offsetof(struct stat, st_mode),
    .off_st_size = offsetof(struct stat, st_size),
    .stat = put_stat,
    .epoll_data = sizeof(u32), /* packed */
    .semid_size = sizeof(struct semid_ds),
    .semid_in = semid_in,
    .semid_out = semid_out,
};
