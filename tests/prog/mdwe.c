/* PR_SET_MDWE: nothing becomes executable later; over fork and exec; and PR_SET_MEMORY_MERGE. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>

enum { SET = 65, GET = 66, REFUSE = 1, NO_INHERIT = 2, PAGE = 4096 };
#define CALL(expression) ((errno = 0, (long)(expression)) == -1 ? -errno : 0)

static void try(const char *name)
{
    char *p = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    char *q = mmap(NULL, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int id = shmget(IPC_PRIVATE, PAGE, 0700);
    printf("%s: %d;", name, prctl(GET, 0, 0, 0, 0));
    printf(" %d", CALL(mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)));
    printf(" %d", CALL(mprotect(p, PAGE, PROT_READ | PROT_EXEC)));
    printf(" %d", CALL(mprotect(q, PAGE, PROT_READ)));
    printf(" %d", CALL(mprotect(q, PAGE, PROT_READ | PROT_EXEC)));
    q = mmap(q, PAGE, PROT_READ | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    printf(" %d", CALL(mprotect(q, PAGE, PROT_EXEC)));
    printf(" %d", CALL(mprotect(q, PAGE, PROT_READ | PROT_EXEC)));
    printf(" %d", CALL(mprotect(q, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC)));
    printf(" %d", CALL(shmat(id, NULL, SHM_EXEC)));
    printf(" %d\n", CALL(mremap(q, PAGE, 2 * PAGE, MREMAP_MAYMOVE)));
    shmctl(id, IPC_RMID, NULL);
}

static void child(const char *name, void (*f)(void))
{
    fflush(stdout);
    if (fork() == 0) {
        f();
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
}

static void set_and_fork(void)
{
    printf("set: %d %d", CALL(prctl(SET, REFUSE, 0, 0, 0)), CALL(prctl(SET, REFUSE, 0, 0, 0)));
    printf(", changed: %d %d\n", CALL(prctl(SET, REFUSE | NO_INHERIT, 0, 0, 0)), CALL(prctl(SET, 0, 0, 0, 0)));
    try("set");
    fflush(stdout);
    if (fork() == 0) {
        try("forked");
        fflush(stdout);
        execl("/proc/self/exe", "mdwe", "executed", NULL);
    }
    wait(NULL);
}

static void set_own(void)
{
    printf("own: %d\n", CALL(prctl(SET, REFUSE | NO_INHERIT, 0, 0, 0)));
    try("own");
    fflush(stdout);
    if (fork() == 0) {
        try("forked");
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    execl("/proc/self/exe", "mdwe", "executed", NULL);
}

static void merge(void)
{
    printf("merge: %d", prctl(68, 0, 0, 0, 0));
    printf(" %d", CALL(prctl(67, 1, 0, 0, 0)));
    printf(" %d %d\n", prctl(68, 0, 0, 0, 0), CALL(prctl(67, 1, 1, 0, 0)));
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        try(argv[1]);
        return 0;
    }
    printf("wrong: %d %d %d %d\n", CALL(prctl(SET, 8, 0, 0, 0)), CALL(prctl(SET, NO_INHERIT, 0, 0, 0)), CALL(prctl(SET, REFUSE, 1, 0, 0)),
           CALL(prctl(GET, 1, 0, 0, 0)));
    try("not set");
    child("set", set_and_fork);
    child("set, not inherited", set_own);
    child("merge", merge);
    return 0;
}
