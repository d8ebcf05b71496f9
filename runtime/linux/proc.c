/* Files of /proc and /sys whose contents are the guest's. The guest opens the kernel's own files, by whatever name;
 * what it reads from them (procfd.c) is made (procwrite.c) of the kernel's text and of what the translator knows
 * (procview.c). Here is which files these are. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "proc.h"

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

bool proc_is_systems(const Process *p, int fd)
{
    ProcDir dir;
    const struct ProcFileRow *row = identify(fd, &dir);
    return row && row->kind == OF_SYSTEM && (!row->cpus || p->options.cpus);
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
    if (!error && !(kernel = view_text(fd, &length)))
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

/* -- links to executables -------------------------------------------------------------------------------- */

/* Is it what a process's directory calls `entry`? */
static bool is_entry(int fd, const char *entry, ProcDir *out)
{
    char path[PATH_MAX];
    return of_kernel(fd) && fd_path(fd, path) && strcmp(strrchr(path, '/') + 1, entry) == 0 && proc_dir(path, out);
}

static bool is_link(int dir, const char *name, const char *entry, ProcDir *out)
{
    const char *slash = strrchr(name, '/');
    if (strcmp(slash ? slash + 1 : name, entry) != 0)
        return false;
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    bool is = fd >= 0 && is_entry(fd, entry, out);
    if (fd >= 0)
        close(fd);
    return is;
}

bool proc_is_exe(int dir, const char *name, ProcDir *out)
{
    return is_link(dir, name, "exe", out);
}

bool proc_fd_is_exe(int fd, ProcDir *out)
{
    return is_entry(fd, "exe", out);
}

bool proc_is_memory(int fd, ProcDir *out)
{
    return is_entry(fd, "mem", out);
}

/* Its translator is the same program as ours, and does as if one of its own threads had told it. */
void proc_written(const Task *t, const ProcDir *dir)
{
    const bool overwritten = true;
    const u64 attention = ATTENTION;
    View v = {.dir = *dir};
    if (!view_peek(&v, t, O_RDWR))
        return;
    if (pwrite(v.mem, &overwritten, sizeof overwritten, (off_t)(v.at + offsetof(Process, overwritten))) == sizeof overwritten)
        for (u64 task = 0, n = 0; n < MOST_TASKS && (task = view_next_task(&v, task)); n++)
            if (pwrite(v.mem, &attention, sizeof attention, (off_t)(task + offsetof(Task, attention))) < 0)
                break;
    view_close(&v);
}

bool proc_is_root(int dir, const char *name)
{
    ProcDir of;
    struct stat here, there;
    return is_link(dir, name, "root", &of) && stat("/", &here) == 0 && fstatat(dir, name, &there, 0) == 0 &&
           here.st_dev == there.st_dev && here.st_ino == there.st_ino;
}

bool proc_is_hidden(Process *p, int dir, const char *name)
{
    enum { ROOT_INODE = 1 };
    char path[PATH_MAX];
    ProcDir of;
    struct stat st;
    int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool is = of_kernel(fd) && fd_path(fd, path);
    close(fd);
    const char *number = is ? cut(path) : "", *list = strrchr(path, '/');
    if (!is_number(number) || !list)
        return false;
    if (strcmp(list, "/fd") == 0 || strcmp(list, "/fdinfo") == 0)
        return fd_hidden(p, (u32)atoi(number)) && proc_dir(path, &of) && of.own;
    bool threads = strcmp(list, "/task") == 0 || (stat(path, &st) == 0 && st.st_ino == ROOT_INODE);
    return threads && proc_thread_hidden(self, atoi(number));
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
        char *stat_text = view_file(dir->path, "stat"), *at = stat_text ? strrchr(stat_text, ')') : NULL;
        for (int field = 2; at && field < START_CODE; field++)
            if ((at = strchr(at, ' ')))
                at++;
        u64 code = at ? strtoul(at, NULL, 10) : 0;
        free(stat_text);
        char *maps = view_file(dir->path, "maps"), *text = maps;
        MapLine map = {0};
        for (char *line; (line = view_line(&text));)
            if (view_map_line(line, &map) && map.start <= code && code < map.end)
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

/* The program is the file that its translator keeps open. */
static bool executes(const Task *t, const char *pid, dev_t dev, ino_t ino)
{
    View v;
    struct stat st;
    char name[PATH_MAX + 64];
    snprintf(v.dir.path, sizeof v.dir.path, "/proc/%s", pid);
    v.dir.own = false;
    if (!view_peek(&v, t, O_RDONLY))
        return false;
    snprintf(name, sizeof name, "%s/fd/%d", v.dir.path, v.process.exe_fd);
    bool same = v.process.exe_fd >= 0 && stat(name, &st) == 0 && st.st_dev == dev && st.st_ino == ino;
    view_close(&v);
    return same;
}

bool proc_executes(const Task *t, dev_t dev, ino_t ino)
{
    struct stat st;
    if (t->process->exe_fd >= 0 && fstat(t->process->exe_fd, &st) == 0 && st.st_dev == dev && st.st_ino == ino)
        return true;
    DIR *all = opendir("/proc");
    bool found = false;
    for (struct dirent *e; all && !found && (e = readdir(all));)
        found = is_number(e->d_name) && executes(t, e->d_name, dev, ino);
    if (all)
        closedir(all);
    return found;
}

/* -- directories that list threads, descriptors or mappings, some of which are the translator's --------------- */

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

i32 proc_inner_tid(const char *dir, i32 tid)
{
    char *text = view_file(dir, "status"), *line = text ? strstr(text, "\nNSpid:") : NULL;
    if (line) {
        line[1 + strcspn(line + 1, "\n")] = 0;
        tid = atoi(strrchr(line, '\t') + 1);
    }
    free(text);
    return tid;
}

bool proc_thread_hidden(const Task *t, i32 tid)
{
    Process *p = t->process;
    if (tid <= 0 || tid == t->tid || tid == getpid())
        return false;
    shared_lock(&p->lock);
    const Task *each = p->tasks;
    while (each && each->tid != tid)
        each = each->next_task;
    shared_unlock(&p->lock);
    if (each)
        return false;
    if (raw_syscall(__NR_tgkill, (u64)getpid(), (u64)tid, 0, 0, 0, 0) != -ESRCH)
        return true;
    View v = {.dir.own = false};
    snprintf(v.dir.path, sizeof v.dir.path, "/proc/%d", tid);
    if (raw_syscall(__NR_tgkill, (u64)tid, (u64)tid, 0, 0, 0, 0) != -ESRCH || !view_open(&v, t))
        return false;
    bool hidden = !view_thread(&v, proc_inner_tid(v.dir.path, tid));
    view_close(&v);
    return hidden;
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
    if (what == FD_DIR)
        return !view_hides(v, atoi(name));
    char dir[PATH_MAX + 64];
    snprintf(dir, sizeof dir, "%s/task/%s", v->dir.path, name);
    return view_thread(v, proc_inner_tid(dir, atoi(name)));
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
