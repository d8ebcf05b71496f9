/* Writes a line to standard output and one to standard error, and waits for an answer before the next. */
#include <stdio.h>

int main(void)
{
    for (int i = 0; i < 4; i++) {
        printf("out %d\n", i);
        fflush(stdout);
        if (getchar() == EOF)
            return 1;
        fprintf(stderr, "error %d\n", i);
        if (getchar() == EOF)
            return 1;
    }
    return 0;
}
