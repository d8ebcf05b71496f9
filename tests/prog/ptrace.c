/* ptrace of other processes: stops, their order and what they tell, registers and memory, children that are followed,
 * groups that are stopped, and what becomes of a traced process when its tracer lets go of it or dies. LINKS: static */
#define _GNU_SOURCE
#include <elf.h>
#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

static volatile long shared_word = 0x11223344;
static volatile int got;
static long registers[128];

static void handler(int signo)
{
    got = signo;
}

/* The general registers; which of them is the pc is the machine's affair. */
static long get(pid_t pid)
{
    struct iovec v = {registers, sizeof registers};
    memset(registers, 0, sizeof registers);
    return ptrace(PTRACE_GETREGSET, pid, (void *)NT_PRSTATUS, &v) ? -errno : (long)(v.iov_len > 60);
}

static const char *name(int status)
{
    static char text[64];
    static const char *const events[] = {"", "FORK", "VFORK", "CLONE", "EXEC", "VFORK_DONE", "EXIT"};
    int event = status >> 16;
    if (WIFEXITED(status))
        sprintf(text, "exit %d", WEXITSTATUS(status));
    else if (WIFSIGNALED(status))
        sprintf(text, "killed %d", WTERMSIG(status));
    else if (event == PTRACE_EVENT_STOP)
        sprintf(text, "STOP %d", WSTOPSIG(status));
    else if (event)
        sprintf(text, "%s", events[event]);
    else
        sprintf(text, "stop %d%s", WSTOPSIG(status) & 0x7f, WSTOPSIG(status) & 0x80 ? " call" : "");
    return text;
}

static int next(pid_t pid)
{
    int status = -1;
    pid_t r = waitpid(pid, &status, __WALL);
    printf(" %s", r < 0 ? "none" : name(status));
    fflush(stdout);
    return status;
}

static void go(int request, pid_t pid, long signo)
{
    if (ptrace(request, pid, NULL, (void *)signo))
        printf(" (%s)", strerrorname_np(errno));
}

static void end(void)
{
    printf("\n");
    fflush(stdout);
}

/* -- signals --------------------------------------------------------------------------------------------------------
 */

static void signals(void)
{
    siginfo_t info;
    printf("signals");
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        signal(SIGUSR1, handler);
        signal(SIGUSR2, handler);
        raise(SIGSTOP);
        raise(SIGUSR1); /* forgotten */
        int a = got;
        raise(SIGUSR1); /* becomes another */
        int b = got;
        raise(SIGTERM); /* forgotten */
        raise(SIGCHLD); /* told, though it does nothing */
        *(volatile int *)8 = 0;
        _exit(a * 100 + b);
    }
    next(pid);
    go(PTRACE_CONT, pid, 0);
    next(pid);
    ptrace(PTRACE_GETSIGINFO, pid, NULL, &info);
    printf(" (from it %d)", info.si_pid == pid && info.si_signo == SIGUSR1);
    go(PTRACE_CONT, pid, 0);
    next(pid);
    go(PTRACE_CONT, pid, SIGUSR2);
    next(pid);
    go(PTRACE_CONT, pid, 0);
    next(pid);
    go(PTRACE_CONT, pid, SIGCHLD);
    next(pid);
    ptrace(PTRACE_GETSIGINFO, pid, NULL, &info);
    printf(" (code %d at %p)", info.si_code, info.si_addr);
    go(PTRACE_CONT, pid, SIGSEGV);
    next(pid);
    end();
}

/* -- system calls ---------------------------------------------------------------------------------------------------
 */

static void calls(void)
{
    struct __ptrace_syscall_info info;
    printf("calls");
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        syscall(SYS_getppid);
        syscall(SYS_close, -1);
        _exit(7);
    }
    next(pid);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACEEXIT));
    for (int i = 0;; i++) {
        go(PTRACE_SYSCALL, pid, 0);
        int status = -1;
        waitpid(pid, &status, 0);
        if (!WIFSTOPPED(status) || status >> 8 != (SIGTRAP | 0x80)) {
            printf(" %s", name(status));
            break;
        }
        memset(&info, 0, sizeof info);
        long n = ptrace((enum __ptrace_request)PTRACE_GET_SYSCALL_INFO, pid, (void *)sizeof info, &info);
        bool ours = info.op == PTRACE_SYSCALL_INFO_ENTRY &&
                    (info.entry.nr == SYS_getppid || info.entry.nr == SYS_close || info.entry.nr == SYS_exit_group);
        static bool in;
        if (ours)
            printf(" [%s", info.entry.nr == SYS_close
                               ? info.entry.args[0] == (uint32_t)-1 || info.entry.args[0] == (uint64_t)-1 ? "close -1"
                                                                                                          : "close ?"
                           : info.entry.nr == SYS_getppid ? "getppid"
                                                          : "exit_group");
        if (in && info.op == PTRACE_SYSCALL_INFO_EXIT)
            printf("%s %d]", info.exit.rval == getpid() ? " me" : " error", info.exit.is_error);
        in = ours;
        if (n < 24 || get(pid) != 1)
            printf(" bad");
    }
    unsigned long code = 0;
    ptrace(PTRACE_GETEVENTMSG, pid, NULL, &code);
    printf(" message %lx", code);
    go(PTRACE_CONT, pid, 0);
    next(pid);
    end();
}

/* -- memory and steps ------------------------------------------------------------------------------------------------
 */

static void memory(void)
{
    printf("memory");
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        _exit(shared_word == 5 ? 5 : 1);
    }
    next(pid);
    errno = 0;
    printf(" %lx", ptrace(PTRACE_PEEKDATA, pid, &shared_word, NULL));
    printf(" %s", ptrace(PTRACE_PEEKDATA, pid, (void *)16, NULL) == -1 ? strerrorname_np(errno) : "ok");
    ptrace(PTRACE_POKEDATA, pid, &shared_word, (void *)5);
    printf(" regs %ld", get(pid));
    struct iovec v = {registers, sizeof registers};
    printf(" none %s", ptrace(PTRACE_GETREGSET, pid, (void *)0x7777, &v) ? strerrorname_np(errno) : "ok");
    int steps = 0, status = 0;
    for (; steps < 20; steps++) {
        siginfo_t info = {0};
        ptrace(PTRACE_SINGLESTEP, pid, NULL, NULL);
        waitpid(pid, &status, 0);
        ptrace(PTRACE_GETSIGINFO, pid, NULL, &info);
        if (!WIFSTOPPED(status) || WSTOPSIG(status) != SIGTRAP || info.si_code <= 0)
            break;
    }
    printf(" steps %d", steps);
    go(PTRACE_CONT, pid, 0);
    next(pid);
    end();
}

/* -- children --------------------------------------------------------------------------------------------------------
 */

static void *thread(void *arg)
{
    return arg;
}

static char stack[65536];
static int vforked(void *arg)
{
    _exit(4);
}

static void children(int what, long option)
{
    printf("children %d", what);
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        if (what == 0 && !fork())
            _exit(3);
        pthread_t t;
        if (what == 1 && !pthread_create(&t, NULL, thread, NULL))
            pthread_join(t, NULL);
        if (what == 2)
            clone(vforked, stack + sizeof stack, CLONE_VM | CLONE_VFORK | SIGCHLD, NULL);
        while (wait(NULL) > 0)
            ;
        _exit(2);
    }
    next(pid);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)(option | PTRACE_O_TRACEVFORKDONE | PTRACE_O_EXITKILL));
    go(PTRACE_CONT, pid, 0);
    next(pid);
    unsigned long child = 0;
    ptrace(PTRACE_GETEVENTMSG, pid, NULL, &child);
    printf(" child");
    next((pid_t)child);
    printf(" regs %ld", get((pid_t)child));
    go(PTRACE_CONT, (pid_t)child, 0);
    go(PTRACE_CONT, pid, 0);
    int ended = 0;
    waitpid((pid_t)child, &ended, __WALL);
    if (what == 1) /* by itself or with its process */
        printf(" child ends");
    else
        printf(" child %s", name(ended));
    for (int status = 0; WIFSTOPPED(status = next(pid));)
        go(PTRACE_CONT, pid, WSTOPSIG(status) == SIGTRAP ? 0 : WSTOPSIG(status));
    end();
}

/* -- exec ---------------------------------------------------------------------------------------------------------- */

static void exec(char **argv, long options)
{
    printf("exec");
    fflush(stdout);
    pid_t pid = fork();
    if (!pid) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        raise(SIGSTOP);
        execl(argv[0], argv[0], "executed", NULL);
        _exit(1);
    }
    next(pid);
    ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)options);
    go(PTRACE_CONT, pid, 0);
    next(pid);
    printf(" regs %ld", get(pid));
    unsigned long before = 0;
    if (options)
        printf(" message %d", !ptrace(PTRACE_GETEVENTMSG, pid, NULL, &before) && before == (unsigned long)pid);
    go(PTRACE_CONT, pid, 0);
    next(pid);
    end();
}

/* -- attaching -------------------------------------------------------------------------------------------------------
 */

static pid_t worker(bool sleeps)
{
    int ready[2];
    char byte;
    pipe(ready);
    pid_t pid = fork();
    if (pid) {
        close(ready[1]);
        read(ready[0], &byte, 1);
        close(ready[0]);
        return pid;
    }
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    signal(SIGUSR1, handler);
    close(ready[0]);
    close(ready[1]);
    for (;;) {
        if (got == SIGUSR1)
            _exit(6);
        if (sleeps)
            usleep(1000000);
    }
}

static void attach(bool sleeps)
{
    printf("attach");
    fflush(stdout);
    pid_t pid = worker(sleeps);
    usleep(10000); /* into its loop */
    go(PTRACE_ATTACH, pid, 0);
    next(pid);
    printf(" regs %ld twice %s", get(pid), ptrace(PTRACE_ATTACH, pid, NULL, NULL) ? strerrorname_np(errno) : "ok");
    go(PTRACE_DETACH, pid, 0);
    kill(pid, SIGUSR1);
    next(pid);
    end();
}

static void seize(bool sleeps)
{
    printf("seize");
    fflush(stdout);
    pid_t pid = worker(sleeps);
    usleep(10000); /* into its loop */
    printf(" %ld", ptrace(PTRACE_SEIZE, pid, NULL, (void *)PTRACE_O_TRACESYSGOOD));
    go(PTRACE_INTERRUPT, pid, 0);
    next(pid);
    printf(" regs %ld", get(pid));
    go(PTRACE_CONT, pid, 0);
    kill(pid, SIGSTOP);
    next(pid); /* the signal, and the group */
    go(PTRACE_CONT, pid, SIGSTOP);
    next(pid);
    go(PTRACE_LISTEN, pid, 0);
    kill(pid, SIGCONT);
    next(pid);
    go(PTRACE_CONT, pid, 0);
    next(pid);
    go(PTRACE_CONT, pid, SIGCONT);
    kill(pid, SIGUSR1);
    next(pid);
    go(PTRACE_DETACH, pid, SIGUSR1);
    next(pid);
    end();
}

/* A tracer that dies lets go of what it traces, however that is just going on. */
static void orphan(int how)
{
    printf("orphan");
    fflush(stdout);
    pid_t pid = worker(false), tracer = fork();
    if (!tracer) {
        int status;
        ptrace(PTRACE_ATTACH, pid, NULL, NULL);
        waitpid(pid, &status, 0);
        for (int i = 0; how && i < 20; i++) {
            ptrace(how == 1 ? PTRACE_SINGLESTEP : PTRACE_SYSCALL, pid, NULL, NULL);
            if (how == 1)
                waitpid(pid, &status, 0);
        }
        if (how == 1)
            ptrace(PTRACE_CONT, pid, NULL, NULL);
        if (!how)
            ptrace(PTRACE_SETOPTIONS, pid, NULL, (void *)PTRACE_O_EXITKILL);
        _exit(0);
    }
    next(tracer);
    usleep(20000);
    kill(pid, SIGUSR1);
    next(pid);
    end();
}

int main(int argc, char **argv)
{
    if (argc > 1)
        return 9;
    signals();
    calls();
    memory();
    children(0, PTRACE_O_TRACEFORK);
    children(1, PTRACE_O_TRACECLONE);
    children(2, PTRACE_O_TRACEVFORK);
    exec(argv, 0);
    exec(argv, PTRACE_O_TRACEEXEC);
    for (int i = 0; i < 2; i++) {
        attach(i);
        seize(i);
    }
    for (int i = 0; i < 3; i++)
        orphan(i);
    printf("none %s %s\n", ptrace(PTRACE_CONT, getppid(), NULL, NULL) ? strerrorname_np(errno) : "ok",
           ptrace(PTRACE_ATTACH, 1 << 30, NULL, NULL) ? strerrorname_np(errno) : "ok");
    return 0;
}
