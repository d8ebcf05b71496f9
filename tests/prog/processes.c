/* fork, vfork, posix_spawn, exec, wait. Runs itself again with other arguments. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void report(const char *what, int status)
{
    if (WIFEXITED(status))
        printf("%s: exit %d\n", what, WEXITSTATUS(status));
    else
        printf("%s: signal %d\n", what, WTERMSIG(status));
    fflush(stdout);
}

static int child(int argc, char **argv)
{
    printf("child: %s", argv[0][0] == '/' ? "(path)" : argv[0]);
    for (int i = 2; i < argc; i++)
        printf(" [%s]", argv[i][0] == '/' ? "(path)" : argv[i]);
    printf(" X=%s\n", getenv("X") ? getenv("X") : "(none)");
    struct sigaction a;
    sigset_t s;
    sigaction(SIGUSR1, NULL, &a);
    sigprocmask(SIG_BLOCK, NULL, &s);
    printf("USR1 %s, USR2 %s\n", a.sa_handler == SIG_IGN ? "ignored" : a.sa_handler == SIG_DFL ? "default" : "?",
           sigismember(&s, SIGUSR2) ? "blocked" : "open");
    return argc;
}

static void handler(int s)
{
}

int main(int argc, char **argv)
{
    int status;
    pid_t pid;
    if (argc > 1 && !strcmp(argv[1], "child"))
        return child(argc, argv);
    if (argc > 1 && !strcmp(argv[1], "kill"))
        raise(SIGTERM);
    setvbuf(stdout, NULL, _IONBF, 0);

    pid = fork();
    if (!pid)
        _exit(getppid() > 0 ? 5 : 1);
    waitpid(pid, &status, 0);
    report("fork", status);

    volatile int shared = 1;
    pid = vfork();
    if (!pid) {
        shared = 2;
        _exit(6);
    }
    waitpid(pid, &status, 0);
    report("vfork", status);
    printf("vfork shares memory: %d\n", shared);

    char self[4096];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);
    self[n > 0 ? n : 0] = 0;
    printf("exe: %s\n", strrchr(self, '/') ? "absolute" : self);

    signal(SIGUSR1, SIG_IGN);
    sigset_t s;
    sigemptyset(&s);
    sigaddset(&s, SIGUSR2);
    sigprocmask(SIG_BLOCK, &s, NULL);
    signal(SIGUSR2, handler);
    pid = fork();
    if (!pid) {
        char *args[] = {"other name", "child", "a b", "", "-c", NULL}, *env[] = {"X=1", NULL};
        execve(self, args, env);
        _exit(99);
    }
    waitpid(pid, &status, 0);
    report("execve", status);

    char *args[] = {"spawned", "child", "x", NULL}, *env[] = {"X=2", NULL};
    int error = posix_spawn(&pid, self, NULL, NULL, args, env);
    waitpid(pid, &status, 0);
    printf("posix_spawn: %d\n", error);
    report("posix_spawn", status);
    printf("posix_spawn of nothing: %s\n", strerror(posix_spawn(&pid, "/nonexistent/file", NULL, NULL, args, env)));
    posix_spawnattr_t attr;
    posix_spawnattr_init(&attr);
    sigset_t none;
    sigemptyset(&none);
    sigset_t defaults;
    sigfillset(&defaults);
    posix_spawnattr_setsigmask(&attr, &none);
    posix_spawnattr_setsigdefault(&attr, &defaults);
    posix_spawnattr_setflags(&attr, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    error = posix_spawn(&pid, self, NULL, &attr, args, env);
    waitpid(pid, &status, 0);
    printf("posix_spawn with attributes: %d\n", error);
    report("posix_spawn", status);
    struct sigaction now;
    sigaction(SIGUSR2, NULL, &now);
    printf("parent's handler is %s\n", now.sa_handler == handler ? "kept" : "lost");

    char *die[] = {"die", "kill", NULL};
    posix_spawn(&pid, self, NULL, NULL, die, env);
    waitpid(pid, &status, 0);
    report("killed", status);

    /* A script run by this program, in two steps. */
    char dir[] = "/tmp/dragoman-proc-XXXXXX", path[64], path2[64], missing[64];
    mkdtemp(dir);
    snprintf(path, sizeof path, "%s/script", dir);
    snprintf(path2, sizeof path2, "%s/script2", dir);
    snprintf(missing, sizeof missing, "%s/missing", dir);
    FILE *f = fopen(path, "w");
    fprintf(f, "#!%s child\n", self);
    fclose(f);
    f = fopen(path2, "w");
    fprintf(f, "#! %s \n", path);
    fclose(f);
    f = fopen(missing, "w");
    fprintf(f, "#!/nonexistent/interp\n");
    fclose(f);
    chmod(path, 0755);
    chmod(path2, 0755);
    chmod(missing, 0755);
    char *script_args[] = {"ignored", "1", "2", NULL};
    for (int i = 0; i < 2; i++) {
        pid = fork();
        if (!pid) {
            execve(i ? path2 : path, script_args, env);
            _exit(99);
        }
        waitpid(pid, &status, 0);
        printf("script: exit %d\n", WEXITSTATUS(status));
    }
    execve(missing, script_args, env);
    printf("script without interpreter: %s\n", strerror(errno));
    chmod(path, 0644);
    execve(path, script_args, env);
    printf("script without permission: %s\n", strerror(errno));
    execve(dir, script_args, env);
    printf("directory: %s\n", strerror(errno));
    execve("", script_args, env);
    printf("empty: %s\n", strerror(errno));
    execve((char *)8, script_args, env);
    printf("bad pointer: %s\n", strerror(errno));
    f = fopen(path, "w");
    fprintf(f, "no program\n");
    fclose(f);
    chmod(path, 0755);
    execve(path, script_args, env);
    printf("text: %s\n", strerror(errno));
    unlink(path);
    unlink(path2);
    unlink(missing);
    rmdir(dir);

    int fd = open(self, O_RDONLY | O_CLOEXEC);
    pid = fork();
    if (!pid) {
        fexecve(fd, args, env);
        printf("fexecve: %s\n", strerror(errno));
        _exit(99);
    }
    waitpid(pid, &status, 0);
    report("fexecve", status);

    printf("system: %d\n", WEXITSTATUS(system("exit 3")));
    FILE *p = popen("echo from a pipe", "r");
    char line[100] = "";
    fgets(line, sizeof line, p);
    printf("popen: %s", line);
    printf("pclose: %d\n", pclose(p));

    siginfo_t info;
    pid = fork();
    if (!pid)
        _exit(77);
    waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
    printf("waitid: code %d status %d\n", info.si_code, info.si_status);
    waitpid(pid, &status, 0);
    pid = wait(NULL);
    printf("no more: %d %s\n", pid, strerror(errno));
    return 0;
}
