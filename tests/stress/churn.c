/* Code that comes and goes: a function written anew again and again, at one place or each time in a new mapping. Then, for whoever looks at
 * the translator's memory meanwhile: nothing of it may be kept.
 *
 *   churn rewrite N    churn map N */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

int main(int argc, char **argv)
{
    int rounds = atoi(argv[2]), wrong = 0, again = strcmp(argv[1], "map") == 0;
    unsigned *code = NULL;
    for (int i = 0; i < rounds; i++) {
        if (!code)
            code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        code[0] = 0xd2800000 | (i & 0xffff) << 5; /* mov x0, #i */
        code[1] = 0xd65f03c0;
        __builtin___clear_cache((char *)code, (char *)(code + 2));
        wrong += ((long (*)(void))code)() != (i & 0xffff);
        if (again)
            munmap(code, 4096), code = NULL;
    }
    printf("%d wrong\n", wrong);
}
