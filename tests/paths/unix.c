/* The guest of tests/run_paths for UNIX sockets: binds two names that begin with its argument and says of each call that takes or
 * returns a name whether it does the right thing. */
#define _GNU_SOURCE
#include <errno.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static struct sockaddr_un name(const char *prefix, char which)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof a.sun_path, "%s%c", prefix, which);
    return a;
}

static const char *is(const struct sockaddr_un *got, socklen_t size, const struct sockaddr_un *wanted)
{
    return size != offsetof(struct sockaddr_un, sun_path) + strlen(wanted->sun_path) + 1 ? "size"
           : strcmp(got->sun_path, wanted->sun_path)                                    ? got->sun_path
                                                                                        : "same";
}

int main(int argc, char **argv)
{
    struct sockaddr_un a = name(argv[1], 'a'), b = name(argv[1], 'b'), got;
    socklen_t size = sizeof got;
    char buf[16];
    int s = socket(AF_UNIX, SOCK_DGRAM, 0), t = socket(AF_UNIX, SOCK_DGRAM, 0);
    if (bind(s, (void *)&a, sizeof a) || bind(t, (void *)&b, sizeof b))
        printf("%s ", strerrorname_np(errno));
    getsockname(s, (void *)&got, &size);
    printf("own %s", is(&got, size, &a));
    printf(" sendto %zd", sendto(t, "hi", 2, 0, (void *)&a, sizeof a));
    size = sizeof got;
    printf(" recvfrom %zd", recvfrom(s, buf, sizeof buf, MSG_DONTWAIT, (void *)&got, &size));
    printf(" %s", is(&got, size, &b));

    struct iovec v = {buf, 4};
    struct mmsghdr m[2] = {{.msg_hdr = {.msg_name = &a, .msg_namelen = sizeof a, .msg_iov = &v, .msg_iovlen = 1}}};
    m[1] = m[0];
    printf(" sendmsg %zd", sendmsg(t, &m[0].msg_hdr, 0));
    printf(" sendmmsg %d", sendmmsg(t, m, 2, 0));
    printf(" %u %u", m[0].msg_len, m[1].msg_len);
    m[0].msg_hdr.msg_name = m[1].msg_hdr.msg_name = &got;
    m[0].msg_hdr.msg_namelen = m[1].msg_hdr.msg_namelen = sizeof got;
    printf(" recvmsg %zd", recvmsg(s, &m[0].msg_hdr, MSG_DONTWAIT));
    printf(" %s", is(&got, m[0].msg_hdr.msg_namelen, &b));
    m[0].msg_hdr.msg_name = NULL;
    printf(" recvmmsg %d", recvmmsg(s, m, 2, MSG_DONTWAIT, NULL));
    printf(" %s\n", is(&got, m[1].msg_hdr.msg_namelen, &b));
    size = 3; /* too little room: cut off, with the whole size */
    sendto(t, "hi", 2, 0, (void *)&a, sizeof a);
    printf("short %zd", recvfrom(s, buf, sizeof buf, MSG_DONTWAIT, (void *)&got, &size));
    printf(" %d", size == offsetof(struct sockaddr_un, sun_path) + strlen(b.sun_path) + 1);
    unlink(a.sun_path);
    unlink(b.sun_path);

    int listener = socket(AF_UNIX, SOCK_STREAM, 0), client = socket(AF_UNIX, SOCK_STREAM, 0);
    bind(listener, (void *)&a, sizeof a);
    bind(client, (void *)&b, sizeof b);
    listen(listener, 1);
    printf(" connect %s", connect(client, (void *)&a, sizeof a) ? strerrorname_np(errno) : "ok");
    size = sizeof got;
    int peer = accept(listener, (void *)&got, &size);
    printf(" accept %s", is(&got, size, &b));
    size = sizeof got;
    getpeername(client, (void *)&got, &size);
    printf(" peer %s", is(&got, size, &a));
    unlink(a.sun_path);
    printf(" gone %s", connect(client, (void *)&a, sizeof a) ? strerrorname_np(errno) : "ok");
    printf(" left %d\n", unlink(b.sun_path));
    return peer < 0;
}
