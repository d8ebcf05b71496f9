/* deny ERRNO NUMBER[,NUMBER...] PROGRAM ARG...: runs a program of the host's with these system calls answered by ERRNO, as kernels that
 * don't have them do (ENOSYS), or containers whose filters don't know them (EPERM).
 * deny wx PROGRAM ARG...: the same, killed if it asks for memory that is writable and executable at once. */
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

static struct sock_filter filter[130] = {BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr))};
static unsigned short n = 1;

static void add(struct sock_filter f)
{
    filter[n++] = f;
}

static void deny_calls(int error, char *list)
{
    for (char *s = strtok(list, ","); s && n < 128; s = strtok(NULL, ",")) {
        add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, atoi(s), 0, 1));
        add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | error));
    }
}

static void deny_wx(void)
{
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mmap, 2, 0));
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_mprotect, 1, 0));
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_pkey_mprotect, 0, 4));
    add((struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[2])));
    add((struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, PROT_WRITE | PROT_EXEC));
    add((struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, PROT_WRITE | PROT_EXEC, 0, 1));
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS));
}

int main(int argc, char **argv)
{
    argv++;
    if (!strcmp(argv[0], "wx")) {
        deny_wx();
        argv++;
    } else {
        deny_calls(atoi(argv[0]), argv[1]);
        argv += 2;
    }
    add((struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW));
    struct sock_fprog program = {n, filter};
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &program)) {
        perror("deny: seccomp");
        return 77;
    }
    execvp(argv[0], argv);
    perror(argv[0]);
    return 1;
}
