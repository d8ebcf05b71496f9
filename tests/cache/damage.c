/* damage SEED FILE...: changes each file in one of the ways that disks, crashes and people do. */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static void damage(const char *path)
{
    struct stat st;
    int fd = open(path, O_RDWR);
    if (fd < 0 || fstat(fd, &st) || !st.st_size)
        exit(1);
    long size = st.st_size, at = random() % size;
    unsigned char bytes[512];
    ssize_t n = pread(fd, bytes, sizeof bytes, at);
    switch (random() % 8) {
    case 0: /* shorter */
        if (ftruncate(fd, at))
            exit(1);
        break;
    case 1: /* zeros at the end */
        if (ftruncate(fd, size + at))
            exit(1);
        break;
    case 2: /* a hole */
        for (ssize_t i = 0; i < n; i++)
            bytes[i] = 0;
        break;
    case 3: /* noise */
        for (ssize_t i = 0; i < n; i++)
            bytes[i] = (unsigned char)random();
        break;
    case 4: /* a bit of a header or the index */
        at %= 4096;
        n = pread(fd, bytes, sizeof bytes, at);
        bytes[0] ^= 1 << random() % 8;
        break;
    case 5: /* a piece that belongs elsewhere */
        n = pread(fd, bytes, sizeof bytes, random() % size);
        break;
    default: /* a bit */
        bytes[0] ^= 1 << random() % 8;
        break;
    }
    if (n > 0 && pwrite(fd, bytes, (size_t)n, at) < 0)
        exit(1);
    close(fd);
}

int main(int argc, char **argv)
{
    if (argc < 3)
        return 2;
    srandom((unsigned)atoi(argv[1]));
    for (int i = 2; i < argc; i++)
        damage(argv[i]);
    return 0;
}
