#include "libraries.h"

#include <errno.h>
#include <fcntl.h>
#include <gelf.h>
#include <glob.h>
#include <libelf.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "../runtime/load.h"

enum { DIRS = 64, CONF_DEPTH = 4 };

/* Directories to be looked through, in this order. */
typedef struct Dirs {
    char *dir[DIRS];
    size_t count;
} Dirs;

static void add_dir(Dirs *d, const char *path, size_t n)
{
    char *copy = n && d->count < DIRS ? strndup(path, n) : NULL;
    if (copy)
        d->dir[d->count++] = copy;
}

static void free_dirs(Dirs *d)
{
    for (size_t i = 0; i < d->count; i++)
        free(d->dir[i]);
    d->count = 0;
}

int libraries_open(const Libraries *l, const char *path, char host[PATH_MAX])
{
    char link[64];
    struct open_how how = {.flags = O_RDONLY | O_CLOEXEC | O_NONBLOCK, .resolve = RESOLVE_IN_ROOT};
    int root = l->root ? open(l->root, O_PATH | O_DIRECTORY | O_CLOEXEC) : -1;
    int fd = root < 0 ? -1 : (int)syscall(SYS_openat2, root, path, &how, sizeof how);
    if (fd < 0 && root >= 0 && errno == ENOSYS) { /* before Linux 5.6: absolute links lead out of the root */
        snprintf(host, PATH_MAX, "%s%s", l->root, path);
        fd = open(host, (int)how.flags);
    }
    if (root >= 0)
        close(root);
    if (fd < 0)
        fd = open(path, (int)how.flags);
    if (fd < 0)
        return -1;
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, host, PATH_MAX - 1);
    if (n > 0)
        host[n] = 0;
    else
        snprintf(host, PATH_MAX, "%s%s", l->root ? l->root : "", path);
    return fd;
}

/* -- where the dynamic linker looks ------------------------------------------------------------------------- */

/* The directories that need no configuration. */
static void add_standard(Dirs *d, const Guest *guest)
{
    static const char *const above[] = {"/lib", "/usr/lib"};
    const Abi *abi = abi_of(guest);
    char path[PATH_MAX];
    for (size_t i = 0; i < LEN(above); i++) {
        for (size_t k = 0; k < LEN(abi->triplets) && abi->triplets[k]; k++)
            add_dir(d, path, (size_t)snprintf(path, sizeof path, "%s/%s", above[i], abi->triplets[k]));
        if (guest->elf_class == ELFCLASS64)
            add_dir(d, path, (size_t)snprintf(path, sizeof path, "%s64", above[i]));
        add_dir(d, above[i], strlen(above[i]));
    }
}

static void add_conf(const Libraries *l, Dirs *d, const char *path, int depth);

/* The files that a pattern of ld.so.conf's names. */
static void include(const Libraries *l, Dirs *d, const char *pattern, int depth)
{
    char all[PATH_MAX];
    glob_t g;
    size_t root = l->root ? strlen(l->root) : 0;
    snprintf(all, sizeof all, "%s%s%s", l->root ? l->root : "", *pattern == '/' ? "" : "/etc/", pattern);
    if (glob(all, 0, NULL, &g))
        return;
    for (size_t i = 0; i < g.gl_pathc; i++)
        add_conf(l, d, g.gl_pathv[i] + root, depth + 1);
    globfree(&g);
}

/* The directories in a file of ldconfig's (ld.so.conf). */
static void add_conf(const Libraries *l, Dirs *d, const char *path, int depth)
{
    char host[PATH_MAX], line[PATH_MAX];
    int fd = depth < CONF_DEPTH ? libraries_open(l, path, host) : -1;
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
    while (f && fgets(line, sizeof line, f)) {
        char *at = line + strspn(line, " \t"), *end = at + strcspn(at, "#\n");
        while (end > at && (end[-1] == ' ' || end[-1] == '\t'))
            end--;
        *end = 0;
        if (!strncmp(at, "include", 7) && (at[7] == ' ' || at[7] == '\t'))
            include(l, d, at + 8 + strspn(at + 8, " \t"), depth);
        else if (*at == '/')
            add_dir(d, at, strcspn(at, "="));
    }
    if (f)
        fclose(f);
}

/* A search path, with what stands for the directory of the file that has it. */
static void add_search(Dirs *d, const char *list, const char *path)
{
    static const char *const origins[] = {"$ORIGIN", "${ORIGIN}"};
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    for (const char *at = list; *at; at += strspn(at, ":")) {
        size_t n = strcspn(at, ":"), skip = 0;
        for (size_t i = 0; i < LEN(origins); i++)
            if (!strncmp(at, origins[i], strlen(origins[i])))
                skip = strlen(origins[i]);
        if (skip)
            add_dir(d, dir,
                    (size_t)snprintf(dir, sizeof dir, "%.*s%.*s", (int)(slash ? slash - path : 0), path,
                                     (int)(n - skip), at + skip));
        else if (*at == '/')
            add_dir(d, at, n);
        at += n;
    }
}

/* -- what a file needs --------------------------------------------------------------------------------------- */

static bool has(const Libraries *l, const char *host)
{
    for (size_t i = 0; i < l->count; i++)
        if (!strcmp(l->all[i].host, host))
            return true;
    return false;
}

static bool add(Libraries *l, const char *path, const char *host, bool named)
{
    Library *more = realloc(l->all, (l->count + 1) * sizeof *more);
    if (!more)
        return false;
    l->all = more;
    more[l->count] = (Library){.path = strdup(path), .host = strdup(host), .named = named};
    return more[l->count++].host;
}

/* Adds a file if it is a guest's like the program; 1 if it is there now. */
static int try(Libraries *l, const Guest *guest, const char *path, bool named)
{
    char host[PATH_MAX], why[512];
    Image image;
    int fd = libraries_open(l, path, host);
    if (fd < 0)
        return 0;
    int error = image_open(&image, fd, path, why, sizeof why);
    bool fits = !error && image.guest == guest;
    image_close(&image);
    if (!fits)
        return 0;
    return has(l, host) || add(l, path, host, named) ? 1 : -ENOMEM;
}

/* A library by its name, for the file at `path`, whose own search paths are in `own`. */
static int find(Libraries *l, const Guest *guest, const Dirs *own, const char *name, const char *path, char *why,
                size_t size)
{
    char at[PATH_MAX];
    int found = strchr(name, '/') ? try(l, guest, name, true) : 0;
    Dirs standard = {0};
    add_standard(&standard, guest);
    size_t before = standard.count;
    add_conf(l, &standard, "/etc/ld.so.conf", 0);
    for (size_t i = 0; i < own->count && !found && !strchr(name, '/'); i++) {
        snprintf(at, sizeof at, "%s/%s", own->dir[i], name);
        found = try(l, guest, at, false);
    }
    for (size_t i = 0; i < standard.count && !found && !strchr(name, '/'); i++) {
        snprintf(at, sizeof at, "%s/%s", standard.dir[i], name);
        found = try(l, guest, at, false);
        if (found > 0 && i < before && !l->home)
            l->home = strdup(standard.dir[i]);
    }
    free_dirs(&standard);
    if (!found)
        snprintf(why, size, "%s: needs %s, which isn't found in %s: give the guest's root with -L DIR", path, name,
                 l->root ? l->root : "this system");
    return found > 0 ? 0 : found ? found : -ENOENT;
}

/* Adds what the file needs that is number `n`. */
static int add_needed(Libraries *l, const Guest *guest, size_t n, char *why, size_t size)
{
    Dirs own = {0};
    int error = 0, fd = open(l->all[n].host, O_RDONLY | O_CLOEXEC);
    elf_version(EV_CURRENT);
    Elf *elf = fd < 0 ? NULL : elf_begin(fd, ELF_C_READ, NULL);
    const char *rpath = NULL, *runpath = NULL;
    for (int pass = 0; elf && pass < 2; pass++) {
        for (Elf_Scn *s = NULL; (s = elf_nextscn(elf, s));) {
            GElf_Shdr sh;
            Elf_Data *data = gelf_getshdr(s, &sh) && sh.sh_type == SHT_DYNAMIC ? elf_getdata(s, NULL) : NULL;
            GElf_Dyn dyn;
            for (int i = 0; data && !error && gelf_getdyn(data, i, &dyn); i++) {
                const char *text = elf_strptr(elf, sh.sh_link, dyn.d_un.d_val);
                if (!text)
                    continue;
                if (pass == 0 && dyn.d_tag == DT_RPATH)
                    rpath = text;
                if (pass == 0 && dyn.d_tag == DT_RUNPATH)
                    runpath = text;
                if (pass == 1 && dyn.d_tag == DT_NEEDED)
                    error = find(l, guest, &own, text, l->all[n].path, why, size);
            }
        }
        if (pass == 0 && (runpath || rpath))
            add_search(&own, runpath ? runpath : rpath, l->all[n].path);
    }
    free_dirs(&own);
    elf_end(elf);
    if (fd >= 0)
        close(fd);
    return error;
}

static int add_all_needed(Libraries *l, const Guest *guest, size_t from, char *why, size_t size)
{
    int error = 0;
    for (size_t i = from; i < l->count && !error; i++)
        error = add_needed(l, guest, i, why, size);
    return error;
}

int libraries_add_program(Libraries *l, const Image *image, const char *path, char *why, size_t size)
{
    char *name = realpath(path, NULL);
    size_t root = l->root ? strlen(l->root) : 0;
    bool inside = root && name && !strncmp(name, l->root, root) && name[root] == '/';
    bool ok = name && add(l, inside ? name + root : name, name, false);
    free(name);
    if (!ok)
        return snprintf(why, size, "%s: %s", path, strerror(errno)), -ENOMEM;
    if (!image->interp[0])
        return 0;
    if (try(l, image->guest, image->interp, true) <= 0)
        return snprintf(why, size, "%s: interpreter %s isn't found in %s: give the guest's root with -L DIR", path,
                        image->interp, l->root ? l->root : "this system"),
               -ENOENT;
    return add_all_needed(l, image->guest, 0, why, size);
}

int libraries_add(Libraries *l, const Image *program, const char *name, char *why, size_t size)
{
    size_t from = l->count;
    Dirs none = {0};
    int error = find(l, program->guest, &none, name, "--lib", why, size);
    return error ? error : add_all_needed(l, program->guest, from, why, size);
}
