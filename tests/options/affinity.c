/* The guest of tests/run_options for --cpus with more processors than the host has: which of them it is on, as it asks for some,
 * in a child and after an exec. */
#define _GNU_SOURCE
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static void show(const char *what)
{
    cpu_set_t set;
    unsigned cpu;
    sched_getaffinity(0, sizeof set, &set);
    getcpu(&cpu, NULL);
    printf("%s", what);
    for (int i = 0; i < CPU_SETSIZE; i++)
        if (CPU_ISSET(i, &set))
            printf("%d", i);
    printf("%s ", CPU_ISSET(cpu, &set) ? "" : "!");
    fflush(stdout);
}

static void use(int first, int last)
{
    cpu_set_t set;
    CPU_ZERO(&set);
    for (int i = first; i <= last; i++)
        CPU_SET(i, &set);
    if (sched_setaffinity(0, sizeof set, &set))
        printf("refused ");
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        show("exec:");
        use(0, 4);
        show("");
        puts("");
        return 0;
    }
    show("");
    use(3, 3);
    show("");
    use(9, 9);
    use(2, 4);
    show("");
    if (!fork()) {
        use(0, 1);
        show("child:");
        _exit(0);
    }
    wait(NULL);
    show("");
    execl(argv[0], argv[0], "exec", NULL);
    return 1;
}
