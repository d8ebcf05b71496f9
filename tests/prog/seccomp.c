/* seccomp: filters' verdicts, what they see, who inherits them, which programs are refused, strict mode. */
#define _GNU_SOURCE
#include <errno.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#ifdef __aarch64__
#define ARCH AUDIT_ARCH_AARCH64
#else
#define ARCH AUDIT_ARCH_X86_64
#endif
#define FIELD(name) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, name))
#define HIGH(n) BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[n]) + 4)
#define IF(k, yes, no) BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, k, yes, no)
#define RETURN(k) BPF_STMT(BPF_RET | BPF_K, k)
#define SECCOMP(...) install((struct sock_filter[]){__VA_ARGS__}, sizeof((struct sock_filter[]){__VA_ARGS__}) / sizeof(struct sock_filter), 0)

static long seccomp(unsigned op, unsigned flags, void *arg)
{
    long result = syscall(SYS_seccomp, op, flags, arg);
    return result < 0 ? -errno : result;
}

static long install(struct sock_filter *filter, unsigned short count, unsigned flags)
{
    struct sock_fprog program = {count, filter};
    return seccomp(SECCOMP_SET_MODE_FILTER, flags, &program);
}

/* The answer to one call, everything else allowed. */
static long deny(int nr, unsigned answer, unsigned flags)
{
    struct sock_filter f[] = {FIELD(arch), IF(ARCH, 1, 0), RETURN(SECCOMP_RET_KILL_PROCESS), FIELD(nr),
                              IF(nr, 0, 1),  RETURN(answer), RETURN(SECCOMP_RET_ALLOW)};
    return install(f, sizeof f / sizeof *f, flags);
}

static int result(long value)
{
    return value < 0 ? -errno : (int)value;
}

/* Runs f in a child; says how it ended. */
static void child(const char *name, void (*f)(void))
{
    int status;
    printf("%s:", name);
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        f();
        fflush(stdout);
        syscall(SYS_exit_group, 3);
    }
    waitpid(pid, &status, 0);
    printf(WIFSIGNALED(status) ? " signal %d\n" : " exit %d\n", WIFSIGNALED(status) ? WTERMSIG(status) : WEXITSTATUS(status));
}

static void errnos(void)
{
    printf(" %ld %ld", deny(SYS_getppid, SECCOMP_RET_ERRNO | 42, 0), deny(SYS_getsid, SECCOMP_RET_ERRNO | 5000, 0));
    printf(" %d %d", result(syscall(SYS_getppid)), result(syscall(SYS_getsid, 0)));
    deny(SYS_getuid, SECCOMP_RET_ERRNO, 0);
    deny(SYS_getgid, SECCOMP_RET_TRACE | 1, 0);
    deny(SYS_geteuid, SECCOMP_RET_LOG, 0);
    deny(SYS_getegid, SECCOMP_RET_USER_NOTIF, 0);
    printf(" %d %d %d %d", result(syscall(SYS_getuid)), result(syscall(SYS_getgid)), syscall(SYS_geteuid) == geteuid(),
           result(syscall(SYS_getegid)));
    /* The strictest of several, the newest of equals */
    deny(SYS_getppid, SECCOMP_RET_ERRNO | 43, 0);
    deny(SYS_getsid, SECCOMP_RET_LOG, 0);
    printf(" %d %d\n", result(syscall(SYS_getppid)), result(syscall(SYS_getsid, 0)));
    printf("mode %d", prctl(PR_GET_SECCOMP));
    char line[128];
    FILE *f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "Seccomp", 7) == 0 || strncmp(line, "NoNewPrivs", 10) == 0)
            printf(" %.*s", (int)strcspn(line, "\n"), line);
    fclose(f);
}

static void kill_process(void)
{
    signal(SIGSYS, SIG_IGN);
    deny(SYS_getppid, SECCOMP_RET_KILL_PROCESS, 0);
    syscall(SYS_getppid);
}

static void kill_last_thread(void)
{
    deny(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0);
    syscall(SYS_getppid);
}

static void unknown_action(void)
{
    deny(SYS_getppid, 0x12340000, 0);
    syscall(SYS_getppid);
}

static void *die(void *arg)
{
    deny(SYS_getppid, SECCOMP_RET_KILL_THREAD, 0);
    syscall(SYS_getppid);
    printf(" alive");
    return NULL;
}

static void kill_thread(void)
{
    pthread_t t;
    pthread_create(&t, NULL, die, NULL);
    pthread_join(t, NULL);
    printf(" %d %d", syscall(SYS_getppid) == getppid(), prctl(PR_GET_SECCOMP));
}

static volatile sig_atomic_t trapped;
static char here[1];

static void on_sys(int signo, siginfo_t *info, void *context)
{
    trapped++;
    printf(" [%d code %d errno %d nr %d arch %d where %d]", signo, info->si_code, info->si_errno, info->si_syscall == SYS_getppid,
           info->si_arch == ARCH, info->si_call_addr != NULL);
}

static void trap(void)
{
    struct sigaction action = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, NULL);
    deny(SYS_getppid, SECCOMP_RET_TRAP | 77, 0);
    syscall(SYS_getppid);
    syscall(SYS_getppid);
    printf(" %d", trapped);
}

static void trap_blocked(void)
{
    sigset_t set;
    struct sigaction action = {.sa_sigaction = on_sys, .sa_flags = SA_SIGINFO};
    sigaction(SIGSYS, &action, NULL);
    sigfillset(&set);
    sigprocmask(SIG_BLOCK, &set, NULL);
    deny(SYS_getppid, SECCOMP_RET_TRAP, 0);
    syscall(SYS_getppid);
}

static void arguments(void)
{
    printf(" %ld", SECCOMP(FIELD(nr), IF(SYS_lseek, 1, 0), RETURN(SECCOMP_RET_ALLOW), FIELD(args[1]), IF(0x89abcdef, 0, 3), HIGH(1),
                           IF(0x01234567, 0, 1), RETURN(SECCOMP_RET_ERRNO | 11), RETURN(SECCOMP_RET_ERRNO | 12)));
    printf(" %d", result(syscall(SYS_lseek, -1, 0x0123456789abcdefl, 0)));
    printf(" %d", result(syscall(SYS_lseek, -1, 0x1123456789abcdefl, 0)));
    /* The call's own place in the program, its argument computed with */
    printf(" %ld", SECCOMP(FIELD(nr), IF(SYS_getpgid, 1, 0), RETURN(SECCOMP_RET_ALLOW), FIELD(instruction_pointer),
                           BPF_STMT(BPF_ALU | BPF_OR | BPF_K, 0), IF(0, 0, 1), RETURN(SECCOMP_RET_KILL_PROCESS),
                           FIELD(args[0]), BPF_STMT(BPF_ST, 3), BPF_STMT(BPF_LDX | BPF_MEM, 3), BPF_STMT(BPF_ALU | BPF_MUL | BPF_X, 0),
                           BPF_STMT(BPF_ALU | BPF_SUB | BPF_K, 2), BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 3), BPF_STMT(BPF_ALU | BPF_NEG, 0),
                           BPF_STMT(BPF_ALU | BPF_XOR | BPF_K, 0xffff), BPF_STMT(BPF_ALU | BPF_AND | BPF_K, 0xff),
                           BPF_STMT(BPF_ALU | BPF_RSH | BPF_K, 1), BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 2),
                           BPF_STMT(BPF_ALU | BPF_ADD | BPF_K, SECCOMP_RET_ERRNO), BPF_STMT(BPF_RET | BPF_A, 0)));
    printf(" %d %d", result(syscall(SYS_getpgid, 20)), result(syscall(SYS_getpgid, 33)));
    /* 64 bytes of data; a division by zero ends the filter */
    printf(" %ld", SECCOMP(FIELD(nr), IF(SYS_getsid, 1, 0), RETURN(SECCOMP_RET_ALLOW), FIELD(args[0]), BPF_STMT(BPF_MISC | BPF_TAX, 0),
                           BPF_STMT(BPF_LD | BPF_W | BPF_LEN, 0), BPF_STMT(BPF_ALU | BPF_DIV | BPF_X, 0),
                           BPF_STMT(BPF_ALU | BPF_OR | BPF_K, SECCOMP_RET_ERRNO), BPF_STMT(BPF_RET | BPF_A, 0)));
    printf(" %d", result(syscall(SYS_getsid, 2)));
    fflush(stdout);
    syscall(SYS_getsid, 0);
}

static void numbers(void)
{
    printf(" %ld", deny(5000, SECCOMP_RET_ERRNO | 7, 0));
    printf(" %ld", deny(-1, SECCOMP_RET_ERRNO | 8, 0));
    printf(" %d %d %d", result(syscall(5000)), result(syscall(-1)), result(syscall(5001)));
}

static volatile int go;

static void *waits(void *arg)
{
    while (!go)
        sched_yield();
    return (void *)(long)(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) * 1000 - result(syscall(SYS_getppid)) + prctl(PR_GET_SECCOMP) * 10000);
}

static void *diverges(void *arg)
{
    deny(SYS_getpgid, SECCOMP_RET_ERRNO | 1, 0);
    go = 1;
    while (go == 1)
        sched_yield();
    return NULL;
}

static void threads(void)
{
    pthread_t t[3];
    void *got;
    for (int i = 0; i < 2; i++)
        pthread_create(&t[i], NULL, waits, NULL);
    printf(" %ld", deny(SYS_getppid, SECCOMP_RET_ERRNO | 99, SECCOMP_FILTER_FLAG_TSYNC));
    go = 1;
    for (int i = 0; i < 2; i++) {
        pthread_join(t[i], &got);
        printf(" %ld", (long)got);
    }
    pthread_create(&t[0], NULL, waits, NULL);
    pthread_join(t[0], &got);
    printf(" %ld", (long)got);
    go = 0;
    pthread_create(&t[0], NULL, diverges, NULL);
    while (!go)
        sched_yield();
    printf(" %d", deny(SYS_getsid, SECCOMP_RET_ERRNO, SECCOMP_FILTER_FLAG_TSYNC) > 1);
    printf(" %ld", deny(SYS_getsid, SECCOMP_RET_ERRNO, SECCOMP_FILTER_FLAG_TSYNC | SECCOMP_FILTER_FLAG_TSYNC_ESRCH));
    go = 2;
    pthread_join(t[0], NULL);
}

static void executes(void)
{
    deny(SYS_getppid, SECCOMP_RET_ERRNO | 98, 0);
    if (vfork() == 0) {
        printf(" vfork %d", result(syscall(SYS_getppid)));
        fflush(stdout);
        _exit(0);
    }
    wait(NULL);
    deny(SYS_getsid, SECCOMP_RET_ERRNO | 97, 0);
    execl("/proc/self/exe", "seccomp", "executed", NULL);
    printf(" execl: %d", errno);
}

static void strict(void)
{
    printf(" %d", prctl(PR_SET_SECCOMP, SECCOMP_MODE_STRICT));
    fflush(stdout);
    getppid();
}

static void strict_exit(void)
{
    fflush(stdout);
    long set = seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL);
    write(1, set ? " not set" : " set", set ? 8 : 4);
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
    syscall(SYS_exit, 5);
}

static void refused(void)
{
    struct sock_filter allow = RETURN(SECCOMP_RET_ALLOW);
    struct sock_filter outside[] = {BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 1, 0), allow};
    struct sock_filter load[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 62), allow}, past[] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, 64), allow};
    struct sock_filter half[] = {BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 0), allow}, endless[] = {FIELD(nr)};
    struct sock_filter zero[] = {BPF_STMT(BPF_ALU | BPF_DIV | BPF_K, 0), allow}, shift[] = {BPF_STMT(BPF_ALU | BPF_LSH | BPF_K, 32), allow};
    struct sock_filter unset[] = {BPF_STMT(BPF_LD | BPF_MEM, 1), allow}, modulo[] = {BPF_STMT(BPF_ALU | BPF_MOD | BPF_K, 2), allow};
    struct sock_filter maybe[] = {FIELD(nr), IF(1, 0, 1), BPF_STMT(BPF_ST, 1), BPF_STMT(BPF_LD | BPF_MEM, 1), allow};
    struct sock_filter both[] = {FIELD(nr), BPF_STMT(BPF_ST, 1), IF(1, 0, 0), BPF_STMT(BPF_LD | BPF_MEM, 1), allow};
    struct sock_filter word[] = {BPF_STMT(BPF_ST, 16), allow};
    printf(" %ld %ld %ld %ld %ld", install(outside, 2, 0), install(load, 2, 0), install(past, 2, 0), install(half, 2, 0), install(endless, 1, 0));
    printf(" %ld %ld %ld %ld %ld", install(zero, 2, 0), install(shift, 2, 0), install(unset, 2, 0), install(modulo, 2, 0), install(maybe, 5, 0));
    printf(" %ld %ld %ld %ld", install(word, 2, 0), install(both, 5, 0), install(&allow, 0, 0), install((void *)8, 1, 0));
    printf(" %ld %ld %ld\n", seccomp(SECCOMP_SET_MODE_FILTER, 0, NULL), install(&allow, 1, 1 << 15), seccomp(99, 0, NULL));
    printf("flags %ld %ld", seccomp(SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_LOG | SECCOMP_FILTER_FLAG_SPEC_ALLOW, NULL),
           seccomp(SECCOMP_SET_MODE_STRICT, 1, NULL));
    unsigned actions[] = {SECCOMP_RET_KILL_PROCESS, SECCOMP_RET_KILL_THREAD, SECCOMP_RET_TRAP, SECCOMP_RET_ERRNO, SECCOMP_RET_TRACE,
                          SECCOMP_RET_LOG,          SECCOMP_RET_ALLOW,       0x7fff0001,       0x12340000};
    printf(" actions");
    for (int i = 0; i < 9; i++)
        printf(" %ld", seccomp(SECCOMP_GET_ACTION_AVAIL, 0, &actions[i]));
    printf(" %ld %ld", seccomp(SECCOMP_GET_ACTION_AVAIL, 1, actions), seccomp(SECCOMP_GET_ACTION_AVAIL, 0, NULL));
    printf(" then strict %ld %d", seccomp(SECCOMP_SET_MODE_STRICT, 0, NULL), prctl(PR_SET_SECCOMP, 7) < 0 ? -errno : 0);
}

static void unprivileged(void)
{
    if (getuid() == 0)
        setuid(65534);
    printf(" %ld", deny(SYS_getppid, SECCOMP_RET_ERRNO, 0));
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    printf(" %ld", deny(SYS_getppid, SECCOMP_RET_ERRNO, 0));
    printf(" %d", result(syscall(SYS_getppid)));
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf(" executed: %d %d, mode %d", result(syscall(SYS_getppid)), result(syscall(SYS_getsid, 0)), prctl(PR_GET_SECCOMP));
        return 4;
    }
    printf("mode %d\n", prctl(PR_GET_SECCOMP));
    child("unprivileged", unprivileged);
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    child("errno", errnos);
    child("kill process", kill_process);
    child("kill the last thread", kill_last_thread);
    child("kill a thread", kill_thread);
    child("an action that isn't", unknown_action);
    child("trap", trap);
    child("trap, blocked", trap_blocked);
    child("arguments", arguments);
    child("numbers", numbers);
    child("threads", threads);
    child("executes", executes);
    child("strict", strict);
    child("strict, exit", strict_exit);
    child("refused", refused);
    printf("mode %d\n", prctl(PR_GET_SECCOMP));
    return 0;
}
