/* Filters that answer for calls which a translator needs itself: they bind the program and nothing else. Threads that a
 * filter kills, the first one, too. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/filter.h>
#include <linux/futex.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct {
    const char *name;
    int nr;
} calls[] = {{"futex", SYS_futex},
             {"mmap", SYS_mmap},
             {"munmap", SYS_munmap},
             {"mremap", SYS_mremap},
             {"mprotect", SYS_mprotect},
             {"madvise", SYS_madvise},
             {"brk", SYS_brk},
             {"exit_group", SYS_exit_group},
             {"exit", SYS_exit},
             {"tgkill", SYS_tgkill},
             {"gettid", SYS_gettid},
             {"getpid", SYS_getpid},
             {"sigaction", SYS_rt_sigaction},
             {"read", SYS_read},
             {"openat", SYS_openat},
             {"close", SYS_close},
             {"prctl", SYS_prctl},
             {"memfd", SYS_memfd_create},
             {"yield", SYS_sched_yield},
             {"sigmask", SYS_rt_sigprocmask}};
static const struct {
    const char *name;
    unsigned value;
} answers[] = {{"errno", SECCOMP_RET_ERRNO | EPERM}, {"trap", SECCOMP_RET_TRAP},
               {"trace", SECCOMP_RET_TRACE},         {"log", SECCOMP_RET_LOG},
               {"thread", SECCOMP_RET_KILL_THREAD},  {"process", SECCOMP_RET_KILL_PROCESS}};
enum { CALLS = sizeof calls / sizeof *calls, ANSWERS = sizeof answers / sizeof *answers };

static void deny(int nr, unsigned answer)
{
    struct sock_filter f[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
                              BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, nr, 0, 1), BPF_STMT(BPF_RET | BPF_K, answer),
                              BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW)};
    struct sock_fprog program = {4, f};
    prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program);
}

static volatile sig_atomic_t trapped, handled;
static volatile unsigned sum;

static void on_sys(int signo)
{
    trapped++;
}

static void on_usr1(int signo)
{
    handled++;
}

/* Enough to be compiled. */
static __attribute__((noinline)) unsigned hot(unsigned seed)
{
    for (int i = 0; i < 1000; i++)
        seed = seed * 1664525 + 1013904223;
    return seed;
}

static void *count(void *arg)
{
    for (int i = 0; i < 100; i++)
        __atomic_fetch_add((unsigned *)arg, 1, __ATOMIC_SEQ_CST);
    return NULL;
}

/* Runs everything with one call denied; the status is what it came to. */
static void denied(int call, unsigned answer)
{
    int nr = calls[call].nr, word = 1;
    pid_t me = getpid();
    signal(SIGSYS, on_sys);
    signal(SIGUSR1, on_usr1);
    char *pages = mmap(NULL, 1 << 16, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    deny(nr, answer);
    for (int i = 0; i < 512; i++)
        sum += hot(i);
    syscall(SYS_kill, me, SIGUSR1);
    syscall(SYS_mmap, 0, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    syscall(SYS_munmap, pages, 4096);
    syscall(SYS_mprotect, pages + 8192, 4096, PROT_READ);
    syscall(SYS_mremap, pages + 16384, 4096, 4096, 0, 0);
    syscall(SYS_madvise, pages + 32768, 4096, MADV_DONTNEED);
    syscall(SYS_futex, &word, FUTEX_WAKE, 1, NULL, NULL, 0);
    if (nr != SYS_exit && nr != SYS_exit_group)
        syscall(nr, 0, 0, 0, 0, 0, 0);
    syscall(SYS_exit_group, 10 * trapped + handled);
    syscall(SYS_exit, 100 + 10 * trapped + handled);
    for (;;)
        pause();
}

static void report(const char *name, pid_t pid)
{
    int status;
    waitpid(pid, &status, 0);
    printf(WIFSIGNALED(status) ? " %s:signal %d" : " %s:%d", name,
           WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

/* Returning from a handler isn't allowed: nothing comes after it. */
static void no_return(void)
{
    signal(SIGUSR1, on_usr1);
    deny(SYS_rt_sigreturn, SECCOMP_RET_ERRNO | EPERM);
    raise(SIGUSR1);
    _exit(1);
}

/* Threads with a filter. */
static void with_threads(void)
{
    static const int denied[] = {SYS_mremap, SYS_memfd_create, SYS_sched_yield};
    pthread_t threads[4];
    unsigned n = 0;
    for (int i = 0; i < 3; i++)
        deny(denied[i], SECCOMP_RET_KILL_PROCESS);
    for (int i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, count, &n);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    _exit(n == 400 ? 40 : 41);
}

static pid_t leader;

static void wait_for_leader(void)
{
    char name[64], text[512];
    snprintf(name, sizeof name, "/proc/%d/task/%d/stat", leader, leader);
    for (;;) {
        FILE *f = fopen(name, "r");
        if (!f || !fgets(text, sizeof text, f) || strstr(text, ") Z "))
            return;
        fclose(f);
        usleep(1000);
    }
}

static void *outlives(void *arg)
{
    wait_for_leader();
    sum = hot(1);
    syscall(SYS_exit_group, 23);
    return NULL;
}

/* The first thread is killed, another one lives on and ends the process. */
static void kill_leader(int strict)
{
    pthread_t thread;
    leader = getpid();
    pthread_create(&thread, NULL, outlives, NULL);
    if (strict)
        prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT);
    else
        deny(SYS_getppid, SECCOMP_RET_KILL_THREAD);
    syscall(SYS_getppid);
    _exit(1);
}

static void *nothing(void *arg)
{
    return arg;
}

/* Who has joined the others is alone, and dies with the process. */
static void kill_after_join(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, nothing, NULL);
    pthread_join(thread, NULL);
    deny(SYS_getppid, SECCOMP_RET_KILL_THREAD);
    syscall(SYS_getppid);
    _exit(1);
}

int main(void)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    for (int c = 0; c < CALLS; c++) {
        printf("%s", calls[c].name);
        for (int a = 0; a < ANSWERS; a++) {
            pid_t pid = fork();
            if (!pid)
                denied(c, answers[a].value);
            report(answers[a].name, pid);
        }
        printf("\n");
    }
    pid_t pid = fork();
    if (!pid)
        no_return();
    int status;
    waitpid(pid, &status, 0);
    printf("no return: dies %d\n", WIFSIGNALED(status));
    if (!(pid = fork()))
        with_threads();
    report("threads", pid);
    for (int strict = 0; strict < 2; strict++) {
        if (!(pid = fork()))
            kill_leader(strict);
        report("killed leader", pid);
    }
    for (int i = 0; i < 20; i++) {
        if (!(pid = fork()))
            kill_after_join();
        report("joined", pid);
    }
    printf("\n");
    return 0;
}
