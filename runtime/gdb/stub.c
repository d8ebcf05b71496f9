/* The stub's thread: gdb's commands and the replies to them (its manual, appendix E). */
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../include/debugger.h"
#include "../cache.h"
#include "../signal.h"
#include "../store.h"
#include "stub.h"

/* -- signals: gdb has numbers of its own, Linux's up to SIGTERM but for a few ---------------------------------------- */

enum { GDB_UNKNOWN = 143 };

static const u8 gdb_signals[] = {
    0,  1 /* SIGHUP */, 2,  3,  4,  5 /* SIGTRAP */, 6,  10 /* SIGBUS */, 8,  9,  30 /* SIGUSR1 */, 11, 31 /* SIGUSR2 */,
    13, 14, 15, GDB_UNKNOWN /* SIGSTKFLT */, 20 /* SIGCHLD */, 19, 17, 18, 21, 22, 16 /* SIGURG */, 24, 25, 26, 27, 28,
    23 /* SIGIO */, 32 /* SIGPWR */, 12 /* SIGSYS */, 77 /* 32 */,
};

int signal_to_gdb(int signo)
{
    return signo < (int)LEN(gdb_signals) ? gdb_signals[signo] : signo == 64 ? 78 : signo + 12;
}

int signal_from_gdb(int number)
{
    for (int signo = 1; signo <= SIGNALS; signo++)
        if (signal_to_gdb(signo) == number)
            return signo;
    return 0;
}

/* -- registers and threads -------------------------------------------------------------------------------- */

static void add_register(Debug *d, Task *t, const DebugReg *reg)
{
    u8 bytes[16];
    reply_hex(d, bytes, debug_register(t, reg, bytes));
}

/* pPID.TID, or TID; *pid is 0 if there is none, -1 for all; *tid likewise. What follows it. */
static const char *parse_thread(const char *text, i32 *pid, i32 *tid)
{
    char *end = (char *)text;
    *pid = 0;
    if (*text == 'p') {
        *pid = (i32)strtol(text + 1, &end, 16);
        *tid = -1;
        if (*end == '.')
            *tid = (i32)strtol(end + 1, &end, 16);
    } else {
        *tid = (i32)strtol(text, &end, 16);
    }
    return end;
}

static void add_thread(Debug *d, const Task *t)
{
    if (d->session->multiprocess)
        reply_text(d, "p%x.", debug_pid(t));
    reply_text(d, "%x", t->tid);
}

/* The task that registers and memory are asked of. */
static Task *current(Debug *d)
{
    Task *t = debug_find(d, d->general);
    return t ? t : debug_find(d, 0);
}

/* A packet about process pid: whether this stub serves it; otherwise it goes to whoever does. */
static bool serves(Debug *d, i32 pid)
{
    if (pid <= 0 || pid == getpid() || debug_find(d, pid))
        return true;
    if (!session_has(d->session, pid))
        return true; /* and finds nothing */
    session_pass(d, pid, d->text, d->text_size);
    return false;
}

/* -- telling of stops -------------------------------------------------------------------------------------------------- */

static void add_why(Debug *d, const struct DebugStop *stop)
{
    static const char *const watches[] = {"watch", "rwatch", "awatch"};
    const Session *s = d->session;
    switch ((DebugWhy)stop->why) {
    case DEBUG_BREAK:
        if (s->swbreak)
            reply_text(d, "swbreak:;");
        break;
    case DEBUG_WATCH: reply_text(d, "%s:%lx;", watches[stop->kind - 2], stop->value); break;
    case DEBUG_ENTRY: reply_text(d, "syscall_entry:%lx;", stop->value); break;
    case DEBUG_RETURN: reply_text(d, "syscall_return:%lx;", stop->value); break;
    case DEBUG_FORK: reply_text(d, "fork:p%lx.%lx;", stop->value, stop->value); break;
    case DEBUG_VFORK: reply_text(d, "vfork:p%lx.%lx;", stop->value, stop->value); break;
    case DEBUG_VFORK_DONE: reply_text(d, "vforkdone:;"); break;
    case DEBUG_EXEC:
        if (s->execs) {
            reply_text(d, "exec:");
            reply_hex(d, d->p->guest_exe, strlen(d->p->guest_exe));
            reply_text(d, ";");
        }
        break;
    case DEBUG_NOTHING:
    case DEBUG_STARTED:
    case DEBUG_SIGNAL:
    case DEBUG_STEP: break;
    }
}

void stub_tell(Debug *d, Task *t)
{
    struct DebugStop *stop = &t->debug->stop;
    const DebugGuest *g = t->guest->debug;
    const u8 expedited[] = {g->pc, g->sp, g->fp};
    int signo = stop->why == DEBUG_SIGNAL ? stop->info.si_signo : stop->why == DEBUG_NOTHING ? 0 : SIGTRAP;
    if (stop->why == DEBUG_STARTED)
        signo = stop->info.si_signo;
    stop->told = true;
    d->general = d->going = d->told = t->tid;
    reply_begin(d);
    reply_text(d, "T%02x", signal_to_gdb(signo));
    for (size_t i = 0; i < LEN(expedited); i++) {
        reply_text(d, "%x:", expedited[i]);
        add_register(d, t, &g->regs[expedited[i]]);
        reply_text(d, ";");
    }
    reply_text(d, "thread:");
    add_thread(d, t);
    reply_text(d, ";");
    if (d->session->list_threads) {
        const char *separator = "threads:";
        pthread_mutex_lock(&d->p->lock);
        EACH_TASK(d, each) {
            reply_text(d, "%s%x", separator, each->tid);
            separator = ",";
        }
        pthread_mutex_unlock(&d->p->lock);
        reply_text(d, ";");
    }
    add_why(d, stop);
    reply_send(d);
}

void stub_tell_end(Debug *d, i32 pid, int status)
{
    reply_begin(d);
    if (WIFSIGNALED(status))
        reply_text(d, "X%02x", signal_to_gdb(WTERMSIG(status)));
    else
        reply_text(d, "W%02x", WEXITSTATUS(status));
    if (d->session->multiprocess)
        reply_text(d, ";process:%x", pid);
    reply_send(d);
}

/* -- going on ------------------------------------------------------------------------------------------------------------ */

/* What a thread is to do: go on, or step while pc is in [lo, hi); with a signal of gdb's, or 0. */
static void command(Task *t, DebugGo go, int number, u64 lo, u64 hi)
{
    struct DebugTask *x = t->debug;
    int signo = number ? signal_from_gdb(number) : 0;
    if (x->stop.why == DEBUG_SIGNAL && x->stop.told) {
        x->stop.info.si_signo = signo;
    } else if (signo) {
        x->pass = signo;
        raw_syscall(SYS_tgkill, (u64)debug_pid(t), (u64)t->tid, (u64)signo, 0, 0, 0);
    }
    x->step_lo = lo;
    x->step_hi = hi;
    x->go = go;
}

/* Lets threads go on; if one has still something to tell, that comes first. True: they go. */
static bool go(Debug *d)
{
    Task *t = debug_teller(d);
    if (t) {
        stub_tell(d, t);
        return false;
    }
    debug_go(d);
    return true;
}

/* vCont's actions: the first that names a thread holds for it. */
static bool go_on_each(Debug *d, const char *actions)
{
    pthread_mutex_lock(&d->p->lock);
    EACH_TASK(d, t) {
        const char *at = actions;
        bool done = false;
        while (*at == ';' && !done) {
            char kind = *++at, *end = (char *)at + 1;
            int number = 0;
            u64 lo = 0, hi = 0;
            i32 pid = 0, tid = -1;
            if (kind == 'C' || kind == 'S')
                number = (int)strtol(at + 1, &end, 16);
            if (kind == 'r') {
                lo = strtoul(at + 1, &end, 16);
                hi = *end == ',' ? strtoul(end + 1, &end, 16) : 0;
            }
            at = *end == ':' ? parse_thread(end + 1, &pid, &tid) : end;
            done = (pid <= 0 || pid == debug_pid(t)) && (tid <= 0 || tid == t->tid);
            if (done && kind != 't')
                command(t, kind == 'c' || kind == 'C' ? GO_ON : GO_STEP, number, lo, hi);
        }
    }
    pthread_mutex_unlock(&d->p->lock);
    return go(d);
}

/* c, C, s, S: with a signal perhaps, and an address. */
static bool go_on_old(Debug *d, char *text)
{
    char kind = *text++;
    int number = kind == 'C' || kind == 'S' ? (int)strtol(text, &text, 16) : 0;
    bool step = kind == 's' || kind == 'S';
    Task *t = debug_find(d, d->going > 0 ? d->going : d->told);
    const char *address = *text == ';' ? text + 1 : text;
    if (t && *address) {
        u64 pc = strtoul(address, NULL, 16);
        debug_set_register(t, &t->guest->debug->regs[t->guest->debug->pc], (u8[16]){pc & 0xff, pc >> 8 & 0xff, pc >> 16 & 0xff,
                     pc >> 24 & 0xff, pc >> 32 & 0xff, pc >> 40 & 0xff, pc >> 48 & 0xff, pc >> 56 & 0xff});
    }
    pthread_mutex_lock(&d->p->lock);
    EACH_TASK(d, each) {
        if (each == t)
            command(each, step ? GO_STEP : GO_ON, number, 0, 0);
        else if (!step)
            command(each, GO_ON, 0, 0, 0);
    }
    pthread_mutex_unlock(&d->p->lock);
    return go(d);
}

/* -- commands ------------------------------------------------------------------------------------------------------------- */

static void read_memory(Debug *d, const char *text, bool binary)
{
    static u8 bytes[PACKET / 2 - 64];
    char *end;
    u64 addr = strtoul(text, &end, 16), size = *end == ',' ? strtoul(end + 1, NULL, 16) : 0;
    size = size < sizeof bytes ? size : sizeof bytes;
    size_t n = memory_peek(bytes, addr, size);
    if (!n && size) {
        reply_error(d, EFAULT);
        return;
    }
    reply_begin(d);
    if (binary) {
        reply_text(d, "b");
        reply_binary(d, bytes, n);
    } else {
        reply_hex(d, bytes, n);
    }
    reply_send(d);
}

/* M: hex; X: binary. */
static void write_memory(Debug *d, const char *text, bool binary)
{
    static u8 bytes[PACKET];
    char *end;
    u64 addr = strtoul(text, &end, 16);
    size_t size = *end == ',' ? strtoul(end + 1, &end, 16) : 0, n = 0;
    if (*end++ != ':') {
        reply_error(d, EINVAL);
        return;
    }
    if (binary)
        n = unescape(end, d->text_size - (size_t)(end - d->text), bytes);
    else
        hex_bytes(end, bytes, sizeof bytes, &n);
    int error = n < size ? -EINVAL : memory_poke(d, addr, bytes, size);
    if (error)
        reply_error(d, error);
    else
        reply(d, "OK");
}

static void read_registers(Debug *d, Task *t)
{
    reply_begin(d);
    for (u32 i = 0; i < t->guest->debug->nregs; i++)
        add_register(d, t, &t->guest->debug->regs[i]);
    reply_send(d);
}

static void write_registers(Debug *d, Task *t, const char *text)
{
    for (u32 i = 0; i < t->guest->debug->nregs; i++) {
        const DebugReg *reg = &t->guest->debug->regs[i];
        u8 bytes[16];
        size_t n;
        text = hex_bytes(text, bytes, reg->bits / 8, &n);
        if (n == reg->bits / 8)
            debug_set_register(t, reg, bytes);
    }
    reply(d, "OK");
}

static void one_register(Debug *d, Task *t, char *text, bool write)
{
    char *end;
    u64 number = strtoul(text, &end, 16);
    const DebugGuest *g = t->guest->debug;
    u8 bytes[16];
    size_t n;
    if (number >= g->nregs) {
        reply_error(d, EINVAL);
        return;
    }
    if (write) {
        hex_bytes(end + 1, bytes, sizeof bytes, &n);
        if (n != g->regs[number].bits / 8) {
            reply_error(d, EINVAL);
            return;
        }
        debug_set_register(t, &g->regs[number], bytes);
        reply(d, "OK");
        return;
    }
    reply_begin(d);
    add_register(d, t, &g->regs[number]);
    reply_send(d);
}

static void point(Debug *d, const char *text)
{
    char *end;
    int kind = text[1] - '0';
    u64 addr = strtoul(text + 3, &end, 16), size = *end == ',' ? strtoul(end + 1, NULL, 16) : 0;
    int error = kind < 0 || kind > 4 ? -EINVAL : *text == 'Z' ? point_insert(d, kind, addr, size) : point_remove(d, kind, addr, size);
    if (error == -EINVAL)
        reply(d, ""); /* of another kind than there are */
    else if (error)
        reply_error(d, error);
    else
        reply(d, "OK");
}

static void set_thread(Debug *d, const char *text)
{
    i32 pid, tid;
    parse_thread(text + 2, &pid, &tid);
    if (!serves(d, pid))
        return;
    if (tid > 0 && !debug_find(d, tid)) {
        reply_error(d, ESRCH);
        return;
    }
    if (text[1] == 'g')
        d->general = tid > 0 ? tid : pid > 0 && pid != getpid() ? pid : 0;
    else
        d->going = tid;
    reply(d, "OK");
}

static void is_alive(Debug *d, const char *text)
{
    i32 pid, tid;
    parse_thread(text + 1, &pid, &tid);
    if (!serves(d, pid))
        return;
    if (debug_find(d, tid))
        reply(d, "OK");
    else
        reply_error(d, ESRCH);
}

/* D or D;PID. The connection goes to another process that is under the debugger, if there is one. */
static void detach(Debug *d, const char *text)
{
    i32 pid = text[1] == ';' ? (i32)strtol(text + 2, NULL, 16) : getpid();
    if (!serves(d, pid))
        return;
    debug_let_go(d, pid);
    if (pid == getpid())
        session_pass_on(d); /* before the next packet can come */
    reply(d, "OK");
}

/* gdb doesn't wait for a reply, lldb does. */
_Noreturn static void kill_all(Debug *d)
{
    stub_tell_end(d, getpid(), SIGKILL);
    for (size_t i = 0; i < PROCESSES; i++)
        if (d->session->peer[i].pid && d->session->peer[i].pid != getpid())
            kill(d->session->peer[i].pid, SIGKILL);
    raw_syscall(SYS_kill, (u64)getpid(), SIGKILL, 0, 0, 0, 0);
    for (;;)
        pause();
}

static void kill_one(Debug *d, const char *text)
{
    i32 pid = (i32)strtol(text, NULL, 16);
    if (!serves(d, pid))
        return;
    session_remove(d->session, pid);
    if (pid == getpid())
        session_pass_on(d);
    reply(d, "OK");
    raw_syscall(SYS_kill, (u64)pid, SIGKILL, 0, 0, 0, 0);
}

/* -- queries ------------------------------------------------------------------------------------------------------------- */

static void supported(Debug *d, const char *text)
{
    Session *s = d->session;
    s->multiprocess = strstr(text, "multiprocess+");
    s->forks = s->multiprocess && strstr(text, "fork-events+");
    s->vforks = s->multiprocess && strstr(text, "vfork-events+");
    s->execs = strstr(text, "exec-events+");
    s->swbreak = strstr(text, "swbreak+");
    s->no_ack = s->catches = s->list_threads = false;
    memset(s->passes, 0, sizeof s->passes);
    reply_begin(d);
    reply_text(d, "PacketSize=%x;QStartNoAckMode+;QPassSignals+;QCatchSyscalls+;vContSupported+;QListThreadsInStopReply+;"
                  "qXfer:features:read+;qXfer:auxv:read+;qXfer:exec-file:read+;qXfer:libraries-svr4:read+;"
                  "augmented-libraries-svr4-read-;qXfer:siginfo:read+;qXfer:threads:read+;binary-upload+",
               PACKET - 16);
    if (s->swbreak)
        reply_text(d, ";swbreak+");
    if (s->multiprocess)
        reply_text(d, ";multiprocess+");
    if (s->forks)
        reply_text(d, ";fork-events+");
    if (s->vforks)
        reply_text(d, ";vfork-events+");
    if (s->execs)
        reply_text(d, ";exec-events+");
    reply_send(d);
}

static void pass_signals(Debug *d, char *text)
{
    u64 *passes = d->session->passes;
    memset(passes, 0, sizeof d->session->passes);
    for (char *at = text; *at; at += *at == ';') {
        u64 number = strtoul(at, &at, 16);
        if (number < 256)
            passes[number / 64] |= 1ull << number % 64;
        if (*at && *at != ';')
            break;
    }
    reply(d, "OK");
}

static void catch_calls(Debug *d, char *text)
{
    Session *s = d->session;
    s->catches = *text++ == '1';
    s->ncatches = 0;
    while (*text == ';' && s->ncatches < CATCHES)
        s->catch_number[s->ncatches++] = (u32)strtoul(text + 1, &text, 16);
    reply(d, "OK");
}

static void list_threads(Debug *d)
{
    char before = 'm';
    reply_begin(d);
    pthread_mutex_lock(&d->p->lock);
    EACH_TASK(d, t) {
        reply_text(d, "%c", before);
        add_thread(d, t);
        before = ',';
    }
    pthread_mutex_unlock(&d->p->lock);
    for (size_t i = 0; i < PROCESSES && d->session->multiprocess; i++) {
        const struct Peer *p = &d->session->peer[i];
        if (!p->pid || p->pid == getpid() || debug_find(d, p->pid))
            continue;
        for (i32 k = 0; k < p->nthreads; k++, before = ',')
            reply_text(d, "%cp%x.%x", before, p->pid, p->threads[k]);
    }
    reply_send(d);
}

static void thread_info(Debug *d, const char *text)
{
    i32 pid, tid;
    char path[64], name[32] = "";
    parse_thread(text, &pid, &tid);
    snprintf(path, sizeof path, "/proc/%d/task/%d/comm", pid > 0 ? pid : getpid(), tid);
    FILE *f = fopen(path, "re");
    if (f && fgets(name, sizeof name, f))
        name[strcspn(name, "\n")] = 0;
    if (f)
        fclose(f);
    reply_begin(d);
    reply_hex(d, name, strlen(name));
    reply_send(d);
}

/* lldb's questions. */
static void host_info(Debug *d)
{
    const Guest *g = d->p->guest;
    reply_begin(d);
    reply_text(d, "triple:");
    reply_hex(d, g->llvm_triple, strlen(g->llvm_triple));
    reply_text(d, ";ptrsize:%d;endian:little;watchpoint_exceptions_received:%s;", g->elf_class == 1 ? 4 : 8,
               g->debug->watch_before ? "before" : "after");
    reply_send(d);
}

static void process_info(Debug *d)
{
    const Guest *g = d->p->guest;
    reply_begin(d);
    reply_text(d, "pid:%x;parent-pid:%x;real-uid:%x;real-gid:%x;effective-uid:%x;effective-gid:%x;triple:", getpid(), getppid(),
               getuid(), getgid(), geteuid(), getegid());
    reply_hex(d, g->llvm_triple, strlen(g->llvm_triple));
    reply_text(d, ";ostype:linux;endian:little;ptrsize:%d;", g->elf_class == 1 ? 4 : 8);
    reply_send(d);
}

/* What maps say of an address: lldb looks there. */
static void region_info(Debug *d, u64 addr)
{
    Mapping m;
    bool any = mem_next(d->p->mem, addr, &m), in = any && m.start <= addr;
    reply_begin(d);
    if (in)
        reply_text(d, "start:%lx;size:%lx;permissions:%s%s%s;", m.start, m.end - m.start, m.prot & 1 ? "r" : "", m.prot & 2 ? "w" : "",
                   m.prot & 4 ? "x" : "");
    else
        reply_text(d, "start:%lx;size:%lx;permissions:;", addr, (any ? m.start : UINT64_MAX) - addr);
    reply_send(d);
}

/* What `monitor` prints. */
__attribute__((format(printf, 2, 3))) static void say(Debug *d, const char *format, ...)
{
    char text[1024];
    va_list args;
    va_start(args, format);
    int n = vsnprintf(text, sizeof text, format, args);
    va_end(args);
    reply_begin(d);
    reply_hex(d, text, n < (int)sizeof text ? (size_t)n : sizeof text - 1);
    reply_send(d);
}

static void monitor(Debug *d, const char *text)
{
    char line[256];
    size_t n;
    hex_bytes(text, (u8 *)line, sizeof line - 1, &n);
    line[n] = 0;
    u32 items = 0;
    const char *bad;
    if (!strcmp(line, "stats")) {
        say(d, "%lu blocks, %lu regions translated; %lu returns to the dispatcher, %lu system calls; %u breakpoints, %u watchpoints\n",
            (u64)log_.blocks, (u64)log_.regions, (u64)log_.dispatches, (u64)log_.exit_syscall, d->npoints, d->nwatches);
    } else if (!strcmp(line, "log off")) {
        log_.items = 0;
        say(d, "nothing is logged\n");
    } else if (!strncmp(line, "log ", 4)) {
        bad = log_parse(line + 4, &items);
        if (!bad)
            log_.items |= items;
        say(d, "%s%s\n", bad ? "no such item: " : "logged: ", bad ? bad : line + 4);
    } else {
        say(d, "monitor stats      what has been translated and run\n"
               "monitor log ITEMS  log these items of -d from now on, 'monitor log off' none\n");
    }
}

static bool begins(const char *text, const char *with)
{
    return !strncmp(text, with, strlen(with));
}

static void query(Debug *d, char *text)
{
    Task *t = current(d);
    if (begins(text, "qSupported")) {
        supported(d, text);
    } else if (begins(text, "qXfer:")) {
        xfer_read(d, t, text + 6);
    } else if (!strcmp(text, "qfThreadInfo")) {
        list_threads(d);
    } else if (!strcmp(text, "qsThreadInfo")) {
        reply(d, "l");
    } else if (begins(text, "qThreadExtraInfo,")) {
        thread_info(d, text + 17);
    } else if (!strcmp(text, "qC")) {
        reply_begin(d);
        reply_text(d, "QC");
        add_thread(d, t);
        reply_send(d);
    } else if (begins(text, "qAttached")) {
        reply(d, d->waits ? "0" : "1");
    } else if (!strcmp(text, "QStartNoAckMode")) {
        reply(d, "OK");
        d->session->no_ack = true;
    } else if (begins(text, "QPassSignals:")) {
        pass_signals(d, text + 13);
    } else if (begins(text, "QCatchSyscalls:")) {
        catch_calls(d, text + 15);
    } else if (!strcmp(text, "QListThreadsInStopReply")) {
        d->session->list_threads = true;
        reply(d, "OK");
    } else if (begins(text, "qRcmd,")) {
        monitor(d, text + 6);
    } else if (!strcmp(text, "qHostInfo")) {
        host_info(d);
    } else if (!strcmp(text, "qProcessInfo")) {
        process_info(d);
    } else if (begins(text, "qMemoryRegionInfo:")) {
        region_info(d, strtoul(text + 18, NULL, 16));
    } else if (begins(text, "qSymbol")) {
        reply(d, "OK");
    } else {
        reply(d, "");
    }
}

/* -- one packet ------------------------------------------------------------------------------------------------------- */

typedef enum After { AFTER_MORE, AFTER_RUNS, AFTER_GONE } After;

/* Debug.lock is held, all threads stand. */
static After serve(Debug *d)
{
    char *text = d->text;
    Task *t = current(d);
    if (!t) /* all of this process's have ended: gdb is told by whoever ends it */
        return AFTER_RUNS;
    switch (*text) {
    case '?':
        t = debug_find(d, d->told);
        stub_tell(d, t ? t : debug_find(d, 0));
        break;
    case '!': reply(d, "OK"); break;
    case 'H': set_thread(d, text); break;
    case 'T': is_alive(d, text); break;
    case 'g': read_registers(d, t); break;
    case 'G': write_registers(d, t, text + 1); break;
    case 'p': one_register(d, t, text + 1, false); break;
    case 'P': one_register(d, t, text + 1, true); break;
    case 'm': read_memory(d, text + 1, false); break;
    case 'x': read_memory(d, text + 1, true); break;
    case 'M': write_memory(d, text + 1, false); break;
    case 'X': write_memory(d, text + 1, true); break;
    case 'Z':
    case 'z': point(d, text); break;
    case 'c':
    case 'C':
    case 's':
    case 'S': return go_on_old(d, text) ? AFTER_RUNS : AFTER_MORE;
    case 'D': detach(d, text); break;
    case 'k': kill_all(d);
    case 'q':
    case 'Q': query(d, text); break;
    case 'v':
        if (begins(text, "vCont?")) {
            reply(d, "vCont;c;C;s;S;t;r");
        } else if (begins(text, "vCont;")) {
            i32 pid = 0, tid;
            const char *colon = strchr(text, ':');
            if (colon)
                parse_thread(colon + 1, &pid, &tid);
            if (serves(d, pid))
                return go_on_each(d, text + 5) ? AFTER_RUNS : AFTER_MORE;
        } else if (begins(text, "vFile:")) {
            self = t; /* for its view of /proc; it stands */
            files_serve(d, t, text + 6);
            self = NULL;
        } else if (begins(text, "vKill;")) {
            kill_one(d, text + 6);
        } else {
            reply(d, "");
        }
        break;
    default: reply(d, "");
    }
    return d->attached ? AFTER_MORE : AFTER_GONE;
}

/* -- the thread ------------------------------------------------------------------------------------------------------------ */

/* The debugger is gone: so is all that it wanted. */
static void lost(Debug *d)
{
    pthread_mutex_lock(&d->lock);
    if (d->attached)
        debug_let_go(d, getpid());
    xfer_forget(d);
    files_close(d);
    debug_set_fd(d, FD_CONNECTION, -1);
    pthread_mutex_unlock(&d->lock);
}

/* Takes hold of the process. */
static void take(Debug *d, int fd)
{
    int one = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    pthread_mutex_lock(&d->lock);
    debug_set_fd(d, FD_CONNECTION, fd);
    d->in_at = d->in_size = 0;
    d->session->no_ack = d->session->multiprocess = false;
    d->session->forks = d->session->vforks = d->session->execs = false;
    session_add(d->session, getpid());
    d->session->owner = (u32)getpid();
    d->attached = true;
    debug_stop_all(d);
    d->told = d->general = 0;
    pthread_mutex_unlock(&d->lock);
}

/* Waits for something to happen while the guest runs: the debugger, a thread that tells, somebody who wants to connect. */
static void rest(Debug *d)
{
    u64 sink;
    struct pollfd p[] = {{.fd = *debug_fd(d, FD_WAKE), .events = POLLIN},
                         {.fd = *debug_fd(d, d->attached ? FD_CONNECTION : FD_LISTENING), .events = POLLIN}};
    if (d->attached && d->in_at < d->in_size)
        return;
    poll(p, LEN(p), -1);
    if (p[0].revents && read(p[0].fd, &sink, sizeof sink) < 0)
        return;
    if (!d->attached && p[1].revents & POLLIN) {
        int fd = accept4(p[1].fd, NULL, NULL, SOCK_CLOEXEC);
        if (fd >= 0)
            take(d, fd);
    }
}

/* While the guest runs; false if that is over because the debugger is gone. */
static bool watch(Debug *d)
{
    bool gone = false, interrupt = false;
    if (packet_waits(d)) {
        int got = packet_read(d); /* nothing else than an interrupt is right now */
        gone = got < 0;
        interrupt = got == 0;
    }
    pthread_mutex_lock(&d->lock);
    Task *t = debug_teller(d);
    if ((t || interrupt) && !gone) {
        debug_stop_all(d);
        t = debug_teller(d);
        if (!t && (t = debug_find(d, d->told > 0 ? d->told : 0)))
            t->debug->stop = (struct DebugStop){.why = DEBUG_STARTED, .info.si_signo = SIGINT};
        if (t)
            stub_tell(d, t);
    }
    pthread_mutex_unlock(&d->lock);
    return !gone;
}

void *stub_main(void *debug)
{
    Debug *d = debug;
    signal_block_all();
    while (!d->quit) {
        if (!d->attached) {
            if (*debug_fd(d, FD_CONNECTION) >= 0)
                lost(d);
            rest(d);
            continue;
        }
        Session *s = d->session;
        if (s->owner != (u32)getpid() && !session_wait(d)) {
            if (!d->quit)
                lost(d);
            continue;
        }
        if (s->size && !d->stopping) { /* something for a process that has been running meanwhile */
            pthread_mutex_lock(&d->lock);
            debug_stop_all(d);
            pthread_mutex_unlock(&d->lock);
        }
        if (d->tells || !d->stopping) {
            if (d->tells)
                debug_wake(d);
            d->tells = false;
            rest(d);
            if (d->attached && s->owner == (u32)getpid() && !watch(d))
                lost(d);
            continue;
        }
        if (s->size) {
            memcpy(d->text, s->packet, s->size);
            d->text_size = s->size;
            d->text[s->size] = 0;
            s->size = 0;
        } else {
            int got = packet_read(d);
            if (got < 0)
                lost(d);
            if (got <= 0)
                continue;
        }
        pthread_mutex_lock(&d->lock);
        signal_admit_faults();
        serve(d);
        signal_block_all();
        pthread_mutex_unlock(&d->lock);
    }
    return NULL;
}

/* -- the beginning ---------------------------------------------------------------------------------------------------------- */

void debug_set_fd(Debug *d, int which, int fd)
{
    int *at = debug_fd(d, which), old = *at;
    *at = -1;
    fd_close_hidden(d->p, old);
    *at = fd_hide(d->p, fd);
}

static int listen_at_port(const char *address, const char *port, char *why, size_t size)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE | AI_NUMERICHOST | AI_NUMERICSERV}, *found;
    int error = getaddrinfo(address, port, &hints, &found), one = 1;
    if (error) {
        snprintf(why, size, "%s", gai_strerror(error));
        return -1;
    }
    int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    if (fd >= 0 && (bind(fd, found->ai_addr, found->ai_addrlen) || listen(fd, 1))) {
        error = errno;
        close(fd);
        fd = -1;
        errno = error;
    }
    freeaddrinfo(found);
    if (fd < 0)
        snprintf(why, size, "%s", strerror(errno));
    return fd;
}

/* %d is the process, as in qemu. */
static int listen_at_name(Debug *d, const char *name, char *why, size_t size)
{
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    const char *number = strstr(name, "%d");
    int n = number ? snprintf(at.sun_path, sizeof at.sun_path, "%.*s%d%s", (int)(number - name), name, getpid(), number + 2)
                   : snprintf(at.sun_path, sizeof at.sun_path, "%s", name);
    if (n >= (int)sizeof at.sun_path) {
        snprintf(why, size, "the name of a socket may have %zu bytes", sizeof at.sun_path - 1);
        return -1;
    }
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd >= 0 && (bind(fd, (struct sockaddr *)&at, sizeof at) || listen(fd, 1))) {
        snprintf(why, size, "%s", strerror(errno));
        close(fd);
        return -1;
    }
    d->path = strdup(at.sun_path);
    return fd;
}

/* What -g says: opens it. */
static bool open_where(Debug *d, const char *where, char *why, size_t size)
{
    char *copy = strdup(where), *colon = strrchr(copy, ':'), *port = colon ? colon + 1 : copy, *end;
    u64 number = strtoul(port, &end, 10);
    bool ok = true;
    if (!strncmp(where, "fd:", 3) && !*end && *port) {
        int is = 0, fd = (int)number;
        socklen_t length = sizeof is;
        if (fcntl(fd, F_GETFD) < 0) {
            snprintf(why, size, "no such descriptor is open");
            ok = false;
        } else {
            getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &is, &length);
            debug_set_fd(d, is ? FD_LISTENING : FD_CONNECTION, fd);
        }
    } else {
        bool is_port = number && !*end && *port != '+';
        const char *address = colon ? copy + (*copy == '[') : "127.0.0.1";
        if (colon)
            colon[colon > copy && colon[-1] == ']' ? -1 : 0] = 0;
        int fd = is_port ? listen_at_port(address, port, why, size) : listen_at_name(d, where, why, size);
        ok = fd >= 0;
        debug_set_fd(d, FD_LISTENING, fd);
    }
    free(copy);
    return ok;
}

static Debug *debug_new(Process *p)
{
    Debug *d = calloc(1, sizeof *d);
    if (!d)
        out_of_memory("the debugger");
    pthread_mutex_init(&d->lock, NULL);
    pthread_cond_init(&d->stopped, NULL);
    pthread_cond_init(&d->goes, NULL);
    d->p = p;
    d->pid = (u32)getpid();
    debug_set_fd(d, FD_WAKE, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
    return d;
}

/* From here on the guest is under it; its first thread doesn't begin yet if it is to wait. */
static bool begin(Debug *d, Task *t, DebugWhy why)
{
    Process *p = d->p;
    p->debug = d;
    debug_task_new(t);
    signal_under_debugger(t);
    store_stop(); /* blocks end at breakpoints */
    cache_require_exact();
    d->stopping = d->waits;
    t->debug->go = d->waits ? GO_STOP : GO_ON;
    t->debug->stop = (struct DebugStop){.why = (u8)why, .told = !d->tells, .info.si_signo = SIGTRAP};
    signal_block_all();
    bool ok = debug_thread_start(d);
    signal_unblock(t);
    return ok;
}

bool debug_start(Process *p, Task *t, const char *where, char *why, size_t size)
{
    bool suspend = true;
    const char *at = where;
    while (!strncmp(at, "suspend=", 8)) {
        size_t n = strcspn(at + 8, ",");
        suspend = !(at[8] == 'n' || at[8] == 'f' || !strncmp(at + 8, "off", 3));
        at += 8 + n;
        at += *at == ',';
    }
    if (!p->guest->debug) {
        snprintf(why, size, "there is no description of this guest's registers yet");
        return false;
    }
    Debug *d = debug_new(p);
    d->waits = suspend;
    if (!session_open(d)) {
        snprintf(why, size, "%s", strerror(errno));
        return false;
    }
    if (!*at) {
        snprintf(why, size, "wants a port, the name of a socket or fd:NUMBER");
        return false;
    }
    if (!open_where(d, at, why, size))
        return false;
    int connection = *debug_fd(d, FD_CONNECTION);
    if (connection >= 0) {
        session_add(d->session, getpid());
        d->session->owner = (u32)getpid();
        d->attached = true;
        d->waits = true;
    }
    return begin(d, t, DEBUG_STARTED);
}

bool debug_inherit(Process *p, Task *t, int fd)
{
    Debug *d = debug_new(p);
    if (!session_join(d, fd))
        return false;
    int connection = d->session->connection, listening = d->session->listening;
    debug_set_fd(d, FD_CONNECTION, connection);
    debug_set_fd(d, FD_LISTENING, listening);
    session_add(d->session, getpid());
    d->attached = d->waits = d->tells = true;
    return begin(d, t, DEBUG_EXEC);
}
