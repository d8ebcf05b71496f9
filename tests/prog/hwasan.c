/* Under HWAddressSanitizer, which tags addresses of the heap and of the stack.
 * GUEST: -fsanitize=hwaddress
 * LINKS: dynamic */
#include <pthread.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void *thread(void *arg)
{
    char *text = malloc(64);
    snprintf(text, 64, "thread of %s", (char *)arg);
    return text;
}

static int compare(const void *p, const void *q)
{
    return *(const int *)p - *(const int *)q;
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        printf("spawned: %s\n", argv[1]);
        return 7;
    }
    char *text = strdup("main"), line[64] = "";
    pthread_t t;
    void *result;
    pthread_create(&t, NULL, thread, text);
    pthread_join(t, &result);
    puts(result);
    int *n = malloc(1000 * sizeof *n);
    for (int i = 0; i < 1000; i++)
        n[i] = i * 7919 % 1000;
    qsort(n, 1000, sizeof *n, compare);
    printf("%d %d\n", n[1], n[998]);
    FILE *f = tmpfile();
    fprintf(f, "%s, %d\n", text, n[500]);
    rewind(f);
    printf("%s", fgets(line, sizeof line, f));
    struct stat st;
    printf("%d", fstat(fileno(f), &st));
    printf(" %ld\n", (long)st.st_size);
    fflush(stdout);
    char *args[] = {argv[0], strdup("an argument"), NULL};
    pid_t child;
    int status;
    posix_spawn(&child, "/proc/self/exe", NULL, NULL, args, environ);
    waitpid(child, &status, 0);
    printf("status %d\n", WEXITSTATUS(status));
    fclose(f); /* later runtimes look for leaks */
    free(args[1]);
    free(n);
    free(result);
    free(text);
    return 0;
}
