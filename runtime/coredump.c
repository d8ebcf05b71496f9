/* Core files: the guest's memory and threads, as its own kernel would write them (fs/binfmt_elf.c), where RLIMIT_CORE
 * and /proc/sys/kernel/core_pattern ask for one.
 *
 * Who waits for the process wants to see in its status that there is a core, and only the host's kernel can say so,
 * once it has written one itself: of the translator, with the host's registers. So it is let write a page of that
 * (RLIMIT_CORE), and a child of the dying process puts the guest's core in its place: it traces its parent, whom the
 * kernel halts once more between writing and telling anybody (PTRACE_EVENT_EXIT). Where tracing isn't allowed, the
 * status has no such bit. */
#include "coredump.h"

#include <elf.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/procfs.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "../include/debugger.h"
#include "linux/linux.h"
#include "linux/proc.h"
#include "sent.h"
#include "signal.h"

enum { PAGE = 4096, MANY = 60000 /* segments */ };

u64 core_signals(void)
{
    return SYNCHRONOUS | BIT(SIGABRT) | BIT(SIGSYS) | BIT(SIGQUIT) | BIT(SIGXCPU) | BIT(SIGXFSZ);
}

bool core_is_wanted(void)
{
    struct rlimit limit;
    return getrlimit(RLIMIT_CORE, &limit) == 0 && limit.rlim_cur > 0;
}

/* -- names --------------------------------------------------------------------------------------------------------- */

/* A file of /proc/sys/kernel, without its line's end; "" if it can't be read. */
static void setting(const char *name, char *out, size_t size)
{
    char path[64];
    snprintf(path, sizeof path, "/proc/sys/kernel/%s", name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? 0 : read(fd, out, size - 1);
    out[n > 0 ? n : 0] = 0;
    out[strcspn(out, "\n")] = 0;
    if (fd >= 0)
        close(fd);
}

/* Names of executables in names of files: fs/coredump.c's cn_escape and cn_print_exe_file. */
static void put_escaped(FILE *f, const char *name)
{
    if (!strcmp(name, ".") || !strcmp(name, "..") || !*name)
        fputc('!', f);
    for (; *name; name++)
        fputc(*name == '/' ? '!' : *name, f);
}

void core_name(const char *pattern, const char *exe, int signo, char *out, size_t size)
{
    char comm[17] = "", uses_pid[8];
    bool pid = false;
    struct utsname host;
    struct rlimit limit;
    prctl(PR_GET_NAME, comm);
    uname(&host);
    getrlimit(RLIMIT_CORE, &limit);
    FILE *f = fmemopen(out, size, "w");
    for (; *pattern; pattern++) {
        if (*pattern != '%') {
            fputc(*pattern, f);
            continue;
        }
        switch (*++pattern) {
        case 0:
            pattern--;
            break;
        case '%':
            fputc('%', f);
            break;
        case 'p':
        case 'P': /* in the first PID namespace, which isn't known here: the two are one mostly */
            pid = true;
            fprintf(f, "%d", getpid());
            break;
        case 'i':
        case 'I':
            fprintf(f, "%d", gettid());
            break;
        case 'u':
            fprintf(f, "%u", getuid());
            break;
        case 'g':
            fprintf(f, "%u", getgid());
            break;
        case 'd':
            fprintf(f, "%d", prctl(PR_GET_DUMPABLE));
            break;
        case 's':
            fprintf(f, "%d", signo);
            break;
        case 't':
            fprintf(f, "%ld", time(NULL));
            break;
        case 'h':
            put_escaped(f, host.nodename);
            break;
        case 'e':
            put_escaped(f, comm);
            break;
        case 'f':
            put_escaped(f, strrchr(exe, '/') ? strrchr(exe, '/') + 1 : exe);
            break;
        case 'E':
            put_escaped(f, exe);
            break;
        case 'c':
            fprintf(f, "%lu", (u64)limit.rlim_cur);
            break;
        default:
            break;
        }
    }
    setting("core_uses_pid", uses_pid, sizeof uses_pid);
    if (!pid && atoi(uses_pid))
        fprintf(f, ".%d", getpid());
    fclose(f);
}

/* -- what goes into it --------------------------------------------------------------------------------------------- */

/* A piece of memory. */
typedef struct Piece {
    u64 start, end, size; /* of which so much is written */
    int prot;
    u64 offset; /* of a file: in it */
    char *name; /* NULL for none */
} Piece;

typedef struct Core {
    Task *t;
    const siginfo_t *info;
    bool narrow; /* ELFCLASS32 */
    Piece *pieces;
    size_t n;
    char *notes;
    size_t notes_size;
    FILE *f;
} Core;

/* Memory as /proc/self/smaps tells of it: what is the process's own whole; of files their first page, if that is an ELF
 * header (coredump_filter's default). */
static void take_pieces(Core *c)
{
    char *text = NULL, *rest;
    size_t size;
    MapLine map;
    Piece *p = NULL;
    int fd = open("/proc/self/smaps", O_RDONLY | O_CLOEXEC);
    if (fd < 0 || proc_text(c->t, fd, &text, &size))
        text = NULL;
    if (fd >= 0)
        close(fd);
    rest = text;
    c->pieces = malloc(MANY * sizeof *c->pieces);
    for (char *line; text && c->pieces && (line = view_line(&rest));) {
        u64 kilobytes;
        if (view_map_line(line, &map)) {
            if (c->n == MANY)
                break;
            p = &c->pieces[c->n++];
            bool file = map.inode && map.name[0] == '/';
            *p = (Piece){
                .start = map.start, .end = map.end, .offset = map.offset, .name = file ? strdup(map.name) : NULL};
            p->prot =
                (map.perms[0] == 'r' ? PF_R : 0) | (map.perms[1] == 'w' ? PF_W : 0) | (map.perms[2] == 'x' ? PF_X : 0);
            char magic[SELFMAG];
            bool header =
                file && !map.offset && !mem_read(magic, map.start, SELFMAG) && !memcmp(magic, ELFMAG, SELFMAG);
            p->size = !file && p->prot ? map.end - map.start : header ? PAGE : 0;
        } else if (p && sscanf(line, "Anonymous: %lu", &kilobytes) == 1 && kilobytes) {
            p->size = p->end - p->start;
        } else if (p && strncmp(line, "VmFlags:", 8) == 0 && strstr(line, " dd")) {
            p->size = 0;
        }
    }
    free(text);
}

static void put_note(FILE *f, const char *owner, u32 type, const void *bytes, u32 size)
{
    static const char zeroes[4];
    u32 name = (u32)strlen(owner) + 1;
    const u32 head[3] = {name, size, type};
    fwrite(head, sizeof head, 1, f);
    fwrite(owner, name, 1, f);
    fwrite(zeroes, -name & 3, 1, f);
    fwrite(bytes, size, 1, f);
    fwrite(zeroes, -size & 3, 1, f);
}

/* struct elf_prstatus of either class, whose words differ in size. */
static void put_status(Core *c, FILE *f, Task *t)
{
    const DebugGuest *g = t->guest->debug;
    u8 out[1024] = {0};
    u32 word = c->narrow ? 4 : 8, at = 0;
    const int signal[3] = {c->info->si_signo, c->info->si_code, c->info->si_errno};
    u16 current = (u16)c->info->si_signo;
    u64 held = t->signals ? signal_mask(t) : 0;
    const int ids[4] = {t->tid, getppid(), getpgrp(), getsid(0)};
    memcpy(out, signal, sizeof signal);
    memcpy(out + 12, &current, sizeof current);
    memcpy(out + 16 + word, &held, word);
    memcpy(out + 16 + 2 * word, ids, sizeof ids);
    at = 16 + 2 * word + (u32)sizeof ids + 8 * word; /* four times of two words */
    for (u32 i = 0; i < g->ngeneral; i++, at += word)
        if (g->general[i] != DEBUG_NONE)
            debug_register(t, &g->regs[g->general[i]], out + at);
    at += word; /* pr_fpvalid */
    put_note(f, "CORE", NT_PRSTATUS, out, at);
}

static void put_floats(FILE *f, Task *t)
{
    const DebugGuest *g = t->guest->debug;
    u8 out[1024] = {0};
    u32 size, type = g->float_note(t, out, &size);
    put_note(f, g->float_owner, type, out, size);
    for (u32 i = 0; i < g->nregs; i++) {
        if (g->regs[i].core_note) {
            u64 v = 0;
            debug_register(t, &g->regs[i], (u8 *)&v);
            put_note(f, "LINUX", g->regs[i].core_note, &v, sizeof v);
        }
    }
}

/* struct elf_prpsinfo; 32-bit kernels with 16-bit user ids (Arm's, x86's) have shorter ones. */
static void put_info(Core *c, FILE *f)
{
    u8 out[136] = {0};
    const int ids[4] = {getpid(), getppid(), getpgrp(), getsid(0)};
    u32 uid = getuid(), gid = getgid(), at = c->narrow ? 8 : 16;
    const Process *p = c->t->process;
    out[1] = 'R';
    memcpy(out + at, &uid, c->narrow ? 2 : 4);
    at += c->narrow ? 2 : 4;
    memcpy(out + at, &gid, c->narrow ? 2 : 4);
    at += c->narrow ? 2 : 4;
    memcpy(out + at, ids, sizeof ids);
    at += sizeof ids;
    char comm[17] = "";
    prctl(PR_GET_NAME, comm);
    memcpy(out + at, comm, 16);
    at += 16;
    u64 size = p->arg_end - p->arg_start;
    mem_read(out + at, p->arg_start, size < 79 ? size : 79);
    for (u32 i = 0; i < 79; i++)
        if (!out[at + i] && i + 1 < size)
            out[at + i] = ' ';
    put_note(f, "CORE", NT_PRPSINFO, out, at + 80);
}

/* A word of the guest's. */
static void put_word(const Core *c, FILE *f, u64 v)
{
    fwrite(&v, c->narrow ? 4 : 8, 1, f);
}

/* NT_FILE: how many, the size of a page, where each is and which page of its file, then the names. */
static void put_files(Core *c, FILE *f)
{
    char *bytes;
    size_t size, n = 0;
    FILE *out = open_memstream(&bytes, &size);
    for (size_t i = 0; i < c->n; i++)
        n += c->pieces[i].name != NULL;
    put_word(c, out, n);
    put_word(c, out, PAGE);
    for (size_t i = 0; i < c->n; i++) {
        const Piece *p = &c->pieces[i];
        if (!p->name)
            continue;
        put_word(c, out, p->start);
        put_word(c, out, p->end);
        put_word(c, out, p->offset / PAGE);
    }
    for (size_t i = 0; i < c->n; i++)
        if (c->pieces[i].name)
            fwrite(c->pieces[i].name, strlen(c->pieces[i].name) + 1, 1, out);
    fclose(out);
    put_note(f, "CORE", NT_FILE, bytes, (u32)size);
    free(bytes);
}

static void make_notes(Core *c)
{
    Process *p = c->t->process;
    u8 siginfo[128], auxv[1024];
    FILE *f = open_memstream(&c->notes, &c->notes_size);
    put_status(c, f, c->t);
    put_info(c, f);
    c->t->abi->siginfo(siginfo, c->info);
    put_note(f, "CORE", NT_SIGINFO, siginfo, sizeof siginfo);
    if (p->auxv_size <= sizeof auxv && !mem_read(auxv, p->auxv, p->auxv_size))
        put_note(f, "CORE", NT_AUXV, auxv, (u32)p->auxv_size);
    put_files(c, f);
    put_floats(f, c->t);
    pthread_mutex_lock(&p->lock);
    for (Task *t = p->tasks; t; t = t->next_task) {
        if (t == c->t || t->ended || t->vfork_child || !t->tid)
            continue;
        put_status(c, f, t);
        put_floats(f, t);
    }
    pthread_mutex_unlock(&p->lock);
    fclose(f);
}

/* -- the file ------------------------------------------------------------------------------------------------------ */

static void put_header(Core *c)
{
    const Guest *g = c->t->guest;
    u16 n = (u16)(c->n + 1);
    if (c->narrow) {
        Elf32_Ehdr h = {.e_type = ET_CORE,
                        .e_machine = g->elf_machine,
                        .e_version = EV_CURRENT,
                        .e_phoff = sizeof h,
                        .e_ehsize = sizeof h,
                        .e_phentsize = sizeof(Elf32_Phdr),
                        .e_phnum = n};
        memcpy(h.e_ident, ELFMAG "\1\1\1", 7);
        fwrite(&h, sizeof h, 1, c->f);
    } else {
        Elf64_Ehdr h = {.e_type = ET_CORE,
                        .e_machine = g->elf_machine,
                        .e_version = EV_CURRENT,
                        .e_phoff = sizeof h,
                        .e_ehsize = sizeof h,
                        .e_phentsize = sizeof(Elf64_Phdr),
                        .e_phnum = n};
        memcpy(h.e_ident, ELFMAG "\2\1\1", 7);
        fwrite(&h, sizeof h, 1, c->f);
    }
}

static void put_segment(Core *c, u32 type, u32 flags, u64 offset, u64 addr, u64 filesz, u64 memsz, u64 align)
{
    Elf64_Phdr wide = {.p_type = type,
                       .p_flags = flags,
                       .p_offset = offset,
                       .p_vaddr = addr,
                       .p_filesz = filesz,
                       .p_memsz = memsz,
                       .p_align = align};
    Elf32_Phdr narrow = {.p_type = type,
                         .p_flags = flags,
                         .p_offset = (u32)offset,
                         .p_vaddr = (u32)addr,
                         .p_filesz = (u32)filesz,
                         .p_memsz = (u32)memsz,
                         .p_align = (u32)align};
    if (c->narrow)
        fwrite(&narrow, sizeof narrow, 1, c->f);
    else
        fwrite(&wide, sizeof wide, 1, c->f);
}

/* Memory page by page; pages that can't be read, and those of zeroes, become holes. */
static bool put_memory(Core *c, u64 at, u64 size, u64 limit)
{
    static const u8 zeroes[PAGE];
    u8 page[PAGE];
    for (u64 done = 0; done < size; done += PAGE) {
        if ((u64)ftello(c->f) + PAGE > limit)
            return false;
        if (mem_read(page, at + done, PAGE) || !memcmp(page, zeroes, PAGE))
            fseeko(c->f, PAGE, SEEK_CUR);
        else if (fwrite(page, PAGE, 1, c->f) != 1)
            return false;
    }
    return true;
}

static bool write_core(Core *c, int fd, u64 limit)
{
    c->f = fdopen(fd, "w");
    if (!c->f)
        return false;
    take_pieces(c);
    make_notes(c);
    u64 header = c->narrow ? sizeof(Elf32_Ehdr) : sizeof(Elf64_Ehdr),
        row = c->narrow ? sizeof(Elf32_Phdr) : sizeof(Elf64_Phdr);
    u64 notes = header + (c->n + 1) * row, at = (notes + c->notes_size + PAGE - 1) & -(u64)PAGE;
    put_header(c);
    put_segment(c, PT_NOTE, 0, notes, 0, c->notes_size, 0, 4);
    for (size_t i = 0; i < c->n; at += c->pieces[i++].size) {
        const Piece *p = &c->pieces[i];
        put_segment(c, PT_LOAD, (u32)p->prot, at, p->start, p->size, p->end - p->start, PAGE);
    }
    fwrite(c->notes, c->notes_size, 1, c->f);
    fseeko(c->f, (off_t)((notes + c->notes_size + PAGE - 1) & -(u64)PAGE), SEEK_SET);
    bool all = true;
    for (size_t i = 0; i < c->n && all; i++)
        all = put_memory(c, c->pieces[i].start, c->pieces[i].size, limit);
    bool ok = fflush(c->f) == 0 && ftruncate(fd, ftello(c->f)) == 0;
    fclose(c->f);
    return ok;
}

/* -- threads ------------------------------------------------------------------------------------------------------- */

_Noreturn void core_stand(Task *t)
{
    signal_block_all();
    t->guest->debug->leave(t);
    atomic_store(&t->stands, true);
    for (;;)
        raw_syscall(SYS_pause, 0, 0, 0, 0, 0, 0);
}

/* Has the others stand; one that doesn't come in time is in the core as its system call has found it. */
static void halt_others(Task *t)
{
    enum { TIMES = 200, WAIT = 1000 };
    Process *p = t->process;
    bool all = false;
    for (int i = 0; i < TIMES && !all; i++) {
        all = true;
        pthread_mutex_lock(&p->lock);
        for (Task *each = p->tasks; each; each = each->next_task) {
            if (each == t || each->ended || each->vfork_child || each->stands || !each->tid)
                continue;
            atomic_store(&each->attention, ATTENTION);
            sent_kick(getpid(), each->tid);
            all = false;
        }
        pthread_mutex_unlock(&p->lock);
        if (!all)
            usleep(WAIT);
    }
}

/* -- the status ---------------------------------------------------------------------------------------------------- */

/* In the child: follows its parent's thread to where it has its status, and puts the file in place before anybody can
 * see that. */
_Noreturn static void follow(i32 tid, int from, int to, const char *made, const char *name, const char *host)
{
    char byte;
    int status = 0;
    bool traces = read(from, &byte, 1) == 1 && !raw_syscall(SYS_ptrace, PTRACE_SEIZE, (u64)tid, 0, PTRACE_O_TRACEEXIT, 0, 0);
    byte = traces;
    if (write(to, &byte, 1) < 1 || !traces)
        _exit(0);
    while (waitpid(tid, &status, __WALL) == tid && WIFSTOPPED(status)) {
        if (status >> 8 == (SIGTRAP | PTRACE_EVENT_EXIT << 8))
            break;
        raw_syscall(SYS_ptrace, PTRACE_CONT, (u64)tid, 0, status >> 16 ? 0 : (u64)WSTOPSIG(status), 0, 0);
    }
    if (strcmp(host, name))
        unlink(host);
    rename(made, name);
    _exit(0);
}

/* True if a child will put the file in place; else that is to be done here. */
static bool has_follower(const char *made, const char *name, const char *host)
{
    int there[2], back[2];
    char byte = 0;
    struct rlimit limit;
    getrlimit(RLIMIT_CORE, &limit);
    if (limit.rlim_cur < PAGE || pipe2(there, O_CLOEXEC))
        return false;
    if (pipe2(back, O_CLOEXEC)) {
        close(there[0]);
        close(there[1]);
        return false;
    }
    i32 tid = gettid();
    signal(SIGCHLD, SIG_IGN); /* nobody will wait for the child */
    pid_t pid = (pid_t)raw_syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0, 0);
    if (pid == 0)
        follow(tid, there[0], back[1], made, name, host);
    close(back[1]);
    prctl(PR_SET_PTRACER, pid);
    bool ok = pid > 0 && write(there[1], &byte, 1) == 1 && read(back[0], &byte, 1) == 1 && byte;
    close(there[0]);
    close(there[1]);
    close(back[0]);
    return ok;
}

static void limit_host(u64 bytes)
{
    struct rlimit limit;
    if (getrlimit(RLIMIT_CORE, &limit) == 0) {
        limit.rlim_cur = bytes;
        setrlimit(RLIMIT_CORE, &limit);
    }
}

void core_dump(Task *t, const siginfo_t *info)
{
    char pattern[256], name[PATH_MAX], host[PATH_MAX], made[PATH_MAX + 16], exe[PATH_MAX];
    Process *p = t->process;
    struct rlimit limit;
    Task *none = NULL;
    if (!core_is_wanted() || !(core_signals() & BIT(info->si_signo)) || t->vfork_child || !t->guest->debug)
        return;
    if (!atomic_compare_exchange_strong(&p->dumping, &none, t))
        core_stand(t); /* another one has been quicker */
    getrlimit(RLIMIT_CORE, &limit);
    setting("core_pattern", pattern, sizeof pattern);
    bool piped = *pattern == '|', is_own = prctl(PR_GET_DUMPABLE) == 1;
    if (piped || !*pattern)
        snprintf(pattern, sizeof pattern, "core.%%p");
    if (!is_own) {
        limit_host(0);
        return;
    }
    core_name(pattern, p->guest_exe ? p->guest_exe : "guest", info->si_signo, name, sizeof name);
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = 0;
    core_name(pattern, exe, info->si_signo, host, sizeof host);
    snprintf(made, sizeof made, "%s.XXXXXX", name);
    int fd = mkostemp(made, O_CLOEXEC);
    if (fd < 0) {
        limit_host(0);
        return;
    }
    fchmod(fd, 0600);
    signal_admit_faults();
    halt_others(t);
    t->guest->debug->leave(t);
    Core c = {.t = t, .info = info, .narrow = t->guest->elf_class == ELFCLASS32};
    if (!write_core(&c, fd, limit.rlim_cur)) {
        unlink(made);
        limit_host(0);
    } else if (!piped && has_follower(made, name, host)) {
        limit_host(PAGE);
    } else {
        if (piped)
            prctl(PR_SET_DUMPABLE, 0);
        limit_host(0);
        rename(made, name);
    }
}
