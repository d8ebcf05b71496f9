/* Code that comes and goes: a function written anew again and again, at one place or each time in a new mapping. Then,
 * for whoever looks at the translator's memory meanwhile: nothing of it may be kept. With "beside", while there are
 * hundreds of hot functions that stay.
 *
 *   churn rewrite N    churn map N    churn beside N */
#define _GNU_SOURCE
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { HOT = 300, TURNS = 1000, INSNS = 6 };

/* Loops that count to TURNS, each in its own place, run until they are hot; how many count wrong. */
static int hot_functions(void)
{
    static const unsigned loop[INSNS] = {
        0xd2800000,              /* mov x0, #0 */
        0xd2800001 | TURNS << 5, /* mov x1, #TURNS */
        0x91000400,              /* add x0, x0, #1 */
        0xf1000421,              /* subs x1, x1, #1 */
        0x54ffffc1,              /* b.ne .-8 */
        0xd65f03c0,              /* ret */
    };
    static unsigned(*code)[64];
    int wrong = 0;
    if (!code) {
        code = mmap(NULL, HOT * sizeof *code, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int i = 0; i < HOT; i++)
            memcpy(code[i], loop, sizeof loop);
        __builtin___clear_cache((char *)code, (char *)(code + HOT));
    }
    for (int i = 0; i < HOT; i++)
        wrong += ((long (*)(void))code[i])() != TURNS;
    return wrong;
}

int main(int argc, char **argv)
{
    int rounds = atoi(argv[2]), beside = strcmp(argv[1], "beside") == 0, again = beside || strcmp(argv[1], "map") == 0;
    int wrong = beside ? hot_functions() : 0, length = beside ? 100 : 1;
    unsigned *code = NULL;
    for (int i = 0; i < rounds; i++) {
        if (!code)
            code = mmap(NULL, 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        for (int k = 0; k < length; k++)
            code[k] = 0xd2800000 | (i & 0xffff) << 5; /* mov x0, #i */
        code[length] = 0xd65f03c0;
        __builtin___clear_cache((char *)code, (char *)(code + length + 1));
        wrong += ((long (*)(void))code)() != (i & 0xffff);
        if (again)
            munmap(code, 4096), code = NULL;
    }
    wrong += beside ? hot_functions() : 0;
    printf("%d wrong\n", wrong);
}
