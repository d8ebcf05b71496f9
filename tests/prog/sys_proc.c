/* What a program sees of itself: /proc, limits, names, processors, prctl, credentials. */
#define _GNU_SOURCE
#include <ctype.h>
#include <dirent.h>
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <link.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>
#include <unistd.h>

static long show(const char *what, long result)
{
    printf("%s: %ld%s%s\n", what, result < 0 ? -1 : result, result < 0 ? " " : "",
           result < 0 ? strerrorname_np(errno) : "");
    return result;
}

/* Protection of the mapping at p as /proc/self/maps has it, and its name if that says something. */
static void mapping(const char *what, const void *p)
{
    FILE *f = fopen("/proc/self/maps", "r");
    char line[512], prot[8] = "none", name[256] = "";
    unsigned long start, end;
    while (fgets(line, sizeof line, f)) {
        char this_prot[8], this_name[256] = "";
        if (sscanf(line, "%lx-%lx %7s %*s %*s %*s %255s", &start, &end, this_prot, this_name) < 3)
            printf("bad line %s", line);
        if ((uintptr_t)p >= start && (uintptr_t)p < end) {
            strcpy(prot, this_prot);
            strcpy(name, this_name);
        }
    }
    fclose(f);
    char *base = strrchr(name, '/');
    printf("%s: %s %s\n", what, prot,
           name[0] == '['                               ? name
           : base && strncmp(base, "/sys_proc", 9) == 0 ? "program"
                                                        : "");
}

static void *thread_main(void *arg)
{
    prctl(PR_SET_NAME, "worker");
    char name[32] = {0};
    FILE *f = fopen("/proc/thread-self/comm", "r");
    if (f) {
        printf("comm %s", fgets(name, sizeof name, f));
        fclose(f);
    }
    int tasks = 0;
    DIR *d = opendir("/proc/self/task");
    struct dirent *e;
    while ((e = readdir(d)))
        tasks += isdigit((unsigned char)e->d_name[0]);
    closedir(d);
    char line[256];
    f = fopen("/proc/self/status", "r");
    while (fgets(line, sizeof line, f))
        if (strncmp(line, "Threads:", 8) == 0)
            printf("%s", line);
    fclose(f);
    printf("tasks %d\n", tasks);
    return arg;
}

static int writable_data;
static const int constant = 5;

int main(int argc, char **argv)
{
    char buf[4096], exe[4096];
    ssize_t n = readlink("/proc/self/exe", exe, sizeof exe - 1);
    exe[n > 0 ? n : 0] = 0;
    struct stat a, b;
    printf("exe %d %d\n", n > 0 && strstr(exe, "sys_proc") != NULL,
           stat(exe, &a) == 0 && stat("/proc/self/exe", &b) == 0 && a.st_ino == b.st_ino);
    snprintf(buf, sizeof buf, "/proc/%d/exe", getpid());
    char other[4096] = {0};
    printf("by pid %d\n", readlink(buf, other, sizeof other - 1) > 0 && strcmp(exe, other) == 0);
    int fd = open("/proc/self/exe", O_RDONLY);
    Elf64_Ehdr ehdr;
    n = read(fd, &ehdr, sizeof ehdr);
    printf("elf %d %d\n", n == sizeof ehdr, memcmp(ehdr.e_ident, ELFMAG, 4));
    printf("same machine %d\n", ehdr.e_phnum == getauxval(AT_PHNUM));
    close(fd);

    fd = open("/proc/self/cmdline", O_RDONLY);
    n = read(fd, buf, sizeof buf);
    printf("cmdline %d\n", n == (ssize_t)strlen(argv[0]) + 1 && strcmp(buf, argv[0]) == 0);
    close(fd);
    fd = open("/proc/self/environ", O_RDONLY);
    n = read(fd, buf, sizeof buf);
    printf("environ %d\n", n > 0);
    close(fd);
    fd = open("/proc/self/auxv", O_RDONLY);
    Elf64_auxv_t aux[64];
    n = read(fd, aux, sizeof aux);
    int found = 0;
    for (ssize_t i = 0; i < n / (ssize_t)sizeof *aux; i++)
        found |= aux[i].a_type == AT_ENTRY && aux[i].a_un.a_val == getauxval(AT_ENTRY);
    printf("auxv %d\n", found);
    close(fd);
    int dir = open("/proc/self", O_RDONLY | O_DIRECTORY);
    fd = openat(dir, "cmdline", O_RDONLY);
    n = read(fd, buf, sizeof buf);
    printf("cmdline at %d\n", n == (ssize_t)strlen(argv[0]) + 1 && strcmp(buf, argv[0]) == 0);
    close(fd), close(dir);

    /* Another process sees the same. */
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        char name[32];
        snprintf(name, sizeof name, "/proc/%d/cmdline", getppid());
        fd = open(name, O_RDONLY);
        n = read(fd, buf, sizeof buf);
        printf("parent's cmdline %d\n", n == (ssize_t)strlen(argv[0]) + 1 && strcmp(buf, argv[0]) == 0);
        close(fd);
        snprintf(name, sizeof name, "/proc/%d/comm", getppid());
        fd = open(name, O_RDONLY);
        n = read(fd, buf, sizeof buf);
        printf("parent's comm %d\n", n > 8 && strncmp(buf, "sys_proc", 8) == 0);
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);

    char on_stack;
    mapping("stack", &on_stack);
    mapping("code", (void *)main);
    mapping("data", &writable_data);
    void *small = malloc(100);
    (void)small;
    mapping("heap", sbrk(0) - 1);
    char *m = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE | PROT_EXEC, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    mprotect(m + 4096, 4096, PROT_NONE);
    mapping("first", m);
    mapping("second", m + 4096);
    mapping("third", m + 8192);
    munmap(m, 4096);
    mapping("unmapped", m);
    m = mmap(NULL, 4096, PROT_READ | PROT_EXEC, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    mapping("shared", m);

    fd = open("/proc/self/stat", O_RDONLY);
    n = read(fd, buf, sizeof buf - 1);
    buf[n > 0 ? n : 0] = 0;
    int pid = 0, ppid = 0;
    char state;
    sscanf(buf, "%d", &pid);
    sscanf(strrchr(buf, ')') + 1, " %c %d", &state, &ppid);
    printf("stat %d %d %c\n", pid == getpid(), ppid == getppid(), state);
    int fields = 2;
    for (char *s = strrchr(buf, ')') + 1; *s; s++)
        fields += *s == ' ';
    printf("fields %d\n", fields);
    close(fd);
    show("missing", open("/proc/self/nothing", O_RDONLY));
    show("not writable", open("/proc/self/maps/x", O_RDONLY));

    prctl(PR_SET_NAME, "a name that is too long");
    prctl(PR_GET_NAME, buf);
    printf("name %s\n", buf);
    pthread_t thread;
    pthread_create(&thread, NULL, thread_main, NULL);
    pthread_join(thread, NULL);
    show("dumpable", prctl(PR_GET_DUMPABLE));
    show("no_new_privs", prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
    show("get", prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
    show("bad prctl", prctl(123456));

    struct utsname uts;
    show("uname", uname(&uts));
    printf("%s\n", uts.sysname);
    struct rlimit limit;
    show("getrlimit", getrlimit(RLIMIT_NOFILE, &limit));
    limit.rlim_cur = 200;
    show("setrlimit", setrlimit(RLIMIT_NOFILE, &limit));
    getrlimit(RLIMIT_NOFILE, &limit);
    printf("%lu\n", (unsigned long)limit.rlim_cur);
    limit = (struct rlimit){1ul << 32, 1ul << 33};
    show("RLIMIT_AS", setrlimit(RLIMIT_AS, &limit));
    getrlimit(RLIMIT_AS, &limit);
    printf("%lx %lx\n", (unsigned long)limit.rlim_cur, (unsigned long)limit.rlim_max);
    cpu_set_t cpus;
    show("affinity", sched_getaffinity(0, sizeof cpus, &cpus));
    printf("cpus %d\n", CPU_COUNT(&cpus) == sysconf(_SC_NPROCESSORS_ONLN));
    unsigned cpu, node;
    show("getcpu", getcpu(&cpu, &node));
    printf("on one of them %d\n", CPU_ISSET(cpu, &cpus) != 0);
    int processors = 0;
    FILE *f = fopen("/proc/cpuinfo", "r");
    while (fgets(buf, sizeof buf, f))
        processors += strncmp(buf, "processor", 9) == 0;
    fclose(f);
    printf("cpuinfo %d\n", processors == get_nprocs());
    struct rusage usage;
    show("getrusage", getrusage(RUSAGE_SELF, &usage));
    struct sysinfo info;
    show("sysinfo", sysinfo(&info));
    printf("%d\n", info.totalram > 0);
    show("getrandom", getrandom(buf, 16, 0));
    show("getrandom flags", getrandom(buf, 16, 0x100));
    printf("ids %d\n", getuid() == geteuid() && getgid() == getegid());
    show("getpriority", getpriority(PRIO_PROCESS, 0));
    show("sched_getscheduler", sched_getscheduler(0));
    show("priority max", sched_get_priority_max(SCHED_FIFO));
    printf("page %ld tck %ld\n", sysconf(_SC_PAGESIZE), sysconf(_SC_CLK_TCK));
    return argc != 1 || constant != 5;
}
