/* Sockets: UNIX, IPv4 and IPv6, options, messages with descriptors and credentials, many messages at once. */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

static long show(const char *what, long result)
{
    printf("%s: %ld%s%s\n", what, result < 0 ? -1 : result, result < 0 ? " " : "",
           result < 0 ? strerrorname_np(errno) : "");
    return result;
}

static void tcp(int family)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a = {0}, peer;
    socklen_t size = family == AF_INET ? sizeof a.in : sizeof a.in6;
    a.sa.sa_family = family;
    if (family == AF_INET)
        a.in.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    else
        a.in6.sin6_addr = in6addr_loopback;
    int server = socket(family, SOCK_STREAM | SOCK_CLOEXEC, 0), one = 1;
    setsockopt(server, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    show("bind", bind(server, &a.sa, size));
    show("listen", listen(server, 5));
    show("getsockname", getsockname(server, &a.sa, &size));
    int client = socket(family, SOCK_STREAM, 0);
    show("connect", connect(client, &a.sa, size));
    socklen_t peer_size = sizeof peer;
    int conn = accept4(server, &peer.sa, &peer_size, SOCK_NONBLOCK | SOCK_CLOEXEC);
    printf("accept %d size %d same %d\n", conn >= 0, peer_size == size, peer.sa.sa_family == family);
    char buf[64] = {0};
    show("recv empty", recv(conn, buf, sizeof buf, 0));
    show("send", send(client, "hello", 5, MSG_NOSIGNAL));
    struct pollfd poll_fd = {conn, POLLIN | POLLOUT, 0};
    show("poll", poll(&poll_fd, 1, 1000));
    printf("revents %x\n", poll_fd.revents);
    show("peek", recv(conn, buf, sizeof buf, MSG_PEEK));
    show("recv", recv(conn, buf, sizeof buf, 0));
    printf("%s\n", buf);
    int value = 0;
    socklen_t value_size = sizeof value;
    show("nodelay", setsockopt(client, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one));
    show("getsockopt", getsockopt(client, IPPROTO_TCP, TCP_NODELAY, &value, &value_size));
    printf("%d %d\n", !!value, value_size);
    show("type", getsockopt(client, SOL_SOCKET, SO_TYPE, &value, &value_size));
    printf("%d\n", value);
    struct timeval timeout = {0, 10000};
    show("rcvtimeo", setsockopt(client, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof timeout));
    show("recv times out", recv(client, buf, 1, 0));
    show("shutdown", shutdown(client, SHUT_WR));
    show("recv end", recv(conn, buf, sizeof buf, 0));
    close(client), close(conn), close(server);
}

int main(void)
{
    int pair[2];
    show("socketpair", socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair));
    int pipe_fds[2];
    if (pipe(pipe_fds))
        return 1;

    /* A descriptor and credentials travel with the message. */
    int one = 1;
    setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof one);
    char control[256] = {0};
    struct iovec iov = {"message", 7};
    struct msghdr msg = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = control, .msg_controllen = CMSG_SPACE(sizeof(int))};
    struct cmsghdr *c = CMSG_FIRSTHDR(&msg);
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(c), &pipe_fds[1], sizeof(int));
    show("sendmsg", sendmsg(pair[0], &msg, 0));
    char buf[64] = {0}, in_control[256];
    struct iovec in = {buf, sizeof buf};
    struct msghdr received = {
        .msg_iov = &in, .msg_iovlen = 1, .msg_control = in_control, .msg_controllen = sizeof in_control};
    show("recvmsg", recvmsg(pair[1], &received, MSG_CMSG_CLOEXEC));
    printf("%s flags %x\n", buf, received.msg_flags & ~MSG_CMSG_CLOEXEC);
    for (c = CMSG_FIRSTHDR(&received); c; c = CMSG_NXTHDR(&received, c)) {
        printf("control %d len %zu\n", c->cmsg_type, c->cmsg_len);
        if (c->cmsg_type == SCM_RIGHTS) {
            int fd;
            memcpy(&fd, CMSG_DATA(c), sizeof fd);
            show("write to it", write(fd, "through", 7));
            printf("cloexec %d\n", fcntl(fd, F_GETFD));
        } else {
            struct ucred cred;
            memcpy(&cred, CMSG_DATA(c), sizeof cred);
            printf("cred %d\n", cred.pid == getpid() && cred.uid == getuid());
        }
    }
    show("read pipe", read(pipe_fds[0], buf, sizeof buf));
    struct mmsghdr many[3] = {0};
    struct iovec iovs[3] = {{"a", 1}, {"bb", 2}, {"ccc", 3}};
    for (int i = 0; i < 3; i++)
        many[i].msg_hdr = (struct msghdr){.msg_iov = iovs + i, .msg_iovlen = 1};
    show("sendmmsg", sendmmsg(pair[0], many, 3, 0));
    char text[3][8] = {{0}};
    for (int i = 0; i < 3; i++) {
        iovs[i] = (struct iovec){text[i], 8};
        many[i].msg_hdr = (struct msghdr){.msg_iov = iovs + i, .msg_iovlen = 1};
    }
    struct timespec timeout = {1, 0};
    show("recvmmsg", recvmmsg(pair[1], many, 3, MSG_WAITFORONE, &timeout));
    printf("%s %s %s %u\n", text[0], text[1], text[2], many[2].msg_len);

    struct sockaddr_un un = {.sun_family = AF_UNIX};
    snprintf(un.sun_path, sizeof un.sun_path, "/tmp/sys_sockets.%d", getpid());
    int server = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    show("bind", bind(server, (struct sockaddr *)&un, sizeof un));
    show("listen", listen(server, 1));
    show("connect", connect(client, (struct sockaddr *)&un, sizeof un));
    struct sockaddr_un name;
    socklen_t size = sizeof name;
    show("getpeername", getpeername(client, (struct sockaddr *)&name, &size));
    printf("%d %d\n", strcmp(name.sun_path, un.sun_path),
           size == offsetof(struct sockaddr_un, sun_path) + strlen(un.sun_path) + 1);
    struct ucred cred;
    socklen_t cred_size = sizeof cred;
    show("peercred", getsockopt(client, SOL_SOCKET, SO_PEERCRED, &cred, &cred_size));
    printf("%d\n", cred.pid == getpid());
    unlink(un.sun_path);
    show("connect to nothing", connect(socket(AF_UNIX, SOCK_STREAM, 0), (struct sockaddr *)&un, sizeof un));
    show("bad address", bind(server, (struct sockaddr *)8, sizeof un));

    tcp(AF_INET);
    tcp(AF_INET6);

    int udp = socket(AF_INET, SOCK_DGRAM, 0);
    struct sockaddr_in a = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)}, from;
    size = sizeof a;
    bind(udp, (struct sockaddr *)&a, sizeof a);
    getsockname(udp, (struct sockaddr *)&a, &size);
    show("sendto", sendto(udp, "datagram", 8, 0, (struct sockaddr *)&a, sizeof a));
    size = sizeof from;
    memset(buf, 0, sizeof buf);
    show("recvfrom", recvfrom(udp, buf, sizeof buf, 0, (struct sockaddr *)&from, &size));
    printf("%s %d %d\n", buf, size, from.sin_port == a.sin_port);
    show("no such family", socket(12345, SOCK_STREAM, 0));
    return 0;
}
