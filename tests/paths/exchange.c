/* For tests/run_binfmt, on the host: executes programs by names as they are, which a shell would not.
 *
 * exchange NAME ARG...           executes it
 * exchange -with OTHER NAME ARG...   the same, and OTHER takes NAME's place when the kernel has opened it but not yet run anything
 * exchange -closed NAME ARG...   the same without a standard input
 * exchange -fd ARGV0 NAME ARG... the same by descriptor, and called ARGV0 */
#define _GNU_SOURCE
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv)
{
    int status;
    if (!strcmp(argv[1], "-fd")) {
        int fd = open(argv[3], O_RDONLY);
        argv[3] = argv[2];
        fexecve(fd, argv + 3, environ);
        perror(argv[2]);
        return 1;
    }
    if (strcmp(argv[1], "-with")) {
        argv += strcmp(argv[1], "-closed") ? 1 : (close(0), 2);
        execv(argv[0], argv);
        perror(argv[0]);
        return 1;
    }
    pid_t pid = fork();
    if (!pid) {
        ptrace(PTRACE_TRACEME, 0, NULL, NULL);
        execv(argv[3], argv + 3);
        perror(argv[3]);
        return 1;
    }
    waitpid(pid, &status, 0);
    if (!WIFSTOPPED(status) || rename(argv[2], argv[3])) {
        perror("exchange");
        return 1;
    }
    ptrace(PTRACE_DETACH, pid, NULL, NULL);
    waitpid(pid, &status, 0);
    return WEXITSTATUS(status);
}
