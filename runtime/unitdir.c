#include "unitdir.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "unitfile.h"

enum { TIDY_EVERY = 300 }; /* seconds */

static const char stamp[] = "tidied";

/* The entries of the directory `at`/name that don't begin with a dot; NULL if it isn't one that is to be trusted. */
static DIR *open_entries(int at, const char *name)
{
    int fd = openat(at, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    DIR *d = fd >= 0 && unitfile_trusts(fd, true) ? fdopendir(fd) : NULL;
    if (!d && fd >= 0)
        close(fd);
    return d;
}

static const char *next_name(DIR *d)
{
    const struct dirent *e;
    while ((e = readdir(d)))
        if (e->d_name[0] != '.')
            return e->d_name;
    return NULL;
}

bool unitdir_is_flavour(const char *name)
{
    const char *dash = strrchr(name, '-');
    return dash && strlen(dash + 1) == 16 && strspn(dash + 1, "0123456789abcdef") == 16;
}

void unitdir_each(int top, UnitVisitor *f, void *context)
{
    DIR *all = open_entries(top, ".");
    for (const char *flavour; all && (flavour = next_name(all));) {
        DIR *d = unitdir_is_flavour(flavour) ? open_entries(top, flavour) : NULL;
        for (const char *name; d && (name = next_name(d));)
            f(context, dirfd(d), flavour, name);
        if (d)
            closedir(d);
    }
    if (all)
        closedir(all);
}

typedef struct Entry {
    char path[2 * NAME_MAX + 2];
    u64 bytes;
    struct timespec used;
} Entry;

typedef struct Entries {
    Entry *e;
    size_t count, room;
} Entries;

static void collect(void *context, int dir, const char *flavour, const char *name)
{
    Entries *all = context;
    struct stat st;
    if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
        return;
    if (all->count == all->room) {
        size_t room = 2 * all->room + 64;
        Entry *more = realloc(all->e, room * sizeof *more);
        if (!more)
            return;
        all->e = more;
        all->room = room;
    }
    Entry *e = &all->e[all->count++];
    snprintf(e->path, sizeof e->path, "%s/%s", flavour, name);
    e->bytes = (u64)st.st_size;
    e->used = st.st_mtim;
}

/* The one used last first. */
static int by_use(const void *a, const void *b)
{
    const struct timespec *x = &((const Entry *)a)->used, *y = &((const Entry *)b)->used;
    if (x->tv_sec != y->tv_sec)
        return x->tv_sec < y->tv_sec ? 1 : -1;
    return (x->tv_nsec < y->tv_nsec) - (x->tv_nsec > y->tv_nsec);
}

u64 unitdir_prune(int top, u64 limit)
{
    Entries all = {0};
    u64 kept = 0, gone = 0;
    unitdir_each(top, collect, &all);
    if (all.count)
        qsort(all.e, all.count, sizeof *all.e, by_use);
    for (size_t i = 0; i < all.count; i++) {
        kept += all.e[i].bytes;
        if (kept <= limit || unlinkat(top, all.e[i].path, 0))
            continue;
        kept -= all.e[i].bytes;
        gone += all.e[i].bytes;
        *strchr(all.e[i].path, '/') = 0;
        unlinkat(top, all.e[i].path, AT_REMOVEDIR); /* if it is empty now */
    }
    free(all.e);
    return gone;
}

void unitdir_tidy(int top, u64 limit)
{
    struct stat st;
    if (fstatat(top, stamp, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_mtime > time(NULL) - TIDY_EVERY &&
        st.st_mtime <= time(NULL))
        return;
    int fd = openat(top, stamp, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK, 0600);
    if (fd < 0)
        return;
    futimens(fd, NULL);
    close(fd);
    unitdir_prune(top, limit);
}
