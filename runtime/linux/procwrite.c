/* The texts of files of /proc and /sys, made of the kernel's and of what is known of the process. */
#include <ctype.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "proc.h"

/* The name of a mapping without a file, as fs/proc/task_mmu.c finds it. */
static const char *special_name(const View *v, const Mapping *map)
{
    const Process *p = &v->process;
    if (map->start <= p->auxv && p->auxv < map->end)
        return "[stack]";
    return map->kind & MEM_HEAP ? "[heap]" : map->kind & MEM_VDSO ? "[vdso]" : "";
}

/* A process may have tens of thousands of mappings: each line is put together without printf. */
static char *put_hex(char *at, u64 value, int width)
{
    int digits = value ? (67 - __builtin_clzl(value)) / 4 : 1;
    for (int i = digits > width ? digits : width; i-- > 0;)
        *at++ = "0123456789abcdef"[i < 16 ? value >> (4 * i) & 15 : 0];
    return at;
}

static char *put_decimal(char *at, u64 value)
{
    char digits[20];
    int n = 0;
    do
        digits[n++] = (char)('0' + value % 10);
    while (value /= 10);
    while (n)
        *at++ = digits[--n];
    return at;
}

static void put_map(const View *v, FILE *f, const MapLine *line, const Mapping *map, u64 start, u64 end)
{
    enum { COLUMN = 73 };
    char head[192], *at = put_hex(head, start, 8);
    *at++ = '-';
    at = put_hex(at, end, 8);
    *at++ = ' ';
    *at++ = map->prot & PROT_READ ? 'r' : '-';
    *at++ = map->prot & PROT_WRITE ? 'w' : '-';
    *at++ = map->prot & PROT_EXEC ? 'x' : '-';
    *at++ = line->perms[3];
    *at++ = ' ';
    at = put_hex(at, line->inode ? line->offset + (start - line->start) : line->offset, 8);
    *at++ = ' ';
    at = put_hex(at, line->major, 2);
    *at++ = ':';
    at = put_hex(at, line->minor, 2);
    *at++ = ' ';
    at = put_decimal(at, line->inode);
    *at++ = ' ';
    /* Names that the guest gave itself (PR_SET_VMA_ANON_NAME) are shown, the host's own aren't. */
    bool named = line->name[0] == '/' || strncmp(line->name, "[anon", 5) == 0;
    const char *name = named ? line->name : special_name(v, map);
    while (*name && at - head < COLUMN)
        *at++ = ' ';
    fwrite_unlocked(head, 1, (size_t)(at - head), f);
    fwrite_unlocked(name, 1, strlen(name), f);
    putc_unlocked('\n', f);
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
    for (char *line; (line = view_line(&w->text));) {
        if (!view_map_line(line, &w->line))
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

static void sysroot_of(const View *v, char out[PATH_MAX])
{
    out[0] = 0;
    for (size_t n = 0; v->process.options.sysroot && n + 1 < PATH_MAX; n++)
        if (view_read((View *)v, out + n, (u64)v->process.options.sysroot + n, 1) || !out[n])
            break;
}

void write_maps(const View *v, FILE *f, char *text)
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

/* With an address; "Anonymous:" isn't one. */
static bool begins_entry(const char *line)
{
    return (*line >= '0' && *line <= '9') || (*line >= 'a' && *line <= 'f');
}

static void read_amounts(char **text, Amounts *out)
{
    *out = (Amounts){0};
    while (**text && !begins_entry(*text)) {
        char *line = view_line(text), *colon = strchr(line, ':'), *end;
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

static void put_flags(FILE *f, const Mapping *map, const char *flags, size_t size)
{
    fwrite_unlocked(flags, 1, 11, f); /* "VmFlags: rd" */
    if (map->prot & PROT_EXEC)
        fwrite_unlocked(" ex", 1, 3, f);
    fwrite_unlocked(flags + 11, 1, size - 11, f);
    putc_unlocked('\n', f);
}

/* What the kernel says of a mapping that is the guest's as a whole, up to the next entry, is right but for the flags. Mappings are many,
 * and their parts few. */
static void put_whole(FILE *f, char **text, const Mapping *map)
{
    while (**text && !begins_entry(*text)) {
        const char *line = *text;
        size_t size = (size_t)(strchrnul(line, '\n') - line);
        *text += size + (line[size] == '\n');
        if (strncmp(line, "VmFlags:", 8) == 0 && size > 11)
            put_flags(f, map, line, size);
        else
            fwrite_unlocked(line, 1, (size_t)(*text - line), f);
    }
}

void write_smaps(const View *v, FILE *f, char *text)
{
    char sysroot[PATH_MAX];
    sysroot_of(v, sysroot);
    MapWalk w = {.v = v, .text = text, .sysroot = sysroot};
    u64 start, end;
    while (walk_line(&w)) {
        Amounts a;
        const Mapping *map = &v->maps[w.next];
        if (map->start <= w.line.start && map->end >= w.line.end) {
            put_map(v, f, &w.line, map, w.line.start, w.line.end);
            put_whole(f, &w.text, map);
            continue;
        }
        read_amounts(&w.text, &a);
        while ((map = walk_part(&w, &start, &end))) {
            put_map(v, f, &w.line, map, start, end);
            for (size_t i = 0; i < a.count; i++)
                fprintf(f, "%s:%*s%8lu kB\n", a.lines[i].name, 15 - (int)strlen(a.lines[i].name), "",
                        take(&a, i, (end - start) / 1024));
            if (a.rest)
                fprintf(f, "%s\n", a.rest);
            if (a.flags)
                put_flags(f, map, a.flags, strlen(a.flags));
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

void write_rollup(const View *v, FILE *f, char *text)
{
    Amounts sum;
    char *smaps = view_file(v->dir.path, "smaps");
    sum_amounts(v, smaps ? smaps : text + strlen(text), &sum);
    if (v->nmaps)
        fprintf(f, "%08lx-%08lx ---p 00000000 00:00 0%*s[rollup]\n", v->maps[0].start, v->maps[v->nmaps - 1].end, 34,
                "");
    for (size_t i = 0; i < sum.count; i++)
        fprintf(f, "%s:%*s%8lu kB\n", sum.lines[i].name, 15 - (int)strlen(sum.lines[i].name), "", sum.lines[i].kb);
    free(smaps);
}

/* A line a mapping, which begins with its address. */
void write_numa_maps(const View *v, FILE *f, char *text)
{
    for (char *line; (line = view_line(&text));) {
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

void write_auxv(const View *v, FILE *f, char *text)
{
    put_guest(v, f, v->process.auxv, v->process.auxv + v->process.auxv_size);
}

void write_cmdline(const View *v, FILE *f, char *text)
{
    put_guest(v, f, v->process.arg_start, v->process.arg_end);
}

void write_environ(const View *v, FILE *f, char *text)
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
    char *maps = fd < 0 ? NULL : view_file(v->dir.path, "maps"), *text = maps;
    size_t i = 0;
    MapLine map;
    for (char *line; (line = view_line(&text));) {
        if (!view_map_line(line, &map) || strncmp(map.name, "[v", 2) == 0) /* [vdso] and the like don't count */
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

static u64 amount(const Amounts *a, const char *name)
{
    for (size_t i = 0; i < a->count; i++)
        if (strcmp(a->lines[i].name, name) == 0)
            return a->lines[i].kb;
    return 0;
}

static u64 smaller(u64 a, u64 b)
{
    return a < b ? a : b;
}

/* The guest's, where all that the kernel counts is `all`. That lags behind by some hundred kB (it counts for each processor by itself),
 * so what seems to be little is looked at. */
static Resident guests_resident(const View *v, Resident all)
{
    enum { LITTLE = 4096 };
    Resident ours = translators(v);
    u64 rss = less(all.anon + all.file + all.shared, ours.anon + ours.file + ours.shared);
    u64 files = smaller(less(all.file + all.shared, ours.file + ours.shared), rss), shared = less(all.shared, ours.shared);
    char *smaps = rss < LITTLE ? view_file(v->dir.path, "smaps") : NULL;
    if (smaps) {
        Amounts sum;
        sum_amounts(v, smaps, &sum);
        rss = amount(&sum, "Rss");
        files = less(rss, amount(&sum, "Anonymous"));
        free(smaps);
    }
    shared = smaller(shared, files);
    return (Resident){.anon = rss - files, .file = files - shared, .shared = shared};
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

void write_statm(const View *v, FILE *f, char *text)
{
    u64 size, resident, shared;
    Mapped m = mapped(v);
    if (sscanf(text, "%lu %lu %lu", &size, &resident, &shared) != 3)
        return;
    Resident r = guests_resident(v, (Resident){.anon = less(resident, shared) * 4, .file = shared * 4});
    fprintf(f, "%lu %lu %lu %lu 0 %lu 0\n", m.size / 4, (r.anon + r.file) / 4, r.file / 4, m.text / 4, (m.data + m.stack) / 4);
}

/* Fields by their numbers in proc_pid_stat(5). */
void write_stat(const View *v, FILE *f, char *text)
{
    const Process *p = &v->process;
    char *close_paren = strrchr(text, ')');
    if (!close_paren)
        return;
    fwrite(text, 1, (size_t)(close_paren + 1 - text), f);
    Mapped m = mapped(v);
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
        if (i < LEN(ours) && strcmp(s, "0") != 0) {
            fprintf(f, " %lu", ours[i].value);
        } else if (field == RSS) {
            Resident r = guests_resident(v, (Resident){.anon = strtoul(s, NULL, 10) * 4});
            fprintf(f, " %lu", (r.anon + r.file + r.shared) / 4);
        } else {
            fprintf(f, " %s", s);
        }
    }
    fputc('\n', f);
}

/* The number in a line "Name: number kB" of /proc/PID/status. */
static u64 status_kb(const char *text, const char *name)
{
    const char *at = strstr(text, name);
    return at ? strtoul(at + strlen(name), NULL, 10) : 0;
}

void write_status(const View *v, FILE *f, char *text)
{
    Mapped m = mapped(v);
    const Resident all = {status_kb(text, "\nRssAnon:"), status_kb(text, "\nRssFile:"), status_kb(text, "\nRssShmem:")};
    const Resident r = guests_resident(v, all);
    u64 resident = r.anon + r.file + r.shared, peak = less(status_kb(text, "\nVmHWM:"), all.anon + all.file + all.shared);
    u64 others = less(status_kb(text, "\nVmSize:"), m.size), caught;
    const struct {
        const char *name;
        u64 kb;
    } ours[] = {
        /* The highest there ever was, less what is the translator's now. */
        {"VmPeak", less(status_kb(text, "\nVmPeak:"), others)},
        {"VmSize", m.size},
        {"VmHWM", resident + peak},
        {"VmRSS", resident},
        {"RssAnon", r.anon},
        {"RssFile", r.file},
        {"RssShmem", r.shared},
        {"VmData", m.data},
        {"VmStk", m.stack},
        {"VmExe", m.text},
        {"VmLib", m.libraries},
    };
    bool knows_caught = signal_caught(view_read, (void *)v, v->task, &caught) == 0;
    for (char *line; (line = view_line(&text));) {
        size_t name = strcspn(line, ":"), i = 0;
        while (i < LEN(ours) && (strncmp(line, ours[i].name, name) != 0 || ours[i].name[name]))
            i++;
        if (i < LEN(ours))
            fprintf(f, "%s:\t%8lu kB\n", ours[i].name, ours[i].kb);
        else if (strncmp(line, "Threads:", 8) == 0)
            fprintf(f, "Threads:\t%zu\n", v->ntids);
        else if (knows_caught && strncmp(line, "SigCgt:", 7) == 0)
            fprintf(f, "SigCgt:\t%016lx\n", caught);
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

void write_limits(const View *v, FILE *f, char *text)
{
    static const struct {
        const char *name;
        u32 resource;
    } ours[] = {{"Max data size", RLIMIT_DATA}, {"Max address space", RLIMIT_AS}};
    for (char *line; (line = view_line(&text));) {
        size_t i = 0;
        while (i < LEN(ours) && strncmp(line, ours[i].name, strlen(ours[i].name)) != 0)
            i++;
        if (i < LEN(ours))
            write_limit(f, ours[i].name, &v->kernel.limits[ours[i].resource], "bytes");
        else
            fprintf(f, "%s\n", line);
    }
}

void write_cpuinfo(const View *v, FILE *f, char *text)
{
    for (int i = 0; i < proc_cpus(the_process); i++)
        the_process->abi->cpuinfo(f, i);
}

void write_cpus(const View *v, FILE *f, char *text)
{
    int n = proc_cpus(the_process);
    if (n > 1)
        fprintf(f, "0-%d\n", n - 1);
    else
        fprintf(f, "0\n");
}

/* Under --cpus, the lines of /proc/stat about single processors: each of the guest's shows the one of the host's that it is on. */
void write_system_stat(const View *v, FILE *f, char *text)
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

