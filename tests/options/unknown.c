/* System calls that no kernel has, or that we lack: ENOSYS, without a word. */
#include <errno.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

int main(void)
{
    const int numbers[] = {1000, 300, 244, 280 /* bpf */, -1};
    for (unsigned i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        long result = syscall(numbers[i], -1, 0, 0, 0, 0, 0);
        printf("%ld %d\n", result, errno);
    }
    return 0;
}
