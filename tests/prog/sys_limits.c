/* RLIMIT_AS and RLIMIT_DATA hold for what the program maps, in it, in its children and after exec. LINKS: static */
#define _GNU_SOURCE
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#define MIB ((size_t)1 << 20)

static void limit(int resource, rlim_t cur, rlim_t max)
{
    struct rlimit r = {cur, max};
    printf("set: %s\n", setrlimit(resource, &r) ? strerror(errno) : "ok");
}

static void *map(const char *what, size_t size, int prot, int flags)
{
    void *p = mmap(NULL, size, prot, flags | MAP_ANONYMOUS, -1, 0);
    printf("%s: %s\n", what, p == MAP_FAILED ? strerror(errno) : "ok");
    return p;
}

static void *idle(void *arg)
{
    return arg;
}

static void thread_with_stack(const char *what, size_t size)
{
    pthread_attr_t attr;
    pthread_t thread;
    pthread_attr_init(&attr);
    pthread_attr_setstacksize(&attr, size);
    int error = pthread_create(&thread, &attr, idle, NULL);
    printf("thread with %s: %s\n", what, error ? strerror(error) : "ok");
    if (!error)
        pthread_join(thread, NULL);
}

static void address_space(void)
{
    limit(RLIMIT_AS, 256 * MIB, RLIM_INFINITY);
    char *p = map("100 MiB", 100 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    map("200 MiB more", 200 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    map("200 MiB without access", 200 * MIB, PROT_NONE, MAP_PRIVATE | MAP_NORESERVE);
    printf("in the place of the 100: %s\n",
           mmap(p, 100 * MIB, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == p ? "ok" : strerror(errno));
    printf("grown: %s\n", mremap(p, 100 * MIB, 300 * MIB, MREMAP_MAYMOVE) == MAP_FAILED ? strerror(errno) : "ok");
    printf("heap: %s\n", sbrk(300 * MIB) == (void *)-1 ? strerror(errno) : "ok");
    printf("malloc: %s\n", malloc(300 * MIB) ? "ok" : strerror(errno));
    thread_with_stack("64 KiB", 64 << 10);
    thread_with_stack("400 MiB", 400 * MIB);
    munmap(p, 100 * MIB);
    p = map("200 MiB then", 200 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    munmap(p, 200 * MIB);
    fflush(stdout);
    if (fork() == 0) {
        map("300 MiB in a child", 300 * MIB, PROT_READ, MAP_PRIVATE);
        fflush(stdout);
        execl("/proc/self/exe", "sys_limits", "again", NULL);
        _exit(1);
    }
    wait(NULL);
    limit(RLIMIT_AS, RLIM_INFINITY, RLIM_INFINITY);
    p = map("300 MiB without a limit", 300 * MIB, PROT_READ, MAP_PRIVATE);
    munmap(p, 300 * MIB);
}

/* With limits that are enough for this program, it being a small one. */
static int small(void)
{
    struct rlimit as, data;
    getrlimit(RLIMIT_AS, &as);
    getrlimit(RLIMIT_DATA, &data);
    printf("small: %lu %lu, %lu %lu\n", (unsigned long)as.rlim_cur, (unsigned long)as.rlim_max, (unsigned long)data.rlim_cur,
           (unsigned long)data.rlim_max);
    map("40 MiB in small", 40 * MIB, PROT_READ, MAP_PRIVATE);
    printf("heap: %s\n", sbrk(6 * MIB) == (void *)-1 ? strerror(errno) : "ok");
    fflush(stdout);
    execl("/bin/true", "true", NULL);
    return 1;
}

static void small_limits(void)
{
    for (int how = 0; how < 4; how++) {
        int status, hard = how & 1;
        fflush(stdout);
        if (fork() == 0) {
            limit(RLIMIT_AS, 30 * MIB, hard ? 30 * MIB : RLIM_INFINITY);
            limit(RLIMIT_DATA, 4 * MIB, hard ? 4 * MIB : RLIM_INFINITY);
            fflush(stdout);
            if (how & 2) { /* no file may be written: what is to be known after the exec neither */
                limit(RLIMIT_FSIZE, 0, hard ? 0 : RLIM_INFINITY);
                execl("/proc/self/exe", "sys_limits", "quiet", NULL);
            }
            execl("/proc/self/exe", "sys_limits", "small", NULL);
            _exit(1);
        }
        wait(&status);
        printf("status %d\n", status);
    }
}

static int quiet(void)
{
    struct rlimit as;
    getrlimit(RLIMIT_AS, &as);
    return as.rlim_cur == 30 * MIB ? 3 : 4;
}

static void data(void)
{
    limit(RLIMIT_DATA, 64 * MIB, RLIM_INFINITY);
    map("100 MiB private", 100 * MIB, PROT_READ | PROT_WRITE, MAP_PRIVATE);
    char *p = map("100 MiB read-only", 100 * MIB, PROT_READ, MAP_PRIVATE);
    printf("made writable: %s\n", mprotect(p, 100 * MIB, PROT_READ | PROT_WRITE) ? strerror(errno) : "ok");
    printf("a part of it: %s\n", mprotect(p, 20 * MIB, PROT_READ | PROT_WRITE) ? strerror(errno) : "ok");
    map("100 MiB shared", 100 * MIB, PROT_READ | PROT_WRITE, MAP_SHARED);
    printf("heap: %s\n", sbrk(100 * MIB) == (void *)-1 ? strerror(errno) : "ok");
}

int main(int argc, char **argv)
{
    struct rlimit r;
    if (argc > 1 && strcmp(argv[1], "small") == 0)
        return small();
    if (argc > 1 && strcmp(argv[1], "quiet") == 0)
        return quiet();
    if (argc > 1) {
        getrlimit(RLIMIT_AS, &r);
        printf("after exec: %lu\n", (unsigned long)r.rlim_cur);
        map("300 MiB after exec", 300 * MIB, PROT_READ, MAP_PRIVATE);
        return 0;
    }
    address_space();
    small_limits();
    data();
    limit(RLIMIT_AS, 2, 1);
    limit(RLIMIT_NOFILE, 64, 64);
    printf("overcommit: %s\n", mmap(NULL, (size_t)1 << 46, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) == MAP_FAILED
                                   ? strerror(errno) : "ok");
    return 0;
}
