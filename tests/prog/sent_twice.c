/* SIGSEGV and SIGBUS that are blocked and have been sent to the process and to the thread: each is there once, and they come in the
 * kernel's order, to sigtimedwait, handlers, a signalfd and an asynchronous read of one. */
#define _GNU_SOURCE
#include <linux/aio_abi.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static int pid, tid, fd;
static sigset_t set;

static void to_process(int signo) { kill(pid, signo); }
static void to_thread(int signo) { syscall(SYS_tgkill, pid, tid, signo); }

static void queue(int thread, int signo, int value)
{
    siginfo_t info = {.si_signo = signo, .si_code = SI_QUEUE};
    info.si_pid = pid;
    info.si_value.sival_int = value;
    if (thread)
        syscall(SYS_rt_tgsigqueueinfo, pid, tid, signo, &info);
    else
        syscall(SYS_rt_sigqueueinfo, pid, signo, &info);
}

static void take(const char *what)
{
    struct timespec now = {0, 0};
    siginfo_t info;
    printf("%s:", what);
    while (syscall(SYS_rt_sigtimedwait, &set, &info, &now, 8) > 0)
        printf(" %d/%d/%d", info.si_signo, info.si_code, info.si_code == SI_QUEUE ? info.si_value.sival_int : 0);
    puts("");
}

static void show(long size, const struct signalfd_siginfo *s)
{
    for (long i = 0; i < size / (long)sizeof *s; i++)
        printf(" %d/%d/%d", s[i].ssi_signo, s[i].ssi_code, s[i].ssi_int);
    printf(" in %ld\n", size);
}

static void read_some(const char *what, size_t most)
{
    struct signalfd_siginfo s[8];
    printf("%s", what);
    show(read(fd, s, most * sizeof *s), s);
}

static void read_later(const char *what, aio_context_t context)
{
    struct signalfd_siginfo s[8];
    struct iocb io = {.aio_lio_opcode = IOCB_CMD_PREAD, .aio_fildes = (unsigned)fd, .aio_buf = (uintptr_t)s, .aio_nbytes = sizeof s};
    struct iocb *list[] = {&io};
    struct io_event event = {0};
    long n = syscall(SYS_io_submit, context, 1, list);
    printf("%s %ld %ld", what, n, n > 0 ? syscall(SYS_io_getevents, context, 1, 1, &event, NULL) : 0);
    show((long)event.res, s);
}

static int got[8], ngot;

static void handler(int signo, siginfo_t *info, void *context)
{
    if (ngot < 8)
        got[ngot++] = 100 * signo + info->si_code;
}

int main(void)
{
    sigset_t old;
    aio_context_t context = 0;
    pid = getpid();
    tid = gettid();
    sigemptyset(&set);
    sigaddset(&set, SIGSEGV);
    sigaddset(&set, SIGBUS);
    sigprocmask(SIG_BLOCK, &set, &old);
    to_process(SIGSEGV), to_thread(SIGSEGV), take("process, thread");
    to_thread(SIGSEGV), to_process(SIGSEGV), take("thread, process");
    to_process(SIGSEGV), to_process(SIGSEGV), to_thread(SIGSEGV), to_thread(SIGSEGV), take("each twice");
    to_process(SIGBUS), to_thread(SIGSEGV), to_process(SIGSEGV), to_thread(SIGBUS), take("both");
    queue(0, SIGSEGV, 1), queue(1, SIGSEGV, 2), queue(0, SIGSEGV, 3), queue(1, SIGSEGV, 4), take("queued");
    queue(1, SIGBUS, 1), queue(0, SIGBUS, 2), to_thread(SIGBUS), take("queued and sent");
    to_process(SIGSEGV), getppid(), to_thread(SIGSEGV), getppid(), take("calls between");

    to_process(SIGSEGV), to_thread(SIGSEGV);
    struct sigaction action = {.sa_sigaction = handler, .sa_flags = SA_SIGINFO};
    sigaction(SIGSEGV, &action, NULL);
    sigprocmask(SIG_SETMASK, &old, NULL);
    printf("handled:");
    for (int i = 0; i < ngot; i++)
        printf(" %d", got[i]);
    puts("");
    sigprocmask(SIG_BLOCK, &set, NULL);

    fd = signalfd(-1, &set, SFD_NONBLOCK);
    syscall(SYS_io_setup, 4, &context);
    to_process(SIGSEGV), to_thread(SIGSEGV), queue(0, SIGBUS, 7), queue(1, SIGBUS, 8);
    read_some("signalfd", 8), read_some("and then", 8);
    to_process(SIGSEGV), to_thread(SIGSEGV);
    read_some("one", 1), read_some("one", 1), read_some("one", 1);
    to_process(SIGSEGV), read_later("later", context);
    to_process(SIGSEGV), to_thread(SIGSEGV), queue(0, SIGBUS, 7), queue(1, SIGBUS, 8), read_later("later", context);
    read_later("nothing", context);
}
