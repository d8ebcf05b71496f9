/* Private to runtime/gdb: the debugger's connection, what both sides have agreed on, and the threads under its control.
 *
 * A thread of its own (stub.c) talks to the debugger. The guest's threads stop themselves, at safepoints and at what they have to tell
 * of, and wait until it has them go on (threads.c); all that is below Debug.lock. The processes that a debugger has hold of at once,
 * after a fork, share its one connection: the one that is Session.owner reads and writes it (session.c). */
#ifndef DRAGOMAN_STUB_H
#define DRAGOMAN_STUB_H

#include <pthread.h>

#include "../../include/debugger.h"
#include "../linux/linux.h"
#include "debug.h"

enum {
    PACKET = 1 << 14,  /* bytes in a packet, at most */
    PROCESSES = 64,    /* under one debugger */
    THREADS_TOLD = 64, /* of a process that isn't the owner */
    POINTS = 1024,
    WATCHES = 16,
    CATCHES = 128,
    FILES = 32,
};

typedef enum DebugWhy {
    DEBUG_NOTHING,
    DEBUG_STARTED, /* it has been stopped because the debugger wanted to, or begins */
    DEBUG_SIGNAL,
    DEBUG_BREAK,
    DEBUG_STEP,
    DEBUG_WATCH,
    DEBUG_ENTRY,
    DEBUG_RETURN,
    DEBUG_FORK,
    DEBUG_VFORK,
    DEBUG_VFORK_DONE,
    DEBUG_EXEC,
} DebugWhy;

/* What processes under one debugger have in common: in memory that they share. */
typedef struct Session {
    atomic_flag adding; /* a spin lock: a child and its parent both add the child */
    _Atomic u32 owner; /* futex: pid of the process that has the connection; 0: none, nobody is under the debugger */
    struct Peer {
        _Atomic i32 pid; /* 0 for none */
        i32 nthreads, threads[THREADS_TOLD];
    } peer[PROCESSES];
    /* What the debugger can do, and has asked for. */
    bool multiprocess, forks, vforks, execs, swbreak;
    bool no_ack;
    bool list_threads;  /* QListThreadsInStopReply */
    bool catches;       /* system calls: */
    u32 ncatches;       /* 0: all of them */
    u32 catch_number[CATCHES];
    u64 passes[4];      /* by gdb's number: signals that aren't told, but delivered */
    int connection, listening; /* descriptors, for a program that is executed */
    /* A packet that goes to the next owner with the connection. */
    u32 size;
    char packet[PACKET + 8];
} Session;

typedef struct WatchPoint {
    u64 lo, hi;
    int kind; /* as Z packets have it: 2 write, 3 read, 4 access */
} WatchPoint;

typedef struct File {
    const char *data;
    size_t size;
    bool used, mapped;
} File;

typedef struct Debug {
    pthread_mutex_t lock;
    pthread_cond_t stopped; /* a thread has stopped */
    pthread_cond_t goes;    /* threads may go on */
    pthread_t thread;
    Process *p;
    u32 pid;                /* of this process, which a child that shares its memory isn't */
    bool running;           /* there is a stub thread */
    bool quit;              /* it is to end */
    bool attached;          /* a debugger has hold of this process */
    bool stopping;          /* the guest's threads stand, or are on their way to */
    bool waits;             /* the program doesn't begin before a debugger is there */
    bool tells;             /* that it begins, after an exec */
    char *path;             /* of the socket that is listened on: to be removed; NULL for none */
    Session *session;
    u64 points[POINTS];     /* breakpoints, in ascending order */
    u32 npoints;
    WatchPoint watch[WATCHES];
    _Atomic u32 nwatches;
    /* The debugger's current threads: for registers and memory, and for the old packets that go on. */
    i32 general, going;
    i32 told;               /* whose stop was told last */
    File file[FILES];
    /* Of the connection. */
    u8 in[4096];
    u32 in_at, in_size;
    char text[PACKET + 8];  /* the packet that has come, NUL-terminated */
    u32 text_size;
    char out[2 * PACKET + 64]; /* the one that is made */
    u32 out_size;
    struct Object {         /* what is being read by qXfer */
        char *data;
        size_t size;
        char name[64];
    } object;
} Debug;

/* Descriptors, which the guest may have moved (runtime/linux/fd.c): an eventfd that wakes the stub thread; Session's memory. */
enum { FD_LISTENING, FD_CONNECTION, FD_WAKE, FD_SHARED };
static inline int *debug_fd(const Debug *d, int which)
{
    return &linux_state(d->p)->debug[which];
}
/* Puts fd there, hidden, and closes what was. */
void debug_set_fd(Debug *d, int which, int fd);

/* -- threads.c; Debug.lock is held unless it says otherwise */

/* Has all threads under the debugger stop, and waits until they have. */
void debug_stop_all(Debug *d);
/* Has those go on that have something else than GO_STOP in DebugTask.go. */
void debug_go(Debug *d);
/* Lets go of the process, or (pid not this one's) of a child that shares memory. */
void debug_let_go(Debug *d, i32 pid);
/* The thread of this number, under the debugger; NULL if there is none. */
Task *debug_find(Debug *d, i32 tid);
/* The process that a task is of, as the debugger knows it. */
i32 debug_pid(const Task *t);
/* A thread that has something to tell, or NULL; what has become void is forgotten. */
Task *debug_teller(Debug *d);
/* Wakes the stub thread. */
void debug_wake(Debug *d);
/* A child is made or a pause is over: has a stub thread run again. */
bool debug_thread_start(Debug *d);
/* Each task under the debugger; Process.lock is taken around it. */
#define EACH_TASK(d, t) \
    for (Task *t = (d)->p->tasks; t; t = t->next_task) \
        if (!t->ended && t->debug && !t->debug->loose)

/* -- points.c: breakpoints and watchpoints; all threads stand */

/* 0 or -errno. */
int point_insert(Debug *d, int kind, u64 addr, u64 size);
int point_remove(Debug *d, int kind, u64 addr, u64 size);
void points_clear(Debug *d);
/* Has translations of what was written there forgotten, and memory written whatever its protection. 0 or -EFAULT. */
int memory_poke(Debug *d, u64 addr, const void *bytes, size_t size);
/* As much as can be read. */
size_t memory_peek(void *bytes, u64 addr, size_t size);

/* -- session.c */

/* Memory for one, and its descriptor, which is hidden. */
bool session_open(Debug *d);
/* That of another process, by its descriptor. */
bool session_join(Debug *d, int fd);
void session_add(Session *s, i32 pid);
void session_remove(Session *s, i32 pid);
bool session_has(const Session *s, i32 pid);
/* Gives the connection to another process that is under the debugger, with a packet if size isn't 0. */
void session_pass(Debug *d, i32 to, const char *packet, size_t size);
/* The same to any other; false if there is none. */
bool session_pass_on(Debug *d);
/* Waits until this process is the owner; false if it isn't under the debugger any more. Debug.lock isn't held. */
bool session_wait(Debug *d);
/* Before another process has the connection: which threads there are here. */
void session_note_threads(Debug *d);

/* -- packet.c */

/* The next packet in d->text. 1; 0: the debugger interrupts; -1: it is gone. Waits for it if it isn't there. */
int packet_read(Debug *d);
/* Whether something has come. */
bool packet_waits(const Debug *d);
/* Makes the reply: begins, adds, sends. */
void reply_begin(Debug *d);
void reply_text(Debug *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
void reply_hex(Debug *d, const void *bytes, size_t size);
void reply_binary(Debug *d, const void *bytes, size_t size);
void reply_send(Debug *d);
void reply(Debug *d, const char *text); /* all of it */
void reply_error(Debug *d, int error);
/* Bytes from hex, as many as there are, at most `max`; where it ended. */
const char *hex_bytes(const char *text, u8 *out, size_t max, size_t *n);
/* Removes the escapes of binary data; its size. */
size_t unescape(const char *text, size_t size, u8 *out);

/* -- xfer.c, files.c */

/* qXfer:OBJECT:read:ANNEX:OFFSET,LENGTH behind "qXfer:". */
void xfer_read(Debug *d, Task *t, char *text);
void xfer_forget(Debug *d);
/* vFile:... behind "vFile:". */
void files_serve(Debug *d, Task *t, char *text);
void files_close(Debug *d);

/* -- stub.c */

int signal_to_gdb(int signo);
int signal_from_gdb(int number);
/* Tells what t has to tell. */
void stub_tell(Debug *d, Task *t);
/* An end: `status` as wait has it. */
void stub_tell_end(Debug *d, i32 pid, int status);
void *stub_main(void *debug);

#endif
