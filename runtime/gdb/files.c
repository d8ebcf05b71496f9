/* vFile: files as the guest has them, for `set sysroot target:` and `info proc`. They are read only, and all at once when they are
 * opened: a descriptor that stayed open would be in the guest's way. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "stub.h"

/* The protocol's numbers of errors are Linux's but for this one. */
static int file_error(int error)
{
    return error == ENAMETOOLONG ? 91 : error;
}

static void fail(Debug *d, i64 error)
{
    char text[32];
    snprintf(text, sizeof text, "F-1,%x", file_error((int)-error));
    reply(d, text);
}

static void give(Debug *d, i64 value)
{
    char text[32];
    snprintf(text, sizeof text, "F%lx", value);
    reply(d, text);
}

/* A name in hex, up to a comma or the end; what follows. */
static char *name_of(char *text, char name[PATH_MAX])
{
    size_t n;
    char *end = (char *)hex_bytes(text, (u8 *)name, PATH_MAX - 1, &n);
    name[n] = 0;
    return end + (*end == ',');
}

static int open_guest(Debug *d, const char *name)
{
    Path path;
    int error = path_find(d->p, AT_FDCWD, name, PATH_FOLLOW, &path);
    int fd = error ? -1 : openat(path.dir, path.name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    return error ? error : fd < 0 ? -errno : fd;
}

/* All of a file whose size isn't known before. */
static i64 read_all(int fd, File *f)
{
    size_t room = 1 << 16;
    char *data = malloc(room);
    ssize_t n = 0;
    while (data && (n = read(fd, data + f->size, room - f->size)) > 0) {
        f->size += (size_t)n;
        if (f->size == room) {
            char *more = realloc(data, room *= 2);
            if (!more)
                free(data);
            data = more;
        }
    }
    f->data = data;
    return !data ? -ENOMEM : n < 0 ? -errno : 0;
}

static i64 load(Task *t, int fd, File *f)
{
    struct stat st;
    char *text;
    *f = (File){.used = true};
    if (fstat(fd, &st))
        return -errno;
    if (S_ISDIR(st.st_mode))
        return -EISDIR;
    if (proc_is_filtered(t->process, fd) && proc_text(t, fd, &text, &f->size) == 0) {
        f->data = text;
        return 0;
    }
    if (!S_ISREG(st.st_mode) || !st.st_size)
        return read_all(fd, f);
    f->size = (size_t)st.st_size;
    f->data = mmap(NULL, f->size, PROT_READ, MAP_PRIVATE, fd, 0);
    f->mapped = f->data != MAP_FAILED;
    return f->mapped ? 0 : -errno;
}

static void drop(File *f)
{
    if (f->mapped)
        munmap((void *)f->data, f->size);
    else
        free((void *)f->data);
    *f = (File){0};
}

void files_close(Debug *d)
{
    for (size_t i = 0; i < FILES; i++)
        if (d->file[i].used)
            drop(&d->file[i]);
}

static void open_file(Debug *d, Task *t, char *text)
{
    char name[PATH_MAX];
    u64 flags = strtoul(name_of(text, name), NULL, 16);
    size_t i = 0;
    while (i < FILES && d->file[i].used)
        i++;
    if (flags || i == FILES) {
        fail(d, flags ? -EROFS : -EMFILE);
        return;
    }
    int fd = open_guest(d, name);
    i64 error = fd < 0 ? fd : load(t, fd, &d->file[i]);
    if (fd >= 0)
        close(fd);
    if (error) {
        d->file[i].mapped = false;
        if (d->file[i].data == MAP_FAILED)
            d->file[i].data = NULL;
        drop(&d->file[i]);
        fail(d, error);
        return;
    }
    give(d, (i64)i);
}

static File *file_of(Debug *d, char **text)
{
    u64 i = strtoul(*text, text, 16);
    *text += **text == ',';
    return i < FILES && d->file[i].used ? &d->file[i] : NULL;
}

static void read_file(Debug *d, char *text)
{
    const File *f = file_of(d, &text);
    u64 size = strtoul(text, &text, 16), offset = *text == ',' ? strtoul(text + 1, NULL, 16) : 0;
    if (!f) {
        fail(d, -EBADF);
        return;
    }
    offset = offset < f->size ? offset : f->size;
    size = size < PACKET - 64 ? size : PACKET - 64;
    size = size < f->size - offset ? size : f->size - offset;
    reply_begin(d);
    reply_text(d, "F%lx;", size);
    reply_binary(d, f->data + offset, size);
    reply_send(d);
}

/* The protocol's struct stat, big-endian (E.13.2.6). */
static void give_stat(Debug *d, const struct stat *st)
{
    u8 bytes[64];
    const u64 fields[][2] = {{4, st->st_dev}, {4, st->st_ino}, {4, st->st_mode}, {4, st->st_nlink}, {4, st->st_uid},
                             {4, st->st_gid}, {4, st->st_rdev}, {8, (u64)st->st_size}, {8, (u64)st->st_blksize},
                             {8, (u64)st->st_blocks}, {4, (u64)st->st_atime}, {4, (u64)st->st_mtime}, {4, (u64)st->st_ctime}};
    size_t at = 0;
    for (size_t i = 0; i < LEN(fields); i++)
        for (u64 k = fields[i][0]; k-- > 0;)
            bytes[at++] = (u8)(fields[i][1] >> 8 * k);
    reply_begin(d);
    reply_text(d, "F%zx;", at);
    reply_binary(d, bytes, at);
    reply_send(d);
}

static void stat_name(Debug *d, char *text)
{
    char name[PATH_MAX];
    struct stat st;
    name_of(text, name);
    int fd = open_guest(d, name);
    i64 error = fd < 0 ? fd : fstat(fd, &st) ? -errno : 0;
    if (fd >= 0)
        close(fd);
    if (error)
        fail(d, error);
    else
        give_stat(d, &st);
}

static void read_link(Debug *d, char *text)
{
    char name[PATH_MAX], target[PATH_MAX];
    Path path;
    ProcDir of;
    name_of(text, name);
    int error = path_find(d->p, AT_FDCWD, name, PATH_NOFOLLOW, &path);
    bool exe = !error && proc_is_exe(path.dir, path.name, &of) && of.own;
    ssize_t n = error ? error : exe ? snprintf(target, sizeof target, "%s", d->p->guest_exe)
                                    : readlinkat(path.dir, path.name, target, sizeof target);
    if (n < 0) {
        fail(d, error ? error : -errno);
        return;
    }
    reply_begin(d);
    reply_text(d, "F%zx;", (size_t)n);
    reply_binary(d, target, (size_t)n);
    reply_send(d);
}

void files_serve(Debug *d, Task *t, char *text)
{
    char *what = strsep(&text, ":");
    File *f;
    if (!text) {
        reply(d, "");
    } else if (!strcmp(what, "setfs")) {
        give(d, 0);
    } else if (!strcmp(what, "open")) {
        open_file(d, t, text);
    } else if (!strcmp(what, "pread")) {
        read_file(d, text);
    } else if (!strcmp(what, "close")) {
        if ((f = file_of(d, &text)))
            drop(f);
        if (f)
            give(d, 0);
        else
            fail(d, -EBADF);
    } else if (!strcmp(what, "fstat")) {
        if ((f = file_of(d, &text)))
            give_stat(d, &(struct stat){.st_mode = S_IFREG | 0444, .st_nlink = 1, .st_size = (off_t)f->size});
        else
            fail(d, -EBADF);
    } else if (!strcmp(what, "stat") || !strcmp(what, "lstat")) {
        stat_name(d, text);
    } else if (!strcmp(what, "readlink")) {
        read_link(d, text);
    } else if (!strcmp(what, "pwrite") || !strcmp(what, "unlink")) {
        fail(d, -EROFS);
    } else {
        reply(d, "");
    }
}
