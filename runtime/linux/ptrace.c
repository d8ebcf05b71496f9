/* ptrace, as far as a process has to do with itself (tracer.c has the rest): a child that shares memory (CLONE_VM,
 * without CLONE_THREAD) stops the threads of the process it comes from and looks at their registers. That is how
 * LeakSanitizer stops the world, at the end of every program that is built with AddressSanitizer. All of it is in the
 * memory that both share: the host's ptrace has no part in it.
 *
 * A thread is stopped at its next safepoint, out of the system call that it waits in (sent_kick), with all of its state
 * in its Task. */
#include <elf.h>
#include <linux/futex.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>

#include "../../include/debugger.h"
#include "../sent.h"
#include "linux.h"

enum { FREE, WANTED, STOPPED }; /* Task.traced */

static void wake(Task *t)
{
    raw_syscall(__NR_futex, (u64)&t->traced, FUTEX_WAKE, INT_MAX, 0, 0, 0);
}

void ptrace_stand(Task *t)
{
    u32 wanted = WANTED;
    t->guest->debug->leave(t);
    if (atomic_compare_exchange_strong(&t->traced, &wanted, STOPPED)) {
        wake(t);
        while (atomic_load(&t->traced) == STOPPED)
            raw_syscall(__NR_futex, (u64)&t->traced, FUTEX_WAIT, STOPPED, 0, 0, 0);
    }
    t->guest->debug->enter(t);
}

static void let_go(Task *t)
{
    atomic_store(&t->traced, FREE);
    wake(t);
}

void ptrace_release(const Task *tracer)
{
    Process *p = tracer->process;
    shared_lock(&p->lock);
    for (Task *t = p->tasks; t; t = t->next_task)
        if (t->traced && t->tracer == tracer->tid)
            let_go(t);
    shared_unlock(&p->lock);
}

/* The thread of this number, if t may trace it or (`tracing`) does. */
static Task *find(Task *t, i32 tid, bool tracing)
{
    Process *p = t->process;
    Task *found = NULL;
    if (!t->vfork_child || !t->guest->debug)
        return NULL;
    shared_lock(&p->lock);
    for (Task *each = p->tasks; each; each = each->next_task)
        if (each->tid == tid && !each->vfork_child && !each->ended &&
            (!tracing || (each->traced && each->tracer == t->tid)))
            found = each;
    shared_unlock(&p->lock);
    return found;
}

/* Waits until it has stopped; false if it has ended instead. */
static bool stopped(Task *t, i32 tid, Task **out)
{
    enum { AGAIN = 2000000 }; /* ns until it is told again */
    const struct timespec while_ = {.tv_nsec = AGAIN};
    Task *other;
    while ((other = find(t, tid, true)) && atomic_load(&other->traced) == WANTED) {
        atomic_store(&other->attention, ATTENTION);
        sent_kick(t->process->pid, tid);
        raw_syscall(__NR_futex, (u64)&other->traced, FUTEX_WAIT, WANTED, (u64)&while_, 0, 0);
    }
    *out = other;
    return other;
}

bool ptrace_wait(Task *t, i32 tid, u64 status, i64 *result)
{
    Task *other = find(t, tid, true);
    const i32 how = SIGSTOP << 8 | 0x7f;
    if (!other)
        return false;
    *result = !stopped(t, tid, &other) ? -ECHILD : status && mem_write(status, &how, sizeof how) ? -EFAULT : tid;
    return true;
}

static i64 get_set(Task *t, Task *other, u64 which, u64 vector)
{
    u8 bytes[1024] = {0};
    u64 word = t->guest->elf_class == ELFCLASS64 ? 8 : 4, base = 0, room = 0;
    u32 size = ptrace_registers(other, which, bytes);
    if (mem_read(&base, vector, word) || mem_read(&room, vector + word, word))
        return -EFAULT;
    room = size < room ? size : room;
    return !size ? -EINVAL : mem_write(base, bytes, room) || mem_write(vector + word, &room, word) ? -EFAULT : 0;
}

SYSCALL(ptrace)
{
    u8 bytes[1024] = {0};
    u64 data, word = t->guest->elf_class == ELFCLASS64 ? 8 : 4;
    if (a == PTRACE_ATTACH) {
        Task *other = find(t, (i32)b, false);
        if (!other)
            return tracer_request(t, a, (i32)b, c, d);
        if (other->traced)
            return -EPERM;
        other->tracer = t->tid;
        atomic_store(&other->traced, WANTED);
        return 0;
    }
    Task *other = find(t, (i32)b, true);
    if (!other)
        return tracer_request(t, a, (i32)b, c, d);
    if (other->traced != STOPPED)
        return -ESRCH;
    switch (a) {
    case PTRACE_DETACH:
    case PTRACE_CONT:
        let_go(other);
        return 0;
    case PTRACE_GETREGSET:
        return get_set(t, other, c, d);
    case PTRACE_GETREGS:
        return mem_write(d, bytes, ptrace_registers(other, NT_PRSTATUS, bytes)) ? -EFAULT : 0;
    case PTRACE_PEEKTEXT:
    case PTRACE_PEEKDATA:
        return mem_read(&data, c, word) || mem_write(d, &data, word) ? -EIO : 0;
    default:
        return -EIO;
    }
}
