/* What a process may do: users, groups, capabilities, namespaces, and filters on itself. For the kernel all of it is a thread's own,
 * and a C library changes it in each of its threads. The translator's own thread must not be left behind with what the guest has given
 * up: a guest can write anywhere in the address space that it shares with it. Nor must the pages of translated code that a fork has
 * left two processes in common, when one of them gives up what the other one keeps. */
#include <linux/keyctl.h>

#include "../cache.h"
#include "../tier.h"
#include "../gdb/debug.h"
#include "linux.h"

static void stop(Task *t)
{
    if (!t->vfork_child)
        tier_stop();
}

static void start(Task *t)
{
    if (!t->vfork_child)
        tier_start();
}

void rights_part(Task *t)
{
    if (!t->vfork_child && arena_is_common())
        cache_forget(t);
}

void rights_changed(Task *t)
{
    t->rights++;
    stop(t);
    rights_part(t);
    start(t);
}

i64 rights_call(Task *t, long nr, u64 a, u64 b, u64 c, u64 d, u64 e)
{
    i64 result = host_syscall(t, nr, a, b, c, d, e, 0);
    if (result >= 0)
        rights_changed(t);
    return result;
}

bool rights_differ(const Task *t)
{
    Process *p = t->process;
    bool differ = false;
    shared_lock(&p->lock);
    for (const Task *other = p->tasks; other && !differ; other = other->next_task)
        differ = other->rights != t->rights;
    shared_unlock(&p->lock);
    return differ;
}

void rights_thread_end(Task *t)
{
    if (rights_differ(t) || !tier_has_rights(t->rights))
        stop(t);
}

#define RIGHTS(name)                                                                                                   \
    SYSCALL(name)                                                                                                      \
    {                                                                                                                  \
        return rights_call(t, __NR_##name, a, b, c, d, e);                                                             \
    }
RIGHTS(setuid)
RIGHTS(setgid)
RIGHTS(setreuid)
RIGHTS(setregid)
RIGHTS(setresuid)
RIGHTS(setresgid)
RIGHTS(setfsuid)
RIGHTS(setfsgid)
RIGHTS(setgroups)
RIGHTS(capset)
RIGHTS(landlock_restrict_self)

#ifndef __NR_lsm_set_self_attr
#define __NR_lsm_set_self_attr 460
#endif
RIGHTS(lsm_set_self_attr)

SYSCALL(keyctl)
{
    return a == KEYCTL_JOIN_SESSION_KEYRING ? rights_call(t, __NR_keyctl, a, b, c, d, e)
                                            : host_syscall(t, __NR_keyctl, a, b, c, d, e, 0);
}

/* A process with threads can't enter another user namespace, nor one that shares its working directory with somebody another mount
 * namespace: the compile thread doesn't count. */
static i64 enter(Task *t, long nr, u64 a, u64 b)
{
    if (unlikely(t->debug))
        debug_pause(t);
    stop(t);
    i64 result = rights_call(t, nr, a, b, 0, 0, 0);
    start(t);
    if (unlikely(t->debug))
        debug_resume(t);
    return result;
}

SYSCALL(unshare)
{
    return enter(t, __NR_unshare, a, 0);
}

SYSCALL(setns)
{
    return enter(t, __NR_setns, a, b);
}
