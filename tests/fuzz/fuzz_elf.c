/* Malformed executables: mutates the headers of real ones and loads them. Every outcome must be success, or an error with one
 * line of explanation; never a crash, and never a hang.
 *
 *     fuzz_elf [--seed N] [--cases N] [--run DRAGOMAN] FILE...
 *
 * Each mutated file goes through image_open in a child of its own; with --run, each 50th is also started as a program, whose
 * end doesn't matter as long as it comes within 10 seconds and isn't a crash that the translator reports as its own. */
#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../runtime/runtime.h"

enum { PER_CHILD = 200, RUN_EVERY = 50, RUN_SECONDS = 10 };

static u64 state;

static u64 next(void)
{
    u64 z = state += UINT64_C(0x9e3779b97f4a7c15);
    z = (z ^ z >> 30) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ z >> 27) * UINT64_C(0x94d049bb133111eb);
    return z ^ z >> 31;
}

static u64 interesting(void)
{
    static const u64 values[] = {0, 1, 2, 7, 0x38, 0x40, 0xff, 0xfff, 0x1000, 0x1001, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff, 0x7fffffffffff, 0x800000000000,
                                 0x7fffffffffffffff, 0x8000000000000000, 0xfffffffffffff000, 0xffffffffffffffff};
    return next() % 4 ? values[next() % LEN(values)] : next() >> next() % 64;
}

/* Changes a few fields of the ELF header and the program headers, or bytes anywhere in them; sometimes cuts the file short. */
static size_t mutate(u8 *p, size_t size)
{
    Elf64_Ehdr *e = (Elf64_Ehdr *)p;
    u64 phoff = e->e_phoff;
    u16 phnum = e->e_phnum;
    int n = 1 + (int)(next() % 4);

    while (n--) {
        switch (next() % 8) {
        case 0: { /* a field of the ELF header */
            static const struct {
                u8 offset, size;
            } fields[] = {{4, 1}, {5, 1}, {6, 1}, {7, 1}, {16, 2}, {18, 2}, {20, 4}, {24, 8}, {32, 8}, {40, 8}, {48, 4}, {52, 2}, {54, 2}, {56, 2}, {58, 2}, {60, 2}, {62, 2}};
            size_t k = next() % LEN(fields);
            u64 v = interesting();
            memcpy(p + fields[k].offset, &v, fields[k].size);
            break;
        }
        case 1: /* any byte of the headers */
            p[next() % (sizeof *e + phnum * sizeof(Elf64_Phdr))] = (u8)next();
            break;
        case 2: /* the file ends early */
            size = next() % 3 ? next() % 4096 : next() % size;
            break;
        default: { /* a field of a program header */
            Elf64_Phdr ph;
            u64 at = phoff + next() % phnum * sizeof ph, *fields[] = {&ph.p_offset, &ph.p_vaddr, &ph.p_paddr, &ph.p_filesz, &ph.p_memsz, &ph.p_align};
            memcpy(&ph, p + at, sizeof ph);
            if (next() % 5 == 0)
                ph.p_type = next() % 3 ? (u32)(next() % 8) : (u32)interesting();
            else if (next() % 6 == 0)
                ph.p_flags = (u32)interesting();
            else
                *fields[next() % LEN(fields)] = next() % 3 ? interesting() : ph.p_vaddr + next() % 8192 - 4096;
            memcpy(p + at, &ph, sizeof ph);
        }
        }
    }
    return size;
}

static const char *check_image(int fd, u8 *data, size_t size)
{
    Image image = {.fd = -1};
    char why[512] = "";

    if (ftruncate(fd, 0) != 0 || pwrite(fd, data, size, 0) != (ssize_t)size || lseek(fd, 0, SEEK_SET) != 0)
        return "can't write the file";
    int copy = dup(fd), result = image_open(&image, copy, "mutated", why, sizeof why);
    if (result == 0)
        image_close(&image);
    else
        close(copy);
    if (result > 0)
        return "a positive result";
    if (result < 0 && !why[0])
        return "an error without a message";
    if (strchr(why, '\n'))
        return "a message of more than one line";
    return NULL;
}

/* Starts the file as a program. NULL if it ended as it should. */
static const char *check_run(const char *dragoman, u8 *data, size_t size)
{
    char path[] = "/tmp/fuzz-elf-XXXXXX", log[8192] = "";
    int fd = mkstemp(path), pipes[2], status = 0;
    const char *bad = NULL;
    size_t n = 0;
    ssize_t got;

    if (fd < 0 || write(fd, data, size) != (ssize_t)size || fchmod(fd, 0755) != 0 || pipe(pipes) != 0)
        return "can't write the file";
    close(fd);
    pid_t pid = fork();
    if (pid == 0) {
        int null = open("/dev/null", O_RDWR);
        dup2(null, 0);
        dup2(null, 1);
        dup2(pipes[1], 2);
        close(pipes[0]);
        alarm(RUN_SECONDS);
        execl(dragoman, dragoman, path, (char *)NULL);
        _exit(127);
    }
    close(pipes[1]);
    while (n < sizeof log - 1 && (got = read(pipes[0], log + n, sizeof log - 1 - n)) > 0)
        n += (size_t)got;
    close(pipes[0]);
    waitpid(pid, &status, 0);
    log[n] = 0;
    if (WIFSIGNALED(status) && WTERMSIG(status) == SIGALRM)
        bad = "a hang";
    else if (strstr(log, "internal error") || strstr(log, "Assertion") || strstr(log, "AddressSanitizer"))
        bad = "a crash of the translator";
    unlink(path);
    return bad;
}

int main(int argc, char **argv)
{
    static const struct option options[] = {{"seed", 1, 0, 's'}, {"cases", 1, 0, 'n'}, {"run", 1, 0, 'r'}, {0, 0, 0, 0}};
    u64 seed = 1, cases = 5000;
    const char *dragoman = NULL;
    int c, failed = 0;

    while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
        if (c == 's')
            seed = strtoull(optarg, NULL, 0);
        else if (c == 'n')
            cases = strtoull(optarg, NULL, 0);
        else if (c == 'r')
            dragoman = optarg;
        else
            return 2;
    }
    if (optind == argc) {
        fputs("usage: fuzz_elf [--seed N] [--cases N] [--run DRAGOMAN] FILE...\n", stderr);
        return 2;
    }
    u64 *at = mmap(NULL, sizeof *at, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (*at = 0; *at < cases && failed < 20;) {
        pid_t pid = fork();
        int status = 0;

        if (pid == 0) {
            alarm(60);
            int memory = memfd_create("mutated", 0);
            for (u64 end = *at + PER_CHILD; *at < end && *at < cases; ++*at) {
                const char *file = argv[optind + (int)(*at % (u64)(argc - optind))];
                int fd = open(file, O_RDONLY);
                struct stat st;
                if (fd < 0 || fstat(fd, &st) != 0 || st.st_size < 4096) {
                    perror(file);
                    _exit(2);
                }
                u8 *data = mmap(NULL, (size_t)st.st_size, PROT_READ | PROT_WRITE, MAP_PRIVATE, fd, 0);
                state = seed * 1000003 + *at;
                size_t size = mutate(data, (size_t)st.st_size);
                const char *bad = check_image(memory, data, size);
                if (!bad && dragoman && *at % RUN_EVERY == 0)
                    bad = check_run(dragoman, data, size);
                if (bad) {
                    printf("case %llu of seed %llu (%s): %s\n", (unsigned long long)*at, (unsigned long long)seed, file, bad);
                    fflush(stdout);
                    ++*at;
                    _exit(1);
                }
                munmap(data, (size_t)st.st_size);
                close(fd);
            }
            _exit(0);
        }
        if (pid < 0 || waitpid(pid, &status, 0) != pid)
            return 1;
        if (WIFSIGNALED(status)) {
            printf("case %llu of seed %llu: %s\n", (unsigned long long)*at, (unsigned long long)seed, strsignal(WTERMSIG(status)));
            ++*at;
        }
        if (status && WIFEXITED(status) && WEXITSTATUS(status) == 2)
            return 1;
        failed += status != 0;
    }
    printf("%llu cases, %d failures, seed %llu\n", (unsigned long long)*at, failed, (unsigned long long)seed);
    return failed != 0;
}
