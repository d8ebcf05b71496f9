/* `dragoman binfmt` (Linux, Documentation/admin-guide/binfmt-misc.rst, fs/binfmt_misc.c).
 *
 * A registration is a file of binfmt_misc's file system. The kernel asks the newest first, so those of others, qemu's
 * before all, need not be touched: they stand behind ours as long as it is there, and are in force again when it is
 * gone. Which one is the newest, the times of the files tell.
 *
 * Since Linux 6.7 each user namespace may have a file system of its own, and programs in it are started by what is
 * registered there, if there is one. The host's may be in the way at the usual place, with all that root could do to
 * it; so in a namespace we always mount ours, which is the same one whoever mounts it, and compare. */
#include "binfmt.h"

#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../runtime/load.h"
#include "command.h"

#define MISC "/proc/sys/fs/binfmt_misc"
#define BOOT_DIR "/etc/binfmt.d"
#define RIGHTS "run it as root, or in a user namespace of your own: unshare --map-root-user --mount"

enum { MISC_MAGIC = 0x42494e4d, MAX_ENTRIES = 256 };
enum { EXIT_FAILED = 1, EXIT_USAGE = 2 };

typedef enum Form { FORM_KERNEL, FORM_SYSTEMD, FORM_DEBIAN } Form;

typedef struct Request {
    const Guest *guests[16]; /* NULL behind the last */
    size_t nguests;
    const char *flags; /* of binfmt_misc */
    const char *interpreter;
    const char *output; /* a directory, or NULL for standard output */
    Form form;
} Request;

/* What is registered under a name. */
typedef struct Entry {
    char name[NAME_MAX + 1];
    char interpreter[PATH_MAX];
    char flags[16];
    bool enabled, by_magic;
    u32 offset, size;
    u8 magic[256], mask[256];
    struct timespec made;
    ino_t ino;
} Entry;

typedef struct Entries {
    Entry *entries; /* the newest first */
    size_t n;
} Entries;

static void complain(const char *format, ...) __attribute__((format(printf, 1, 2)));
static void complain(const char *format, ...)
{
    va_list ap;
    va_start(ap, format);
    fputs("dragoman binfmt: ", stderr);
    vfprintf(stderr, format, ap);
    fputc('\n', stderr);
    va_end(ap);
}

/* -- the file system ---------------------------------------------------------------------------------------- */

static bool in_user_namespace(void)
{
    char name[64];
    ssize_t n = readlink("/proc/self/ns/user", name, sizeof name - 1);
    name[n > 0 ? n : 0] = 0;
    return n > 0 && strcmp(name, "user:[4026531837]") != 0; /* PROC_USER_INIT_INO */
}

/* A mount of this user namespace's that nobody sees yet; -1 with errno. */
static int own_mount(void)
{
    int context = fsopen("binfmt_misc", FSOPEN_CLOEXEC), fd = -1;
    if (context >= 0 && !fsconfig(context, FSCONFIG_CMD_CREATE, NULL, NULL, 0))
        fd = fsmount(context, FSMOUNT_CLOEXEC, 0);
    int error = errno;
    if (context >= 0)
        close(context);
    errno = error;
    return fd;
}

static bool same_device(int fd, const char *path)
{
    struct stat here, there;
    return !fstat(fd, &here) && !stat(path, &there) && here.st_dev == there.st_dev;
}

/* Looking at a file inside has systemd's automount do its work. */
static bool is_mounted(void)
{
    struct statfs fs;
    return !statfs(MISC "/status", &fs) && fs.f_type == MISC_MAGIC;
}

static bool mount_in_namespace(void)
{
    int fd = own_mount();
    if (fd < 0) {
        if (errno == EPERM || errno == EACCES)
            complain("in a user namespace it needs Linux 6.7 and all rights in it: unshare --map-root-user --mount");
        else
            complain("this kernel has no binfmt_misc for user namespaces (Linux 6.7, CONFIG_BINFMT_MISC): %s",
                     strerror(errno));
        return false;
    }
    bool there = same_device(fd, MISC) || !move_mount(fd, "", AT_FDCWD, MISC, MOVE_MOUNT_F_EMPTY_PATH);
    if (!there)
        complain("can't mount it on " MISC ": %s%s", strerror(errno),
                 errno == EPERM || errno == EINVAL
                     ? "; the namespace needs mounts of its own: unshare --map-root-user --mount"
                 : errno == ENOENT ? "; is /proc mounted?"
                                   : "");
    close(fd);
    return there;
}

/* Sees to it that MISC is what this process's programs are started by. */
static bool mount_misc(void)
{
    if (in_user_namespace())
        return mount_in_namespace();
    if (is_mounted() || !mount("binfmt_misc", MISC, "binfmt_misc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL))
        return true;
    if (errno == EPERM || errno == EACCES)
        complain(MISC " isn't mounted, and we may not do it: " RIGHTS);
    else if (errno == ENOENT)
        complain(MISC " isn't there: is /proc mounted?");
    else
        complain("can't mount " MISC ": %s (has this kernel CONFIG_BINFMT_MISC?)", strerror(errno));
    return false;
}

/* Writes to a file there; an errno. */
static int tell(const char *file, const char *text)
{
    char path[PATH_MAX];
    snprintf(path, sizeof path, MISC "/%s", file);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0)
        return errno;
    int error = write(fd, text, strlen(text)) < 0 ? errno : 0;
    close(fd);
    return error;
}

/* -- what is registered ------------------------------------------------------------------------------------- */

static u32 parse_bytes(const char *hex, u8 bytes[256])
{
    u32 n = 0;
    for (unsigned byte; n < 256 && sscanf(hex + 2 * n, "%2x", &byte) == 1 && hex[2 * n + 1]; n++)
        bytes[n] = (u8)byte;
    return n;
}

static bool read_entry(const char *name, Entry *e)
{
    char path[PATH_MAX], line[PATH_MAX + 32];
    struct stat st;
    *e = (Entry){0};
    snprintf(path, sizeof path, MISC "/%s", name);
    FILE *f = fopen(path, "re");
    if (!f)
        return false;
    snprintf(e->name, sizeof e->name, "%s", name);
    memset(e->mask, 0xff, sizeof e->mask);
    while (fgets(line, sizeof line, f)) {
        line[strcspn(line, "\n")] = 0;
        if (!strcmp(line, "enabled"))
            e->enabled = true;
        else if (!strncmp(line, "interpreter ", 12))
            snprintf(e->interpreter, sizeof e->interpreter, "%s", line + 12);
        else if (!strncmp(line, "flags: ", 7))
            snprintf(e->flags, sizeof e->flags, "%s", line + 7);
        else if (!strncmp(line, "offset ", 7))
            e->offset = (u32)atoi(line + 7);
        else if (!strncmp(line, "magic ", 6))
            e->by_magic = (e->size = parse_bytes(line + 6, e->magic)) > 0;
        else if (!strncmp(line, "mask ", 5))
            parse_bytes(line + 5, e->mask);
    }
    if (!fstat(fileno(f), &st)) {
        e->made = st.st_mtim;
        e->ino = st.st_ino;
    }
    fclose(f);
    return true;
}

static int newest_first(const void *a, const void *b)
{
    const Entry *x = a, *y = b;
    if (x->made.tv_sec != y->made.tv_sec)
        return x->made.tv_sec > y->made.tv_sec ? -1 : 1;
    if (x->made.tv_nsec != y->made.tv_nsec)
        return x->made.tv_nsec > y->made.tv_nsec ? -1 : 1;
    return x->ino > y->ino ? -1 : x->ino < y->ino;
}

static Entries read_entries(void)
{
    Entries all = {.entries = calloc(MAX_ENTRIES, sizeof *all.entries)};
    DIR *dir = all.entries ? opendir(MISC) : NULL;
    for (struct dirent *d; dir && (d = readdir(dir)) && all.n < MAX_ENTRIES;)
        if (d->d_name[0] != '.' && strcmp(d->d_name, "register") && strcmp(d->d_name, "status"))
            all.n += read_entry(d->d_name, &all.entries[all.n]);
    if (dir)
        closedir(dir);
    if (all.n)
        qsort(all.entries, all.n, sizeof *all.entries, newest_first);
    return all;
}

/* Are there files that both the entry and the guest are for? */
static bool matches(const Entry *e, const Guest *guest)
{
    u8 magic[GUEST_PATTERN], mask[GUEST_PATTERN];
    guest_pattern(guest, magic, mask);
    for (u32 i = 0; i < e->size && e->offset + i < GUEST_PATTERN; i++)
        if ((e->magic[i] ^ magic[e->offset + i]) & e->mask[i] & mask[e->offset + i])
            return false;
    return e->by_magic && e->offset < GUEST_PATTERN;
}

static const char *own_name(const Guest *guest, char name[64])
{
    snprintf(name, 64, "dragoman-%s", guest->name);
    return name;
}

static bool is_own(const Entry *e)
{
    return !strncmp(e->name, "dragoman-", 9);
}

/* The entry that the kernel starts the guest's programs by, or NULL. */
static const Entry *in_force(const Entries *all, const Guest *guest)
{
    for (size_t i = 0; i < all->n; i++)
        if (all->entries[i].enabled && matches(&all->entries[i], guest))
            return &all->entries[i];
    return NULL;
}

/* -- how it is registered ----------------------------------------------------------------------------------- */

static void write_bytes(FILE *f, const u8 bytes[GUEST_PATTERN])
{
    for (size_t i = 0; i < GUEST_PATTERN; i++)
        fprintf(f, "\\x%02x", bytes[i]);
}

/* The line that the kernel and systemd read. The fields' separator is a character that is in none of them. */
static void write_line(FILE *f, const Request *r, const Guest *guest)
{
    char name[64];
    u8 magic[GUEST_PATTERN], mask[GUEST_PATTERN];
    const char *separator = ":;|!,";
    while (separator[1] && strchr(r->interpreter, *separator))
        separator++;
    guest_pattern(guest, magic, mask);
    fprintf(f, "%c%s%cM%c%c", *separator, own_name(guest, name), *separator, *separator, *separator);
    write_bytes(f, magic);
    fputc(*separator, f);
    write_bytes(f, mask);
    fprintf(f, "%c%s%c%s", *separator, r->interpreter, *separator, r->flags);
}

/* Debian's binfmt-support: update-binfmts(8), "FORMAT FILES". */
static void write_debian(FILE *f, const Request *r, const Guest *guest)
{
    u8 magic[GUEST_PATTERN], mask[GUEST_PATTERN];
    guest_pattern(guest, magic, mask);
    fprintf(f, "package dragoman\ninterpreter %s\noffset 0\nmagic ", r->interpreter);
    write_bytes(f, magic);
    fputs("\nmask ", f);
    write_bytes(f, mask);
    fprintf(f, "\ncredentials %s\nfix_binary %s\npreserve %s\n", strchr(r->flags, 'C') ? "yes" : "no",
            strchr(r->flags, 'F') ? "yes" : "no", strchr(r->flags, 'P') ? "yes" : "no");
}

static void write_form(FILE *f, const Request *r, const Guest *guest)
{
    if (r->form == FORM_DEBIAN) {
        write_debian(f, r, guest);
    } else {
        write_line(f, r, guest);
        fputc('\n', f);
    }
}

/* systemd registers file by file in the order of their names, and the last one counts. */
static void form_path(char path[PATH_MAX], const char *dir, Form form, const Guest *guest)
{
    if (form == FORM_SYSTEMD)
        snprintf(path, PATH_MAX, "%s/zz-dragoman-%s.conf", dir, guest->name);
    else
        snprintf(path, PATH_MAX, "%s/dragoman-%s", dir, guest->name);
}

static bool write_file(const Request *r, const char *dir, const Guest *guest)
{
    char path[PATH_MAX];
    form_path(path, dir, r->form, guest);
    FILE *f = fopen(path, "we");
    if (f)
        write_form(f, r, guest);
    if (f && !ferror(f) && !fclose(f))
        return true;
    complain("%s: %s", path, strerror(errno));
    return false;
}

/* -- actions ------------------------------------------------------------------------------------------------ */

static int print(const Request *r)
{
    for (size_t i = 0; i < r->nguests; i++) {
        if (!r->output)
            write_form(stdout, r, r->guests[i]);
        else if (!write_file(r, r->output, r->guests[i]))
            return EXIT_FAILED;
    }
    return 0;
}

static int refused(const Request *r, int error)
{
    if (error == EACCES || error == EPERM || error == EROFS)
        complain("no right to change " MISC ": " RIGHTS);
    else if (error == ENOENT || error == ENOEXEC)
        complain("the kernel can't open the interpreter %s", r->interpreter);
    else if (error == EINVAL)
        complain(
            "the kernel doesn't take this registration (is the interpreter's name, %s, longer than 250 characters? "
            "Flag P needs Linux 5.12)",
            r->interpreter);
    else
        complain(MISC ": %s", strerror(error));
    return EXIT_FAILED;
}

/* Takes a guest's registration of ours away; an errno, ENOENT if there is none. */
static int unregister(const Guest *guest)
{
    char name[64];
    return tell(own_name(guest, name), "-1");
}

static int install_one(const Request *r, const Guest *guest)
{
    char *line = NULL;
    size_t size;
    FILE *f = open_memstream(&line, &size);
    if (!f)
        return complain("out of memory"), EXIT_FAILED;
    write_line(f, r, guest);
    fclose(f);
    int error = unregister(guest);
    if (!error || error == ENOENT)
        error = tell("register", line);
    free(line);
    if (error)
        return refused(r, error);
    printf("%s: programs are started by %s (dragoman-%s, flags %s)\n", guest->name, r->interpreter, guest->name,
           *r->flags ? r->flags : "none");
    Entries all = read_entries();
    for (size_t i = 0; i < all.n; i++)
        if (!is_own(&all.entries[i]) && all.entries[i].enabled && matches(&all.entries[i], guest))
            printf("%s: %s (%s) stays registered behind it and is in force again after 'dragoman binfmt remove'\n",
                   guest->name, all.entries[i].name, all.entries[i].interpreter);
    free(all.entries);
    return 0;
}

static bool is_off(void)
{
    char text[16] = "";
    FILE *f = fopen(MISC "/status", "re");
    bool off = f && fgets(text, sizeof text, f) && !strncmp(text, "disabled", 8);
    if (f)
        fclose(f);
    return off;
}

static int install(const Request *r)
{
    if (r->form == FORM_SYSTEMD && in_user_namespace()) {
        complain("--systemd is for the host, and this is a user namespace");
        return EXIT_FAILED;
    }
    if (!mount_misc())
        return EXIT_FAILED;
    if (r->form == FORM_SYSTEMD)
        mkdir(BOOT_DIR, 0755);
    for (size_t i = 0; i < r->nguests; i++) {
        int status = install_one(r, r->guests[i]);
        if (status)
            return status;
        if (r->form == FORM_SYSTEMD && !write_file(r, BOOT_DIR, r->guests[i]))
            return EXIT_FAILED;
    }
    if (is_off())
        complain("binfmt_misc is switched off; 'echo 1 >" MISC "/status' switches it on");
    return 0;
}

static int remove_all(const Request *r)
{
    if (!mount_misc())
        return EXIT_FAILED;
    for (size_t i = 0; i < r->nguests; i++) {
        const Guest *guest = r->guests[i];
        char path[PATH_MAX];
        form_path(path, BOOT_DIR, FORM_SYSTEMD, guest);
        bool boot = !in_user_namespace() && !unlink(path);
        int error = unregister(guest);
        if (error && error != ENOENT)
            return refused(r, error);
        Entries all = read_entries();
        const Entry *e = in_force(&all, guest);
        printf("%s: %s%s%s%s%s%s\n", guest->name, error ? "was not registered" : "removed", boot ? ", and " : "",
               boot ? path : "", e ? "; its programs are started by " : "", e ? e->name : "", e ? " again" : "");
        free(all.entries);
    }
    return 0;
}

/* "qemu-GUEST", "zz-dragoman-GUEST.conf" and the like. */
static bool names_guest(const char *file, const Guest *guest)
{
    size_t n = strlen(guest->name);
    const char *at = strstr(file, guest->name);
    return at && at > file && at[-1] == '-' && (!at[n] || at[n] == '.' || at[n] == '-');
}

/* What has it registered at boot, or on the next start of a service. */
static void show_boot(const Guest *guest)
{
    static const char *const dirs[] = {"/etc/binfmt.d",     "/run/binfmt.d",      "/usr/local/lib/binfmt.d",
                                       "/usr/lib/binfmt.d", "/usr/share/binfmts", "/var/lib/binfmts"};
    for (size_t i = 0; i < LEN(dirs); i++) {
        DIR *dir = opendir(dirs[i]);
        for (struct dirent *d; dir && (d = readdir(dir));)
            if (names_guest(d->d_name, guest))
                printf("  %s/%s\n", dirs[i], d->d_name);
        if (dir)
            closedir(dir);
    }
}

static bool show(const Entries *all, const Guest *guest)
{
    const Entry *first = in_force(all, guest);
    printf("%s: %s\n", guest->name,
           !first          ? "the kernel starts no programs"
           : is_own(first) ? "programs are started by dragoman"
                           : "programs are started by another one");
    for (size_t i = 0; i < all->n; i++) {
        const Entry *e = &all->entries[i];
        if (!matches(e, guest))
            continue;
        bool kept = strchr(e->flags, 'F'), gone = access(e->interpreter, X_OK) != 0;
        printf("  %s: %s, flags %s, %s%s\n", e->name, e->interpreter, e->flags[0] ? e->flags : "none",
               e == first   ? "in force"
               : e->enabled ? "behind the one in force"
                            : "disabled",
               !gone  ? ""
               : kept ? " (no such program here; the kernel has it open)"
                      : " (no such program here)");
    }
    show_boot(guest);
    return first && is_own(first);
}

static int status(const Request *r)
{
    bool own = in_user_namespace(), all_ours = true;
    int fd = own ? own_mount() : -1;
    if (own && fd < 0) {
        printf("%s: in this user namespace it can't be told (%s)\n", MISC, strerror(errno));
        return EXIT_FAILED;
    }
    if (own ? !same_device(fd, MISC) : !is_mounted()) {
        puts(own ? "nothing is registered in this user namespace; what the host's has holds"
                 : MISC " isn't mounted here");
        puts("'dragoman binfmt test' tells what the kernel does");
        return EXIT_FAILED;
    }
    printf("%s: %s, %s\n", MISC, own ? "this user namespace's" : "the host's", is_off() ? "switched off" : "on");
    Entries all = read_entries();
    for (size_t i = 0; i < r->nguests; i++)
        all_ours &= show(&all, r->guests[i]);
    free(all.entries);
    if (own)
        close(fd);
    return all_ours && !is_off() ? 0 : EXIT_FAILED;
}

/* A static program of one segment, headers included, at an address that every guest has. */
#define PROBE(bits)                                                                                                    \
    static size_t probe##bits(const Guest *guest, const Abi *abi, u8 *file)                                            \
    {                                                                                                                  \
        enum { AT = 0x400000, HEAD = sizeof(Elf##bits##_Ehdr) + sizeof(Elf##bits##_Phdr) };                            \
        Elf##bits##_Ehdr *e = (void *)file;                                                                            \
        size_t size = HEAD + abi->probe_size;                                                                          \
        *e = (Elf##bits##_Ehdr){                                                                                       \
            .e_ident = {ELFMAG0, ELFMAG1, ELFMAG2, ELFMAG3, guest->elf_class, ELFDATA2LSB, EV_CURRENT},                \
            .e_type = ET_EXEC,                                                                                         \
            .e_machine = guest->elf_machine,                                                                           \
            .e_version = EV_CURRENT,                                                                                   \
            .e_entry = AT + HEAD,                                                                                      \
            .e_phoff = sizeof *e,                                                                                      \
            .e_ehsize = sizeof *e,                                                                                     \
            .e_phentsize = sizeof(Elf##bits##_Phdr),                                                                   \
            .e_phnum = 1};                                                                                             \
        *(Elf##bits##_Phdr *)(e + 1) = (Elf##bits##_Phdr){.p_type = PT_LOAD,                                           \
                                                          .p_flags = PF_R | PF_X,                                      \
                                                          .p_vaddr = AT,                                               \
                                                          .p_filesz = size,                                            \
                                                          .p_memsz = size,                                             \
                                                          .p_align = 0x10000};                                         \
        memcpy(file + HEAD, abi->probe, abi->probe_size);                                                              \
        return size;                                                                                                   \
    }
PROBE(32)
PROBE(64)

/* Has the kernel run a program of the guest's: its exit status, 128 + a signal's number, or -errno. */
static int run_probe(const Guest *guest)
{
    _Alignas(16) u8 file[512];
    const Abi *abi = abi_of(guest);
    size_t size = (guest->elf_class == ELFCLASS64 ? probe64 : probe32)(guest, abi, file);
    int fd = memfd_create("probe", 0), status = 0;
    int error[2];
    if (fd < 0 || write(fd, file, size) != (ssize_t)size || pipe2(error, O_CLOEXEC))
        return -errno;
    pid_t pid = fork();
    if (pid == 0) {
        char path[32];
        char *argv[] = {(char *)"probe", NULL};
        /* A file that somebody has open for writing can't be executed. */
        snprintf(path, sizeof path, "/proc/self/fd/%d", fd);
        int in = open(path, O_RDONLY);
        close(fd);
        fexecve(in, argv, environ);
        status = errno;
        _exit(write(error[1], &status, sizeof status) < 0);
    }
    close(fd);
    close(error[1]);
    bool failed = pid < 0 || read(error[0], &status, sizeof status) == sizeof status;
    close(error[0]);
    int e = pid < 0 ? errno : status;
    if (pid > 0 && waitpid(pid, &status, 0) < 0)
        return -errno;
    return failed ? -e : WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int test(const Request *r)
{
    int result = 0;
    Entries all = read_entries();
    for (size_t i = 0; i < r->nguests; i++) {
        const char *name = r->guests[i]->name;
        const Entry *e = in_force(&all, r->guests[i]);
        fflush(NULL);
        int got = run_probe(r->guests[i]);
        if (got == PROBE_STATUS && e)
            printf("%s: a program runs, by %s (%s)\n", name, e->name, e->interpreter);
        else if (got == PROBE_STATUS)
            printf("%s: a program runs, by what the host has registered\n", name);
        else if (got == -ENOEXEC)
            printf("%s: the kernel can't start its programs: 'dragoman binfmt install' registers it\n", name);
        else if (got < 0)
            printf("%s: the kernel can't start its programs: %s%s%s\n", name, strerror(-got),
                   e ? "; is this there? " : "", e ? e->interpreter : "");
        else
            printf("%s: a program was started%s%s and ended with status %d instead of %d\n", name, e ? " by " : "",
                   e ? e->interpreter : "", got, PROBE_STATUS);
        result |= got != PROBE_STATUS;
    }
    free(all.entries);
    return result;
}

/* -- arguments ---------------------------------------------------------------------------------------------- */

static const struct Action {
    const char *name;
    int (*run)(const Request *r);
} actions[] = {{"install", install}, {"remove", remove_all}, {"status", status}, {"test", test}, {"print", print}};

/* By our name, or Debian's, which docker has, too. */
static const Guest *guest_called(const char *name, size_t n)
{
    for (size_t i = 0; i < nguests; i++) {
        const char *debian = abi_of(guests[i])->debian;
        if (debian && strlen(debian) == n && !memcmp(debian, name, n))
            return guests[i];
    }
    return guest_find(name, n);
}

static bool set_guests(Request *r, const char *list)
{
    r->nguests = 0;
    for (size_t n; *list; list += n + (list[n] == ',')) {
        n = strcspn(list, ",");
        const Guest *guest = guest_called(list, n);
        if (!guest) {
            complain("--arch: there is no guest '%.*s'; 'dragoman --version' lists those there are", (int)n, list);
            return false;
        }
        if (guest->elf_machine == HOST_MACHINE) {
            complain("--arch: %s is the host's own architecture, whose programs are the kernel's to run", guest->name);
            return false;
        }
        if (r->nguests < LEN(r->guests))
            r->guests[r->nguests++] = guest;
    }
    return true;
}

static bool set_flags(Request *r, const char *flags)
{
    r->flags = flags;
    if (strspn(flags, "POCF") == strlen(flags))
        return true;
    complain("--flags %s: there are P (keep argv[0]), O (open the program), C (its set-user-ID rights), F (open "
             "dragoman now)",
             flags);
    return false;
}

static bool take(Request *r, const char *option, const char *value)
{
    if (!strcmp(option, "arch"))
        return set_guests(r, value);
    if (!strcmp(option, "flags"))
        return set_flags(r, value);
    if (!strcmp(option, "output"))
        r->output = value;
    else if (value[0] == '/')
        r->interpreter = value;
    else
        return complain("--interpreter wants an absolute path, not '%s'", value), false;
    return true;
}

/* Takes the option at argv[*at] and its argument. */
static bool parse(Request *r, int argc, char **argv, int *at)
{
    static const char *const valued[] = {"arch", "flags", "interpreter", "output"};
    const char *option = argv[*at], *name = option + 1 + (option[1] == '-');
    size_t n = strcspn(name, "=");
    if (!strcmp(name, "systemd") || !strcmp(name, "update-binfmts")) {
        r->form = name[0] == 's' ? FORM_SYSTEMD : FORM_DEBIAN;
        return true;
    }
    for (size_t i = 0; i < LEN(valued); i++) {
        if (strlen(valued[i]) != n || memcmp(valued[i], name, n))
            continue;
        if (name[n])
            return take(r, valued[i], name + n + 1);
        if (*at + 1 < argc)
            return take(r, valued[i], argv[++*at]);
        complain("%s wants an argument ('dragoman help binfmt' explains)", option);
        return false;
    }
    complain("no such option: %s ('dragoman help binfmt' lists those there are)", option);
    return false;
}

int binfmt_main(int argc, char **argv, int at)
{
    char self[PATH_MAX];
    Request r = {.flags = "POCF"};
    const struct Action *action = NULL;
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    r.interpreter = self;
    for (size_t i = 0; i < nguests && r.nguests < LEN(r.guests); i++)
        if (guests[i]->elf_machine != HOST_MACHINE) /* the host's own programs are the kernel's to run */
            r.guests[r.nguests++] = guests[i];
    for (; at < argc; at++) {
        if (argv[at][0] == '-') {
            if (!strcmp(argv[at], "-h") || !strcmp(argv[at], "--help"))
                return command_help("binfmt"), 0;
            if (!parse(&r, argc, argv, &at))
                return EXIT_USAGE;
            continue;
        }
        for (size_t i = 0; i < LEN(actions) && !action; i++)
            action = strcmp(argv[at], actions[i].name) ? NULL : &actions[i];
        if (!action || strcmp(action->name, argv[at]))
            return complain("'%s': install, remove, status, test or print", argv[at]), EXIT_USAGE;
    }
    if (!action)
        return complain("say what to do: install, remove, status, test or print ('dragoman help binfmt' explains)"),
               EXIT_USAGE;
    if (r.form == FORM_DEBIAN && action->run != print)
        return complain("--update-binfmts goes with print: update-binfmts itself registers what it is given"),
               EXIT_USAGE;
    if (!*r.interpreter)
        return complain("where this program is can't be told without /proc: name it with --interpreter"), EXIT_FAILED;
    return action->run(&r);
}
