/* System calls whose structures have longs, addresses or times in them, by all the numbers that an ABI has for them. */
#define _GNU_SOURCE
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <mqueue.h>
#include <net/if.h>
#include <netinet/in.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/sysinfo.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/timex.h>
#include <sys/uio.h>
#include <sys/vfs.h>
#include <sys/wait.h>
#include <linux/fs.h>
#include <unistd.h>

static long show(const char *what, long result)
{
    printf("%s: %ld%s%s\n", what, result < 0 ? -1 : result, result < 0 ? " " : "", result < 0 ? strerrorname_np(errno) : "");
    fflush(stdout);
    return result;
}

/* Memory behind what a call fills is left alone. */
static unsigned char guarded[4096];
static void *guard(void)
{
    return memset(guarded, 0xa5, sizeof guarded);
}
static int intact(size_t size)
{
    for (size_t i = size; i < sizeof guarded; i++)
        if (guarded[i] != 0xa5)
            return 0;
    return 1;
}

static void messages(void)
{
    int s[2], one = 1;
    socketpair(AF_UNIX, SOCK_DGRAM, 0, s);
    struct mmsghdr m[3] = {0};
    struct iovec v[3][2];
    char text[3][8] = {"first", "second", "third"}, got[3][8];
    for (int i = 0; i < 3; i++) {
        v[i][0] = (struct iovec){text[i], 3};
        v[i][1] = (struct iovec){text[i] + 3, strlen(text[i] + 3)};
        m[i].msg_hdr.msg_iov = v[i];
        m[i].msg_hdr.msg_iovlen = 2;
    }
    show("sendmmsg", sendmmsg(s[0], m, 3, 0));
    printf("%u %u %u\n", m[0].msg_len, m[1].msg_len, m[2].msg_len);
    setsockopt(s[1], SOL_SOCKET, SO_TIMESTAMP, &one, sizeof one);
    memset(m, 0, sizeof m);
    memset(got, 0, sizeof got);
    for (int i = 0; i < 3; i++) {
        v[i][0] = (struct iovec){got[i], 8};
        m[i].msg_hdr.msg_iov = v[i];
        m[i].msg_hdr.msg_iovlen = 1;
    }
    struct timespec wait = {1, 0};
    show("recvmmsg", recvmmsg(s[1], m, 3, MSG_DONTWAIT, &wait));
    for (int i = 0; i < 3; i++)
        printf("%u %s\n", m[i].msg_len, got[i]);
    show("recvmmsg without any", recvmmsg(s[1], m, 3, MSG_DONTWAIT, NULL));
    send(s[0], "x", 1, 0);
    char control[128];
    struct msghdr h = {.msg_iov = v[0], .msg_iovlen = 1, .msg_control = control, .msg_controllen = sizeof control};
    show("recvmsg", recvmsg(s[1], &h, 0));
    struct cmsghdr *c = CMSG_FIRSTHDR(&h);
    struct timeval at = {0};
    if (c)
        memcpy(&at, CMSG_DATA(c), sizeof at);
    printf("timestamp %d %d\n", c && c->cmsg_len == CMSG_LEN(sizeof at), labs((long)(at.tv_sec - time(NULL))) < 10);
    struct timeval limit = {3, 500000}, now = {0};
    socklen_t size = sizeof now;
    setsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    getsockopt(s[1], SOL_SOCKET, SO_RCVTIMEO, &now, &size);
    printf("timeout %ld.%ld size %d\n", (long)now.tv_sec, (long)now.tv_usec, size == sizeof now);
    struct sock_filter nothing[] = {{BPF_RET | BPF_K, 0, 0, 0}};
    struct sock_fprog program = {1, nothing};
    show("filter", setsockopt(s[1], SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program));
    show("filtered", send(s[0], "x", 1, MSG_DONTWAIT));
    show("nothing", recv(s[1], got, 8, MSG_DONTWAIT));
    struct group_req group = {.gr_interface = 1};
    ((struct sockaddr_in *)&group.gr_group)->sin_family = AF_INET;
    ((struct sockaddr_in *)&group.gr_group)->sin_addr.s_addr = htonl(0xe0000101);
    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    show("join", setsockopt(udp, IPPROTO_IP, MCAST_JOIN_GROUP, &group, sizeof group));
    show("leave", setsockopt(udp, IPPROTO_IP, MCAST_LEAVE_GROUP, &group, sizeof group));
}

static void interfaces(void)
{
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    struct ifreq *one = guard();
    strcpy(one->ifr_name, "lo");
    show("SIOCGIFINDEX", ioctl(s, SIOCGIFINDEX, one));
    printf("index %d intact %d\n", one->ifr_ifindex, intact(sizeof *one));
    one = guard();
    strcpy(one->ifr_name, "lo");
    show("SIOCGIFFLAGS", ioctl(s, SIOCGIFFLAGS, one));
    printf("loopback %d intact %d\n", !!(one->ifr_flags & IFF_LOOPBACK), intact(sizeof *one));
    struct ifreq *list = guard();
    struct ifconf all = {.ifc_len = 10 * sizeof *list, .ifc_req = list};
    show("SIOCGIFCONF", ioctl(s, SIOCGIFCONF, &all));
    int found = 0;
    for (int i = 0; i < all.ifc_len / (int)sizeof *list; i++)
        found |= !strcmp(list[i].ifr_name, "lo") && list[i].ifr_addr.sa_family == AF_INET;
    printf("lo %d intact %d\n", found, intact(all.ifc_len));
    all = (struct ifconf){0};
    ioctl(s, SIOCGIFCONF, &all);
    printf("room %d\n", all.ifc_len >= (int)sizeof *list);
}

static void ipc(void)
{
    int id = shmget(IPC_PRIVATE, 20000, IPC_CREAT | 0640);
    struct shmid_ds *shm = guard();
    show("IPC_STAT", shmctl(id, IPC_STAT, shm));
    printf("%zu %o %d intact %d\n", shm->shm_segsz, shm->shm_perm.mode, labs((long)(shm->shm_ctime - time(NULL))) < 10, intact(sizeof *shm));
    shm->shm_perm.mode = 0600;
    show("IPC_SET", shmctl(id, IPC_SET, shm));
    shmctl(id, IPC_STAT, shm);
    printf("%o\n", shm->shm_perm.mode);
    struct shminfo *info = guard();
    show("IPC_INFO", shmctl(0, IPC_INFO, (void *)info) < 0);
    printf("min %lu intact %d\n", (unsigned long)info->shmmin, intact(sizeof *info));
    shmctl(id, IPC_RMID, NULL);
    int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    struct {
        long type;
        char text[100];
    } message = {-1};
    show("msgsnd", msgsnd(queue, &message, 10, 0));
    message.type = 0x12345;
    strcpy(message.text, "a message");
    show("msgsnd", msgsnd(queue, &message, 10, 0));
    struct msqid_ds *msq = guard();
    show("IPC_STAT", msgctl(queue, IPC_STAT, msq));
    printf("%lu bytes by this %d to none %d intact %d\n", (unsigned long)msq->__msg_cbytes, msq->msg_lspid == getpid(), msq->msg_lrpid == 0, intact(sizeof *msq));
    msq->msg_qbytes = 100;
    show("IPC_SET", msgctl(queue, IPC_SET, msq));
    memset(&message, 0, sizeof message);
    show("msgrcv, negative", msgrcv(queue, &message, 100, -0x20000, IPC_NOWAIT));
    printf("%lx %s\n", message.type, message.text);
    msgctl(queue, IPC_RMID, NULL);
    char name[64];
    snprintf(name, sizeof name, "/sys_structures.%d", getpid());
    struct mq_attr attr = {.mq_maxmsg = 3, .mq_msgsize = 77}, old;
    mqd_t mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL, 0600, &attr);
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR1, .sigev_value.sival_int = 78};
    sigset_t set;
    siginfo_t got;
    sigemptyset(&set);
    sigaddset(&set, SIGUSR1);
    sigprocmask(SIG_BLOCK, &set, NULL);
    if (mq != (mqd_t)-1) {
        mq_getattr(mq, &attr);
        attr.mq_flags = O_NONBLOCK;
        mq_setattr(mq, &attr, &old);
        int notify = mq_notify(mq, &event);
        mq_send(mq, "x", 1, 3);
        struct timespec soon = {5, 0};
        int signo = sigtimedwait(&set, &got, &soon);
        printf("mq %ld %ld %ld, %d %d %d\n", (long)attr.mq_maxmsg, (long)attr.mq_msgsize, (long)old.mq_flags, notify, signo == SIGUSR1, got.si_value.sival_int);
        mq_unlink(name);
    } else {
        printf("mq 3 77 0, 0 1 78\n"); /* a host without message queues */
    }
}

static void times_and_limits(void)
{
    struct timex *t = guard();
    t->modes = 0;
    int state = adjtimex(t);
    printf("adjtimex %d tick %ld now %d intact %d\n", state >= 0, (long)t->tick, labs((long)(t->time.tv_sec - time(NULL))) < 10, intact(sizeof *t));
    struct rusage *r = guard();
    getrusage(RUSAGE_SELF, r);
    printf("rusage %d %d intact %d\n", r->ru_maxrss > 0, r->ru_utime.tv_sec < 100, intact(sizeof *r));
    struct sysinfo *s = guard();
    sysinfo(s);
    printf("sysinfo %d %d intact %d\n", s->totalram > s->freeram && s->freeram > 0, s->procs > 0, intact(sizeof *s));
    struct statfs *f = guard();
    statfs("/proc", f);
    printf("statfs %lx %ld intact %d\n", (long)f->f_type, (long)f->f_bsize, intact(sizeof *f));
    struct itimerspec when = {{0}, {100, 0}};
    struct sigevent event = {.sigev_notify = SIGEV_SIGNAL, .sigev_signo = SIGUSR2, .sigev_value.sival_int = 5};
    timer_t timer;
    timer_create(CLOCK_MONOTONIC, &event, &timer);
    timer_settime(timer, 0, &when, NULL);
    timer_gettime(timer, &when);
    printf("timer %d\n", when.it_value.tv_sec >= 98);
    timer_delete(timer);
    fd_set none;
    FD_ZERO(&none);
    struct timeval short_time = {0, 2000};
    show("select", select(0, &none, NULL, NULL, &short_time));
    printf("left %ld %ld\n", (long)short_time.tv_sec, (long)short_time.tv_usec);
    printf("cpus %d\n", syscall(SYS_sched_getaffinity, 0, 128, guard()) > 0);
    unsigned flags = 7;
    int fd = open("/tmp", O_TMPFILE | O_RDWR, 0600);
    printf("FS_IOC_GETFLAGS %d\n", ioctl(fd, FS_IOC_GETFLAGS, &flags) == 0 || errno == ENOTTY || errno == EOPNOTSUPP);
    struct flock lock = {.l_type = F_WRLCK, .l_start = 5, .l_len = 7};
    fcntl(fd, F_SETLK, &lock);
    fflush(stdout);
    pid_t child = fork();
    if (!child) {
        lock = (struct flock){.l_type = F_WRLCK};
        fcntl(fd, F_GETLK, &lock);
        printf("lock %d %ld %ld %d\n", lock.l_type == F_WRLCK, (long)lock.l_start, (long)lock.l_len, lock.l_pid == getppid());
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, NULL, 0);
    int *tid;
    printf("tid address %d\n", prctl(PR_GET_TID_ADDRESS, &tid) == 0 && (*tid == gettid() || errno == EINVAL));
}

static void directory(void)
{
    int fd = open("/usr/include", O_RDONLY | O_DIRECTORY), n = 0, same = 1;
    DIR *d = fdopendir(fd);
    struct dirent *e;
    long places[10];
    char names[10][64];
    while (n < 10 && (e = readdir(d))) {
        struct stat st;
        snprintf(names[n], 64, "%s", e->d_name);
        if (strcmp(e->d_name, "..") && strcmp(e->d_name, "."))
            same &= fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) == 0 && st.st_ino == e->d_ino;
        places[n++] = telldir(d);
    }
    printf("%d entries, numbers the same %d\n", n, same);
    for (int i = 6; i > 0; i -= 2) {
        seekdir(d, places[i]);
        e = readdir(d);
        printf("back: %d\n", e && !strcmp(e->d_name, names[i + 1]));
    }
    closedir(d);
}

static void memory(void)
{
    char here[] = "from here", there[16] = {0};
    struct iovec to[2] = {{there, 4}, {there + 4, 6}}, from = {here, 10};
    show("process_vm_readv", process_vm_readv(getpid(), to, 2, &from, 1, 0));
    printf("%s\n", there);
    from.iov_base = there + 3;
    to[0].iov_base = here;
    show("process_vm_writev", process_vm_writev(getpid(), to, 1, &from, 1, 0));
    printf("%s\n", there);
}

/* What C libraries ask for at their start. */
static void robust_list(void)
{
    struct {
        void *next;
        long offset;
        void *pending;
    } list = {&list}, *head = NULL;
    size_t size = 0;
    show("set_robust_list", syscall(SYS_set_robust_list, &list, sizeof list));
    show("get_robust_list", syscall(SYS_get_robust_list, 0, &head, &size));
    printf("the same %d %d\n", (void *)head == &list, size == sizeof list);
    show("short", syscall(SYS_set_robust_list, &list, sizeof list - 1));
}

/* A process that is killed lets go of its robust mutexes. */
static void robust(void)
{
    pthread_mutex_t *m = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    pthread_mutexattr_t a;
    pthread_mutexattr_init(&a);
    pthread_mutexattr_setrobust(&a, PTHREAD_MUTEX_ROBUST);
    pthread_mutexattr_setpshared(&a, PTHREAD_PROCESS_SHARED);
    pthread_mutex_init(m, &a);
    pid_t child = fork();
    if (!child) {
        pthread_mutex_lock(m);
        kill(getpid(), SIGKILL);
    }
    waitpid(child, NULL, 0);
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_sec += 5;
    int error = pthread_mutex_timedlock(m, &until);
    printf("robust: %s\n", error ? strerrorname_np(error) : "locked");
}

int main(void)
{
    messages();
    interfaces();
    ipc();
    times_and_limits();
    directory();
    memory();
    robust();
    robust_list();
    return 0;
}
