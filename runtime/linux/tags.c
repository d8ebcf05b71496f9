/* Tagged addresses in system calls (Documentation/arch/arm64/tagged-address-abi.rst). The guest's hardware ignores the topmost bits
 * of an address; the host's kernel doesn't, so they are taken off here: always where the address is a mere number (RANGE), and
 * where the kernel reads or writes through it (IN, OUT) once the thread has asked for that by PR_SET_TAGGED_ADDR_CTRL. What an
 * argument is stands in its row's signature. */
#include <linux/filter.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "linux.h"

enum { MOST_ITEMS = 1024 }; /* UIO_MAXIOV; what has more is the host's to refuse */

/* Kinds that are arrays of structs with an address in each. */
static const struct {
    const char *kind;
    size_t size, at; /* of a struct; where its address is */
} arrays[] = {
    {"iov", sizeof(struct iovec), offsetof(struct iovec, iov_base)},
    {"riov", sizeof(struct iovec), offsetof(struct iovec, iov_base)},
    {"remotev", sizeof(struct iovec), offsetof(struct iovec, iov_base)},
    {"waitv", 24, 8}, /* struct futex_waitv */
};

/* Takes the tags off the addresses in `count` structs. */
static void strip_items(const Task *t, void *items, u64 count, size_t size, size_t at)
{
    for (u64 i = 0; i < count; i++) {
        u64 address;
        memcpy(&address, (u8 *)items + i * size + at, sizeof address);
        address = address_untagged(t, address);
        memcpy((u8 *)items + i * size + at, &address, sizeof address);
    }
}

/* The guest's array without tags, in memory of ours; the guest's itself if it can't be read, which the host finds out, too. */
static u64 strip_array(const Task *t, Untagged *u, u64 guest, u64 count, size_t size, size_t at)
{
    u8 **copy = &u->copies[u->copies[0] != NULL];
    if (count > MOST_ITEMS || !(*copy = malloc(count * size + 1)) || mem_read(*copy, guest, count * size))
        return guest;
    strip_items(t, *copy, count, size, at);
    return (u64)*copy;
}

/* The same for messages: `count` structs of `stride` bytes that begin with a msghdr, with their iovecs after them. */
static u64 strip_messages(const Task *t, Untagged *u, u64 guest, u64 count, size_t stride)
{
    u64 vectors = 0;
    struct msghdr m;
    for (u64 i = 0; i < count; i++) {
        if (count > MOST_ITEMS || mem_read(&m, guest + i * stride, sizeof m) || m.msg_iovlen > MOST_ITEMS)
            return guest;
        vectors += m.msg_iovlen;
    }
    u8 *copy = u->copies[0] = malloc(count * stride + vectors * sizeof(struct iovec) + 1);
    if (!copy || mem_read(copy, guest, count * stride))
        return guest;
    struct iovec *next = (struct iovec *)(copy + count * stride);
    for (u64 i = 0; i < count; i++) {
        struct msghdr *at = (struct msghdr *)(copy + i * stride);
        if (at->msg_iovlen > vectors || mem_read(next, address_untagged(t, (u64)at->msg_iov), at->msg_iovlen * sizeof *next))
            return guest;
        strip_items(t, next, at->msg_iovlen, sizeof *next, offsetof(struct iovec, iov_base));
        at->msg_name = (void *)address_untagged(t, (u64)at->msg_name);
        at->msg_control = (void *)address_untagged(t, (u64)at->msg_control);
        at->msg_iov = next;
        next += at->msg_iovlen;
        vectors -= at->msg_iovlen;
    }
    u->messages = count;
    u->stride = stride;
    u->guest = guest;
    return (u64)copy;
}

/* Structs behind a pointer that doesn't say what it leads to, by another argument. */
static const struct {
    Sys call;
    u64 request;
    u8 asked, arg; /* which argument is the request, which the struct's address */
    u8 size, at;
} structs[] = {
    {CALL_ioctl, SIOCGIFCONF, 1, 2, sizeof(struct ifconf), offsetof(struct ifconf, ifc_buf)},
    {CALL_ioctl, SIOCETHTOOL, 1, 2, sizeof(struct ifreq), offsetof(struct ifreq, ifr_data)},
    {CALL_setsockopt, SO_ATTACH_FILTER, 2, 3, sizeof(struct sock_fprog), offsetof(struct sock_fprog, filter)},
    {CALL_setsockopt, SO_ATTACH_REUSEPORT_CBPF, 2, 3, sizeof(struct sock_fprog), offsetof(struct sock_fprog, filter)},
};

static void strip_struct(const Task *t, Sys call, u64 args[6], Untagged *u)
{
    for (size_t i = 0; i < LEN(structs); i++) {
        if (structs[i].call != call || structs[i].request != (u32)args[structs[i].asked] ||
            (call == CALL_setsockopt && ((int)args[1] != SOL_SOCKET || (u32)args[4] < structs[i].size)))
            continue;
        u64 guest = args[structs[i].arg];
        u->copies[0] = malloc(structs[i].size);
        if (!u->copies[0] || mem_read(u->copies[0], guest, structs[i].size))
            return;
        strip_items(t, u->copies[0], 1, structs[i].size, structs[i].at);
        args[structs[i].arg] = (u64)u->copies[0];
        u->guest = guest;
        u->start = call == CALL_ioctl ? structs[i].at : 0;
    }
}

void tags_strip(const Task *t, Sys call, u64 args[6], Untagged *u)
{
    const char *signature = call_signature(call);
    ArgKind kind;
    *u = (Untagged){0};
    for (int i = 0; i < 6 && next_argument(&signature, &kind); i++) {
        if (kind.what == VALUE || (kind.what != RANGE && !t->tagged_addresses))
            continue;
        args[i] = address_untagged(t, args[i]);
        if (i == 5 || kind.what == RANGE)
            continue;
        for (size_t k = 0; k < LEN(arrays); k++)
            if (strcmp(kind.name, arrays[k].kind) == 0)
                args[i] = strip_array(t, u, args[i], args[i + 1], arrays[k].size, arrays[k].at);
        if (strcmp(kind.name, "msghdr") == 0 || strcmp(kind.name, "rmsghdr") == 0)
            args[i] = strip_messages(t, u, args[i], 1, sizeof(struct msghdr));
        else if (strcmp(kind.name, "mmsghdr") == 0)
            args[i] = strip_messages(t, u, args[i], (u32)args[i + 1], sizeof(struct mmsghdr));
    }
    if (t->tagged_addresses)
        strip_struct(t, call, args, u);
}

/* Gives the guest what the kernel has written into the messages' headers: all but the addresses. */
void tags_return(Untagged *u)
{
    static const struct {
        size_t at, size;
    } written[] = {
        {offsetof(struct msghdr, msg_namelen), sizeof(socklen_t)},
        {offsetof(struct msghdr, msg_controllen), sizeof(size_t)},
        {offsetof(struct msghdr, msg_flags), sizeof(int)},
        {offsetof(struct mmsghdr, msg_len), sizeof(unsigned)},
    };
    for (size_t i = 0; i < u->messages; i++)
        for (size_t k = 0; k < LEN(written); k++)
            if (written[k].at + written[k].size <= u->stride)
                mem_write(u->guest + i * u->stride + written[k].at, u->copies[0] + i * u->stride + written[k].at, written[k].size);
    if (u->start)
        mem_write(u->guest, u->copies[0], u->start);
    free(u->copies[0]);
    free(u->copies[1]);
}
