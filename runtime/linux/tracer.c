/* ptrace of other guest processes: what gdb and strace do.
 *
 * The kernel's own ptrace carries it: who traces whom, who is stopped, waits, groups, children that are followed, and
 * what becomes of all that when somebody dies, is the kernel's as ever, since a guest's thread is a host's. What the
 * kernel can't know is where the guest is: it would stop the translator in the midst of its work. So a traced guest
 * stops itself where its state is whole (tracee.c), by a signal with a mark, for which the kernel stops it; wait shows
 * the tracer what that stop means (Task.ptrace). The kernel's other stops before a signal the tracer doesn't see: the
 * signal goes on to the traced guest's handler, which notes it, and at its next safepoint the guest reports it.
 * SIGSTOP, which has no handler, becomes a request for such a report (WANT_STOP), with a signal that brings the guest
 * out of its system call. Stops for events and of whole groups are shown as they are.
 *
 * Registers are the Task's, read from the traced process's memory and written there. Both are the same program, so that
 * everything lies at the same addresses; what isn't this program is left to the kernel. */
#include <elf.h>
#include <fcntl.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../include/debugger.h"
#include "../sent.h"
#include "../signal.h"
#include "proc.h"

/* One that this process traces. */
struct Tracee {
    Tracee *next;
    i32 tid;
    bool seized;
    bool reported; /* it has stopped by a report, else by the kernel */
    u32 options;
    u64 task; /* where its Task is, while it is stopped; 0: it isn't, or is no guest */
};

enum {
    HOST_OPTIONS = PTRACE_O_TRACEFORK | PTRACE_O_TRACEVFORK | PTRACE_O_TRACECLONE | PTRACE_O_TRACEVFORKDONE |
                   PTRACE_O_TRACEEXIT | PTRACE_O_EXITKILL
};

static i64 host_ptrace(u64 request, i32 tid, u64 addr, u64 data)
{
    return raw_syscall(__NR_ptrace, request, (u64)tid, addr, data, 0, 0);
}

static bool peek(i32 tid, u64 at, void *out, size_t size)
{
    struct iovec to = {out, size}, from = {(void *)at, size};
    return raw_syscall(__NR_process_vm_readv, (u64)tid, (u64)&to, 1, (u64)&from, 1, 0) == (i64)size;
}

static bool poke(i32 tid, u64 at, const void *in, size_t size)
{
    struct iovec from = {(void *)in, size}, to = {(void *)at, size};
    return raw_syscall(__NR_process_vm_writev, (u64)tid, (u64)&from, 1, (u64)&to, 1, 0) == (i64)size;
}

/* -- whom it traces ------------------------------------------------------------------------------------------------ */

static Tracee *find(const Task *t, i32 tid)
{
    Linux *l = t->process->kernel;
    shared_lock(&l->tracees_lock);
    Tracee *r = l->tracees;
    while (r && r->tid != tid)
        r = r->next;
    shared_unlock(&l->tracees_lock);
    return r;
}

static Tracee *add(const Task *t, i32 tid)
{
    Linux *l = t->process->kernel;
    Tracee *r = find(t, tid);
    if (!r && (r = calloc(1, sizeof *r))) {
        shared_lock(&l->tracees_lock);
        r->next = l->tracees;
        l->tracees = r;
        shared_unlock(&l->tracees_lock);
    }
    if (r)
        *r = (Tracee){.next = r->next, .tid = tid};
    return r;
}

static void removes(const Task *t, i32 tid)
{
    Linux *l = t->process->kernel;
    shared_lock(&l->tracees_lock);
    for (Tracee **at = &l->tracees; *at; at = &(*at)->next)
        if ((*at)->tid == tid) {
            Tracee *gone = *at;
            *at = gone->next;
            free(gone);
            break;
        }
    shared_unlock(&l->tracees_lock);
}

void tracer_after_fork(Process *p)
{
    Linux *l = linux_state(p);
    pthread_mutex_init(&l->tracees_lock, NULL);
    for (Tracee *r = l->tracees, *next; r; r = next) {
        next = r->next;
        free(r);
    }
    l->tracees = NULL;
}

/* Does it run this program, this build of it? Its headers tell, also where there is no /proc. */
static bool is_translator(i32 tid)
{
    enum { BYTES = 512 };
    extern const u8 __ehdr_start[];
    u8 theirs[BYTES];
    return peek(tid, (u64)__ehdr_start, theirs, BYTES) && memcmp(theirs, __ehdr_start, BYTES) == 0;
}

/* Where the Task of a thread is, and which Process is its own; 0 if there is none, or not yet. */
static u64 find_task(const Task *t, i32 tid, Process *p)
{
    char dir[32];
    u64 at, next;
    i32 inner, its;
    if (!is_translator(tid) || !peek(tid, (u64)&the_process, &at, sizeof at) || !at || !peek(tid, at, p, sizeof *p) ||
        p->abi != t->abi)
        return 0;
    snprintf(dir, sizeof dir, "/proc/%d", tid);
    inner = proc_inner_tid(dir, tid);
    next = (u64)p->tasks;
    for (size_t n = 0; next && n < MOST_TASKS; n++) {
        u64 task = next;
        if (!peek(tid, task + offsetof(Task, tid), &its, sizeof its) ||
            !peek(tid, task + offsetof(Task, next_task), &next, sizeof next))
            return 0;
        if (its == inner)
            return task;
    }
    return 0;
}

static bool get_trace(const Tracee *r, Ptrace *x)
{
    return r->task && peek(r->tid, r->task + offsetof(Task, ptrace), x, sizeof *x);
}

static bool put_trace(const Tracee *r, const Ptrace *x)
{
    const u64 attention = ATTENTION;
    return poke(r->tid, r->task + offsetof(Task, ptrace), x, sizeof *x) &&
           poke(r->tid, r->task + offsetof(Task, attention), &attention, sizeof attention);
}

/* Has it stop by itself; it is stopped by the kernel, or runs. */
static void want(const Tracee *r, u32 what)
{
    Ptrace x;
    if (!get_trace(r, &x))
        return;
    x.on = 1;
    x.seized = r->seized;
    x.options = r->options;
    x.wanted |= what;
    put_trace(r, &x);
}

/* -- waiting ------------------------------------------------------------------------------------------------------- */

/* A stop of the kernel's before a signal: lets it go on to the traced guest. False if the tracer is to see it. */
static bool pass_signal(const Task *t, i32 tid, siginfo_t *info)
{
    Process p;
    Ptrace x;
    Tracee *r = find(t, tid);
    int signo = info->si_signo;
    if (!is_translator(tid))
        return false;
    if (signo == SIGSTOP && info->si_code == SI_USER && !info->si_pid &&
        !r) { /* it follows its parent, and will report */
        add(t, tid);
        signo = 0;
    } else if (signo == SIGSTOP) {
        if (!r && !(r = add(t, tid)))
            return false;
        r->task = find_task(t, tid, &p);
        if (!get_trace(r, &x))
            return false;
        if (!x.stops_really) {
            want(r, WANT_STOP);
            *info = sent_kicking();
            host_ptrace(PTRACE_SETSIGINFO, tid, 0, (u64)info);
            signo = info->si_signo;
        }
        r->task = 0;
    } else if (signo == SIGTRAP && info->si_code == SI_USER && !find_task(t, tid, &p)) {
        signo = 0; /* at an exec, which the program that is executed reports */
    }
    return host_ptrace(PTRACE_CONT, tid, 0, (u64)signo) == 0;
}

/* A child has stopped. False if the guest isn't to know; else *status is what it is told. */
static bool shows_stop(const Task *t, i32 tid, int *status)
{
    siginfo_t info;
    Process p;
    Ptrace x;
    u64 task;
    Tracee *r;
    int event = *status >> 16;
    i64 error = host_ptrace(PTRACE_GETSIGINFO, tid, 0, (u64)&info);
    if (error == -ESRCH || error == -EPERM)
        return true; /* it isn't traced by this thread */
    if (!error && !event && sent_is_report(&info, &task)) {
        if (!(r = find(t, tid)) && !(r = add(t, tid)))
            return true;
        r->task = task;
        r->reported = get_trace(r, &x);
        r->seized = x.seized;
        r->options = x.options;
        *status = (int)(x.status << 8) | 0x7f;
        return true;
    }
    if (!error && !event)
        return !pass_signal(t, tid, &info);
    if (!(r = find(t, tid))) {
        if (!(r = add(t, tid)))
            return true;
        if (event == PTRACE_EVENT_STOP && is_translator(tid)) { /* as above */
            r->seized = true;
            return host_ptrace(PTRACE_CONT, tid, 0, 0) != 0;
        }
    }
    r->reported = false;
    r->task = find_task(t, tid, &p);
    return true;
}

SYSCALL(wait4)
{
    i64 result;
    int status = 0;
    if (unlikely(t->vfork_child) && (i32)a > 0 && ptrace_wait(t, (i32)a, b, &result))
        return result;
    do
        result = host_syscall(t, __NR_wait4, a, (u64)&status, c, d, 0, 0);
    while (result > 0 && WIFSTOPPED(status) && !shows_stop(t, (i32)result, &status));
    if (result > 0 && !WIFSTOPPED(status) && unlikely(t->process->kernel->tracees))
        removes(t, (i32)result);
    return result > 0 && b && mem_write(b, &status, sizeof status) ? -EFAULT : result;
}

SYSCALL(waitid)
{
    siginfo_t info;
    i64 result;
    bool stop, shown;
    do {
        memset(&info, 0, sizeof info);
        result = host_syscall(t, __NR_waitid, a, b, (u64)&info, d, e, 0);
        int status = info.si_status << 8 | 0x7f;
        stop = !result && info.si_pid && (info.si_code == CLD_TRAPPED || info.si_code == CLD_STOPPED);
        shown = !stop || shows_stop(t, info.si_pid, &status);
        if (stop && shown)
            info.si_status = status >> 8;
    } while (!shown);
    if (!result && info.si_pid && !stop && !(d & WNOWAIT) && unlikely(t->process->kernel->tracees))
        removes(t, info.si_pid);
    return !result && c && mem_write(c, &info, sizeof info) ? -EFAULT : result;
}

/* -- registers ----------------------------------------------------------------------------------------------------- */

u32 ptrace_registers(Task *t, u64 which, u8 *out)
{
    const DebugGuest *g = t->guest->debug;
    u32 word = t->guest->elf_class == ELFCLASS64 ? 8 : 4, size = 0;
    for (u32 i = 0; which == NT_PRSTATUS && i < g->ngeneral; i++, size += word)
        if (g->general[i] != DEBUG_NONE)
            debug_register(t, &g->regs[g->general[i]], out + size);
    for (u32 i = 0; !size && i < g->nregs; i++)
        if (g->regs[i].core_note == which)
            size = (u32)debug_register(t, &g->regs[i], out);
    if (size || g->float_note(t, out, &size) == which)
        return size;
    return 0;
}

static bool set_registers(Task *t, u64 which, const u8 *in, u64 size)
{
    const DebugGuest *g = t->guest->debug;
    u32 word = t->guest->elf_class == ELFCLASS64 ? 8 : 4;
    bool known = which == NT_PRSTATUS;
    for (u32 i = 0; known && i < g->ngeneral && (i + 1) * word <= size; i++)
        if (g->general[i] != DEBUG_NONE)
            debug_set_register(t, &g->regs[g->general[i]], in + i * word);
    for (u32 i = 0; !known && i < g->nregs; i++)
        if (g->regs[i].core_note == which && size >= g->regs[i].bits / 8u) {
            debug_set_register(t, &g->regs[i], in);
            known = true;
        }
    return known || (which == NT_PRFPREG && g->set_float && g->set_float(t, in, size));
}

/* A copy of the stopped Task's registers, and back. */
static bool get_state(const Tracee *r, Task *copy)
{
    return r->task && peek(r->tid, r->task, copy, sizeof *copy);
}

static bool put_state(const Tracee *r, const Task *copy)
{
    enum { FROM = offsetof(Task, fp_mode), TO = offsetof(Task, state) + STATE_BYTES };
    return poke(r->tid, r->task + offsetof(Task, pc), &copy->pc, sizeof copy->pc) &&
           poke(r->tid, r->task + FROM, (const u8 *)copy + FROM, TO - FROM);
}

typedef struct Registers {
    Task task;
    u8 bytes[1024];
    u32 size;
} Registers;

/* The number of the system call, where that is a set of registers of its own (DebugGuest.call_note). */
static bool in_call(const Ptrace *x)
{
    return x->why == STOP_ENTRY || x->why == STOP_RETURN;
}

static i64 read_set(const Tracee *r, u64 which, Registers *out)
{
    Ptrace x;
    memset(out->bytes, 0, sizeof out->bytes);
    if (!get_state(r, &out->task) || !get_trace(r, &x))
        return -ESRCH;
    i32 number = -1;
    if (which && which == out->task.guest->debug->call_note) {
        if (in_call(&x))
            memcpy(&number, out->task.state + out->task.abi->off_sysno, sizeof number);
        memcpy(out->bytes, &number, out->size = sizeof number);
        return 0;
    }
    const DebugGuest *g = out->task.guest->debug;
    if (which && (which == g->point_notes[0] || which == g->point_notes[1])) {
        memcpy(out->bytes, &g->point_info, sizeof g->point_info);
        out->size = 2 * sizeof g->point_info;
        return 0;
    }
    out->size = ptrace_registers(&out->task, which, out->bytes);
    return out->size ? 0 : -EINVAL;
}

static i64 write_set(const Tracee *r, u64 which, Registers *in)
{
    if (which && which == in->task.guest->debug->call_note) {
        i64 number = 0;
        memcpy(&number, in->bytes, sizeof(i32));
        memcpy(in->task.state + in->task.abi->off_sysno, &number, sizeof number);
    } else if (!set_registers(&in->task, which, in->bytes, in->size)) {
        return -EINVAL;
    }
    return put_state(r, &in->task) ? 0 : -ESRCH;
}

/* PTRACE_GETREGSET and PTRACE_SETREGSET, with an iovec at `vector`. */
static i64 register_set(const Task *t, const Tracee *r, u64 which, u64 vector, bool set)
{
    Registers all;
    u64 word = t->guest->elf_class == ELFCLASS64 ? 8 : 4, base = 0, room = 0;
    if (mem_read(&base, vector, word) || mem_read(&room, vector + word, word))
        return -EFAULT;
    i64 error = read_set(r, which, &all);
    if (error)
        return error;
    room = room < all.size ? room : all.size;
    if (set ? mem_read(all.bytes, base, room) : mem_write(base, all.bytes, room))
        return -EFAULT;
    if (set) {
        all.size = (u32)room;
        error = write_set(r, which, &all);
    }
    return error ? error : mem_write(vector + word, &room, word) ? -EFAULT : 0;
}

/* PTRACE_GETREGS and its kind: all of it. */
static i64 whole_set(const Tracee *r, u64 which, u64 at, bool set)
{
    Registers all;
    i64 error = read_set(r, which, &all);
    if (error)
        return error == -EINVAL ? -EIO : error;
    if (set ? mem_read(all.bytes, at, all.size) : mem_write(at, all.bytes, all.size))
        return -EFAULT;
    return set ? write_set(r, which, &all) : 0;
}

/* A word of struct user, which begins with the general registers. */
static i64 user_word(const Task *t, const Tracee *r, u64 offset, u64 data, bool set)
{
    Registers all;
    u64 word = t->guest->elf_class == ELFCLASS64 ? 8 : 4;
    i64 error = read_set(r, NT_PRSTATUS, &all);
    if (error)
        return error;
    if (offset % word || offset + word > sizeof all.bytes)
        return -EIO;
    if (!set)
        return mem_write(data, all.bytes + offset, word) ? -EFAULT : 0;
    memcpy(all.bytes + offset, &data, word);
    return write_set(r, NT_PRSTATUS, &all);
}

/* -- memory -------------------------------------------------------------------------------------------------------- */

static i64 peek_word(const Task *t, const Tracee *r, u64 addr, u64 data)
{
    u64 value, word = t->guest->elf_class == ELFCLASS64 ? 8 : 4;
    return !peek(r->tid, addr, &value, word) ? -EIO : mem_write(data, &value, word) ? -EFAULT : 0;
}

/* Another process's translator does as if one of its own threads had told it that code may have been written. */
static void tell_written(i32 tid)
{
    const bool overwritten = true;
    const u64 attention = ATTENTION;
    u64 process, task;
    if (!peek(tid, (u64)&the_process, &process, sizeof process) ||
        !poke(tid, process + offsetof(Process, overwritten), &overwritten, sizeof overwritten) ||
        !peek(tid, process + offsetof(Process, tasks), &task, sizeof task))
        return;
    for (size_t n = 0; task && n < MOST_TASKS; n++)
        if (!poke(tid, task + offsetof(Task, attention), &attention, sizeof attention) ||
            !peek(tid, task + offsetof(Task, next_task), &task, sizeof task))
            return;
}

/* Whatever its protection; it may be code. The kernel's word is of eight bytes. */
static i64 poke_word(const Task *t, const Tracee *r, u64 addr, u64 data)
{
    u64 word = t->guest->elf_class == ELFCLASS64 ? 8 : 4, all = data, at = addr;
    if (word < sizeof all && addr % sizeof all <= sizeof all - word) /* a word that may be a mapping's last */
        at -= addr % sizeof all;
    if (word < sizeof all && !peek(r->tid, at, &all, sizeof all))
        return -EIO;
    memcpy((u8 *)&all + (addr - at), &data, word);
    i64 error = host_ptrace(PTRACE_POKEDATA, r->tid, at, all);
    if (!error && is_translator(r->tid))
        tell_written(r->tid);
    return error;
}

/* -- what a stop is for -------------------------------------------------------------------------------------------- */

static i64 get_info(const Task *t, const Tracee *r, u64 at)
{
    siginfo_t info = {.si_signo = SIGTRAP};
    u8 out[sizeof info] = {0};
    Ptrace x;
    if (!get_trace(r, &x) || !r->reported) {
        i64 error = host_ptrace(PTRACE_GETSIGINFO, r->tid, 0, (u64)&info);
        if (error)
            return error;
    } else if (x.why == STOP_SIGNAL) {
        info = x.info;
    } else {
        info.si_code = (int)x.status;
        info.si_pid = r->tid;
        info.si_uid = getuid();
    }
    t->abi->siginfo(out, &info);
    return mem_write(at, out, sizeof out) ? -EFAULT : 0;
}

static i64 set_info(const Task *t, const Tracee *r, u64 at)
{
    Ptrace x;
    if (!get_trace(r, &x) || !r->reported || x.why != STOP_SIGNAL || t->guest->elf_class != ELFCLASS64)
        return -EINVAL;
    if (mem_read(&x.info, at, sizeof x.info))
        return -EFAULT;
    return put_trace(r, &x) ? 0 : -ESRCH;
}

static i64 get_message(const Task *t, const Tracee *r, u64 at)
{
    Ptrace x;
    u64 message = 0;
    if (r->reported && get_trace(r, &x))
        message = x.message;
    else if (host_ptrace(PTRACE_GETEVENTMSG, r->tid, 0, (u64)&message))
        return -ESRCH;
    return mem_write(at, &message, t->guest->elf_class == ELFCLASS64 ? 8 : 4) ? -EFAULT : 0;
}

/* PTRACE_GET_SYSCALL_INFO: as much as there is room for; how much there is. */
static i64 call_info(const Tracee *r, u64 size, u64 at)
{
    enum { NONE_BYTES = 24, ENTRY_BYTES = 80, RETURN_BYTES = 33 };
    struct __ptrace_syscall_info out = {0};
    Task copy;
    Ptrace x;
    if (!get_state(r, &copy) || !get_trace(r, &x))
        return -ESRCH;
    const Abi *abi = copy.abi;
    size_t n = NONE_BYTES;
    out.arch = abi->audit_arch;
    out.instruction_pointer = copy.pc;
    memcpy(&out.stack_pointer, copy.state + copy.guest->off_sp, sizeof out.stack_pointer);
    if (r->reported && x.why == STOP_ENTRY) {
        out.op = PTRACE_SYSCALL_INFO_ENTRY;
        memcpy(&out.entry.nr, copy.state + abi->off_sysno, sizeof(u32));
        for (int i = 0; i < 6; i++)
            memcpy(&out.entry.args[i], copy.state + abi->off_args[i], sizeof out.entry.args[i]);
        n = ENTRY_BYTES;
    } else if (r->reported && x.why == STOP_RETURN) {
        out.op = PTRACE_SYSCALL_INFO_EXIT;
        memcpy(&out.exit.rval, copy.state + abi->off_ret, sizeof out.exit.rval);
        if (copy.guest->elf_class == ELFCLASS32)
            out.exit.rval = (i32)out.exit.rval;
        out.exit.is_error = (u64)out.exit.rval >= (u64)-4095;
        n = RETURN_BYTES;
    }
    return mem_write(at, &out, n < size ? n : size) ? -EFAULT : (i64)n;
}

static i64 signal_set(const Task *t, const Tracee *r, u64 size, u64 at, bool set)
{
    Ptrace x;
    if (size != sizeof x.mask)
        return -EINVAL;
    if (!get_trace(r, &x))
        return -ESRCH;
    if (!set)
        return mem_write(at, &x.mask, sizeof x.mask) ? -EFAULT : 0;
    if (mem_read(&x.mask, at, sizeof x.mask))
        return -EFAULT;
    return put_trace(r, &x) ? 0 : -ESRCH;
}

/* -- going on ------------------------------------------------------------------------------------------------------ */

static i64 set_options(Tracee *r, u64 options)
{
    Ptrace x;
    if (options & ~(u64)PTRACE_O_MASK)
        return -EINVAL;
    i64 error = host_ptrace(PTRACE_SETOPTIONS, r->tid, 0, options & HOST_OPTIONS);
    if (error)
        return error;
    r->options = (u32)options;
    if (get_trace(r, &x)) {
        x.options = (u32)options;
        put_trace(r, &x);
    }
    return 0;
}

static i64 go_on(const Task *t, Tracee *r, u64 request, u64 signo)
{
    bool leaves = request == PTRACE_DETACH;
    Ptrace x;
    if (signo > SIGNALS)
        return -EIO;
    if (get_trace(r, &x)) {
        x.answered = 1;
        x.signo = (u32)signo;
        x.on = !leaves;
        x.options = r->options;
        x.mode = request == PTRACE_SYSCALL ? TRACE_CALLS : request == PTRACE_SINGLESTEP ? TRACE_STEPS : TRACE_RUN;
        put_trace(r, &x);
    }
    i64 error = host_ptrace(leaves ? PTRACE_DETACH : PTRACE_CONT, r->tid, 0, r->reported ? 0 : signo);
    if (error)
        return error;
    r->task = 0;
    r->reported = false;
    if (leaves)
        removes(t, r->tid);
    return 0;
}

static i64 attach(const Task *t, u64 request, i32 tid, u64 addr, u64 options)
{
    Process p;
    if (request == PTRACE_SEIZE && (addr || options & ~(u64)PTRACE_O_MASK))
        return -EIO;
    i64 error = host_ptrace(request, tid, 0, options & HOST_OPTIONS);
    Tracee *r = error ? NULL : add(t, tid);
    if (!r)
        return error;
    r->seized = request == PTRACE_SEIZE;
    r->options = (u32)options;
    if (r->seized && (r->task = find_task(t, tid, &p)))
        want(r, 0);
    r->task = 0;
    return 0;
}

static i64 interrupt(const Task *t, Tracee *r)
{
    Process p;
    if (!r->seized)
        return -EIO;
    u64 stopped = r->task;
    if (!stopped && !(r->task = find_task(t, r->tid, &p)))
        return host_ptrace(PTRACE_INTERRUPT, r->tid, 0, 0);
    want(r, WANT_EVENT);
    r->task = stopped;
    if (!stopped)
        sent_kick(p.pid, r->tid);
    return 0;
}

i64 tracer_request(Task *t, u64 request, i32 tid, u64 addr, u64 data)
{
    u64 message;
    if (!t->guest->debug)
        return -ENOSYS;
    if (request == PTRACE_TRACEME)
        return ptrace_me(t);
    if (request == PTRACE_ATTACH || request == PTRACE_SEIZE)
        return attach(t, request, tid, addr, request == PTRACE_SEIZE ? data : 0);
    Tracee *r = find(t, tid);
    if (!r)
        return -ESRCH;
    if (request == PTRACE_KILL)
        return host_ptrace(PTRACE_KILL, tid, 0, 0);
    if (request == PTRACE_INTERRUPT)
        return interrupt(t, r);
    i64 error = host_ptrace(PTRACE_GETEVENTMSG, tid, 0, (u64)&message); /* is it stopped, by this thread? */
    if (error)
        return error;
    switch (request) {
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return peek_word(t, r, addr, data);
    case PTRACE_POKETEXT:
    case PTRACE_POKEDATA:
        return poke_word(t, r, addr, data);
    case PTRACE_PEEKUSER:
        return user_word(t, r, addr, data, false);
    case PTRACE_POKEUSER:
        return user_word(t, r, addr, data, true);
    case PTRACE_GETREGSET:
        return register_set(t, r, addr, data, false);
    case PTRACE_SETREGSET:
        return register_set(t, r, addr, data, true);
    case PTRACE_GETREGS:
        return whole_set(r, NT_PRSTATUS, data, false);
    case PTRACE_SETREGS:
        return whole_set(r, NT_PRSTATUS, data, true);
    case PTRACE_GETFPREGS:
        return whole_set(r, NT_PRFPREG, data, false);
    case PTRACE_SETFPREGS:
        return whole_set(r, NT_PRFPREG, data, true);
    case PTRACE_GETSIGINFO:
        return get_info(t, r, data);
    case PTRACE_SETSIGINFO:
        return set_info(t, r, data);
    case PTRACE_GETSIGMASK:
        return signal_set(t, r, addr, data, false);
    case PTRACE_SETSIGMASK:
        return signal_set(t, r, addr, data, true);
    case PTRACE_GETEVENTMSG:
        return get_message(t, r, data);
    case PTRACE_GET_SYSCALL_INFO:
        return call_info(r, addr, data);
    case PTRACE_SETOPTIONS:
        return set_options(r, data);
    case PTRACE_LISTEN:
        return host_ptrace(PTRACE_LISTEN, tid, 0, 0);
    case PTRACE_CONT:
    case PTRACE_SYSCALL:
    case PTRACE_SINGLESTEP:
    case PTRACE_DETACH:
        return go_on(t, r, request, data);
    default:
        return -EIO;
    }
}
