/* Files of /proc and /sys whose contents are the guest's. The guest opens the kernel's own files, by whatever name;
 * what it reads from them (procfd.c) is made here of the kernel's text and of what the translator knows: for this
 * process from its memory, for another guest's from that one's, which lies at the same addresses because it is the same
 * executable. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "linux.h"

static bool is_number(const char *s)
{
    return *s && s[strspn(s, "0123456789")] == 0;
}

/* -- whose a file is ----------------------------------------------------------------------------------------------- */

/* Cuts the last component off a path and returns it. */
static char *cut(char *path)
{
    char *slash = strrchr(path, '/');
    if (!slash)
        return path + strlen(path);
    *slash = 0;
    return slash + 1;
}

/* Is `pid`, a directory of the /proc at `root`, this process or one of its threads? */
static bool is_own(const char *root, const char *pid)
{
    char name[PATH_MAX + 64], self_pid[32];
    snprintf(name, sizeof name, "%s/self", root);
    ssize_t n = readlink(name, self_pid, sizeof self_pid - 1);
    if (n <= 0)
        return false;
    self_pid[n] = 0;
    if (strcmp(self_pid, pid) == 0)
        return true;
    snprintf(name, sizeof name, "%s/self/task/%s", root, pid);
    return access(name, F_OK) == 0;
}

/* Splits the path of something in a process's directory, DIR/PID/x or DIR/PID/task/TID/x; false if it is none. */
static bool proc_dir(const char *path, ProcDir *out)
{
    char root[PATH_MAX];
    snprintf(root, sizeof root, "%s", path);
    cut(root);
    strcpy(out->path, root);
    const char *pid = cut(root), task[] = "/task";
    if (!is_number(pid))
        return false;
    size_t n = strlen(root), tail = sizeof task - 1;
    if (n > tail && strcmp(root + n - tail, task) == 0) {
        root[n - tail] = 0;
        pid = cut(root);
    }
    out->own = is_number(pid) && is_own(root, pid);
    return is_number(pid);
}

/* -- what the translator of a process knows -------------------------------------------------------------------------
 */

typedef struct View {
    ProcDir dir;
    int mem; /* the process's memory, if it is another's */
    Process process;
    Linux kernel;
    Mapping *maps;
    size_t nmaps;
    i32 *tids;
    size_t ntids;
} View;

static int view_read(void *view, void *dst, u64 src, size_t size)
{
    const View *v = view;
    if (v->dir.own)
        return mem_peek(dst, src, size);
    return pread(v->mem, dst, size, (off_t)src) == (ssize_t)size ? 0 : -EFAULT;
}

static void view_close(View *v)
{
    if (v->mem >= 0)
        close(v->mem);
    free(v->maps);
    free(v->tids);
}

/* The guest's threads: not a vfork child, which is a process of its own, among its parent's tasks. */
static bool view_tasks(View *v, bool vfork_child)
{
    enum { MAX = 1 << 16 };
    size_t cap = 0;
    u64 at = (u64)v->process.tasks;
    while (at && v->ntids < MAX) {
        struct {
            i32 tid;
            bool vfork_child;
            Task *next;
        } task;
        if (view_read(v, &task.tid, at + offsetof(Task, tid), sizeof task.tid) ||
            view_read(v, &task.vfork_child, at + offsetof(Task, vfork_child), sizeof task.vfork_child) ||
            view_read(v, &task.next, at + offsetof(Task, next_task), sizeof task.next))
            return false;
        at = (u64)task.next;
        if (task.vfork_child != vfork_child)
            continue;
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
static bool view_other(View *v, const Task *t)
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
        u64 at;
        if (v->mem >= 0)
            close(v->mem); /* it may be of what there was before the exec */
        v->mem = open(name, O_RDONLY | O_CLOEXEC);
        if (v->mem < 0)
            return false;
        if (view_read(v, &at, (u64)&the_process, sizeof at) == 0 && at &&
            view_read(v, &v->process, at, sizeof v->process) == 0 && v->process.loaded)
            return v->process.abi == t->abi && view_read(v, &v->kernel, (u64)v->process.kernel, sizeof v->kernel) == 0;
        usleep(WAIT);
    }
    return false;
}

/* Index of the first mapping that ends above addr. */
static size_t view_find(const View *v, u64 addr)
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

/* Is any of [start, end) the guest's? */
static bool view_has(const View *v, u64 start, u64 end)
{
    size_t i = view_find(v, start);
    return i < v->nmaps && v->maps[i].start < end;
}

static bool view_thread(const View *v, i32 tid)
{
    for (size_t i = 0; i < v->ntids; i++)
        if (v->tids[i] == tid)
            return true;
    return false;
}

static bool view_hides(const View *v, i32 fd)
{
    for (int i = 0; i < v->kernel.nhidden && i < (int)LEN(v->kernel.hidden); i++)
        if (v->kernel.hidden[i] == fd)
            return true;
    return false;
}

/* -- texts --------------------------------------------------------------------------------------------------------- */

/* All that there is to read from fd, from its beginning, NUL-terminated; NULL with errno set if it can't be read. The
 * caller frees it. */
static char *read_text(int fd, size_t *size)
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

static char *read_file(const char *dir, const char *file)
{
    char name[PATH_MAX + 32];
    size_t size;
    snprintf(name, sizeof name, "%s/%s", dir, file);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    char *text = fd < 0 ? NULL : read_text(fd, &size);
    if (fd >= 0)
        close(fd);
    return text;
}

/* Cuts the next line off *text, without its end; NULL if there is none. */
static char *next_line(char **text)
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

/* A line of maps, which is the first of an entry of smaps. */
typedef struct MapLine {
    u64 start, end, offset, inode;
    char perms[5];
    unsigned major, minor;
    char *name;
} MapLine;

static bool parse_map(char *line, MapLine *out)
{
    char *s = line;
    out->start = strtoul(s, &s, 16);
    if (s == line || *s++ != '-')
        return false;
    out->end = strtoul(s, &s, 16);
    if (*s++ != ' ' || strlen(s) < 5)
        return false;
    memcpy(out->perms, s, 4);
    out->perms[4] = 0;
    out->offset = strtoul(s + 4, &s, 16);
    out->major = (unsigned)strtoul(s, &s, 16);
    out->minor = (unsigned)strtoul(s + 1, &s, 16);
    out->inode = strtoul(s, &s, 10);
    out->name = s + strspn(s, " ");
    return true;
}

/* In another process's map, mappings that the kernel has extended downwards are as they were when that one last asked.
 */
static void see_growth(View *v)
{
    char *maps = read_file(v->dir.path, "maps"), *text = maps;
    MapLine line;
    for (char *next; (next = next_line(&text));) {
        size_t i = parse_map(next, &line) ? view_find(v, line.start) : v->nmaps;
        if (i < v->nmaps && v->maps[i].kind & MEM_GROWS && v->maps[i].start > line.start && v->maps[i].start < line.end)
            v->maps[i].start = line.start;
    }
    free(maps);
}

/* What is known about the process of v->dir; false if it is no guest's, or may not be looked at. */
static bool view_open(View *v, const Task *t)
{
    v->mem = -1;
    v->maps = NULL;
    v->tids = NULL;
    v->nmaps = v->ntids = 0;
    bool ok = true;
    if (v->dir.own) {
        Process *p = t->process;
        v->process = *p;
        v->kernel = *p->kernel;
        v->maps = mem_copy(p->mem, NULL, NULL, &v->nmaps);
        pthread_mutex_lock(&p->lock);
        v->process.tasks = p->tasks;
        ok = v->maps && view_tasks(v, t->vfork_child);
        pthread_mutex_unlock(&p->lock);
    } else {
        ok = view_other(v, t) && (v->maps = mem_copy(v->process.mem, view_read, v, &v->nmaps)) && view_tasks(v, false);
        if (ok)
            see_growth(v);
    }
    if (!ok)
        view_close(v);
    return ok;
}

/* The name of a mapping without a file, as fs/proc/task_mmu.c finds it. */
static const char *special_name(const View *v, const Mapping *map)
{
    const Process *p = &v->process;
    if (map->start <= p->auxv && p->auxv < map->end)
        return "[stack]";
    return map->kind & MEM_HEAP ? "[heap]" : map->kind & MEM_VDSO ? "[vdso]" : "";
}

static void put_map(const View *v, FILE *f, const MapLine *line, const Mapping *map, u64 start, u64 end)
{
    int n = fprintf(f, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu", start, end, map->prot & PROT_READ ? 'r' : '-',
                    map->prot & PROT_WRITE ? 'w' : '-', map->prot & PROT_EXEC ? 'x' : '-', line->perms[3],
                    line->inode ? line->offset + (start - line->start) : line->offset, line->major, line->minor,
                    line->inode);
    /* Names that the guest gave itself (PR_SET_VMA_ANON_NAME) are shown, the host's own aren't. */
    bool named = line->name[0] == '/' || strncmp(line->name, "[anon", 5) == 0;
    const char *name = named ? line->name : special_name(v, map);
    if (*name)
        fprintf(f, "%*s%s", n < 73 ? 73 - n : 1, "", name);
    else
        fputc(' ', f);
    fputc('\n', f);
}

/* Walks the parts of host mappings that are the guest's, in a text of maps or smaps. */
typedef struct MapWalk {
    const View *v;
    char *text, *sysroot;
    MapLine line; /* the host's mapping */
    size_t next;  /* the guest's: what may be the next part's */
} MapWalk;

/* The next host mapping of which the guest has some. Lines about it, in smaps, follow in walk->text. */
static bool walk_line(MapWalk *w)
{
    for (char *line; (line = next_line(&w->text));) {
        if (!parse_map(line, &w->line))
            continue;
        while (w->next < w->v->nmaps && w->v->maps[w->next].end <= w->line.start)
            w->next++;
        if (w->next == w->v->nmaps || w->v->maps[w->next].start >= w->line.end)
            continue;
        size_t root = strlen(w->sysroot);
        if (root && strncmp(w->line.name, w->sysroot, root) == 0 && w->line.name[root] == '/')
            w->line.name += root;
        return true;
    }
    return false;
}

/* The next part of that mapping. */
static const Mapping *walk_part(MapWalk *w, u64 *start, u64 *end)
{
    if (w->next == w->v->nmaps || w->v->maps[w->next].start >= w->line.end)
        return NULL;
    const Mapping *map = &w->v->maps[w->next];
    *start = map->start > w->line.start ? map->start : w->line.start;
    *end = map->end < w->line.end ? map->end : w->line.end;
    if (map->end <= w->line.end)
        w->next++;
    else
        w->line.end = 0; /* the rest is the next host mapping's */
    return map;
}

typedef void Writer(const View *v, FILE *f, char *text);

static void sysroot_of(const View *v, char out[PATH_MAX])
{
    out[0] = 0;
    for (size_t n = 0; v->process.options.sysroot && n + 1 < PATH_MAX; n++)
        if (view_read((View *)v, out + n, (u64)v->process.options.sysroot + n, 1) || !out[n])
            break;
}

static void write_maps(const View *v, FILE *f, char *text)
{
    char sysroot[PATH_MAX];
    sysroot_of(v, sysroot);
    MapWalk w = {.v = v, .text = text, .sysroot = sysroot};
    u64 start, end;
    while (walk_line(&w))
        for (const Mapping *map; (map = walk_part(&w, &start, &end));)
            put_map(v, f, &w.line, map, start, end);
}

/* Amounts of an entry of smaps, in its order. */
typedef struct Amounts {
    size_t count;
    struct {
        char *name;
        u64 kb;
    } lines[32];
    char *flags; /* VmFlags: and what follows it */
    char *rest;  /* other lines without amounts, one */
} Amounts;

static void read_amounts(char **text, Amounts *out)
{
    *out = (Amounts){0};
    while (**text && !isxdigit((unsigned char)**text)) {
        char *line = next_line(text), *colon = strchr(line, ':'), *end;
        if (!colon)
            continue;
        u64 kb = strtoul(colon + 1, &end, 10);
        if (strcmp(end, " kB") == 0 && out->count < LEN(out->lines)) {
            *colon = 0;
            out->lines[out->count].name = line;
            out->lines[out->count++].kb = kb;
        } else if (strncmp(line, "VmFlags:", 8) == 0) {
            out->flags = line;
        } else {
            out->rest = line;
        }
    }
}

static bool is_size(const char *name)
{
    return strcmp(name, "Size") == 0 || strcmp(name, "KernelPageSize") == 0 || strcmp(name, "MMUPageSize") == 0;
}

/* Takes what a part of `kb` may have out of the amounts of the whole mapping: each kind's first parts get as much as
 * fits. */
static u64 take(Amounts *a, size_t i, u64 kb)
{
    if (is_size(a->lines[i].name))
        return strcmp(a->lines[i].name, "Size") == 0 ? kb : a->lines[i].kb;
    u64 n = a->lines[i].kb < kb ? a->lines[i].kb : kb;
    a->lines[i].kb -= n;
    return n;
}

static void write_smaps(const View *v, FILE *f, char *text)
{
    char sysroot[PATH_MAX];
    sysroot_of(v, sysroot);
    MapWalk w = {.v = v, .text = text, .sysroot = sysroot};
    u64 start, end;
    while (walk_line(&w)) {
        Amounts a;
        read_amounts(&w.text, &a);
        for (const Mapping *map; (map = walk_part(&w, &start, &end));) {
            put_map(v, f, &w.line, map, start, end);
            for (size_t i = 0; i < a.count; i++)
                fprintf(f, "%s:%*s%8lu kB\n", a.lines[i].name, 15 - (int)strlen(a.lines[i].name), "",
                        take(&a, i, (end - start) / 1024));
            if (a.rest)
                fprintf(f, "%s\n", a.rest);
            if (a.flags)
                fprintf(f, "VmFlags:%.3s%s%s\n", a.flags + 8, map->prot & PROT_EXEC ? " ex" : "", a.flags + 11);
        }
    }
}

/* Sums of the guest's parts of smaps; [0].name is NULL-terminated by count. */
static void sum_amounts(const View *v, char *text, Amounts *sum)
{
    MapWalk w = {.v = v, .text = text, .sysroot = (char *)""};
    u64 start, end;
    *sum = (Amounts){0};
    while (walk_line(&w)) {
        Amounts a;
        read_amounts(&w.text, &a);
        while (walk_part(&w, &start, &end))
            for (size_t i = 0; i < a.count; i++) {
                if (is_size(a.lines[i].name))
                    continue;
                size_t k = 0;
                while (k < sum->count && strcmp(sum->lines[k].name, a.lines[i].name) != 0)
                    k++;
                if (k == sum->count)
                    sum->lines[sum->count++].name = a.lines[i].name;
                sum->lines[k].kb += take(&a, i, (end - start) / 1024);
            }
    }
}

static void write_rollup(const View *v, FILE *f, char *text)
{
    Amounts sum;
    char *smaps = read_file(v->dir.path, "smaps");
    sum_amounts(v, smaps ? smaps : text + strlen(text), &sum);
    if (v->nmaps)
        fprintf(f, "%08lx-%08lx ---p 00000000 00:00 0%*s[rollup]\n", v->maps[0].start, v->maps[v->nmaps - 1].end, 34,
                "");
    for (size_t i = 0; i < sum.count; i++)
        fprintf(f, "%s:%*s%8lu kB\n", sum.lines[i].name, 15 - (int)strlen(sum.lines[i].name), "", sum.lines[i].kb);
    free(smaps);
}

/* A line a mapping, which begins with its address. */
static void write_numa_maps(const View *v, FILE *f, char *text)
{
    for (char *line; (line = next_line(&text));) {
        u64 start = strtoul(line, NULL, 16), end = *text ? strtoul(text, NULL, 16) : UINT64_MAX;
        char *tail = strchr(line, ' ');
        size_t i = view_find(v, start);
        if (tail && i < v->nmaps && v->maps[i].start < end)
            fprintf(f, "%08lx%s\n", v->maps[i].start > start ? v->maps[i].start : start, tail);
    }
}

static void put_guest(const View *v, FILE *f, u64 start, u64 end)
{
    char chunk[4096];
    for (u64 at = start; at < end;) {
        size_t n = end - at < sizeof chunk ? end - at : sizeof chunk;
        if (view_read((View *)v, chunk, at, n))
            return;
        fwrite(chunk, 1, n, f);
        at += n;
    }
}

static void write_auxv(const View *v, FILE *f, char *text)
{
    put_guest(v, f, v->process.auxv, v->process.auxv + v->process.auxv_size);
}

static void write_cmdline(const View *v, FILE *f, char *text)
{
    put_guest(v, f, v->process.arg_start, v->process.arg_end);
}

static void write_environ(const View *v, FILE *f, char *text)
{
    put_guest(v, f, v->process.env_start, v->process.env_end);
}

/* Memory that is there, in kB. */
typedef struct Resident {
    u64 anon, file, shared;
} Resident;

/* Adds what is there of [start, end), as pagemap, open as fd, says (Documentation/admin-guide/mm/pagemap.rst). */
static void count_pages(int fd, u64 start, u64 end, bool shared, Resident *r)
{
    enum : u64 { PRESENT = (u64)1 << 63, FILE_OR_SHARED = (u64)1 << 61, PAGE_KB = 4 };
    u64 pages[512];
    for (u64 at = start / 4096; at < end / 4096;) {
        u64 left = end / 4096 - at, n = left < LEN(pages) ? left : LEN(pages);
        ssize_t got = pread(fd, pages, n * sizeof *pages, (off_t)(at * sizeof *pages));
        if (got <= 0)
            return;
        for (ssize_t i = 0; i < got / (ssize_t)sizeof *pages; i++)
            if (pages[i] & PRESENT)
                *(!(pages[i] & FILE_OR_SHARED) ? &r->anon : shared ? &r->shared : &r->file) += PAGE_KB;
        at += (u64)got / sizeof *pages;
    }
}

/* The translator's: of host mappings the parts that aren't the guest's. Those are few, however many the guest has. */
static Resident translators(const View *v)
{
    Resident r = {0};
    char name[PATH_MAX + 16];
    snprintf(name, sizeof name, "%s/pagemap", v->dir.path);
    int fd = open(name, O_RDONLY | O_CLOEXEC);
    char *maps = fd < 0 ? NULL : read_file(v->dir.path, "maps"), *text = maps;
    size_t i = 0;
    MapLine map;
    for (char *line; (line = next_line(&text));) {
        if (!parse_map(line, &map) || strncmp(map.name, "[v", 2) == 0) /* [vdso] and the like don't count */
            continue;
        while (map.start < map.end) {
            while (i < v->nmaps && v->maps[i].end <= map.start)
                i++;
            u64 next = i < v->nmaps && v->maps[i].start < map.end ? v->maps[i].start : map.end;
            if (next > map.start)
                count_pages(fd, map.start, next, map.perms[3] == 's', &r);
            map.start = next < map.end ? v->maps[i].end : map.end;
        }
    }
    free(maps);
    if (fd >= 0)
        close(fd);
    return r;
}

static u64 less(u64 a, u64 b)
{
    return a > b ? a - b : 0;
}

/* How much a process has mapped, in kB. */
typedef struct Mapped {
    u64 size, data, stack, text, libraries;
} Mapped;

static Mapped mapped(const View *v)
{
    Mapped m = {0};
    const Process *p = &v->process;
    u64 exec = 0;
    for (size_t i = 0; i < v->nmaps; i++) {
        const Mapping *map = &v->maps[i];
        u64 kb = (map->end - map->start) / 1024;
        m.size += kb;
        if (map->prot & PROT_EXEC)
            exec += kb;
        if (map->start <= p->auxv && p->auxv < map->end)
            m.stack += kb;
        else if (map->prot & PROT_WRITE && !(map->kind & MEM_SHARED))
            m.data += kb;
    }
    m.text = ((p->code_end + 4095) / 4096 - p->code_start / 4096) * 4;
    m.text = m.text < exec ? m.text : exec;
    m.libraries = exec - m.text;
    return m;
}

static void write_statm(const View *v, FILE *f, char *text)
{
    u64 size, resident, shared;
    Mapped m = mapped(v);
    Resident r = translators(v);
    if (sscanf(text, "%lu %lu %lu", &size, &resident, &shared) == 3)
        fprintf(f, "%lu %lu %lu %lu 0 %lu 0\n", m.size / 4, less(resident, (r.anon + r.file + r.shared) / 4),
                less(shared, (r.file + r.shared) / 4), m.text / 4, (m.data + m.stack) / 4);
}

/* Fields by their numbers in proc_pid_stat(5). */
static void write_stat(const View *v, FILE *f, char *text)
{
    const Process *p = &v->process;
    char *close_paren = strrchr(text, ')');
    if (!close_paren)
        return;
    fwrite(text, 1, (size_t)(close_paren + 1 - text), f);
    Mapped m = mapped(v);
    Resident r = translators(v);
    enum { RSS = 24 };
    const struct {
        int field;
        u64 value;
    } ours[] = {
        {20, v->ntids},     {23, m.size * 1024}, {26, p->code_start}, {27, p->code_end},
        {28, p->auxv},      {45, p->data_start}, {46, p->data_end},   {47, p->brk_start},
        {48, p->arg_start}, {49, p->arg_end},    {50, p->env_start},  {51, p->env_end},
    };
    int field = 3;
    char *left;
    for (char *s = strtok_r(close_paren + 1, " \n", &left); s; s = strtok_r(NULL, " \n", &left), field++) {
        size_t i = 0;
        while (i < LEN(ours) && ours[i].field != field)
            i++;
        /* The kernel shows addresses only to those who may see them. */
        if (i < LEN(ours) && strcmp(s, "0") != 0)
            fprintf(f, " %lu", ours[i].value);
        else if (field == RSS)
            fprintf(f, " %lu", less(strtoul(s, NULL, 10), (r.anon + r.file + r.shared) / 4));
        else
            fprintf(f, " %s", s);
    }
    fputc('\n', f);
}

/* The number in a line "Name: number kB" of /proc/PID/status. */
static u64 status_kb(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

static void write_status(const View *v, FILE *f, char *text)
{
    Mapped m = mapped(v);
    Resident r = translators(v);
    u64 others = less(status_kb(text, "\nVmSize:"), m.size), resident = r.anon + r.file + r.shared;
    const struct {
        const char *name;
        u64 kb;
    } ours[] = {
        /* The highest there ever was, less what is the translator's now. */
        {"VmPeak", less(status_kb(text, "\nVmPeak:"), others)},
        {"VmSize", m.size},
        {"VmHWM", less(status_kb(text, "\nVmHWM:"), resident)},
        {"VmRSS", less(status_kb(text, "\nVmRSS:"), resident)},
        {"RssAnon", less(status_kb(text, "\nRssAnon:"), r.anon)},
        {"RssFile", less(status_kb(text, "\nRssFile:"), r.file)},
        {"RssShmem", less(status_kb(text, "\nRssShmem:"), r.shared)},
        {"VmData", m.data},
        {"VmStk", m.stack},
        {"VmExe", m.text},
        {"VmLib", m.libraries},
    };
    for (char *line; (line = next_line(&text));) {
        size_t name = strcspn(line, ":"), i = 0;
        while (i < LEN(ours) && (strncmp(line, ours[i].name, name) != 0 || ours[i].name[name]))
            i++;
        if (i < LEN(ours))
            fprintf(f, "%s:\t%8lu kB\n", ours[i].name, ours[i].kb);
        else if (strncmp(line, "Threads:", 8) == 0)
            fprintf(f, "Threads:\t%zu\n", v->ntids);
        else if (v->dir.own && self->seccomp && strncmp(line, "Seccomp:", 8) == 0)
            fprintf(f, "Seccomp:\t%u\n", self->seccomp);
        else if (v->dir.own && self->seccomp && strncmp(line, "Seccomp_filters:", 16) == 0)
            fprintf(f, "Seccomp_filters:\t%u\n", seccomp_count(self));
        else
            fprintf(f, "%s\n", line);
    }
}

/* A line of /proc/PID/limits (fs/proc/base.c: proc_pid_limits). */
static void write_limit(FILE *f, const char *name, const struct rlimit *r, const char *unit)
{
    char values[2][24];
    const rlim_t limits[] = {r->rlim_cur, r->rlim_max};
    for (size_t i = 0; i < LEN(values); i++)
        if (limits[i] == RLIM_INFINITY)
            strcpy(values[i], "unlimited");
        else
            snprintf(values[i], sizeof values[i], "%lu", limits[i]);
    fprintf(f, "%-25s %-20s %-20s %-10s\n", name, values[0], values[1], unit);
}

static void write_limits(const View *v, FILE *f, char *text)
{
    static const struct {
        const char *name;
        u32 resource;
    } ours[] = {{"Max data size", RLIMIT_DATA}, {"Max address space", RLIMIT_AS}};
    for (char *line; (line = next_line(&text));) {
        size_t i = 0;
        while (i < LEN(ours) && strncmp(line, ours[i].name, strlen(ours[i].name)) != 0)
            i++;
        if (i < LEN(ours))
            write_limit(f, ours[i].name, &v->kernel.limits[ours[i].resource], "bytes");
        else
            fprintf(f, "%s\n", line);
    }
}

static void write_cpuinfo(const View *v, FILE *f, char *text)
{
    for (int i = 0; i < proc_cpus(the_process); i++)
        the_process->abi->cpuinfo(f, i);
}

static void write_cpus(const View *v, FILE *f, char *text)
{
    int n = proc_cpus(the_process);
    if (n > 1)
        fprintf(f, "0-%d\n", n - 1);
    else
        fprintf(f, "0\n");
}

/* Under --cpus, the lines of /proc/stat about single processors: each of the guest's shows the one of the host's that it is on. */
static void write_system_stat(const View *v, FILE *f, char *text)
{
    const Linux *l = the_process->kernel;
    const char *whole = text;
    bool done = false;
    for (char *line = text, *next; *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        if (strncmp(line, "cpu", 3) != 0 || !isdigit((unsigned char)line[3])) {
            fwrite(line, 1, (size_t)(next - line), f);
            continue;
        }
        for (int i = 0; !done && i < proc_cpus(the_process); i++) {
            char name[16];
            snprintf(name, sizeof name, "\ncpu%d ", l->cpus[i % l->ncpus]);
            const char *host = strstr(whole, name);
            const char *numbers = host ? host + strlen(name) : "0 0 0 0 0 0 0 0 0 0\n";
            fprintf(f, "cpu%d %.*s\n", i, (int)strcspn(numbers, "\n"), numbers);
        }
        done = true;
    }
}

/* -- the files ----------------------------------------------------------------------------------------------------- */

typedef enum FileKind {
    OF_PROCESS, /* in a process's or thread's directory */
    OF_MEMORY,  /* the same, and the kernel knows better if it has been told where things are (Process.told) */
    OF_SYSTEM,  /* of /proc itself or of /sys, by the end of its path */
} FileKind;

static const struct ProcFileRow {
    const char *name;
    FileKind kind;
    bool cpus; /* only under --cpus */
    Writer *write;
} files[] = {
    {"maps", OF_PROCESS, false, write_maps},
    {"smaps", OF_PROCESS, false, write_smaps},
    {"smaps_rollup", OF_PROCESS, false, write_rollup},
    {"numa_maps", OF_PROCESS, false, write_numa_maps},
    {"stat", OF_PROCESS, false, write_stat},
    {"statm", OF_PROCESS, false, write_statm},
    {"status", OF_PROCESS, false, write_status},
    {"limits", OF_PROCESS, false, write_limits},
    {"auxv", OF_MEMORY, false, write_auxv},
    {"cmdline", OF_MEMORY, false, write_cmdline},
    {"comm", OF_MEMORY, false, NULL},
    {"environ", OF_MEMORY, false, write_environ},
    {"/cpuinfo", OF_SYSTEM, false, write_cpuinfo},
    {"/stat", OF_SYSTEM, true, write_system_stat},
    {"/devices/system/cpu/online", OF_SYSTEM, true, write_cpus},
    {"/devices/system/cpu/present", OF_SYSTEM, true, write_cpus},
    {"/devices/system/cpu/possible", OF_SYSTEM, true, write_cpus},
};

static bool of_kernel(int fd)
{
    struct statfs fs;
    return fstatfs(fd, &fs) == 0 && (fs.f_type == PROC_SUPER_MAGIC || fs.f_type == SYSFS_MAGIC);
}

/* The row of what fd has open; NULL if there is none. dir is filled for files of a process. */
static const struct ProcFileRow *identify(int fd, ProcDir *dir)
{
    char path[PATH_MAX];
    if (!of_kernel(fd) || !fd_path(fd, path))
        return NULL;
    const char *slash = strrchr(path, '/');
    bool of_process = proc_dir(path, dir);
    for (size_t i = 0; i < LEN(files); i++) {
        size_t n = strlen(files[i].name), length = strlen(path);
        if (files[i].kind != OF_SYSTEM ? of_process && strcmp(slash + 1, files[i].name) == 0
                                       : !of_process && length >= n && strcmp(path + length - n, files[i].name) == 0)
            return &files[i];
    }
    return NULL;
}

bool proc_is_filtered(const Process *p, int fd)
{
    ProcDir dir;
    const struct ProcFileRow *row = identify(fd, &dir);
    return row && (!row->cpus || p->options.cpus) && !(row->kind == OF_MEMORY && dir.own && p->told);
}

i64 proc_text(Task *t, int fd, char **text, size_t *size)
{
    View v;
    const struct ProcFileRow *row = identify(fd, &v.dir);
    if (!row)
        return -ENOENT;
    bool of_process = row->kind != OF_SYSTEM;
    if (of_process && !view_open(&v, t))
        return -ENOENT;
    i64 error = row->kind == OF_MEMORY && v.process.told ? -ENOENT : 0;
    char *kernel = NULL;
    size_t length;
    if (!error && !(kernel = read_text(fd, &length)))
        error = -errno;
    FILE *f = error ? NULL : open_memstream(text, size);
    if (!error && !f)
        error = -ENOMEM;
    if (f) {
        if (length) /* of a process that is gone there may be none */
            row->write(&v, f, kernel);
        fclose(f);
    }
    free(kernel);
    if (of_process)
        view_close(&v);
    return error;
}

/* -- links to executables -------------------------------------------------------------------------------------------
 */

bool proc_is_exe(int dir, const char *name, ProcDir *out)
{
    char path[PATH_MAX];
    const char *slash = strrchr(name, '/');
    if (strcmp(slash ? slash + 1 : name, "exe") != 0)
        return false;
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is = of_kernel(fd) && fd_path(fd, path) && strcmp(strrchr(path, '/'), "/exe") == 0 && proc_dir(path, out);
    close(fd);
    return is;
}

bool proc_is_hidden(Process *p, int dir, const char *name)
{
    char path[PATH_MAX];
    ProcDir of;
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is = of_kernel(fd) && fd_path(fd, path);
    close(fd);
    const char *number = is ? cut(path) : "", *list = strrchr(path, '/');
    return is_number(number) && fd_hidden(p, (u32)atoi(number)) && list &&
           (strcmp(list, "/fd") == 0 || strcmp(list, "/fdinfo") == 0) && proc_dir(path, &of) && of.own;
}

/* Another guest's executable is the file that is mapped where the kernel was told that its code begins. This may be
 * asked by whoever may see the link, where reading memory needs more. Right after an exec the code is still this
 * program's own. */
i64 proc_exe_of(const Process *p, const ProcDir *dir, char name[PATH_MAX], char open_name[PATH_MAX])
{
    enum { TRIES = 50, WAIT = 1000, START_CODE = 26 };
    struct stat ours, theirs;
    snprintf(name, PATH_MAX, "%.*s/exe", PATH_MAX - 8, dir->path);
    if (!p->told || stat("/proc/self/exe", &ours) || stat(name, &theirs) || ours.st_dev != theirs.st_dev ||
        ours.st_ino != theirs.st_ino)
        return -ENOENT;
    for (int i = 0; i < TRIES; i++) {
        char *stat_text = read_file(dir->path, "stat"), *at = stat_text ? strrchr(stat_text, ')') : NULL;
        for (int field = 2; at && field < START_CODE; field++)
            if ((at = strchr(at, ' ')))
                at++;
        u64 code = at ? strtoul(at, NULL, 10) : 0;
        free(stat_text);
        char *maps = read_file(dir->path, "maps"), *text = maps;
        MapLine map = {0};
        for (char *line; (line = next_line(&text));)
            if (parse_map(line, &map) && map.start <= code && code < map.end)
                break;
        bool found = maps && map.start <= code && code < map.end && map.name[0] == '/' && map.inode != ours.st_ino;
        if (found) {
            size_t n = (size_t)snprintf(name, PATH_MAX, "%s", map.name);
            bool deleted = n > 10 && n < PATH_MAX && strcmp(name + n - 10, " (deleted)") == 0;
            if (deleted)
                snprintf(open_name, PATH_MAX, "%.*s/map_files/%lx-%lx", PATH_MAX - 64, dir->path, map.start, map.end);
            else
                snprintf(open_name, PATH_MAX, "%s", name);
        }
        free(maps);
        if (found)
            return 0;
        usleep(WAIT);
    }
    return -ENOENT;
}

/* -- directories that list threads, descriptors or mappings, some of which are the translator's ----------------------
 */

typedef enum Listing { OTHER_DIR, TASK_DIR, FD_DIR, MAP_DIR, CPU_DIR } Listing;

/* What a directory lists. */
static Listing listing(int fd, ProcDir *dir)
{
    static const struct {
        const char *name;
        Listing what;
    } kinds[] = {{"task", TASK_DIR}, {"fd", FD_DIR}, {"fdinfo", FD_DIR}, {"map_files", MAP_DIR}};
    char path[PATH_MAX];
    if (!of_kernel(fd) || !fd_path(fd, path))
        return OTHER_DIR;
    const char *last = strrchr(path, '/') + 1;
    if (strcmp(path, "/sys/devices/system/cpu") == 0)
        return CPU_DIR;
    for (size_t i = 0; i < LEN(kinds); i++)
        if (strcmp(last, kinds[i].name) == 0 && proc_dir(path, dir))
            return kinds[i].what;
    return OTHER_DIR;
}

typedef struct Entry { /* struct linux_dirent64 */
    u64 ino, off;
    u16 size;
    u8 type;
    char name[];
} Entry;

/* The processor that an entry of CPU_DIR is the directory of; -1 for none. */
static int cpu_of(const char *name)
{
    return strncmp(name, "cpu", 3) == 0 && is_number(name + 3) ? atoi(name + 3) : -1;
}

static bool kept_in(const View *v, Listing what, const char *name)
{
    u64 start, end;
    if (what == CPU_DIR)
        return cpu_of(name) < proc_cpus(the_process);
    if (what == MAP_DIR)
        return sscanf(name, "%lx-%lx", &start, &end) != 2 || view_has(v, start, end);
    if (!is_number(name))
        return true;
    return what == TASK_DIR ? view_thread(v, atoi(name)) : !view_hides(v, atoi(name));
}

/* Behind `size` bytes of entries, of which `like` is one: processors that --cpus has and the host hasn't, as far as there is
 * room. The new size. */
static i64 add_cpus(const Entry *like, u8 *entries, i64 size, i64 room)
{
    enum { BYTES = 32 };
    _Alignas(Entry) char buf[BYTES];
    Entry *entry = (Entry *)buf;
    for (int cpu = (int)sysconf(_SC_NPROCESSORS_CONF); cpu < proc_cpus(the_process) && size + BYTES <= room; cpu++) {
        memset(buf, 0, sizeof buf);
        *entry = (Entry){.ino = like->ino + (u64)cpu, .off = like->off, .size = BYTES, .type = like->type};
        snprintf(entry->name, BYTES - offsetof(Entry, name), "cpu%d", cpu);
        memcpy(entries + size, buf, BYTES);
        size += BYTES;
    }
    return size;
}

i64 proc_filter(Task *t, int fd, u8 *entries, i64 size, i64 room)
{
    bool candidates = false;
    for (i64 at = 0; at < size && !candidates;) {
        const Entry *entry = (const Entry *)(entries + at);
        candidates = isxdigit((unsigned char)entry->name[0]) &&
                     (is_number(entry->name) || cpu_of(entry->name) >= 0 || strchr(entry->name, '-'));
        at += entry->size;
    }
    View v;
    Listing what = candidates ? listing(fd, &v.dir) : OTHER_DIR;
    if (what == OTHER_DIR || (what == CPU_DIR && !t->process->options.cpus) || (what != CPU_DIR && !view_open(&v, t)))
        return size;
    i64 kept = 0;
    bool first = false; /* the batch that has cpu0 gets those that are missing, too */
    Entry like = {0};
    for (i64 at = 0; at < size;) {
        Entry *entry = (Entry *)(entries + at);
        u16 n = entry->size;
        if (what == CPU_DIR && cpu_of(entry->name) == 0)
            first = true;
        like = *entry;
        if (kept_in(&v, what, entry->name)) {
            memmove(entries + kept, entry, n);
            kept += n;
        }
        at += n;
    }
    if (what != CPU_DIR)
        view_close(&v);
    return first ? add_cpus(&like, entries, kept, room) : kept;
}
