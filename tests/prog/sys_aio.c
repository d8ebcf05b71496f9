/* Requests to files by io_setup and its kind: whole buffers and vectors, by eventfd, in time and too late; the ring of events is readable. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <time.h>
#include <unistd.h>

static long call(long n, long a, long b, long c, long d, long e)
{
    long result = syscall(n, a, b, c, d, e);
    return result < 0 ? -errno : result;
}

static void events(aio_context_t context, long wanted)
{
    struct io_event event[8];
    struct timespec soon = {0, 1000000};
    long n = call(SYS_io_getevents, (long)context, wanted, 8, (long)event, wanted ? 0 : (long)&soon);
    uint64_t data = 0, result = 0;
    for (long k = 0; k < n; k++) {
        data += event[k].data;
        result += (uint64_t)event[k].res;
        printf(" %d", ((struct iocb *)(uintptr_t)event[k].obj)->aio_data == event[k].data);
    }
    printf(" events %ld: %llu, %lld\n", n, (unsigned long long)data, (long long)result);
}

int main(void)
{
    aio_context_t context = 0;
    char name[] = "/tmp/aio-XXXXXX", text[64] = "", other[16] = "";
    int fd = mkstemp(name), event = eventfd(0, EFD_NONBLOCK);
    unlink(name);
    printf("%ld", call(SYS_io_setup, 16, (long)&context, 0, 0, 0));
    printf(" %ld", call(SYS_io_setup, 16, (long)&context, 0, 0, 0));
    printf(" %x\n", ((const volatile unsigned *)(uintptr_t)context)[4]); /* AIO_RING_MAGIC */
    struct iovec out[] = {{"first, ", 7}, {"second", 6}}, in[] = {{text, 5}, {other, 8}};
    struct iocb writes = {.aio_data = 1, .aio_lio_opcode = IOCB_CMD_PWRITEV, .aio_fildes = (unsigned)fd, .aio_buf = (uintptr_t)out, .aio_nbytes = 2};
    struct iocb more = {.aio_data = 10, .aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = (unsigned)fd, .aio_buf = (uintptr_t)" third", .aio_nbytes = 6, .aio_offset = 13};
    struct iocb *list[] = {&writes, &more};
    printf("%ld", call(SYS_io_submit, (long)context, 2, (long)list, 0, 0));
    events(context, 2);
    struct iocb reads = {.aio_data = 100, .aio_lio_opcode = IOCB_CMD_PREADV, .aio_fildes = (unsigned)fd, .aio_buf = (uintptr_t)in, .aio_nbytes = 2};
    reads.aio_flags = IOCB_FLAG_RESFD;
    reads.aio_resfd = (unsigned)event;
    list[0] = &reads;
    printf("%ld", call(SYS_io_submit, (long)context, 1, (long)list, 0, 0));
    events(context, 1);
    uint64_t count = 0;
    ssize_t size = read(event, &count, sizeof count);
    printf("%zd %llu, %s|%s, %d\n", size, (unsigned long long)count, text, other, reads.aio_buf == (uintptr_t)in);
    printf("none");
    events(context, 0);
    reads.aio_fildes = 999;
    printf("%ld", call(SYS_io_submit, (long)context, 1, (long)list, 0, 0));
    printf(" %ld", call(SYS_io_submit, (long)context, 1, 8, 0, 0));
    printf(" %ld", call(SYS_io_submit, (long)context, -1, (long)list, 0, 0));
    printf(" %ld", call(SYS_io_destroy, (long)context, 0, 0, 0, 0));
    printf(" %ld", call(SYS_io_destroy, (long)context, 0, 0, 0, 0));
    printf(" %ld\n", call(SYS_io_getevents, (long)context, 1, 1, (long)text, 0));
    return 0;
}
