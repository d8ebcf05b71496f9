/* Descriptors of files whose contents are the guest's (proc.c).
 *
 * Such a descriptor is the kernel's own file, so that everything else about it is as it should be, whatever led to it.
 * Reading alone is done here: from a text that is made at each read of the file's beginning, as the kernel makes its
 * own. The position is kept here too, with the text; the kernel, whose text has other lengths and which takes as long
 * to find a place in it as to write it, is told of it only when another process may go on from there: before a fork or
 * exec, and, unless no other can have the file, at the end.
 *
 * For all other descriptors this must cost nothing: the first read looks whether the file is one, and sets a bit if it
 * isn't. What may put one of these files behind a descriptor (open, dup, a message) clears the bit. */
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>

#include "linux.h"

struct ProcFile {
    ProcFile *next;
    int *fds; /* all descriptors of the open file */
    size_t nfds;
    dev_t dev;
    ino_t ino;
    char *text; /* as of the last read of the beginning; NULL before */
    size_t size;
    u64 pos, told; /* where the guest is, and where the kernel thinks it is */
    bool alone;    /* no other process has it */
};

void procfd_init(Linux *l)
{
    pthread_mutex_init(&l->files_lock, NULL);
    pthread_mutex_init(&l->tracees_lock, NULL);
}

void procfd_opened(Process *p, i64 fd, bool alone)
{
    Linux *l = linux_state(p);
    if (fd < 0 || fd >= PLAIN_FDS)
        return;
    u64 bit = (u64)1 << (fd % 64);
    atomic_fetch_and_explicit(&l->plain[fd / 64], ~bit, memory_order_relaxed);
    if (alone)
        atomic_fetch_or_explicit(&l->alone[fd / 64], bit, memory_order_relaxed);
    else
        atomic_fetch_and_explicit(&l->alone[fd / 64], ~bit, memory_order_relaxed);
}

static void none_alone(Linux *l)
{
    for (size_t i = 0; i < LEN(l->alone); i++)
        atomic_store_explicit(&l->alone[i], 0, memory_order_relaxed);
}

void procfd_opened_any(Process *p)
{
    Linux *l = linux_state(p);
    for (size_t i = 0; i < LEN(l->plain); i++)
        atomic_store_explicit(&l->plain[i], 0, memory_order_relaxed);
    none_alone(l);
}

static void set_plain(const Task *t, int fd)
{
    /* A vfork child has descriptors of its own, but our memory. */
    if (fd >= 0 && fd < PLAIN_FDS && !t->vfork_child)
        atomic_fetch_or_explicit(&t->process->kernel->plain[fd / 64], (u64)1 << (fd % 64), memory_order_relaxed);
}

/* Takes a descriptor from an open file, and the file from the list if it was the last. */
static void remove_fd(Linux *l, ProcFile *f, int fd)
{
    size_t i = 0;
    while (i < f->nfds && f->fds[i] != fd)
        i++;
    if (i < f->nfds)
        f->fds[i] = f->fds[--f->nfds];
    if (f->nfds)
        return;
    ProcFile **at = &l->files;
    while (*at != f)
        at = &(*at)->next;
    *at = f->next;
    free(f->fds);
    free(f->text);
    free(f);
}

static ProcFile *find(Linux *l, int fd)
{
    for (ProcFile *f = l->files; f; f = f->next)
        for (size_t i = 0; i < f->nfds; i++)
            if (f->fds[i] == fd)
                return f;
    return NULL;
}

static bool add_fd(ProcFile *f, int fd)
{
    int *more = realloc(f->fds, (f->nfds + 1) * sizeof *more);
    if (!more)
        return false;
    f->fds = more;
    f->fds[f->nfds++] = fd;
    return true;
}

static void tell(ProcFile *f)
{
    if (f->pos != f->told)
        lseek(f->fds[0], (off_t)f->pos, SEEK_SET);
    f->told = f->pos;
}

/* Another process may have moved it. */
static void hear(ProcFile *f)
{
    i64 pos = f->alone ? -1 : lseek(f->fds[0], 0, SEEK_CUR);
    if (pos >= 0 && (u64)pos != f->told)
        f->pos = f->told = (u64)pos;
}

/* The open file behind fd, made if need be; NULL if it is a plain one. The lock is held. */
static ProcFile *get(const Task *t, Linux *l, int fd)
{
    struct stat st;
    if (fstat(fd, &st) || !S_ISREG(st.st_mode) || (st.st_size && !t->process->options.cpus)) {
        set_plain(t, fd);
        return NULL;
    }
    ProcFile *f = find(l, fd);
    if (f && (f->dev != st.st_dev || f->ino != st.st_ino)) {
        remove_fd(l, f, fd);
        f = NULL;
    }
    if (f) {
        hear(f);
        return f;
    }
    if (!proc_is_filtered(t->process, fd)) {
        set_plain(t, fd);
        return NULL;
    }
    f = calloc(1, sizeof *f);
    if (!f || !add_fd(f, fd)) {
        free(f);
        return NULL;
    }
    f->dev = st.st_dev;
    f->ino = st.st_ino;
    f->alone = fd < PLAIN_FDS && atomic_load_explicit(&l->alone[fd / 64], memory_order_relaxed) >> (fd % 64) & 1;
    hear(f);
    f->next = l->files;
    l->files = f;
    return f;
}

void procfd_dup(Task *t, int fd, i64 copy)
{
    Linux *l = linux_state(t->process);
    if (copy < 0 || copy == fd)
        return;
    if (procfd_plain(l, (u32)fd)) {
        set_plain(t, (int)copy);
        return;
    }
    procfd_opened(t->process, copy, false);
    if (t->vfork_child)
        return;
    pthread_mutex_lock(&l->files_lock);
    ProcFile *f = get(t, l, fd);
    if (f)
        add_fd(f, (int)copy);
    pthread_mutex_unlock(&l->files_lock);
}

void procfd_closed(Task *t, u32 first, u32 last)
{
    Linux *l = linux_state(t->process);
    if (likely(!l->files) || t->vfork_child)
        return;
    pthread_mutex_lock(&l->files_lock);
    for (ProcFile *f = l->files, *next; f; f = next) {
        next = f->next;
        for (size_t i = f->nfds; i-- > 0;)
            if ((u32)f->fds[i] >= first && (u32)f->fds[i] <= last) {
                bool end = f->nfds == 1;
                if (end && !f->alone)
                    tell(f);
                remove_fd(l, f, f->fds[i]);
                if (end)
                    break;
            }
    }
    pthread_mutex_unlock(&l->files_lock);
}

void procfd_before_fork(Process *p)
{
    Linux *l = linux_state(p);
    pthread_mutex_lock(&l->files_lock);
    none_alone(l);
    for (ProcFile *f = l->files; f; f = f->next) {
        tell(f);
        f->alone = false;
    }
}

void procfd_after_fork(Process *p)
{
    pthread_mutex_unlock(&linux_state(p)->files_lock);
}

void procfd_tell(Process *p)
{
    if (likely(!linux_state(p)->files))
        return;
    procfd_before_fork(p);
    procfd_after_fork(p);
}

/* -- reading ------------------------------------------------------------------------------------------------------- */

/* Copies from the text at `pos` to the guest; how much, or -errno. */
static i64 give(const ProcFile *f, u64 pos, const struct iovec *iov, size_t n)
{
    i64 done = 0;
    for (size_t i = 0; i < n && pos < f->size; i++) {
        size_t size = iov[i].iov_len < f->size - pos ? iov[i].iov_len : f->size - pos;
        if (mem_write((u64)iov[i].iov_base, f->text + pos, size))
            return done ? done : -EFAULT;
        pos += size;
        done += (i64)size;
    }
    return done;
}

/* Reads at `offset`, or at the file's position if that is negative. -ENOENT if the kernel's text is the right one. */
static i64 read_file(Task *t, ProcFile *f, const struct iovec *iov, size_t n, i64 offset)
{
    u64 pos = offset < 0 ? f->pos : (u64)offset;
    if (pos == 0 || !f->text) {
        char *text = NULL;
        size_t size = 0;
        i64 error = proc_text(t, f->fds[0], &text, &size);
        if (error)
            return error;
        free(f->text);
        f->text = text;
        f->size = size;
    }
    i64 done = give(f, pos, iov, n);
    if (done > 0 && offset < 0)
        f->pos += (u64)done;
    return done;
}

/* A vfork child's read, of which its parent's memory keeps nothing. */
static i64 read_once(Task *t, int fd, const struct iovec *iov, size_t n, i64 offset)
{
    ProcFile f = {.fds = &fd, .nfds = 1, .pos = (u64)lseek(fd, 0, SEEK_CUR)};
    f.told = f.pos;
    i64 done = proc_is_filtered(t->process, fd) ? read_file(t, &f, iov, n, offset) : -ENOENT;
    tell(&f);
    free(f.text);
    return done;
}

bool procfd_read(Task *t, int fd, u64 at, u64 count, bool vector, i64 offset, i64 *result)
{
    Linux *l = linux_state(t->process);
    struct iovec one = {(void *)at, count}, *iov = &one;
    bool keep = !t->vfork_child;
    if (keep)
        pthread_mutex_lock(&l->files_lock);
    ProcFile *f = keep ? get(t, l, fd) : NULL;
    *result = keep && !f ? -ENOENT : 0;
    if (!*result && vector) {
        iov = count <= IOV_MAX ? malloc((count + 1) * sizeof *iov) : NULL;
        *result = !iov ? -EINVAL : mem_read(iov, at, count * sizeof *iov);
    }
    if (!*result)
        *result =
            keep ? read_file(t, f, iov, vector ? count : 1, offset) : read_once(t, fd, iov, vector ? count : 1, offset);
    if (f && *result == -ENOENT) { /* of a process that is no guest */
        tell(f);
        remove_fd(l, f, fd);
        set_plain(t, fd);
    }
    if (keep)
        pthread_mutex_unlock(&l->files_lock);
    if (iov != &one)
        free(iov);
    return *result != -ENOENT;
}

bool procfd_seek(Task *t, int fd, i64 offset, int whence, i64 *result)
{
    Linux *l = linux_state(t->process);
    if (t->vfork_child || whence > SEEK_CUR)
        return false;
    pthread_mutex_lock(&l->files_lock);
    ProcFile *f = get(t, l, fd);
    if (f) {
        offset += whence == SEEK_CUR ? (i64)f->pos : 0;
        if (offset >= 0)
            f->pos = (u64)offset;
        *result = offset >= 0 ? offset : -EINVAL;
    }
    pthread_mutex_unlock(&l->files_lock);
    return f != NULL;
}

bool procfd_is(Task *t, int fd)
{
    Linux *l = linux_state(t->process);
    if (t->vfork_child)
        return proc_is_filtered(t->process, fd);
    pthread_mutex_lock(&l->files_lock);
    bool is = get(t, l, fd) != NULL;
    pthread_mutex_unlock(&l->files_lock);
    return is;
}
