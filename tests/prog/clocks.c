/* Clocks by the vDSO and by the system call are the same clocks, and none goes backwards. */
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/auxv.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

static long long ns(struct timespec t)
{
    return t.tv_sec * 1000000000LL + t.tv_nsec;
}

static long long by_library(int clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return ns(t);
}

static long long by_system_call(int clock)
{
    struct timespec t;
    syscall(SYS_clock_gettime, clock, &t);
    return ns(t);
}

int main(void)
{
    static const int clocks[] = {CLOCK_REALTIME, CLOCK_MONOTONIC, CLOCK_PROCESS_CPUTIME_ID, CLOCK_THREAD_CPUTIME_ID,
                                 CLOCK_MONOTONIC_RAW, CLOCK_REALTIME_COARSE, CLOCK_MONOTONIC_COARSE, CLOCK_BOOTTIME, CLOCK_TAI};
    for (unsigned i = 0; i < sizeof clocks / sizeof *clocks; i++) {
        int backwards = 0;
        for (int n = 0; n < 2000; n++) {
            long long a = by_system_call(clocks[i]), b = by_library(clocks[i]), c = by_system_call(clocks[i]), d = by_library(clocks[i]);
            backwards += a > b || b > c || c > d;
        }
        printf("clock %d: %d times backwards\n", clocks[i], backwards);
    }
    for (int n = 0; n < 1000; n++) {
        struct timeval tv;
        long long before = by_system_call(CLOCK_REALTIME) / 1000;
        gettimeofday(&tv, NULL);
        long long now = tv.tv_sec * 1000000LL + tv.tv_usec;
        if (now < before || now > by_system_call(CLOCK_REALTIME) / 1000)
            printf("gettimeofday is off\n");
    }
    const char *vdso = (const char *)getauxval(AT_SYSINFO_EHDR);
    printf("vDSO %d\n", vdso && !memcmp(vdso, "\177ELF", 4));
    time_t coarse = time(NULL), exact = by_library(CLOCK_REALTIME) / 1000000000;
    printf("time %d\n", exact - coarse <= 1);
    struct timespec t;
    int error = clock_gettime(99, &t);
    printf("no such clock: %d %d\n", error, errno == EINVAL);
    struct timezone zone = {1, 2};
    error = syscall(SYS_gettimeofday, NULL, &zone);
    printf("time zone: %d %d %d\n", error, zone.tz_minuteswest, zone.tz_dsttime);
    error = syscall(SYS_clock_gettime, CLOCK_REALTIME, 8);
    printf("bad address: %d %d\n", error, errno == EFAULT);
    error = syscall(SYS_gettimeofday, 8, 0);
    printf("bad address: %d %d\n", error, errno == EFAULT);
    return 0;
}
