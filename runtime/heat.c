#include "heat.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "unitfile.h"

enum { MOST = 4096 }; /* spots in a file */

static const char magic[16] = "dragoman heat 1";

/* Followed by the spots. */
typedef struct Header {
    char magic[16];
    u64 check; /* of all that follows */
    i64 credit_ns;
    u64 count;
} Header;

static u64 check_of(const Header *h)
{
    size_t from = offsetof(Header, credit_ns);
    return XXH3_64bits((const u8 *)h + from, sizeof *h - from + h->count * sizeof(HeatSpot));
}

static bool is_good(const Header *h, size_t size)
{
    if (size < sizeof *h || memcmp(h->magic, magic, sizeof magic) || h->count > MOST ||
        size != sizeof *h + h->count * sizeof(HeatSpot) || h->check != check_of(h))
        return false;
    const HeatSpot *spots = (const HeatSpot *)(h + 1);
    for (u64 i = 1; i < h->count; i++)
        if (spots[i - 1].offset >= spots[i].offset)
            return false;
    return true;
}

void heat_load(Heat *h, int dir, const char *name)
{
    *h = (Heat){0};
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    if (fd < 0)
        return;
    size_t room = sizeof(Header) + MOST * sizeof(HeatSpot);
    Header *all = unitfile_trusts(fd, false) ? malloc(room) : NULL;
    ssize_t size = all ? read(fd, all, room) : 0;
    close(fd);
    if (size > 0 && is_good(all, (size_t)size)) {
        h->credit_ns = all->credit_ns;
        h->count = h->room = (u32)all->count;
        h->spots = memmove(all, all + 1, all->count * sizeof(HeatSpot));
    } else {
        free(all);
    }
}

u64 heat_at(const Heat *h, u64 offset)
{
    u32 lo = 0, hi = h->count;
    while (lo < hi) {
        u32 mid = lo + (hi - lo) / 2;
        if (h->spots[mid].offset < offset)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo < h->count && h->spots[lo].offset == offset ? h->spots[lo].ran : 0;
}

void heat_add(Heat *h, u64 offset, u64 ran)
{
    HeatSpot *more = unit_room(h->spots, &h->room, h->count + 1, sizeof *more);
    if (!more)
        return;
    h->spots = more;
    more[h->count++] = (HeatSpot){.offset = offset, .ran = ran};
}

static int hottest_first(const void *a, const void *b)
{
    const HeatSpot *x = a, *y = b;
    return (x->ran < y->ran) - (x->ran > y->ran);
}

static int by_offset(const void *a, const void *b)
{
    const HeatSpot *x = a, *y = b;
    return (x->offset > y->offset) - (x->offset < y->offset);
}

/* What has been added to its place; those that are hottest, if they are too many. */
static void settle(Heat *h)
{
    u32 n = 0;
    if (h->count)
        qsort(h->spots, h->count, sizeof *h->spots, by_offset);
    for (u32 i = 0; i < h->count; i++) {
        if (n && h->spots[n - 1].offset == h->spots[i].offset)
            h->spots[n - 1].ran += h->spots[i].ran;
        else
            h->spots[n++] = h->spots[i];
    }
    h->count = n;
    if (n <= MOST)
        return;
    qsort(h->spots, n, sizeof *h->spots, hottest_first);
    h->count = MOST;
    qsort(h->spots, MOST, sizeof *h->spots, by_offset);
}

int heat_save(Heat *h, int dir, const char *name)
{
    settle(h);
    size_t size = sizeof(Header) + h->count * sizeof(HeatSpot);
    Header *all = malloc(size);
    if (!all)
        return -ENOMEM;
    *all = (Header){.credit_ns = h->credit_ns, .count = h->count};
    memcpy(all->magic, magic, sizeof magic);
    if (h->count)
        memcpy(all + 1, h->spots, h->count * sizeof(HeatSpot));
    all->check = check_of(all);
    int error = unitfile_replace(dir, name, all, size);
    free(all);
    return error;
}

void heat_free(Heat *h)
{
    free(h->spots);
    *h = (Heat){0};
}
