/* Files of /proc and /sys whose contents are the guest's. They are written into a memory file when they are opened,
 * which is also when the kernel makes most of its own. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linux.h"

/* Where a name in /proc leads. */
typedef struct ProcName {
    bool own;         /* below this process's directory */
    i32 tid;          /* of its task directory, else 0 */
    char dir[64];     /* the host's directory: /proc/self or /proc/self/task/TID */
    const char *file; /* what follows */
} ProcName;

/* The next component of *path into buf; false at the end. */
static bool component(const char **path, char *buf, size_t size)
{
    const char *s = *path;
    for (;;) {
        s += strspn(s, "/");
        if (s[0] == '.' && (s[1] == '/' || s[1] == 0))
            s++;
        else
            break;
    }
    size_t n = strcspn(s, "/");
    *path = s + n;
    if (n == 0 || n >= size)
        return false;
    memcpy(buf, s, n);
    buf[n] = 0;
    return true;
}

static bool is_number(const char *s)
{
    return *s && s[strspn(s, "0123456789")] == 0;
}

static const char *rest(const char *path)
{
    return path + strspn(path, "/");
}

static ProcName parse(const char *path)
{
    ProcName name = {0};
    char part[32];
    if (strncmp(path, "/proc/", 6) != 0)
        return name;
    path += 6;
    const char *after = path;
    if (!component(&after, part, sizeof part))
        return name;
    name.file = rest(path);
    bool thread = strcmp(part, "thread-self") == 0;
    if (!thread && strcmp(part, "self") != 0 && !(is_number(part) && atoi(part) == getpid()))
        return name;
    name.own = true;
    name.tid = thread ? gettid() : 0;
    const char *task = after;
    if (!thread && component(&task, part, sizeof part) && strcmp(part, "task") == 0 &&
        component(&task, part, sizeof part) && is_number(part)) {
        name.tid = atoi(part);
        after = task;
    }
    name.file = rest(after);
    while (name.file[0] == '.' && name.file[1] == '/')
        name.file = rest(name.file + 1);
    if (name.tid)
        snprintf(name.dir, sizeof name.dir, "/proc/self/task/%d", name.tid);
    else
        strcpy(name.dir, "/proc/self");
    return name;
}

/* -- writers. Each writes its whole file to f; the host's file is at `path`. */

typedef void Writer(Task *t, FILE *f, const char *path);

/* A host file's contents, NUL-terminated; NULL if it can't be read. The caller frees it. */
static char *read_file(const char *path, size_t *size)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return NULL;
    size_t used = 0, cap = 16384;
    char *text = malloc(cap);
    ssize_t n = 0;
    while (text && (n = read(fd, text + used, cap - used - 1)) > 0) {
        used += (size_t)n;
        if (used + 4096 > cap) {
            char *more = realloc(text, cap *= 2);
            if (!more)
                free(text);
            text = more;
        }
    }
    close(fd);
    if (text)
        text[used] = 0;
    *size = used;
    return text;
}

static const char *special_name(const Mapping *map)
{
    return map->kind & MEM_STACK ? "[stack]" : map->kind & MEM_HEAP ? "[heap]" : map->kind & MEM_VDSO ? "[vdso]" : "";
}

/* maps and smaps: of every host mapping the parts that are the guest's, with the guest's protection. In smaps, lines
 * about the mapping follow. */
static void write_maps(Task *t, FILE *f, const char *path)
{
    size_t size;
    char *text = read_file(path, &size);
    struct MemMap *m = t->process->mem;
    bool shown = false;
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        u64 start, end, offset, inode;
        unsigned major, minor;
        char perms[8];
        int name_at = 0;
        if (!isxdigit((unsigned char)*line) || sscanf(line, "%lx-%lx %7s %lx %x:%x %lu %n", &start, &end, perms,
                                                      &offset, &major, &minor, &inode, &name_at) < 7) {
            if (shown) /* Size:, Rss: ... */
                fwrite(line, 1, (size_t)(next - line), f);
            continue;
        }
        char name[PATH_MAX + 64] = "";
        size_t length = (size_t)(next - line - name_at);
        if (name_at && length > 1 && length < sizeof name) {
            memcpy(name, line + name_at, length - 1);
            name[length - 1] = 0;
        }
        if (name[0] == '/')
            path_to_guest(t->process, name);
        else
            name[0] = 0;
        Mapping map;
        u64 at = start;
        shown = false;
        while (at < end && mem_next(m, at, &map) && map.start < end) {
            u64 lo = map.start > start ? map.start : start, hi = map.end < end ? map.end : end;
            int n = fprintf(f, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu", lo, hi, map.prot & PROT_READ ? 'r' : '-',
                            map.prot & PROT_WRITE ? 'w' : '-', map.prot & PROT_EXEC ? 'x' : '-', perms[3],
                            inode ? offset + (lo - start) : offset, major, minor, inode);
            const char *label = name[0] ? name : special_name(&map);
            if (*label)
                fprintf(f, "%*s%s", n < 73 ? 73 - n : 1, "", label);
            else
                fputc(' ', f);
            fputc('\n', f);
            shown = true;
            at = hi;
        }
    }
    free(text);
}

static void write_guest(FILE *f, u64 start, u64 size)
{
    char chunk[4096];
    for (u64 at = 0; at < size;) {
        size_t n = size - at < sizeof chunk ? size - at : sizeof chunk;
        if (mem_read(chunk, start + at, n))
            return;
        fwrite(chunk, 1, n, f);
        at += n;
    }
}

static void write_auxv(Task *t, FILE *f, const char *path)
{
    write_guest(f, t->process->auxv, t->process->auxv_size);
}

static void write_cmdline(Task *t, FILE *f, const char *path)
{
    write_guest(f, t->process->arg_start, t->process->arg_end - t->process->arg_start);
}

static void write_environ(Task *t, FILE *f, const char *path)
{
    write_guest(f, t->process->env_start, t->process->env_end - t->process->env_start);
}

static int count_tasks(Process *p)
{
    int n = 0;
    pthread_mutex_lock(&p->lock);
    for (Task *t = p->tasks; t; t = t->next_task)
        n++;
    pthread_mutex_unlock(&p->lock);
    return n ? n : 1;
}

/* Fields by their numbers in proc_pid_stat(5). */
static void write_stat(Task *t, FILE *f, const char *path)
{
    Process *p = t->process;
    size_t size;
    char *text = read_file(path, &size);
    char *close_paren = text ? strrchr(text, ')') : NULL;
    if (close_paren) {
        fwrite(text, 1, (size_t)(close_paren + 1 - text), f);
        int field = 3;
        char *left;
        for (char *s = strtok_r(close_paren + 1, " \n", &left); s; s = strtok_r(NULL, " \n", &left), field++) {
            const struct {
                int field;
                u64 value;
            } ours[] = {
                {20, (u64)count_tasks(p)}, {26, p->code_start}, {27, p->code_end},  {28, p->auxv},
                {45, p->data_start},       {46, p->data_end},   {47, p->brk_start}, {48, p->arg_start},
                {49, p->arg_end},          {50, p->env_start},  {51, p->env_end},
            };
            size_t i = 0;
            while (i < LEN(ours) && ours[i].field != field)
                i++;
            if (i < LEN(ours))
                fprintf(f, " %lu", ours[i].value);
            else
                fprintf(f, " %s", s);
        }
        fputc('\n', f);
    }
    free(text);
}

static void write_status(Task *t, FILE *f, const char *path)
{
    size_t size;
    char *text = read_file(path, &size);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        if (strncmp(line, "Threads:", 8) == 0)
            fprintf(f, "Threads:\t%d\n", count_tasks(t->process));
        else
            fwrite(line, 1, (size_t)(next - line), f);
    }
    free(text);
}

/* A line of /proc/PID/limits (fs/proc/base.c: proc_pid_limits). */
static void write_limit(FILE *f, const char *name, const struct rlimit *r)
{
    char values[2][24];
    const rlim_t limits[] = {r->rlim_cur, r->rlim_max};
    for (size_t i = 0; i < LEN(values); i++)
        if (limits[i] == RLIM_INFINITY)
            strcpy(values[i], "unlimited");
        else
            snprintf(values[i], sizeof values[i], "%lu", limits[i]);
    fprintf(f, "%-25s %-20s %-20s %-10s\n", name, values[0], values[1], "bytes");
}

static void write_limits(Task *t, FILE *f, const char *path)
{
    static const struct {
        const char *name;
        u32 resource;
    } ours[] = {{"Max data size", RLIMIT_DATA}, {"Max address space", RLIMIT_AS}};
    const struct rlimit *limits = linux_state(t->process)->limits;
    size_t size;
    char *text = read_file(path, &size);
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        size_t i = 0;
        while (i < LEN(ours) && strncmp(line, ours[i].name, strlen(ours[i].name)) != 0)
            i++;
        if (i < LEN(ours))
            write_limit(f, ours[i].name, &limits[ours[i].resource]);
        else
            fwrite(line, 1, (size_t)(next - line), f);
    }
    free(text);
}

static void write_cpuinfo(Task *t, FILE *f, const char *path)
{
    for (int i = 0; i < proc_cpus(t->process); i++)
        t->abi->cpuinfo(f, i);
}

static void write_cpus(Task *t, FILE *f, const char *path)
{
    int n = proc_cpus(t->process);
    if (n > 1)
        fprintf(f, "0-%d\n", n - 1);
    else
        fprintf(f, "0\n");
}

/* Under --cpus, the lines of /proc/stat about single processors: each of the guest's shows the one of the host's that it is on. */
static void write_system_stat(Task *t, FILE *f, const char *path)
{
    const Linux *l = linux_state(t->process);
    size_t size;
    char *text = read_file(path, &size);
    bool done = false;
    for (char *line = text, *next; line && *line; line = next) {
        next = strchr(line, '\n');
        next = next ? next + 1 : line + strlen(line);
        if (strncmp(line, "cpu", 3) != 0 || !isdigit((unsigned char)line[3])) {
            fwrite(line, 1, (size_t)(next - line), f);
            continue;
        }
        for (int i = 0; !done && i < proc_cpus(t->process); i++) {
            char name[16];
            snprintf(name, sizeof name, "\ncpu%d ", l->cpus[i % l->ncpus]);
            const char *host = strstr(text, name);
            const char *numbers = host ? host + strlen(name) : "0 0 0 0 0 0 0 0 0 0\n";
            fprintf(f, "cpu%d %.*s\n", i, (int)strcspn(numbers, "\n"), numbers);
        }
        done = true;
    }
    free(text);
}

/* -- the files */

static const struct {
    const char *name;
    bool own;  /* in a process's or task's directory, else a whole path */
    bool cpus; /* only under --cpus */
    Writer *write;
} files[] = {
    {"maps", true, false, write_maps},
    {"smaps", true, false, write_maps},
    {"auxv", true, false, write_auxv},
    {"cmdline", true, false, write_cmdline},
    {"environ", true, false, write_environ},
    {"stat", true, false, write_stat},
    {"status", true, false, write_status},
    {"limits", true, false, write_limits},
    {"/proc/cpuinfo", false, false, write_cpuinfo},
    {"/proc/stat", false, true, write_system_stat},
    {"/sys/devices/system/cpu/online", false, true, write_cpus},
    {"/sys/devices/system/cpu/present", false, true, write_cpus},
    {"/sys/devices/system/cpu/possible", false, true, write_cpus},
};

bool proc_is_name(const char *name)
{
    if (strcmp(name, "exe") == 0)
        return true;
    for (size_t i = 0; i < LEN(files); i++) {
        const char *last = strrchr(files[i].name, '/');
        if (strcmp(name, last ? last + 1 : files[i].name) == 0)
            return true;
    }
    return false;
}

bool proc_is_exe(Process *p, const char *path)
{
    ProcName name = parse(path);
    return name.own && strcmp(name.file, "exe") == 0;
}

i64 proc_open(Task *t, const char *path, int host_flags)
{
    ProcName name = parse(path);
    if ((host_flags & O_ACCMODE) != O_RDONLY)
        return -ENOENT;
    for (size_t i = 0; i < LEN(files); i++) {
        if (files[i].own != name.own || strcmp(files[i].name, name.own ? name.file : path) != 0)
            continue;
        if (files[i].cpus && !t->process->options.cpus)
            return -ENOENT;
        char host[128];
        if (name.own)
            snprintf(host, sizeof host, "%s/%s", name.dir, name.file);
        else
            snprintf(host, sizeof host, "%s", path);
        if (name.tid && access(host, F_OK))
            return -ENOENT;
        int fd = memfd_create(files[i].name, host_flags & O_CLOEXEC ? MFD_CLOEXEC : 0);
        if (fd < 0)
            return -errno;
        char *text = NULL;
        size_t size = 0, done = 0;
        FILE *f = open_memstream(&text, &size);
        if (f) {
            files[i].write(t, f, host);
            fclose(f);
        }
        ssize_t n;
        while (done < size && (n = pwrite(fd, text + done, size - done, (off_t)done)) > 0)
            done += (size_t)n;
        free(text);
        return fd;
    }
    return -ENOENT;
}

/* -- directories that list threads or descriptors, some of which are the translator's */

static bool guest_tid(Process *p, i32 tid)
{
    bool found = false;
    pthread_mutex_lock(&p->lock);
    for (Task *t = p->tasks; t && !found; t = t->next_task)
        found = t->tid == tid;
    pthread_mutex_unlock(&p->lock);
    return found;
}

typedef enum Listing { OTHER_DIR, TASK_DIR, FD_DIR, CPU_DIR } Listing;

/* What a directory lists. */
static Listing listing(int fd)
{
    char link[32], target[64];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, target, sizeof target - 1);
    if (n <= 0)
        return OTHER_DIR;
    target[n] = 0;
    if (strcmp(target, "/sys/devices/system/cpu") == 0)
        return CPU_DIR;
    int pid, end = 0;
    if (sscanf(target, "/proc/%d/%n", &pid, &end) != 1 || !end || pid != getpid())
        return OTHER_DIR;
    const char *last = strrchr(target, '/') + 1;
    return strcmp(last, "task") == 0                                ? TASK_DIR
           : strcmp(last, "fd") == 0 || strcmp(last, "fdinfo") == 0 ? FD_DIR
                                                                    : OTHER_DIR;
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

static bool kept_in(Task *t, Listing what, const char *name)
{
    if (what == CPU_DIR)
        return cpu_of(name) < proc_cpus(t->process);
    if (!is_number(name))
        return true;
    return what == TASK_DIR ? guest_tid(t->process, atoi(name)) : !fd_hidden(t->process, (u32)atoi(name));
}

/* Behind `size` bytes of entries, of which `like` is one: processors that --cpus has and the host hasn't, as far as there is
 * room. The new size. */
static i64 add_cpus(Task *t, const Entry *like, u8 *entries, i64 size, i64 room)
{
    enum { BYTES = 32 };
    for (int cpu = (int)sysconf(_SC_NPROCESSORS_CONF); cpu < proc_cpus(t->process) && size + BYTES <= room; cpu++) {
        Entry *entry = (Entry *)(entries + size);
        memset(entry, 0, BYTES);
        *entry = (Entry){.ino = like->ino + (u64)cpu, .off = like->off, .size = BYTES, .type = like->type};
        snprintf(entry->name, BYTES - offsetof(Entry, name), "cpu%d", cpu);
        size += BYTES;
    }
    return size;
}

i64 proc_filter(Task *t, int fd, u8 *entries, i64 size, i64 room)
{
    bool numbers = false;
    for (i64 at = 0; at < size && !numbers;) {
        const Entry *entry = (const Entry *)(entries + at);
        numbers = is_number(entry->name) || (t->process->options.cpus && cpu_of(entry->name) >= 0);
        at += entry->size;
    }
    Listing what = numbers ? listing(fd) : OTHER_DIR;
    if (what == OTHER_DIR)
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
        if (kept_in(t, what, entry->name)) {
            memmove(entries + kept, entry, n);
            kept += n;
        }
        at += n;
    }
    return first ? add_cpus(t, &like, entries, kept, room) : kept;
}
