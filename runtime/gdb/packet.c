/* gdb's remote protocol, the lowest layer: packets with their checksums and escapes (its manual, appendix E.1). */
#include <poll.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "stub.h"

enum { INTERRUPT = 3, ESCAPE = '}', ESCAPED = 0x20 };

/* The next byte; -1: the debugger is gone. */
static int next_byte(Debug *d)
{
    if (d->in_at == d->in_size) {
        ssize_t n;
        do
            n = read(*debug_fd(d, FD_CONNECTION), d->in, sizeof d->in);
        while (n < 0 && errno == EINTR);
        if (n <= 0)
            return -1;
        d->in_at = 0;
        d->in_size = (u32)n;
    }
    return d->in[d->in_at++];
}

bool packet_waits(const Debug *d)
{
    struct pollfd p = {.fd = *debug_fd(d, FD_CONNECTION), .events = POLLIN};
    return d->in_at < d->in_size || poll(&p, 1, 0) > 0;
}

static int hex_digit(int c)
{
    return c >= '0' && c <= '9' ? c - '0' : c >= 'a' && c <= 'f' ? c - 'a' + 10 : c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static void put(Debug *d, const char *bytes, size_t size)
{
    while (size) {
        ssize_t n = send(*debug_fd(d, FD_CONNECTION), bytes, size, MSG_NOSIGNAL);
        if (n < 0 && errno == ENOTSOCK)
            n = write(*debug_fd(d, FD_CONNECTION), bytes, size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return; /* the next read tells */
        bytes += n;
        size -= (size_t)n;
    }
}

int packet_read(Debug *d)
{
    for (;;) {
        int c = next_byte(d);
        if (c < 0)
            return -1;
        if (c == INTERRUPT)
            return 0;
        if (c != '$') /* acknowledgements among them: nothing is lost on the way */
            continue;
        u8 sum = 0;
        d->text_size = 0;
        while ((c = next_byte(d)) >= 0 && c != '#') {
            sum += (u8)c;
            if (d->text_size < PACKET)
                d->text[d->text_size++] = (char)c;
        }
        d->text[d->text_size] = 0;
        int high = next_byte(d), low = next_byte(d);
        if (low < 0)
            return -1;
        bool right = sum == (u8)(hex_digit(high) << 4 | hex_digit(low));
        if (!d->session->no_ack)
            put(d, right ? "+" : "-", 1);
        if (right || d->session->no_ack)
            return 1;
    }
}

void reply_begin(Debug *d)
{
    d->out[0] = '$';
    d->out_size = 1;
}

static u32 room(const Debug *d)
{
    return (u32)sizeof d->out - 8 - d->out_size;
}

void reply_text(Debug *d, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int n = vsnprintf(d->out + d->out_size, room(d), format, args);
    va_end(args);
    if (n > 0)
        d->out_size += (u32)n < room(d) ? (u32)n : room(d) - 1;
}

void reply_hex(Debug *d, const void *bytes, size_t size)
{
    const u8 *at = bytes;
    for (size_t i = 0; i < size && room(d) > 2; i++) {
        d->out[d->out_size++] = "0123456789abcdef"[at[i] >> 4];
        d->out[d->out_size++] = "0123456789abcdef"[at[i] & 15];
    }
}

void reply_binary(Debug *d, const void *bytes, size_t size)
{
    const char *at = bytes;
    for (size_t i = 0; i < size && room(d) > 2; i++) {
        bool special = at[i] == '#' || at[i] == '$' || at[i] == '*' || at[i] == ESCAPE;
        if (special)
            d->out[d->out_size++] = ESCAPE;
        d->out[d->out_size++] = (char)(special ? at[i] ^ ESCAPED : at[i]);
    }
}

void reply_send(Debug *d)
{
    u8 sum = 0;
    for (u32 i = 1; i < d->out_size; i++)
        sum += (u8)d->out[i];
    d->out_size += (u32)snprintf(d->out + d->out_size, 8, "#%02x", sum);
    put(d, d->out, d->out_size);
}

void reply(Debug *d, const char *text)
{
    reply_begin(d);
    reply_text(d, "%s", text);
    reply_send(d);
}

void reply_error(Debug *d, int error)
{
    char text[8];
    snprintf(text, sizeof text, "E%02x", (error < 0 ? -error : error) & 0xff);
    reply(d, text);
}

const char *hex_bytes(const char *text, u8 *out, size_t max, size_t *n)
{
    for (*n = 0; *n < max; ++*n, text += 2) {
        int high = hex_digit(text[0]), low = high < 0 ? -1 : hex_digit(text[1]);
        if (low < 0)
            break;
        out[*n] = (u8)(high << 4 | low);
    }
    return text;
}

size_t unescape(const char *text, size_t size, u8 *out)
{
    size_t n = 0;
    for (size_t i = 0; i < size; i++)
        out[n++] = text[i] == ESCAPE && i + 1 < size ? (u8)(text[++i] ^ ESCAPED) : (u8)text[i];
    return n;
}
