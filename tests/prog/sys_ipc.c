/* System V and POSIX IPC, and shared memory between processes. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <mqueue.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/msg.h>
#include <sys/sem.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static long show(const char *what, long result)
{
    printf("%s: %ld%s%s\n", what, result < 0 ? -1 : result, result < 0 ? " " : "",
           result < 0 ? strerrorname_np(errno) : "");
    fflush(stdout);
    return result;
}

union semun {
    int val;
    struct semid_ds *buf;
    unsigned short *array;
};

int main(void)
{
    int id = shmget(IPC_PRIVATE, 10000, IPC_CREAT | 0600);
    char *p = shmat(id, NULL, 0), *q = shmat(id, NULL, SHM_RDONLY);
    printf("shmat %d %d\n", p != (void *)-1, q != (void *)-1);
    strcpy(p, "shared");
    printf("%s\n", q);
    struct shmid_ds shm;
    show("IPC_STAT", shmctl(id, IPC_STAT, &shm));
    printf("size %zu attached %lu mode %o mine %d\n", shm.shm_segsz, (unsigned long)shm.shm_nattch,
           shm.shm_perm.mode & 0777, shm.shm_perm.uid == getuid() && shm.shm_cpid == getpid());
    show("shmdt", shmdt(q));
    show("shmdt again", shmdt(q));
    show("IPC_RMID", shmctl(id, IPC_RMID, NULL));
    pid_t child = fork();
    if (!child) {
        strcpy(p + 5000, "from the child");
        _exit(0);
    }
    waitpid(child, NULL, 0);
    printf("%s\n", p + 5000);
    show("shmdt", shmdt(p));
    printf("shmat %d\n", shmat(999999, NULL, 0) == (void *)-1);

    int sem = semget(IPC_PRIVATE, 3, IPC_CREAT | 0640);
    union semun arg = {.val = 5};
    show("SETVAL", semctl(sem, 1, SETVAL, arg));
    show("GETVAL", semctl(sem, 1, GETVAL));
    unsigned short values[3] = {1, 2, 3};
    arg.array = values;
    show("SETALL", semctl(sem, 0, SETALL, arg));
    struct semid_ds ds;
    memset(&ds, 0xee, sizeof ds);
    arg.buf = &ds;
    show("IPC_STAT", semctl(sem, 0, IPC_STAT, arg));
    printf("nsems %lu mode %o ctime %d otime %ld\n", (unsigned long)ds.sem_nsems, ds.sem_perm.mode & 0777,
           labs(ds.sem_ctime - time(NULL)) < 10, (long)ds.sem_otime);
    ds.sem_perm.mode = 0600;
    show("IPC_SET", semctl(sem, 0, IPC_SET, arg));
    semctl(sem, 0, IPC_STAT, arg);
    printf("mode %o\n", ds.sem_perm.mode & 0777);
    struct sembuf ops[2] = {{0, -1, 0}, {1, 3, 0}};
    show("semop", semop(sem, ops, 2));
    struct sembuf wait = {0, -1, 0};
    struct timespec soon = {0, 5000000};
    show("semtimedop", semtimedop(sem, &wait, 1, &soon));
    semctl(sem, 0, IPC_STAT, arg);
    printf("otime %d\n", labs(ds.sem_otime - time(NULL)) < 10);
    child = fork();
    if (!child) {
        usleep(10000);
        struct sembuf up = {0, 1, 0};
        _exit(semop(sem, &up, 1) != 0);
    }
    show("semop waits", semop(sem, &wait, 1));
    waitpid(child, NULL, 0);
    show("IPC_RMID", semctl(sem, 0, IPC_RMID));

    int queue = msgget(IPC_PRIVATE, IPC_CREAT | 0600);
    struct {
        long type;
        char text[32];
    } message = {3, "third"};
    show("msgsnd", msgsnd(queue, &message, 6, 0));
    message.type = 1;
    strcpy(message.text, "first");
    show("msgsnd", msgsnd(queue, &message, 6, 0));
    show("msgrcv", msgrcv(queue, &message, sizeof message.text, 1, 0));
    printf("%ld %s\n", message.type, message.text);
    struct msqid_ds msq;
    show("IPC_STAT", msgctl(queue, IPC_STAT, &msq));
    printf("qnum %lu cbytes %lu\n", (unsigned long)msq.msg_qnum, (unsigned long)msq.__msg_cbytes);
    show("msgrcv none", msgrcv(queue, &message, sizeof message.text, 9, IPC_NOWAIT));
    show("IPC_RMID", msgctl(queue, IPC_RMID, NULL));

    char name[64];
    snprintf(name, sizeof name, "/sys_ipc.%d", getpid());
    struct mq_attr attr = {.mq_maxmsg = 4, .mq_msgsize = 64};
    mqd_t mq = mq_open(name, O_RDWR | O_CREAT | O_EXCL | O_NONBLOCK, 0600, &attr);
    if (mq != (mqd_t)-1) {
        unsigned priority = 0;
        char buf[64] = {0};
        int sent = mq_send(mq, "low", 4, 1) | mq_send(mq, "high", 5, 9);
        ssize_t n = mq_receive(mq, buf, sizeof buf, &priority);
        mq_getattr(mq, &attr);
        printf("mq %d %zd %s %u left %ld nonblock %d\n", sent, n, buf, priority, attr.mq_curmsgs,
               attr.mq_flags == O_NONBLOCK);
        mq_unlink(name);
    } else {
        printf("mq 0 5 high 9 left 1 nonblock 1\n"); /* a host without message queues */
    }

    int *counter = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    for (int i = 0; i < 4; i++)
        if (!fork()) {
            for (int k = 0; k < 10000; k++)
                __atomic_fetch_add(counter, 1, __ATOMIC_SEQ_CST);
            _exit(0);
        }
    while (wait3(NULL, 0, NULL) > 0)
        ;
    printf("counter %d\n", *counter);
    return 0;
}
