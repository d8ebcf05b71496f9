/* execve by another thread than the first, among threads that run; in the new program stack overflows caught on an alternate
 * stack. */
#define _GNU_SOURCE
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

static sigjmp_buf jump;
static char alt[65536];

static void *spin(void *arg)
{
    for (;;)
        ;
}

static void *exec(void *arg)
{
    usleep(20000);
    execl("/proc/self/exe", "self", "child", NULL);
    perror("exec");
    return NULL;
}

static void leap(int s)
{
    siglongjmp(jump, 1);
}

static int deep(int n)
{
    volatile char b[1000];
    b[0] = n;
    return n ? deep(n - 1) + (b[0] & 1) : 0;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("%s, %s\n", argv[0], getpid() == gettid() ? "first thread" : "another thread");
        stack_t stack = {.ss_sp = alt, .ss_size = sizeof alt};
        sigaltstack(&stack, NULL);
        struct sigaction a = {.sa_handler = leap, .sa_flags = SA_ONSTACK};
        sigaction(SIGSEGV, &a, NULL);
        for (int i = 0; i < 3; i++)
            if (!sigsetjmp(jump, 1))
                deep(10000000);
            else
                puts("overflow caught");
        printf("5000 deep: %d\n", deep(5000));
        return 5;
    }
    pthread_t t;
    for (int i = 0; i < 4; i++)
        pthread_create(&t, NULL, spin, NULL);
    pthread_create(&t, NULL, exec, NULL);
    pthread_join(t, NULL);
    return 1;
}
