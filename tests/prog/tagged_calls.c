/* Addresses with tags in system calls: refused before PR_SET_TAGGED_ADDR_CTRL, but for calls that only manage memory; taken after
 * it, in structs as well; inherited by threads and children, not by another program. On hosts without it the tags are 0. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/aio_abi.h>
#include <linux/filter.h>
#include <net/if.h>
#include <pthread.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/select.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#ifdef __aarch64__
#define TAG(p) ((void *)((uintptr_t)(p) | (uintptr_t)0x2a << 56))
#define REFUSED(call) ((call) < 0 && errno == EFAULT)
#define CONTROL(option, value, more) prctl(option, value, more, 0, 0)
#else
#define TAG(p) ((void *)(p))
#define REFUSED(call) 1
static int control;
#define CONTROL(option, value, more) host_control(option, value, more)
static int host_control(int option, unsigned long value, unsigned long more)
{
    if (more || value > (option == 55))
        return errno = EINVAL, -1;
    if (option == 55)
        control = (int)value;
    return option == 55 ? 0 : control;
}
#endif
enum { SET = 55, GET = 56, PAGE = 4096 };

static int ends[2];

static int enabled(void)
{
    return CONTROL(GET, 0, 0);
}

static void *thread(void *arg)
{
    char *text = malloc(8);
    strcpy(text, "thread");
    printf("thread %d, write %zd\n", enabled(), write(ends[1], TAG(text), 6));
    return NULL;
}

static void messages(void)
{
    int s[2];
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    char a[8] = "abc", b[8] = "defg", in[2][16] = {{0}}, control_in[64];
    struct iovec out[2] = {{TAG(a), 3}, {TAG(b), 4}};
    struct mmsghdr m[2] = {{{.msg_iov = TAG(out), .msg_iovlen = 2}}, {{.msg_iov = TAG(out), .msg_iovlen = 1}}};
    union {
        struct cmsghdr h;
        char space[CMSG_SPACE(sizeof(int))];
    } rights = {.h = {.cmsg_len = CMSG_LEN(sizeof(int)), .cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS}};
    m[0].msg_hdr.msg_control = TAG(&rights);
    m[0].msg_hdr.msg_controllen = sizeof rights;
    int sent = sendmmsg(s[0], TAG(m), 2, 0);
    printf("sendmmsg %d: %u %u\n", sent, m[0].msg_len, m[1].msg_len);
    struct iovec into = {TAG(in[0]), sizeof in[0]};
    struct msghdr r = {.msg_iov = TAG(&into), .msg_iovlen = 1, .msg_control = TAG(control_in), .msg_controllen = sizeof control_in};
    ssize_t n = recvmsg(s[1], TAG(&r), MSG_TRUNC);
    printf("recvmsg %zd %s, control %zu, flags %x\n", n, in[0], r.msg_controllen, r.msg_flags & MSG_TRUNC);
    into = (struct iovec){TAG(in[1]), 2};
    m[0] = (struct mmsghdr){{.msg_iov = TAG(&into), .msg_iovlen = 1}};
    int got = recvmmsg(s[1], TAG(m), 1, MSG_DONTWAIT, NULL);
    printf("recvmmsg %d: %u %.2s, flags %x\n", got, m[0].msg_len, in[1], m[0].msg_hdr.msg_flags & MSG_TRUNC);
    printf("sendmsg without memory %d\n", sendmsg(s[0], (void *)8, 0) < 0 && errno == EFAULT);
}

/* Addresses in structs of which the call alone knows what they are. */
static void structs(void)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    char *room = malloc(4096);
    struct ifconf conf = {.ifc_len = 4096, .ifc_buf = TAG(room)};
    printf("SIOCGIFCONF %d", ioctl(s, SIOCGIFCONF, TAG(&conf)));
    printf(" whole %d, where it was %d\n", conf.ifc_len % sizeof(struct ifreq) == 0 && conf.ifc_len < 4096, conf.ifc_buf == TAG(room));
    struct sock_filter pass = {0x06, 0, 0, 0xffff};
    struct sock_fprog program = {1, TAG(&pass)};
    printf("SO_ATTACH_FILTER %d\n", setsockopt(s, SOL_SOCKET, SO_ATTACH_FILTER, TAG(&program), sizeof program));
    close(s);

    aio_context_t context = 0;
    struct io_event event;
    printf("io_setup %ld", syscall(SYS_io_setup, 4, TAG(&context)));
    int fd = memfd_create("file", 0);
    char text[8] = "aio", in[8] = {0};
    struct iovec vector[2] = {{TAG(in), 1}, {TAG(in + 1), 2}};
    struct iocb put = {.aio_lio_opcode = IOCB_CMD_PWRITE, .aio_fildes = fd, .aio_buf = (uintptr_t)TAG(text), .aio_nbytes = 3};
    struct iocb get = {.aio_lio_opcode = IOCB_CMD_PREADV, .aio_fildes = fd, .aio_buf = (uintptr_t)TAG(vector), .aio_nbytes = 2};
    struct iocb *list[] = {TAG(&put), TAG(&get)};
    printf(" io_submit %ld", syscall(SYS_io_submit, context, 2, TAG(list)));
    for (int i = 0; i < 2; i++)
        printf(" %ld", syscall(SYS_io_getevents, context, 1, 1, TAG(&event), NULL) == 1 ? (long)event.res : -1);
    printf(" %s, as it was %d\n", in, get.aio_buf == (uintptr_t)TAG(vector) && get.aio_fildes == fd);
    close(fd);
}

int main(int argc, char **argv)
{
    setvbuf(stdout, NULL, _IONBF, 0);
    if (argc > 1) {
        printf("executed: %d, '%s' '%s'\n", argv[1][0] == 'a' ? enabled() : -1, argv[1], getenv("TAGGED"));
        return 0;
    }
    char buf[16] = "abc", in[16] = {0};
    pipe(ends);
    printf("before: %d\n", enabled());
    printf("refused %d %d\n", REFUSED(write(ends[1], TAG(buf), 3)), REFUSED(access(TAG("/"), F_OK)));
    char *pages = mmap(NULL, 4 * PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    printf("memory %d %d", mprotect(TAG(pages), PAGE, PROT_READ), madvise(TAG(pages + PAGE), PAGE, MADV_DONTNEED));
    printf(" %d %d\n", mlock(TAG(pages), PAGE), munmap(TAG(pages + PAGE), PAGE));
    printf("wrong %d %d %d\n", CONTROL(SET, 1, 1), CONTROL(SET, 1 << 20, 0), CONTROL(GET, 1, 0));
    printf("set %d", CONTROL(SET, 1, 0));
    printf(", %d\n", enabled());
    printf("write %zd\n", write(ends[1], TAG(buf), 3));
    printf("read %zd", read(ends[0], TAG(in), 3));
    printf(" %s\n", in);
    struct stat st;
    printf("stat %d", stat(TAG("/"), TAG(&st)));
    printf(", directory %d\n", S_ISDIR(st.st_mode));
    struct iovec v[2] = {{TAG(buf), 1}, {TAG(buf + 1), 2}};
    printf("writev %zd", writev(ends[1], TAG(v), 2));
    printf(", too many %d", writev(ends[1], TAG(v), 1025) < 0 && errno == EINVAL);
    memset(in, 0, sizeof in);
    v[0].iov_base = TAG(in), v[1].iov_base = TAG(in + 8);
    printf(", readv %zd", readv(ends[0], TAG(v), 2));
    printf(" %s %s\n", in, in + 8);
    struct timespec soon = {0, 1000};
    sigset_t none;
    sigemptyset(&none);
    struct {
        void *set;
        size_t size;
    } mask = {TAG(&none), 8};
    fd_set set;
    FD_ZERO(&set);
    FD_SET(ends[0], &set);
    printf("pselect6 %ld\n", syscall(SYS_pselect6, ends[0] + 1, TAG(&set), NULL, NULL, TAG(&soon), TAG(&mask)));
    struct iovec local = {TAG(in), 4}, remote = {TAG("four"), 4};
    printf("process_vm_readv %zd", process_vm_readv(getpid(), TAG(&local), 1, TAG(&remote), 1, 0));
    printf(" %.4s\n", in);
    messages();
    structs();
    pthread_t t;
    pthread_create(&t, NULL, thread, NULL);
    pthread_join(t, NULL);
    pid_t child = fork();
    if (!child) {
        char *args[] = {TAG("tagged_calls"), TAG("argument"), NULL}, *env[] = {TAG("A=B"), TAG("TAGGED=environment"), NULL};
        printf("child %d\n", enabled());
        execve(TAG("/proc/self/exe"), TAG(args), TAG(env));
        perror("execve");
        _exit(1);
    }
    waitpid(child, NULL, 0);
    printf("off %d", CONTROL(SET, 0, 0));
    printf(", %d", enabled());
    printf(", refused %d\n", REFUSED(write(ends[1], TAG(buf), 3)));
    return 0;
}
