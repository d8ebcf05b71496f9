/* What the translator of a process knows: this one's, or another guest's, whose memory is read. All of them are the same executable,
 * so that everything lies at the same addresses; nothing that is found there is believed to make sense. */
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proc.h"

int view_read(void *view, void *dst, u64 src, size_t size)
{
    const View *v = view;
    if (v->dir.own)
        return mem_peek(dst, src, size);
    return pread(v->mem, dst, size, (off_t)src) == (ssize_t)size ? 0 : -EFAULT;
}

void view_close(View *v)
{
    if (v->mem >= 0)
        close(v->mem);
    free(v->maps);
    free(v->tids);
}

u64 view_next_task(View *v, u64 task)
{
    u64 next;
    if (!task)
        return (u64)v->process.tasks;
    return view_read(v, &next, task + offsetof(Task, next_task), sizeof next) ? 0 : next;
}

/* The guest's threads: not a vfork child, which is a process of its own, among its parent's tasks. */
static bool view_tasks(View *v, bool vfork_child)
{
    size_t cap = 0;
    for (u64 at = 0; (at = view_next_task(v, at)) && v->ntids < MOST_TASKS;) {
        struct {
            i32 tid;
            bool vfork_child;
        } task;
        if (view_read(v, &task.tid, at + offsetof(Task, tid), sizeof task.tid) ||
            view_read(v, &task.vfork_child, at + offsetof(Task, vfork_child), sizeof task.vfork_child))
            return false;
        if (task.vfork_child != vfork_child)
            continue;
        if (!v->ntids)
            v->task = at;
        if (v->ntids == cap) {
            i32 *more = realloc(v->tids, (cap = cap ? 2 * cap : 16) * sizeof *more);
            if (!more)
                return false;
            v->tids = more;
        }
        v->tids[v->ntids++] = task.tid;
    }
    return true;
}

/* Opens the memory of another guest process. One that is about to become a guest, right after an exec, is waited for,
 * because to the guest it has been one since the exec. */
static bool view_other(View *v, const Task *t, int flags)
{
    enum { TRIES = 50, WAIT = 1000 }; /* microseconds */
    char name[PATH_MAX + 16];
    struct stat ours, theirs;
    snprintf(name, sizeof name, "%s/exe", v->dir.path);
    if (stat("/proc/self/exe", &ours) || stat(name, &theirs) || ours.st_dev != theirs.st_dev ||
        ours.st_ino != theirs.st_ino)
        return false;
    snprintf(name, sizeof name, "%s/mem", v->dir.path);
    for (int i = 0; i < TRIES; i++) {
        if (v->mem >= 0)
            close(v->mem); /* it may be of what there was before the exec */
        v->mem = open(name, flags | O_CLOEXEC);
        if (v->mem < 0)
            return false;
        if (view_read(v, &v->at, (u64)&the_process, sizeof v->at) == 0 && v->at &&
            view_read(v, &v->process, v->at, sizeof v->process) == 0 && v->process.loaded)
            return v->process.abi == t->abi && view_read(v, &v->kernel, (u64)v->process.kernel, sizeof v->kernel) == 0;
        usleep(WAIT);
    }
    return false;
}

size_t view_find(const View *v, u64 addr)
{
    size_t lo = 0, hi = v->nmaps;
    while (lo < hi) {
        size_t mid = (lo + hi) / 2;
        if (v->maps[mid].end <= addr)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

bool view_has(const View *v, u64 start, u64 end)
{
    size_t i = view_find(v, start);
    return i < v->nmaps && v->maps[i].start < end;
}

bool view_thread(const View *v, i32 tid)
{
    for (size_t i = 0; i < v->ntids; i++)
        if (v->tids[i] == tid)
            return true;
    return false;
}

bool view_hides(const View *v, i32 fd)
{
    for (int i = 0; i < v->kernel.nhidden && i < (int)LEN(v->kernel.hidden); i++)
        if (v->kernel.hidden[i] == fd)
            return true;
    return false;
}

/* -- texts --------------------------------------------------------------------------------------------------------- */

char *view_text(int fd, size_t *size)
{
    size_t used = 0, cap = 4096;
    char *text = malloc(cap);
    while (text) {
        ssize_t n = pread(fd, text + used, cap - used - 1, (off_t)used);
        if (n < 0) {
            int error = errno;
            free(text);
            errno = error;
            return NULL;
        }
        if (n == 0)
            break;
        used += (size_t)n;
        if (used + 2048 > cap) {
            char *more = realloc(text, cap *= 2);
            if (!more)
                free(text);
            text = more;
        }
    }
    if (!text) {
        errno = ENOMEM;
        return NULL;
    }
    text[used] = 0;
    *size = used;
    return text;
}

char *view_file(const char *dir, const char *file)
{
    char name[PATH_MAX + 32];
    size_t size;
    snprintf(name, sizeof name, "%s/%s", dir, file);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : view_text(fd, &size);
    if (fd >= 0)
        close(fd);
    return text;
}

char *view_line(char **text)
{
    char *line = *text;
    if (!line || !*line)
        return NULL;
    char *end = strchr(line, '\n');
    *text = end ? end + 1 : line + strlen(line);
    if (end)
        *end = 0;
    return line;
}

/* The number at *s, and *s behind it. The kernel writes lower case, and lines are many. */
static u64 take_hex(char **s)
{
    u64 value = 0;
    for (;; ++*s) {
        u8 digit = (u8)(**s - '0'), letter = (u8)(**s - 'a');
        if (digit > 9 && letter > 5)
            return value;
        value = value << 4 | (digit > 9 ? letter + 10 : digit);
    }
}

bool view_map_line(char *line, MapLine *out)
{
    char *s = line;
    out->start = take_hex(&s);
    if (s == line || *s++ != '-')
        return false;
    out->end = take_hex(&s);
    if (*s++ != ' ' || strnlen(s, 6) < 6)
        return false;
    memcpy(out->perms, s, 4);
    out->perms[4] = 0;
    s += 5;
    out->offset = take_hex(&s);
    s += *s == ' ';
    out->major = (unsigned)take_hex(&s);
    s += *s == ':';
    out->minor = (unsigned)take_hex(&s);
    out->inode = strtoul(s, &s, 10);
    out->name = s + strspn(s, " ");
    return true;
}

/* In another process's map, mappings that the kernel has extended downwards are as they were when that one last asked.
 */
static void see_growth(View *v)
{
    char *maps = view_file(v->dir.path, "maps"), *text = maps;
    MapLine line;
    for (char *next; (next = view_line(&text));) {
        size_t i = view_map_line(next, &line) ? view_find(v, line.start) : v->nmaps;
        if (i < v->nmaps && v->maps[i].kind & MEM_GROWS && v->maps[i].start > line.start && v->maps[i].start < line.end)
            v->maps[i].start = line.start;
    }
    free(maps);
}

static void view_clear(View *v)
{
    v->mem = -1;
    v->maps = NULL;
    v->tids = NULL;
    v->nmaps = v->ntids = 0;
    v->task = 0;
}

bool view_peek(View *v, const Task *t, int flags)
{
    view_clear(v);
    bool ok = view_other(v, t, flags);
    if (!ok)
        view_close(v);
    return ok;
}

bool view_open(View *v, const Task *t)
{
    view_clear(v);
    bool ok = true;
    if (v->dir.own) {
        Process *p = t->process;
        v->process = *p;
        v->kernel = *p->kernel;
        v->maps = mem_copy(p->mem, NULL, NULL, &v->nmaps);
        shared_lock(&p->lock);
        v->process.tasks = p->tasks;
        ok = v->maps && view_tasks(v, t->vfork_child);
        shared_unlock(&p->lock);
    } else {
        ok = view_other(v, t, O_RDONLY) && (v->maps = mem_copy(v->process.mem, view_read, v, &v->nmaps)) && view_tasks(v, false);
        if (ok)
            see_growth(v);
    }
    if (!ok)
        view_close(v);
    return ok;
}

