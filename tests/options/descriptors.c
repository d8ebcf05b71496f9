/* How many descriptors there are under the limit, before and after an exec, and that files are found without any left. */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    struct stat st;
    int n = 3;
    close_range(3, ~0u, 0);
    while (dup(1) >= 0)
        n++;
    printf("%d %s", n, stat("/etc/passwd", &st) ? "lost" : "found");
    printf(" %s%c", stat(argv[0], &st) ? "lost" : "found", argc > 1 ? '\n' : ' ');
    fflush(stdout);
    close_range(3, ~0u, 0);
    return argc > 1 ? 0 : (execl(argv[0], argv[0], "again", NULL), 1);
}
