/* A child that shares memory with the process it comes from may be killed or stopped at any time, and the translator's locks must not go
 * with it. So it never holds one: what it would do under a lock, the thread that waits for it does. */
#ifndef DRAGOMAN_LEND_H
#define DRAGOMAN_LEND_H

#include <pthread.h>

#include "../include/task.h"

typedef struct Lender Lender;

/* Room that a child's stack has at its lower end for a Lender. */
enum { LENDER_ROOM = 32 << 10 };

extern __thread Task *self; /* this thread's */

/* One in LENDER_ROOM bytes at `room`, of this thread, for a child that lets *runs be 0 (by CLONE_CHILD_CLEARTID) when it ends. */
Lender *lend_init(void *room, _Atomic u32 *runs);
/* In the child, once it has started. */
void lend_start(Lender *l);
/* Does what the child, and the children that it waits for itself, have to be done; returns when all are gone. All signals are blocked. */
void lend_until_gone(Lender *l);

/* A child of the child's, which it waits for: `runs` as above. lend_pop returns the last one that hasn't been popped, or NULL. */
typedef struct Borrower {
    _Atomic u32 runs; /* futex */
    void *what;       /* the caller's */
    struct Borrower *outer;
} Borrower;
void lend_push(Lender *l, Borrower *b);
void lend_until_alone(Lender *l, Borrower *b); /* waits for it and pops it */
Borrower *lend_pop(Lender *l);

void lend_move(Lender *l);
void lend_return(Lender *l);

/* From here to lend_end a child runs on its lender's thread: a process with other descriptors, limits and identity. They nest. */
static inline void lend_begin(void)
{
    if (self && unlikely(self->lender))
        lend_move(self->lender);
}

static inline void lend_end(void)
{
    if (self && unlikely(self->lender))
        lend_return(self->lender);
}

/* Between these it stays itself, whatever begins: for what needs its descriptors, or makes a process of it. */
void lend_pause(void);
void lend_resume(void);

static inline void shared_lock(pthread_mutex_t *lock)
{
    lend_begin();
    pthread_mutex_lock(lock);
}

static inline void shared_unlock(pthread_mutex_t *lock)
{
    pthread_mutex_unlock(lock);
    lend_end();
}

#endif
