/* The processes under one debugger.
 *
 * A debugger that follows forks has several processes at one connection. Each has a stub thread of its own, and they take turns: the
 * owner has the connection, and hands it on with the packet that is another's business. All but the owner stand or, once the debugger
 * has let go of them, have nothing to do with it any more. */
#include <fcntl.h>
#include <linux/futex.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <signal.h>
#include <string.h>

#include "stub.h"

bool session_join(Debug *d, int fd)
{
    d->session = mmap(NULL, sizeof *d->session, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (d->session == MAP_FAILED) {
        close(fd);
        return false;
    }
    debug_set_fd(d, FD_SHARED, fd);
    return true;
}

bool session_open(Debug *d)
{
    int fd = (int)raw_syscall(SYS_memfd_create, (u64)"debugger", 1 /* MFD_CLOEXEC */, 0, 0, 0, 0);
    if (fd < 0 || ftruncate(fd, sizeof *d->session)) {
        if (fd >= 0)
            close(fd);
        return false;
    }
    return session_join(d, fd);
}

static struct Peer *peer(Session *s, i32 pid)
{
    for (size_t i = 0; i < PROCESSES; i++)
        if (s->peer[i].pid == pid)
            return &s->peer[i];
    return NULL;
}

void session_add(Session *s, i32 pid)
{
    while (atomic_flag_test_and_set(&s->adding))
        raw_syscall(SYS_sched_yield, 0, 0, 0, 0, 0, 0);
    struct Peer *p = peer(s, pid) ? NULL : peer(s, 0);
    if (p) {
        p->nthreads = 1;
        p->threads[0] = pid;
        p->pid = pid;
    }
    atomic_flag_clear(&s->adding);
}

void session_remove(Session *s, i32 pid)
{
    struct Peer *p = peer(s, pid);
    if (p)
        p->pid = 0;
    raw_syscall(SYS_futex, (u64)&s->owner, FUTEX_WAKE, INT32_MAX, 0, 0, 0);
}

bool session_has(const Session *s, i32 pid)
{
    return peer((Session *)s, pid) != NULL;
}

void session_note_threads(Debug *d)
{
    struct Peer *p = peer(d->session, getpid());
    if (!p)
        return;
    p->nthreads = 0;
    pthread_mutex_lock(&d->p->lock);
    EACH_TASK(d, t)
        if (p->nthreads < THREADS_TOLD && !t->vfork_child)
            p->threads[p->nthreads++] = t->tid;
    pthread_mutex_unlock(&d->p->lock);
}

void session_pass(Debug *d, i32 to, const char *packet, size_t size)
{
    Session *s = d->session;
    session_note_threads(d);
    memcpy(s->packet, packet, size);
    s->size = (u32)size;
    atomic_store(&s->owner, (u32)to);
    raw_syscall(SYS_futex, (u64)&s->owner, FUTEX_WAKE, INT32_MAX, 0, 0, 0);
}

bool session_pass_on(Debug *d)
{
    Session *s = d->session;
    for (size_t i = 0; i < PROCESSES; i++) {
        i32 pid = s->peer[i].pid;
        if (pid && pid != getpid() && raw_syscall(SYS_kill, (u64)pid, 0, 0, 0, 0, 0) == 0) {
            session_pass(d, pid, NULL, 0);
            return true;
        }
    }
    return false;
}

bool session_wait(Debug *d)
{
    Session *s = d->session;
    u32 owner;
    while ((owner = atomic_load(&s->owner)) != (u32)getpid() && session_has(s, getpid()) && !d->quit) {
        struct timespec second = {.tv_sec = 1};
        raw_syscall(SYS_futex, (u64)&s->owner, FUTEX_WAIT, owner, (u64)&second, 0, 0);
        /* It may have been killed. */
        if (owner == atomic_load(&s->owner) && raw_syscall(SYS_kill, owner, 0, 0, 0, 0, 0) == -ESRCH)
            atomic_compare_exchange_strong(&s->owner, &owner, (u32)getpid());
    }
    return session_has(s, getpid()) && !d->quit;
}

/* -- programs that one under the debugger executes ---------------------------------------------------------------------- */

static void inheritable(Debug *d, bool yes)
{
    static const int kept[] = {FD_SHARED, FD_CONNECTION, FD_LISTENING};
    for (size_t i = 0; i < LEN(kept); i++)
        if (*debug_fd(d, kept[i]) >= 0)
            fcntl(*debug_fd(d, kept[i]), F_SETFD, yes ? 0 : FD_CLOEXEC);
}

int debug_hand_on(Task *t)
{
    Debug *d = t->process->debug;
    pthread_mutex_lock(&d->lock);
    int fd = d->attached && !t->debug->loose ? *debug_fd(d, FD_SHARED) : -1;
    if (fd >= 0) {
        inheritable(d, true);
        d->session->connection = *debug_fd(d, FD_CONNECTION);
        d->session->listening = *debug_fd(d, FD_LISTENING);
        d->session->owner = (u32)debug_pid(t);
        debug_wake(d);
    }
    pthread_mutex_unlock(&d->lock);
    return fd;
}

void debug_keep(Task *t)
{
    Debug *d = t->process->debug;
    pthread_mutex_lock(&d->lock);
    inheritable(d, false);
    if (d->session->owner == (u32)debug_pid(t))
        d->session->owner = d->pid;
    pthread_mutex_unlock(&d->lock);
}
