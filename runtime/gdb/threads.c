/* The guest's threads under a debugger: how they stop, tell of what has stopped them, and go on. */
#include "debug.h"

#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../include/debugger.h"
#include "../cache.h"
#include "../sent.h"
#include "../signal.h"
#include "../thread.h"
#include "stub.h"

/* -- tasks --------------------------------------------------------------------------------------------------------- */

void debug_task_new(Task *t)
{
    struct DebugTask *x = calloc(1, sizeof *x);
    Debug *d = t->process->debug;
    if (!x)
        out_of_memory("the debugger");
    pthread_mutex_lock(&d->lock);
    x->go = d->stopping ? GO_STOP : GO_ON;
    t->debug = x;
    atomic_store(&t->attention, ATTENTION);
    pthread_mutex_unlock(&d->lock);
}

void debug_task_free(Task *t)
{
    if (!t->debug)
        return;
    free(t->debug);
    t->debug = NULL;
}

i32 debug_pid(const Task *t)
{
    return t->vfork_child ? t->tid : getpid();
}

Task *debug_find(Debug *d, i32 tid)
{
    Task *found = NULL;
    pthread_mutex_lock(&d->p->lock);
    EACH_TASK(d, t)
        if (!found && t->tid && (tid <= 0 ? !t->vfork_child : t->tid == tid))
            found = t;
    pthread_mutex_unlock(&d->p->lock);
    return found;
}

/* -- stopping and going on, on the guest's threads ----------------------------------------------------------------- */

/* Waits, stopped, until it may go on. Locked. */
static void stand(Debug *d, Task *t)
{
    struct DebugTask *x = t->debug;
    x->one = x->late = false;
    t->guest->debug->leave(t);
    while (x->go == GO_STOP && !x->loose) {
        if (!x->stopped) {
            x->stopped = true;
            pthread_cond_broadcast(&d->stopped);
        }
        pthread_cond_wait(&d->goes, &d->lock);
    }
    x->stopped = false;
    t->guest->debug->enter(t);
    /* What came meanwhile was noted, but the dispatcher may have looked already. */
    atomic_store(&t->attention, ATTENTION);
}

void debug_attend(Task *t)
{
    Debug *d = t->process->debug;
    if (t->debug->go != GO_STOP || t->debug->loose)
        return;
    pthread_mutex_lock(&d->lock);
    stand(d, t);
    pthread_mutex_unlock(&d->lock);
}

/* Tells the debugger, if it has hold of the thread, and waits. */
static void tell(Task *t, struct DebugStop stop)
{
    Debug *d = t->process->debug;
    struct DebugTask *x = t->debug;
    pthread_mutex_lock(&d->lock);
    if (d->attached && !x->loose) {
        x->stop = stop;
        x->go = GO_STOP;
        debug_wake(d);
        stand(d, t);
        stop = x->stop;
        x->stop.why = DEBUG_NOTHING;
        x->stop.info.si_signo = stop.info.si_signo;
    }
    pthread_mutex_unlock(&d->lock);
}

void debug_wake(Debug *d)
{
    u64 one = 1;
    if (write(*debug_fd(d, FD_WAKE), &one, sizeof one) < 0)
        return; /* it is awake */
}

void debug_break(Task *t)
{
    if (t->debug->loose) /* the breakpoint is its parent's, whose memory it shares: it goes past */
        t->debug->go = GO_STEP;
    else if (t->process->debug->attached)
        tell(t, (struct DebugStop){.why = DEBUG_BREAK});
}

/* -- one instruction at a time -------------------------------------------------------------------------------------- */

void debug_step(Task *t)
{
    t->debug->one = true;
}

void debug_stepped(Task *t)
{
    struct DebugTask *x = t->debug;
    u64 at = code_address(t->guest, t->pc);
    if (x->loose)
        x->go = GO_ON;
    else if (x->one && x->late)
        tell(t, x->watch);
    else if (x->one && !(at >= x->step_lo && at < x->step_hi))
        tell(t, (struct DebugStop){.why = DEBUG_STEP});
}

void debug_handler(Task *t)
{
    t->debug->one = true;
    debug_stepped(t);
}

/* -- what a thread tells of ------------------------------------------------------------------------------------------ */

bool debug_signal(Task *t, siginfo_t *info)
{
    Debug *d = t->process->debug;
    struct DebugTask *x = t->debug;
    bool watch = info->si_signo == SIGTRAP && info->si_code == TRAP_HWBKPT;
    if (!d->attached || x->loose)
        return !watch;
    if (watch) {
        x->watch = (struct DebugStop){.why = DEBUG_WATCH, .kind = x->stop.kind, .value = (u64)info->si_addr};
        if (t->guest->debug->watch_before) {
            tell(t, x->watch);
        } else if (x->go != GO_STOP) { /* else it is found again */
            x->late = true;
            x->go = GO_STEP;
        }
        return false;
    }
    if (x->pass == info->si_signo) {
        x->pass = 0;
        return true;
    }
    int number = signal_to_gdb(info->si_signo);
    if (number < 256 && d->session->passes[number / 64] >> number % 64 & 1)
        return true;
    x->stop.info = *info;
    tell(t, (struct DebugStop){.why = DEBUG_SIGNAL, .info = *info});
    int made = x->stop.info.si_signo;
    if (made && made != info->si_signo)
        *info = (siginfo_t){.si_signo = made, .si_code = SI_USER, .si_pid = getpid(), .si_uid = getuid()};
    return made;
}

static bool caught(const Session *s, u32 number)
{
    bool any = s->catches && !s->ncatches;
    for (u32 i = 0; s->catches && i < s->ncatches; i++)
        any |= s->catch_number[i] == number;
    return any;
}

void debug_syscall(Task *t)
{
    struct DebugTask *x = t->debug;
    const Session *s = t->process->debug->session;
    enum { LONGEST = 8 }; /* bytes of a system call instruction, or more */
    u32 number;
    memcpy(&number, t->state + t->abi->off_sysno, sizeof number);
    if (caught(s, number) && x->call != t->pc)
        tell(t, (struct DebugStop){.why = DEBUG_ENTRY, .value = number});
    memcpy(&number, t->state + t->abi->off_sysno, sizeof number);
    u64 after = t->pc;
    x->forked = 0;
    x->born = false;
    linux_syscall(t);
    x = t->debug; /* a forked child's is another one */
    bool again = t->pc < after && after - t->pc <= LONGEST; /* it has been interrupted */
    if (x->forked)
        tell(t, (struct DebugStop){.why = DEBUG_FORK, .value = (u64)x->forked});
    x->forked = 0;
    if (x->shares)
        tell(t, (struct DebugStop){.why = DEBUG_VFORK_DONE});
    x->shares = false;
    if (x->born)
        debug_attend(t);
    x->born = false;
    if (!again && caught(s, number))
        tell(t, (struct DebugStop){.why = DEBUG_RETURN, .value = number});
    x->call = again ? after : 0;
}

void debug_end(Task *t, int status)
{
    Debug *d = t->process->debug;
    pthread_mutex_lock(&d->lock);
    i32 pid = debug_pid(t);
    if (!t->debug->loose && d->attached) {
        stand(d, t);
        if (d->attached && !t->debug->loose) { /* still */
            session_remove(d->session, pid);
            if (!t->vfork_child)
                session_pass_on(d); /* before the debugger can say something */
            stub_tell_end(d, pid, status);
        }
    }
    if (d->path && !t->vfork_child)
        unlink(d->path);
    pthread_mutex_unlock(&d->lock);
}

/* -- fork and its kind ------------------------------------------------------------------------------------------------ */

void debug_before_fork(Task *t)
{
    Debug *d = t->process->debug;
    pthread_mutex_lock(&d->lock);
    while (d->stopping && d->attached && !t->debug->loose) /* the stub thread waits for this one */
        stand(d, t);
}

/* The child has none of the descriptors if nobody will be interested in it. */
static void part(Debug *d)
{
    for (int i = 0; i < 4; i++)
        debug_set_fd(d, i, -1);
    d->attached = false;
    d->path = NULL;
}

void debug_after_fork(Task *t, i64 pid)
{
    Debug *d = t->process->debug;
    if (pid == 0) {
        bool follow = d->attached && !t->debug->loose && d->session->forks;
        pthread_cond_init(&d->stopped, NULL);
        pthread_cond_init(&d->goes, NULL);
        d->running = false;
        d->pid = (u32)getpid();
        t->debug->loose = false;
        d->path = NULL;
        if (*debug_fd(d, FD_WAKE) >= 0)
            debug_set_fd(d, FD_WAKE, eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
        debug_set_fd(d, FD_LISTENING, -1);
        if (follow) {
            t->debug->go = GO_STOP;
            t->debug->born = true;
            d->stopping = true;
            session_add(d->session, getpid());
            debug_thread_start(d);
        } else {
            points_clear(d);
            part(d);
        }
    } else if (pid > 0 && d->attached && !t->debug->loose && d->session->forks) {
        session_add(d->session, (i32)pid);
        t->debug->forked = pid;
    }
    pthread_mutex_unlock(&d->lock);
}

void debug_before_vfork(Task *parent, Task *child)
{
    Debug *d = parent->process->debug;
    struct DebugTask *x = parent->debug;
    pthread_mutex_lock(&d->lock);
    while (d->stopping && d->attached && !x->loose)
        stand(d, parent);
    child->debug->loose = !(d->attached && !x->loose && d->session->vforks);
    child->debug->go = child->debug->loose ? GO_ON : GO_STOP;
    child->debug->vforked = x;
    parent->guest->debug->leave(parent);
    x->parked = true;
    pthread_mutex_unlock(&d->lock);
}

void debug_vfork_child(Task *child)
{
    Debug *d = child->process->debug;
    struct DebugTask *x = child->debug;
    pthread_mutex_lock(&d->lock);
    if (!x->loose) {
        session_add(d->session, child->tid);
        x->vforked->shares = true;
        x->vforked->stop = (struct DebugStop){.why = DEBUG_VFORK, .value = (u64)child->tid};
        debug_wake(d);
        stand(d, child);
    }
    pthread_mutex_unlock(&d->lock);
}

void debug_after_vfork(Task *parent)
{
    Debug *d = parent->process->debug;
    pthread_mutex_lock(&d->lock);
    parent->debug->parked = false;
    parent->guest->debug->enter(parent);
    pthread_mutex_unlock(&d->lock);
}

/* -- on the stub thread ----------------------------------------------------------------------------------------------- */

void debug_stop_all(Debug *d)
{
    enum { AGAIN = 2000000, PATIENCE = 2000 }; /* ns until whoever hasn't stopped is told again; times */
    d->stopping = true;
    for (int i = 0; i < PATIENCE; i++) {
        bool all = true;
        pthread_mutex_lock(&d->p->lock);
        EACH_TASK(d, t) {
            t->debug->go = GO_STOP;
            if (t->debug->stopped || t->debug->parked)
                continue;
            atomic_store(&t->attention, ATTENTION);
            if (t->tid)
                sent_kick(debug_pid(t), t->tid);
            all = false;
        }
        pthread_mutex_unlock(&d->p->lock);
        if (all)
            return;
        struct timespec end;
        clock_gettime(CLOCK_REALTIME, &end);
        end.tv_nsec += AGAIN;
        end.tv_sec += end.tv_nsec / 1000000000;
        end.tv_nsec %= 1000000000;
        pthread_cond_timedwait(&d->stopped, &d->lock, &end);
    }
}

void debug_go(Debug *d)
{
    d->stopping = false;
    pthread_cond_broadcast(&d->goes);
}

Task *debug_teller(Debug *d)
{
    Task *found = NULL;
    pthread_mutex_lock(&d->p->lock);
    EACH_TASK(d, t) {
        struct DebugStop *stop = &t->debug->stop;
        if (stop->why == DEBUG_NOTHING || stop->told)
            continue;
        if (!found)
            found = t;
        else if (stop->why == DEBUG_BREAK) /* it comes there again, if that is a breakpoint still */
            stop->why = DEBUG_NOTHING;
    }
    pthread_mutex_unlock(&d->p->lock);
    return found;
}

void debug_let_go(Debug *d, i32 pid)
{
    bool own = pid == getpid();
    if (own) {
        points_clear(d);
        d->attached = false;
    }
    session_remove(d->session, pid);
    pthread_mutex_lock(&d->p->lock);
    EACH_TASK(d, t) {
        if (debug_pid(t) == pid || own)
            t->debug->go = GO_ON;
        if (t->vfork_child && (debug_pid(t) == pid || own))
            t->debug->loose = true;
    }
    pthread_mutex_unlock(&d->p->lock);
    if (own)
        d->stopping = false;
    pthread_cond_broadcast(&d->goes);
}

bool debug_thread_start(Debug *d)
{
    enum { STACK = 256 << 10 };
    pthread_attr_t attr;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, STACK);
    d->quit = false;
    d->running = thread_create_own(&d->thread, &attr, stub_main, d) == 0;
    pthread_attr_destroy(&attr);
    return d->running;
}

void debug_pause(Task *t)
{
    Debug *d = t->process->debug;
    pthread_mutex_lock(&d->lock);
    while (d->stopping && d->attached && !t->debug->loose)
        stand(d, t);
    bool running = d->running;
    d->quit = true;
    debug_wake(d);
    pthread_mutex_unlock(&d->lock);
    if (running && !t->vfork_child)
        pthread_join(d->thread, NULL);
}

void debug_resume(Task *t)
{
    Debug *d = t->process->debug;
    if (d->running && !t->vfork_child)
        debug_thread_start(d);
}
