/* Memory that goes away under whoever reads it.
 *
 *   warm     code that was called earlier is unmapped while a hot loop that refers to it is being translated
 *   live     code is unmapped while it is being translated and run; a handler recovers
 *   dents    a thread overwrites, unmaps and protects the buffer into which another lists its descriptors
 *
 * Prints "ok" and exits with 0. */
#define _GNU_SOURCE
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { PAGE = 4096, PAGES = 16 };
static char *area;
static _Atomic int phase, stop;
static __thread sigjmp_buf back;

static void on_fault(int signo)
{
    siglongjmp(back, 1);
}

static unsigned *page(int i)
{
    return (unsigned *)(area + PAGE * i);
}

static void *unmap(void *unused)
{
    unsigned seed = 1;
    for (;;) {
        while (phase != 1 && !stop)
            sched_yield();
        if (stop)
            return NULL;
        for (volatile int i = rand_r(&seed) % 3000; i > 0; i--)
            ;
        mprotect(page(1), PAGE * PAGES, PROT_NONE);
        munmap(page(1), PAGE * PAGES);
        phase = 2;
    }
}

/* A function of two arguments: so many rounds of a loop that calls each page if the second isn't 0. */
static long (*make(void))(long, long)
{
    mmap(area, PAGE * (PAGES + 1), PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
    for (int i = 1; i <= PAGES; i++) {
        for (int k = 0; k < 1000; k++)
            page(i)[k] = 0x91000400; /* add x0, x0, #1 */
        page(i)[1000] = 0xd65f03c0;
    }
    unsigned *c = page(0);
    int k = 0, loop;
    c[k++] = 0xa9bf7bfd; /* stp x29, x30, [sp, #-16]! */
    c[k++] = 0xaa0003e2; /* mov x2, x0 */
    loop = k;
    c[k++] = 0xb4000001 | (PAGES + 1) << 5; /* cbz x1, behind the calls */
    for (int i = 1; i <= PAGES; i++, k++)
        c[k] = 0x94000000 | ((page(i) - (c + k)) & 0x3ffffff);
    c[k++] = 0xd1000442;                              /* sub x2, x2, #1 */
    c[k] = 0xb5000002 | ((loop - k) & 0x7ffff) << 5; /* cbnz x2, loop */
    k++;
    c[k++] = 0xa8c17bfd;
    c[k++] = 0xd65f03c0;
    __builtin___clear_cache(area, area + PAGE * (PAGES + 1));
    return (long (*)(long, long))c;
}

static void code(int live, int rounds)
{
    pthread_t t;
    area = mmap(NULL, PAGE * (PAGES + 1), PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    pthread_create(&t, NULL, unmap, NULL);
    for (int i = 0; i < rounds; i++) {
        long (*f)(long, long) = make();
        if (live) {
            phase = 1;
            if (!sigsetjmp(back, 1))
                f(1, 1);
        } else {
            f(1500, 1);
            f(48000, 0);
            phase = 1;
            f(30000, 0);
        }
        while (phase != 2)
            sched_yield();
        phase = 0;
    }
    stop = 1;
    pthread_join(t, NULL);
}

static void *spoil(void *buf)
{
    for (int i = 0; !stop; i++) {
        if (i % 3 == 0) {
            memset(buf, 0, PAGE);
        } else if (i % 3 == 1) {
            munmap(buf, PAGE);
            mmap(buf, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0);
        } else {
            mprotect(buf, PAGE, PROT_NONE);
            mprotect(buf, PAGE, PROT_READ | PROT_WRITE);
        }
    }
    return NULL;
}

static void dents(int rounds)
{
    pthread_t t;
    char *buf = mmap(NULL, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = open("/proc/self/fd", O_RDONLY | O_DIRECTORY);
    pthread_create(&t, NULL, spoil, buf);
    for (int i = 0; i < rounds; i++) {
        lseek(fd, 0, SEEK_SET);
        syscall(SYS_getdents64, fd, buf, PAGE);
    }
    stop = 1;
    pthread_join(t, NULL);
}

int main(int argc, char **argv)
{
    struct sigaction action = {.sa_handler = on_fault, .sa_flags = SA_NODEFER};
    int rounds = atoi(argv[2]);
    sigaction(SIGSEGV, &action, NULL);
    if (strcmp(argv[1], "dents") == 0)
        dents(rounds);
    else
        code(strcmp(argv[1], "live") == 0, rounds);
    puts("ok");
}
