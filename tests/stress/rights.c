/* Changes what it may do while its code is hot. For each of the changes a child runs hot, changes, runs hot again, says its number and
 * what it has changed, and waits for the end of standard input: who asks finds all its threads alike (tests/run_stress). */
#define _GNU_SOURCE
#include <errno.h>
#include <grp.h>
#include <linux/capability.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/fsuid.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

/* Each call is another loop that gets hot: their code lies in different functions. */
#define HOT(n) \
    __attribute__((noipa)) static unsigned hot##n(unsigned rounds) \
    { \
        unsigned s = n; \
        for (unsigned i = 0; i < rounds; i++) \
            s = s * 1664525 + (s >> (n + 3)) + i; \
        return s; \
    }
HOT(0)
HOT(1)
HOT(2)
HOT(3)
enum { ROUNDS = 3000000 };

static int capabilities(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {0};
    return syscall(SYS_capset, &header, data);
}

/* Another thread gives up root and goes on; the first one, still root, makes code hot and ends. */
static void *other(void *arg)
{
    syscall(SYS_setresuid, 1000, 1000, 1000);
    hot1(ROUNDS);
    *(volatile int *)arg = 1;
    for (;;)
        pause();
}

/* The C library has its other threads do the same. */
static void *idle(void *arg)
{
    for (;;)
        pause();
}

static int threads(void)
{
    pthread_t t;
    for (int i = 0; i < 3; i++)
        pthread_create(&t, NULL, idle, NULL);
    return setresuid(1000, 1001, 1002);
}

/* A process that shares memory and goes on as it is. */
static int sharer(void *arg)
{
    char c;
    return read(0, &c, 1);
}

static int sharing(void)
{
    static char stack[65536];
    return clone(sharer, stack + sizeof stack, CLONE_VM | SIGCHLD, NULL) < 0 ? -1 : setresuid(1000, 1001, 1002);
}

static int thread(void)
{
    pthread_t t;
    volatile int done = 0;
    pthread_create(&t, NULL, other, (void *)&done);
    while (!done)
        usleep(1000);
    hot2(ROUNDS);
    usleep(50000);
    return 0;
}

#define CHANGES(CHANGE) \
    CHANGE(setuid, setuid(1000)) \
    CHANGE(setgid, setgid(1000)) \
    CHANGE(setreuid, setreuid(1000, 1001)) \
    CHANGE(setregid, setregid(1000, 1001)) \
    CHANGE(setresuid, setresuid(1000, 1001, 1002)) \
    CHANGE(setresgid, setresgid(1000, 1001, 1002)) \
    CHANGE(setfsuid, setfsuid(1000)) \
    CHANGE(setfsgid, setfsgid(1000)) \
    CHANGE(setgroups, setgroups(2, (gid_t[]){7, 9})) \
    CHANGE(capset, capabilities()) \
    CHANGE(bounding_set, prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN)) \
    CHANGE(no_new_privileges, prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)) \
    CHANGE(mount_namespace, unshare(CLONE_NEWNS)) \
    CHANGE(user_namespace, unshare(CLONE_NEWUSER)) \
    CHANGE(threads, threads()) \
    CHANGE(sharing_memory, sharing()) \
    CHANGE(last_of_its_rights, thread())
enum {
#define CHANGE(name, call) DO_##name,
    CHANGES(CHANGE)
#undef CHANGE
        LAST
};

static int change(int which)
{
    switch (which) {
#define CHANGE(name, call) \
    case DO_##name: printf(#name " "); return call;
        CHANGES(CHANGE)
#undef CHANGE
    }
    return -1;
}

int main(void)
{
    for (int i = 0; i < LAST; i++) {
        if (fork())
            continue;
        unsigned s = hot0(ROUNDS);
        int result = change(i);
        s += hot3(ROUNDS);
        if (result < 0)
            printf("%s", strerror(errno));
        else
            printf("%d", getpid());
        printf("%s\n", s ? "" : " ");
        fflush(stdout);
        if (i == DO_last_of_its_rights)
            syscall(SYS_exit, 0);
        read(0, &s, 1);
        return 0;
    }
    while (wait(NULL) > 0)
        ;
    return 0;
}
