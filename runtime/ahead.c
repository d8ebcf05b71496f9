#include "ahead.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <unistd.h>

#include "linux/linux.h"

static bool used; /* ahead_use */

const Ahead *ahead_payload(void)
{
    const Elf64_Phdr *ph = (const Elf64_Phdr *)getauxval(AT_PHDR);
    for (u64 i = 0; ph && i < getauxval(AT_PHNUM); i++)
        if (ph[i].p_type == PT_LOAD && ph[i].p_vaddr == AHEAD_ADDRESS)
            return (const Ahead *)AHEAD_ADDRESS;
    return NULL;
}

static const void *part(const Ahead *a, u64 offset)
{
    return (const u8 *)a + offset;
}

void ahead_use(void)
{
    used = true;
}

const void *ahead_units(const char *name, UnitFile *out)
{
    const Ahead *a = used ? ahead_payload() : NULL;
    const void *kept = NULL;
    *out = (UnitFile){0};
    for (u64 i = 0; a && i < a->nfiles; i++) {
        if (strcmp(a->files[i].name, name) != 0)
            continue;
        unitfile_within(out, part(a, a->files[i].units), a->files[i].units_size);
        kept = a->files[i].kept ? part(a, a->files[i].kept) : NULL;
    }
    return kept;
}

/* -- guest files ----------------------------------------------------------------------------------------------------
 */

static const char *last_part(const char *path)
{
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

/* Bytes of an ELF file up to the last that is loaded, or that its name comes from (store_name). */
static u64 loaded_size(const void *file, u64 size)
{
    const Elf64_Ehdr *e64 = file;
    const Elf32_Ehdr *e32 = file;
    bool wide = size > sizeof *e64 && e64->e_ident[EI_CLASS] == ELFCLASS64;
    const u64 page = 4096;
    u64 at = wide ? e64->e_phoff : e32->e_phoff, step = wide ? sizeof(Elf64_Phdr) : sizeof(Elf32_Phdr), end = page;
    for (u32 i = 0; i < (wide ? e64->e_phnum : e32->e_phnum) && at + step <= size; i++, at += step) {
        const Elf64_Phdr *p64 = (const Elf64_Phdr *)((const u8 *)file + at);
        const Elf32_Phdr *p32 = (const Elf32_Phdr *)((const u8 *)file + at);
        u64 last = wide ? p64->p_offset + p64->p_filesz : (u64)p32->p_offset + p32->p_filesz;
        end = last > end ? last : end;
        end = at + step > end ? at + step : end;
    }
    return end < size ? end : size;
}

/* A file in memory with these bytes, to be read from the start. What no program has mapped is a hole: sections that are
 * for debuggers are read from the payload (ahead_symbols). */
static int memory_file(const char *name, const void *bytes, u64 size)
{
    int fd = memfd_create(name, MFD_CLOEXEC);
    u64 loaded = loaded_size(bytes, size);
    int error = fd < 0 || ftruncate(fd, (off_t)size) ? errno : 0;
    for (u64 done = 0; !error && done < loaded;) {
        ssize_t n = pwrite(fd, (const u8 *)bytes + done, loaded - done, (off_t)done);
        done += n < 0 ? 0 : (u64)n;
        error = n < 0 && errno != EINTR ? errno : 0;
    }
    if (error && fd >= 0)
        close(fd);
    return error ? -error : fd;
}

int ahead_open(const char *path)
{
    const Ahead *a = ahead_payload();
    for (u64 i = 0; a && i < a->nfiles; i++) {
        const AheadFile *f = &a->files[i];
        if (f->image && !strcmp(f->path, path))
            return memory_file(last_part(path), part(a, f->image), f->image_size);
    }
    return -ENOENT;
}

bool ahead_check(Task *t, char *why, size_t size)
{
    const Ahead *a = ahead_payload();
    for (u64 i = 0; i < a->nfiles; i++) {
        const AheadFile *f = &a->files[i];
        char name[STORE_NAME];
        Path path;
        if (f->image)
            continue;
        path_find(t->process, AT_FDCWD, f->path, PATH_FOLLOW, &path);
        int fd = openat(path.dir, path.name, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
        if (fd < 0) {
            snprintf(why, size,
                     "%s: %s: needed by what was made without --embed (the guest's root is %s; DRAGOMAN_SYSROOT names "
                     "another)",
                     f->path, strerror(errno), t->process->options.sysroot ? t->process->options.sysroot : "/");
            return false;
        }
        if (!store_name(fd, name) || strcmp(name, f->name) != 0)
            fprintf(stderr, "dragoman: %s isn't what was translated ahead of time: it is translated anew\n", f->path);
        close(fd);
    }
    return true;
}

Symbols *ahead_symbols(const char *path)
{
    static const char memory[] = "/memfd:";
    const Ahead *a = strncmp(path, memory, strlen(memory)) ? NULL : ahead_payload();
    for (u64 i = 0; a && i < a->nfiles; i++) {
        const AheadFile *f = &a->files[i];
        const char *name = last_part(f->path), *here = path + strlen(memory);
        size_t n = strlen(name);
        if (f->image && !strncmp(here, name, n) && (!here[n] || here[n] == ' '))
            return symbols_new_in(part(a, f->image), f->image_size);
    }
    return symbols_new(path);
}
