/* Prints what options can change: arguments, some of the environment, uname's release, stack size, highest address;
 * or does some work. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    if (argc < 2)
        return 0;
    if (!strcmp(argv[1], "args"))
        for (int i = 0; i < argc; i++)
            printf("%s\n", argv[i]);
    else if (!strcmp(argv[1], "env"))
        printf("%s\n", getenv(argv[2]) ? getenv(argv[2]) : "unset");
    else if (!strcmp(argv[1], "release")) {
        struct utsname u;
        uname(&u);
        printf("%s %s\n", u.release, u.machine);
    } else if (!strcmp(argv[1], "features")) { /* of the processor */
        char line[4096];
        FILE *f = fopen("/proc/cpuinfo", "r");
        while (fgets(line, sizeof line, f) && strncmp(line, "Features", 8))
            ;
        unsigned long midr;
        __asm__("mrs %0, midr_el1" : "=r"(midr));
        printf("%lx %s", midr, line + strcspn(line, ":"));
        fflush(stdout);
        if (argc > 2)
            execl("/proc/self/exe", "show", "features", NULL);
    } else if (!strcmp(argv[1], "below")) {
        unsigned long limit = strtoul(argv[2], NULL, 0);
        char *big = malloc(10 << 20), *map = mmap(NULL, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        int far = mmap((void *)limit, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED, -1, 0) == MAP_FAILED;
        printf("%d %d %d %d\n", (unsigned long)&far < limit, (unsigned long)big < limit, (unsigned long)map < limit, far);
    } else if (!strcmp(argv[1], "stack")) { /* how deep: touches that many bytes below */
        volatile char *here = (char *)&argc;
        for (unsigned long at = 0; at < strtoul(argv[2], NULL, 0); at += 4096)
            here[-(long)at] = 1;
        puts("deep enough");
    } else if (!strcmp(argv[1], "exit"))
        return atoi(argv[2]);
    else if (!strcmp(argv[1], "exec")) {
        execv(argv[2], argv + 2);
        perror("exec");
        return 1;
    } else if (!strcmp(argv[1], "abort"))
        abort();
    else if (!strcmp(argv[1], "work")) { /* a loop, another one in a child, then another program */
        volatile unsigned sum = 0;
        for (unsigned i = 0; i < 100000; i++)
            sum += i;
        if (!fork()) {
            for (unsigned i = 0; i < 50000; i++)
                sum += i;
            return 0;
        }
        wait(NULL);
        execl(argv[0], argv[0], "args", (char *)NULL);
        return 1;
    }
    return 0;
}
