/* Random system calls with random arguments, as a guest makes them: the calls and the kinds of their arguments are those of
 * runtime/linux/syscalls.def. Runs as the first process of a namespace (tests/run_fuzz), where nothing it does can hurt, and starts
 * children that each make some calls; what becomes of them is their affair, but how they die is reported, because a death by a fault is
 * one that the translator must have told of, but if it came to another program just when that began.
 *
 *     fuzz_calls root|nobody SEED FIRST END CALLS     children FIRST to END - 1; nobody gives up all rights first. Prints "PID died of SIGNAL" for each child that did, "PID executes", "done" at the end */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common.h"

typedef uint64_t u64;
#define LEN(a) (sizeof(a) / sizeof *(a))

/* -- the calls ----------------------------------------------------------------------------------------------------- */

#define SYS(name, signature) ROW_##name,
#define PASS(name, signature) ROW_##name,
#define PATH(name, dir, path, how, signature) ROW_##name,
#define THREAD(name, arg, signature) ROW_##name,
#define NOSYS(name) ROW_##name,
enum {
#include "../../runtime/linux/syscalls.def"
    ROWS
};
#undef SYS
#undef PASS
#undef PATH
#undef THREAD
#undef NOSYS
#define SYS(name, signature) signature,
#define PASS(name, signature) signature,
#define PATH(name, dir, path, how, signature) signature,
#define THREAD(name, arg, signature) signature,
#define NOSYS(name) "hex hex hex hex hex hex",
static const char *const signatures[ROWS] = {
#include "../../runtime/linux/syscalls.def"
};
static const struct {
    int number, row;
} calls[] = {
#define NR(number, name) {number, ROW_##name},
#include SYSNO
};

/* Calls that would end all too soon, or wait for the whole machine. */
static const int never[] = {ROW_reboot, ROW_sync, ROW_syncfs, ROW_vhangup};
/* Ends of this process: rarely. */
static const int seldom[] = {ROW_exit, ROW_exit_group, ROW_execve, ROW_execveat, ROW_kill, ROW_seccomp, ROW_munmap, ROW_close_range, ROW_rt_sigreturn};

/* -- arguments ------------------------------------------------------------------------------------------------------ */

enum { PAGE = 4096, PAGES = 64, FDS = 24, CHILD_CALLS = 30, CHILD_STACK = 64 << 10, CHILD_SECONDS = 2 };

static u64 state; /* of the generator; a child of a call shares it or has a copy */
static char *arena;
static int fds[FDS];
static char *stacks;
static const char *const names[] = {
    "/tmp/a", "/tmp/b", "/tmp/d", "/tmp/d/e", "a", ".", "..", "/", "", "/tmp/link", "/dev/null", "/dev/zero", "/fuzz_calls", "/nothing/there",
    "/proc/self/maps", "/proc/self/mem", "/proc/self/exe", "/proc/self/fd/5", "/proc/self/status", "/proc/self/task", "/proc/self/fd",
    "/proc/self/root/tmp/a", "/proc/thread-self/stat", "/proc/cpuinfo", "/proc/self/cmdline", "/proc/self/map_files", "/proc/self/smaps",
    "/proc/1/maps", "/proc/self/auxv", "/proc/self/clear_refs", "/proc/self/pagemap", "tmpfs", "proc", "user.x", "\xff\xfe", "name",
};

static u64 below(u64 n)
{
    return next(&state) % n;
}

static u64 number(void)
{
    static const u64 some[] = {0, 1, 2, 3, 4, 7, 8, 15, 16, 31, 63, 64, 100, 127, 128, 255, 256, 511, 1024, 4095, 4096, 4097, 8192, 65535, 65536,
                               1 << 20, 0x7fffffff, 0x80000000, 0xffffffff, 0x100000000, 0x7fffffffffffffff, 0x8000000000000000, -1ull, -2ull,
                               -4096ull, -100ull};
    switch (below(4)) {
    case 0: return below(16);
    case 1: return some[below(LEN(some))];
    case 2: return next(&state) >> below(64);
    default: return 1ull << below(64);
    }
}

static u64 size(void)
{
    return below(8) ? below(3) ? below(512) : below(PAGES * PAGE) : number();
}

static u64 bits(void)
{
    switch (below(4)) {
    case 0: return 0;
    case 1: return 1ull << below(32);
    case 2: return 1ull << below(16) | 1ull << below(16);
    default: return next(&state) >> below(64);
    }
}

static u64 descriptor(void)
{
    switch (below(16)) {
    case 0: return (u64)(int64_t)(below(2) ? AT_FDCWD : -1);
    case 1: return 990 + below(40); /* near the end of the table */
    case 2: return below(64) == 2 ? 3 : number() | 4;
    default: return (u64)fds[below(FDS)];
    }
}

/* Somewhere in memory: the arena, mostly; the program, the stack; where nothing is, the kernel is, or the translator may be. */
static u64 place(void)
{
    static const u64 some[] = {0, 1, PAGE, 0x400000, 0x50000000, 0x58000000, 0x70000000, 0x71000000, 0x78000000, 0x7fffffffe000, 0x7ffffffff000,
                               0x800000000000, 0xffff800000000000, -PAGE + 0ull, 0x5555555554000};
    switch (below(16)) {
    case 0: return some[below(LEN(some))];
    case 1: return (u64)names & -PAGE;
    case 2: return (u64)&state & -PAGE;
    case 3: return (u64)__builtin_frame_address(0) & -PAGE;
    case 4: return next(&state) >> 17 & -PAGE;
    case 5: return (u64)arena | next(&state) << 56; /* a tag */
    default: return (u64)arena + below(PAGES) * PAGE;
    }
}

/* Something to read or to fill. Random bytes are seldom what a call wants: numbers and addresses are more often. */
static u64 memory(void)
{
    if (below(8) == 0)
        return below(4) ? place() + below(PAGE) : 0;
    u64 at = (u64)arena + below(PAGES) * PAGE + (below(4) ? below(PAGE / 8) * 8 : PAGE - below(64));
    u64 *words = (u64 *)(at & ~7ull);
    for (int i = 0; i < 8 && (char *)(words + i) + 8 <= arena + PAGES * PAGE; i++)
        words[i] = below(2) ? number() : (u64)arena + below(PAGES * PAGE);
    return at;
}

static u64 name(void)
{
    u64 at = below(LEN(names) + 2);
    if (at >= LEN(names))
        return memory();
    char *to = arena + below(PAGES - 2) * PAGE + below(PAGE);
    strcpy(to, names[at]);
    return (u64)to;
}

/* struct iovec, or pointers to strings. */
static u64 list(int strings)
{
    u64 *to = (u64 *)(arena + below(PAGES - 2) * PAGE);
    for (int i = 0; i < 8; i++)
        to[i] = i & 1 && !strings ? size() : i < 6 ? strings ? name() : memory() : 0;
    return (u64)to;
}

static u64 seconds(void)
{
    u64 *to = (u64 *)(arena + below(PAGES - 2) * PAGE + below(64) * 8);
    for (int i = 0; i < 4; i++)
        to[i] = i & 1 ? below(20000000) : below(16) ? 0 : number();
    return below(16) ? (u64)to : 0;
}

static u64 clone_flags(void)
{
    static const u64 some[] = {
        SIGCHLD, CLONE_VFORK | CLONE_VM | SIGCHLD, CLONE_VM | SIGCHLD, CLONE_PIDFD | SIGCHLD, CLONE_NEWUSER | SIGCHLD, CLONE_FILES,
        CLONE_VM | CLONE_FS | CLONE_FILES | CLONE_SIGHAND | CLONE_THREAD | CLONE_SYSVSEM,
        CLONE_VM | CLONE_SIGHAND | CLONE_THREAD | CLONE_PARENT_SETTID | CLONE_CHILD_CLEARTID,
    };
    u64 flags = some[below(LEN(some))];
    if (!below(4))
        flags ^= 1ull << below(33);
    /* The handlers of who shares them with another process are the default ones for a moment when it ends otherwise (docs/processes.md). */
    return (flags & (CLONE_SIGHAND | CLONE_THREAD)) == CLONE_SIGHAND ? (flags & ~(u64)CSIGNAL) | SIGCHLD : flags;
}

static u64 argument(const char *kind)
{
    static const struct {
        const char *kind;
        u64 (*make)(void);
    } makers[] = {
        {"fd", descriptor},     {"dfd", descriptor},   {"size", size},          {"path", name},       {"str", name},        {"addr", place},
        {"place", place},       {"data", memory},      {"rdata", memory},       {"rstr", memory},     {"int", number},      {"uint", number},
        {"long", number},       {"off", number},       {"timespec", seconds},   {"timespecs", seconds}, {"timeval", seconds}, {"itimerspec", seconds},
        {"prot", bits},         {"mapflags", bits},    {"hex", bits},           {"oflags", bits},     {"cloneflags", clone_flags},
    };
    if (below(64) == 0)
        return number();
    if (strcmp(kind, "sig") == 0)
        return below(66);
    if (strcmp(kind, "iov") == 0 || strcmp(kind, "riov") == 0 || strcmp(kind, "remotev") == 0)
        return list(0);
    if (strcmp(kind, "strv") == 0)
        return list(1);
    for (size_t i = 0; i < LEN(makers); i++)
        if (strcmp(kind, makers[i].kind) == 0)
            return makers[i].make();
    /* A number of a list, or the address of a struct: both are tried with either. */
    return below(2) ? memory() : below(2) ? below(64) : bits();
}

/* -- making them ------------------------------------------------------------------------------------------------------ */

static void some_calls(int count);

/* What a child of clone does, on whatever stack it was given. */
static void child_main(void)
{
    some_calls(CHILD_CALLS);
    for (;;)
        syscall(SYS_exit, 0);
}

/* The call itself; a child that it makes goes to child_main. */
static long make(long number, const u64 a[6])
{
    register u64 x8 __asm__("x8") = (u64)number;
    register u64 x0 __asm__("x0") = a[0];
    register u64 x1 __asm__("x1") = a[1];
    register u64 x2 __asm__("x2") = a[2];
    register u64 x3 __asm__("x3") = a[3];
    register u64 x4 __asm__("x4") = a[4];
    register u64 x5 __asm__("x5") = a[5];
    register u64 x9 __asm__("x9") = (u64)child_main;
    register u64 x10 __asm__("x10") = number == SYS_clone || number == SYS_clone3;
    __asm__ volatile("svc #0\n"
                     "cbz x10, 1f\n"
                     "cbnz x0, 1f\n"
                     "br x9\n"
                     "1:"
                     : "+r"(x0)
                     : "r"(x8), "r"(x1), "r"(x2), "r"(x3), "r"(x4), "r"(x5), "r"(x9), "r"(x10)
                     : "memory");
    return (long)x0;
}

static int among(const int *list, size_t n, int row)
{
    while (n--)
        if (list[n] == row)
            return 1;
    return 0;
}

/* A program that has only begun is ended by signals without a word, as by the kernel. */
static void tell_executes(void)
{
    char line[32] = "           executes\n";
    int n = 10;
    for (long pid = syscall(SYS_getpid); pid; pid /= 10)
        line[n--] = (char)('0' + pid % 10);
    syscall(SYS_write, 1, line, strlen(line));
}

static void one_call(void)
{
    size_t i = below(LEN(calls));
    int row = calls[i].row;
    u64 args[6] = {0};
    if (among(never, LEN(never), row) || (among(seldom, LEN(seldom), row) && below(32)))
        return;
    const char *s = signatures[row];
    for (int n = 0; n < 6 && *s && *s != '='; n++) {
        char kind[32];
        size_t length = strcspn(s, " ");
        snprintf(kind, sizeof kind, "%.*s", (int)length, s);
        args[n] = argument(kind);
        s += length + strspn(s + length, " ");
    }
    /* The reports go to standard error; and whoever has no stack of his own would take his parent's. */
    if ((row == ROW_close || row == ROW_close_range) && (unsigned)args[0] < 3)
        args[0] = 3;
    if (row == ROW_dup3 && (unsigned)args[1] < 3)
        args[1] = (u64)fds[0];
    if (row == ROW_clone)
        args[1] = args[0] & CLONE_VM || below(2) ? (u64)stacks + (1 + below(8)) * CHILD_STACK : 0;
    if (row == ROW_clone3) {
        u64 *c = (u64 *)arena;
        memset(c, 0, 88);
        u64 flags = clone_flags();
        c[0] = flags & ~0xffull, c[4] = flags & 0xff, c[5] = (u64)stacks + below(8) * CHILD_STACK, c[6] = CHILD_STACK;
        c[1] = c[2] = c[3] = (u64)arena + PAGE;
        args[0] = (u64)c, args[1] = 88;
    }
    if (row == ROW_execve || row == ROW_execveat)
        tell_executes();
    long number = below(512) ? calls[i].number : (long)(below(2) ? below(600) : next(&state));
    make(number, args);
}

static void some_calls(int count)
{
    while (count--)
        one_call();
}

/* -- children ------------------------------------------------------------------------------------------------------- */

static void ignore(int signo)
{
}

/* Files of all kinds, memory of all kinds, and a timer that ends waiting. */
static void prepare(void)
{
    int n = 0, pair[2];
    arena = mmap(NULL, PAGES * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    stacks = mmap(NULL, 9 * CHILD_STACK, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    mkdir("/tmp/d", 0700);
    symlink("/tmp/a", "/tmp/link");
    for (int k = 0; k < 3; k++) {
        if (k == 0 ? pipe(pair) : socketpair(k == 1 ? AF_UNIX : AF_UNIX, k == 1 ? SOCK_STREAM : SOCK_DGRAM, 0, pair))
            continue;
        fds[n++] = pair[0], fds[n++] = pair[1];
    }
    fds[n++] = open("/tmp/a", O_RDWR | O_CREAT, 0600);
    fds[n++] = open("/tmp/d", O_RDONLY | O_DIRECTORY);
    fds[n++] = open("/proc/self/maps", O_RDONLY);
    fds[n++] = open("/proc/self/mem", O_RDWR);
    fds[n++] = open("/proc/self/task", O_RDONLY);
    fds[n++] = open("/proc/self/fd", O_RDONLY);
    fds[n++] = open("/proc/self", O_PATH);
    fds[n++] = open("/dev/zero", O_RDWR);
    fds[n++] = epoll_create1(0);
    fds[n++] = eventfd(1, EFD_NONBLOCK);
    fds[n++] = memfd_create("memory", MFD_ALLOW_SEALING);
    fds[n++] = socket(AF_INET, SOCK_STREAM, 0);
    fds[n++] = (int)syscall(SYS_pidfd_open, getpid(), 0);
    while (n < FDS)
        fds[n++] = open("/tmp/b", O_RDWR | O_CREAT, 0600);
    struct sigaction action = {.sa_handler = ignore};
    for (int signo = 1; signo < 32; signo++)
        if (signo == SIGALRM || below(3) == 0)
            sigaction(signo, &action, NULL);
    struct itimerval often = {{0, 20000}, {0, 20000}};
    setitimer(ITIMER_REAL, &often, NULL);
}

static void give_up_rights(void)
{
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct none[2] = {0};
    for (int cap = 0; prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) == 0; cap++)
        ;
    syscall(SYS_capset, &header, none);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
}

/* Ends all but this process, which is the first of its namespace. */
static void clean_up(void)
{
    kill(-1, SIGKILL);
    while (waitpid(-1, NULL, 0) > 0 || errno == EINTR)
        ;
}

static void signals(void (*action)(int))
{
    for (int signo = 1; signo <= 64; signo++)
        if (signo != SIGCHLD)
            signal(signo, action);
}

int main(int argc, char **argv)
{
    if (argc != 6)
        return 0; /* executed by a child */
    u64 seed = strtoull(argv[2], NULL, 0);
    int count = atoi(argv[5]);
    setvbuf(stdout, NULL, _IONBF, 0);
    struct rlimit processes = {100, 100};
    setrlimit(RLIMIT_NPROC, &processes);
    /* PID 1 of a namespace gets none, but for those that are sent to the number of another thread, such as a translator's. */
    signals(SIG_IGN);
    for (int i = atoi(argv[3]); i < atoi(argv[4]); i++) {
        int status;
        pid_t pid = fork();
        if (pid == 0) {
            signals(SIG_DFL);
            state = seed * 1000003 + (u64)i;
            if (strcmp(argv[1], "nobody") == 0)
                give_up_rights();
            prepare();
            some_calls(count);
            _exit(0);
        }
        double until = now() + CHILD_SECONDS;
        pid_t ended;
        while ((ended = waitpid(-1, &status, WNOHANG)) != pid && now() < until)
            usleep(2000);
        if (ended == pid && WIFSIGNALED(status))
            printf("%d died of %d, seed %s child %d\n", pid, WTERMSIG(status), argv[2], i);
        clean_up();
    }
    puts("done");
    return 0;
}
