/* Code that another process writes: by its memory's file in /proc, by process_vm_writev; while it is being executed, again and again, in
 * the process that is written to and in none beside it. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

enum { PAGE = 4096, ROUNDS = 20, LAST = 200 };
typedef int Function(void);
typedef struct Code {
    uint8_t bytes[8];
} Code;

/* "return n" */
static Code returns(int n)
{
    Code c = {{0}};
#if defined __aarch64__
    uint32_t code[] = {0x52800000 | (uint32_t)n << 5, 0xd65f03c0}; /* mov w0, #n; ret */
#elif defined __arm__
    uint32_t code[] = {0xe3a00000 | (uint32_t)n, 0xe12fff1e}; /* mov r0, #n; bx lr */
#elif defined __x86_64__
    uint8_t code[] = {0xb8, n, 0, 0, 0, 0xc3};
#else
#error "return n, please"
#endif
    memcpy(&c, code, sizeof code);
    return c;
}

/* What the function returned last in each of two threads. */
typedef struct Seen {
    volatile int value[2];
} Seen;
static Seen *seen;
static Function *function;

static void *watch(void *which)
{
    volatile int *value = which;
    do
        *value = function();
    while (*value != LAST);
    return NULL;
}

static int child(void)
{
    pthread_t thread;
    pthread_create(&thread, NULL, watch, (void *)&seen->value[1]);
    watch((void *)&seen->value[0]);
    pthread_join(thread, NULL);
    return 0;
}

static int arrives(int n)
{
    for (int i = 0; i < 20000; i++) {
        if (seen->value[0] == n && seen->value[1] == n)
            return 1;
        usleep(500);
    }
    return 0;
}

static int write_file(pid_t pid, int n)
{
    char name[64];
    Code code = returns(n);
    snprintf(name, sizeof name, "/proc/%d/mem", pid);
    int fd = open(name, O_RDWR);
    if (fd < 0)
        return errno;
    ssize_t done = n % 2 ? pwrite(fd, &code, sizeof code, (off_t)(uintptr_t)function)
                         : (lseek(fd, (off_t)(uintptr_t)function, SEEK_SET), write(fd, &code, sizeof code));
    close(fd);
    return done == sizeof code ? 0 : errno;
}

static int write_call(pid_t pid, int n)
{
    Code code = returns(n);
    struct iovec from = {&code, sizeof code}, to = {(void *)function, sizeof code};
    return process_vm_writev(pid, &from, 1, &to, 1, 0) == sizeof code ? 0 : errno;
}

int main(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    seen = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    function = mmap(NULL, PAGE, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    Code first = returns(1);
    memcpy((void *)function, &first, sizeof first);
    __builtin___clear_cache((char *)function, (char *)function + sizeof first);
    printf("here: %d\n", function());
    for (int round = 0; round < 3; round++) {
        int status, right = 0, n = 1, error = 0;
        memset(seen, 0, sizeof *seen);
        pid_t pid = fork();
        if (!pid)
            _exit(child());
        printf("begins: %d\n", arrives(1));
        for (int i = 0; i < ROUNDS && !error; i++) {
            n++;
            error = (round ? write_call : write_file)(pid, n);
            right += arrives(n);
        }
        printf("written %d times: %s, seen %d\n", ROUNDS, error ? strerrorname_np(error) : "done", right);
        if ((round ? write_call : write_file)(pid, LAST))
            kill(pid, SIGKILL);
        waitpid(pid, &status, 0);
        printf("ends: %d\n", status);
        printf("here: %d\n", function());
    }
    return 0;
}
