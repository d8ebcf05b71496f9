/* qXfer: what gdb reads as objects of text or bytes. */
#include <elf.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "../../include/debugger.h"
#include "stub.h"

/* XML's special characters and all that isn't text. */
static void put_escaped(FILE *f, const char *text)
{
    for (; *text; text++) {
        if (strchr("<>&\"'", *text) || (u8)*text < ' ')
            fprintf(f, "&#%d;", (u8)*text);
        else
            fputc(*text, f);
    }
}

static bool features(Debug *d, Task *t, const char *annex, FILE *f)
{
    const DebugGuest *g = t->guest->debug;
    if (strcmp(annex, "target.xml"))
        return false;
    fprintf(f, "<?xml version=\"1.0\"?><!DOCTYPE target SYSTEM \"gdb-target.dtd\"><target><architecture>%s</architecture>"
               "<osabi>GNU/Linux</osabi>", g->architecture);
    u32 n = 0;
    for (u8 i = 0; i < g->nfeatures; i++) {
        fprintf(f, "<feature name=\"%s\">%s", g->features[i].name, g->features[i].types);
        for (; n < g->nregs && g->regs[n].feature == i; n++)
            fprintf(f, "<reg name=\"%s\" bitsize=\"%u\" type=\"%s\" regnum=\"%u\"/>", g->regs[n].name, g->regs[n].bits,
                    g->regs[n].type, n);
        fprintf(f, "</feature>");
    }
    fprintf(f, "</target>");
    return true;
}

static bool auxv(Debug *d, Task *t, const char *annex, FILE *f)
{
    u8 bytes[1024];
    size_t size = d->p->auxv_size < sizeof bytes ? d->p->auxv_size : sizeof bytes;
    return !mem_read(bytes, d->p->auxv, size) && fwrite(bytes, size, 1, f) == 1;
}

static bool exec_file(Debug *d, Task *t, const char *annex, FILE *f)
{
    fputs(d->p->guest_exe, f);
    return true;
}

static bool siginfo(Debug *d, Task *t, const char *annex, FILE *f)
{
    u8 bytes[128];
    if (t->debug->stop.why != DEBUG_SIGNAL)
        return false;
    t->abi->siginfo(bytes, &t->debug->stop.info);
    return fwrite(bytes, sizeof bytes, 1, f) == 1;
}

static bool threads(Debug *d, Task *t, const char *annex, FILE *f)
{
    fprintf(f, "<?xml version=\"1.0\"?><threads>");
    pthread_mutex_lock(&d->p->lock);
    EACH_TASK(d, each) {
        char path[64], name[32] = "";
        snprintf(path, sizeof path, "/proc/%d/task/%d/comm", debug_pid(each), each->tid);
        FILE *comm = fopen(path, "re");
        if (comm && fgets(name, sizeof name, comm))
            name[strcspn(name, "\n")] = 0;
        if (comm)
            fclose(comm);
        if (d->session->multiprocess)
            fprintf(f, "<thread id=\"p%x.%x\" name=\"", debug_pid(each), each->tid);
        else
            fprintf(f, "<thread id=\"%x\" name=\"", each->tid);
        put_escaped(f, name);
        fprintf(f, "\"/>");
    }
    pthread_mutex_unlock(&d->p->lock);
    for (size_t i = 0; i < PROCESSES && d->session->multiprocess; i++) {
        const struct Peer *p = &d->session->peer[i];
        if (!p->pid || p->pid == getpid() || debug_find(d, p->pid))
            continue;
        for (i32 k = 0; k < p->nthreads; k++)
            fprintf(f, "<thread id=\"p%x.%x\"/>", p->pid, p->threads[k]);
    }
    fprintf(f, "</threads>");
    return true;
}

/* -- libraries: the dynamic linker's list, as gdb's solib-svr4.c reads it ------------------------------------------------ */

/* The i-th word of the guest's at addr; 0 if it can't be read. */
static u64 word(const Debug *d, u64 addr, u64 i)
{
    u64 v = 0;
    size_t size = d->p->guest->elf_class == ELFCLASS64 ? 8 : 4;
    return mem_read(&v, addr + i * size, size) ? 0 : v;
}

static u64 from_auxv(const Debug *d, u64 wanted)
{
    for (u64 i = 0; i < 64; i += 2) {
        u64 type = word(d, d->p->auxv, i);
        if (type == wanted || type == AT_NULL)
            return type == wanted ? word(d, d->p->auxv, i + 1) : 0;
    }
    return 0;
}

/* Where the program's dynamic section is. */
static u64 find_dynamic(const Debug *d)
{
    u64 headers = from_auxv(d, AT_PHDR), size = from_auxv(d, AT_PHENT), n = from_auxv(d, AT_PHNUM), bias = 0, dynamic = 0;
    for (u64 i = 0; i < n && i < 64; i++) {
        u32 type = 0;
        u64 at = headers + i * size, vaddr = word(d, at, 2);
        mem_read(&type, at, sizeof type);
        if (type == PT_PHDR)
            bias = headers - vaddr;
        if (type == PT_DYNAMIC)
            dynamic = vaddr;
    }
    return dynamic ? dynamic + bias : 0;
}

static u64 find_r_debug(const Debug *d)
{
    u64 dynamic = find_dynamic(d);
    for (u64 i = 0; dynamic && i < 256; i += 2) {
        u64 tag = word(d, dynamic, i);
        if (tag == DT_NULL)
            return 0;
        if (tag == DT_DEBUG)
            return word(d, dynamic, i + 1);
    }
    return 0;
}

static bool libraries(Debug *d, Task *t, const char *annex, FILE *f)
{
    enum { MANY = 4096, MAP = 1, NAME = 1, LOAD = 2, NEXT = 3 };
    u64 debug = find_r_debug(d), map = debug ? word(d, debug, MAP) : 0;
    fprintf(f, "<library-list-svr4 version=\"1.0\"");
    if (map)
        fprintf(f, " main-lm=\"0x%lx\"", map);
    fprintf(f, ">");
    for (u32 i = 0; map && i < MANY; i++, map = word(d, map, NEXT)) {
        char name[4096];
        if (!i || mem_string(name, word(d, map, NAME), sizeof name) <= 0 || !*name)
            continue;
        fprintf(f, "<library name=\"");
        put_escaped(f, name);
        fprintf(f, "\" lm=\"0x%lx\" l_addr=\"0x%lx\" l_ld=\"0x%lx\" lmid=\"0x0\"/>", map, word(d, map, 0), word(d, map, LOAD));
    }
    fprintf(f, "</library-list-svr4>");
    return true;
}

/* -- reading ----------------------------------------------------------------------------------------------------------------- */

static const struct Kind {
    const char *name;
    bool (*make)(Debug *d, Task *t, const char *annex, FILE *f);
} kinds[] = {
    {"features", features}, {"auxv", auxv},       {"exec-file", exec_file},
    {"siginfo", siginfo},   {"threads", threads}, {"libraries-svr4", libraries},
};

void xfer_forget(Debug *d)
{
    free(d->object.data);
    d->object = (struct Object){0};
}

static bool make(Debug *d, Task *t, const char *kind, const char *annex)
{
    xfer_forget(d);
    for (size_t i = 0; i < LEN(kinds); i++) {
        if (strcmp(kinds[i].name, kind))
            continue;
        FILE *f = open_memstream(&d->object.data, &d->object.size);
        bool ok = f && kinds[i].make(d, t, annex, f);
        if (f)
            fclose(f);
        return ok;
    }
    return false;
}

/* An object is made when its beginning is asked for, and kept until another one is. */
void xfer_read(Debug *d, Task *t, char *text)
{
    char *kind = strsep(&text, ":"), *what = strsep(&text, ":"), *annex = strsep(&text, ":"), *end;
    if (!what || strcmp(what, "read") || !annex || !text) {
        reply(d, "");
        return;
    }
    u64 offset = strtoul(text, &end, 16), size = *end == ',' ? strtoul(end + 1, NULL, 16) : 0;
    struct Object *o = &d->object;
    if (!offset || strcmp(o->name, kind)) {
        if (!make(d, t, kind, annex)) {
            xfer_forget(d);
            reply_error(d, 0);
            return;
        }
        snprintf(o->name, sizeof o->name, "%s", kind);
    }
    offset = offset < o->size ? offset : o->size;
    size = size < PACKET - 64 ? size : PACKET - 64;
    size = size < o->size - offset ? size : o->size - offset;
    reply_begin(d);
    reply_text(d, offset + size < o->size ? "m" : "l");
    reply_binary(d, o->data + offset, size);
    reply_send(d);
}
