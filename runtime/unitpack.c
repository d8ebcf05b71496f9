#include "unitpack.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define XXH_INLINE_ALL
#include <xxhash.h>

#include "kept.h"
#include "unitdir.h"
#include "unitfile.h"

static const char magic[16] = "dragoman pack 1";

/* In front of each file, and at the end of all with size 0. */
typedef struct Header {
    char magic[16];
    char flavour[64], name[64]; /* of the directory and the file */
    u64 size, check;            /* of the bytes that follow */
} Header;

/* -- writing ----------------------------------------------------------------------------------------------------------------- */

typedef struct Packing {
    FILE *f;
    i64 files; /* or -errno */
} Packing;

static void pack(void *context, int dir, const char *flavour, const char *name)
{
    Packing *p = context;
    struct stat st;
    Header h = {0};
    if (p->files < 0 || (strchr(name, '.') && !kept_is_name(name)) || strlen(flavour) >= sizeof h.flavour ||
        strlen(name) >= sizeof h.name)
        return;
    int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    void *bytes = fd >= 0 && fstat(fd, &st) == 0 && st.st_size ? malloc((size_t)st.st_size) : NULL;
    ssize_t n = bytes ? read(fd, bytes, (size_t)st.st_size) : 0; /* whole segments stay whole if it grows */
    if (n > 0) {
        memcpy(h.magic, magic, sizeof magic);
        strcpy(h.flavour, flavour);
        strcpy(h.name, name);
        h.size = (u64)n;
        h.check = XXH3_64bits(bytes, (size_t)n);
        bool ok = fwrite(&h, sizeof h, 1, p->f) == 1 && fwrite(bytes, (size_t)n, 1, p->f) == 1;
        p->files = ok ? p->files + !kept_is_name(name) : -errno;
    }
    free(bytes);
    if (fd >= 0)
        close(fd);
}

i64 unitpack_write(int top, FILE *f)
{
    Packing p = {.f = f};
    Header end = {0};
    memcpy(end.magic, magic, sizeof magic);
    unitdir_each(top, pack, &p);
    if (p.files >= 0 && (fwrite(&end, sizeof end, 1, f) != 1 || fflush(f)))
        p.files = -errno;
    return p.files;
}

/* -- reading ----------------------------------------------------------------------------------------------------------------- */

/* A name that can't lead anywhere else. */
static bool is_name(const char *s, size_t room)
{
    size_t n = strnlen(s, room);
    return n && n < room && *s != '.' && !memchr(s, '/', n);
}

/* Adds the file that follows its header. */
static int unpack(int top, const Header *h, FILE *f)
{
    UnitFile u = {0};
    int file = memfd_create("pack", MFD_CLOEXEC), error = 0;
    void *bytes = file >= 0 && !ftruncate(file, (off_t)h->size)
                      ? mmap(NULL, h->size, PROT_READ | PROT_WRITE, MAP_SHARED, file, 0)
                      : MAP_FAILED;
    if (bytes == MAP_FAILED)
        error = -ENOMEM;
    else if (fread(bytes, h->size, 1, f) != 1 || XXH3_64bits(bytes, h->size) != h->check)
        error = -EINVAL;
    int dir = -1;
    if (!error) {
        mkdirat(top, h->flavour, unitfile_mode(top));
        dir = openat(top, h->flavour, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
        error = dir < 0 ? -errno : unitfile_trusts(dir, true) ? 0 : -EPERM;
    }
    if (!error && kept_is_name(h->name)) {
        error = kept_is_good(bytes, h->size) ? unitfile_replace(dir, h->name, bytes, h->size) : -EINVAL;
    } else if (!error) {
        unitfile_map(&u, file);
        error = unitfile_merge(dir, h->name, &u);
        unitfile_close(&u);
    }
    if (bytes != MAP_FAILED)
        munmap(bytes, h->size);
    if (dir >= 0)
        close(dir);
    if (file >= 0)
        close(file);
    return error;
}

i64 unitpack_read(int top, FILE *f)
{
    Header h = {0};
    for (i64 files = 0;; files += !kept_is_name(h.name)) {
        if (fread(&h, sizeof h, 1, f) != 1 || memcmp(h.magic, magic, sizeof magic))
            return -EINVAL;
        if (!h.size)
            return files;
        if (!is_name(h.flavour, sizeof h.flavour) || !is_name(h.name, sizeof h.name) ||
            (strchr(h.name, '.') && !kept_is_name(h.name)) || !unitdir_is_flavour(h.flavour) || h.size > INT64_MAX)
            return -EINVAL;
        int error = unpack(top, &h, f);
        if (error)
            return error;
    }
}
