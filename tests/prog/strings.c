/* The C library's string functions, whose AArch64 versions are the most heavily vectorised code most programs run, at every
 * alignment and length, also with the string's end at the end of a page. */
#define _GNU_SOURCE
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <wchar.h>

static uint64_t h = 0xcbf29ce484222325ull;

static void mix(uint64_t v)
{
    h = (h ^ v) * 0x100000001b3ull;
}

static int sign(int v)
{
    return (v > 0) - (v < 0);
}

static void one(char *s, size_t n)
{
    for (size_t i = 0; i < n; i++)
        s[i] = (char)('a' + (i * 7 + n) % 26);
    s[n] = 0;
    mix(strlen(s)), mix(strnlen(s, n / 2));
    char *c = strchr(s, 'q');
    mix(c ? (uint64_t)(c - s) : 999);
    c = strrchr(s, 'c');
    mix(c ? (uint64_t)(c - s) : 999);
    c = memchr(s, 'z', n);
    mix(c ? (uint64_t)(c - s) : 999);
    c = memrchr(s, 'b', n);
    mix(c ? (uint64_t)(c - s) : 999);
    mix((uint64_t)((char *)rawmemchr(s, 0) - s));
    c = strchrnul(s, 'y');
    mix((uint64_t)(c - s));
    mix(strspn(s, "abcdefghijklmno")), mix(strcspn(s, "xyz"));
    if (n > 4) {
        c = strstr(s, s + n - 4);
        mix((uint64_t)(c - s));
    }
}

static char big[16384], other[16384];

int main(void)
{
    char *page = mmap(NULL, 3 * 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    munmap(page + 8192, 4096);
    for (size_t n = 0; n < 300; n++)
        one(page + 8192 - n - 1, n);
    printf("page end %016llx\n", (unsigned long long)h);
    for (size_t align = 0; align < 33; align++)
        for (size_t n = 0; n < 140; n += 1 + n / 40)
            one(big + align, n);
    printf("aligned %016llx\n", (unsigned long long)h);

    for (size_t from = 0; from < 20; from += 3)
        for (size_t to = 0; to < 40; to += 5)
            for (size_t n = 0; n < 5000; n += 1 + n / 9) {
                for (size_t i = 0; i < n + 64; i++)
                    big[i] = (char)(i * 31 + n), other[i] = 0x55;
                memcpy(other + to, big + from, n);
                mix((uint64_t)sign(memcmp(other + to, big + from, n)));
                mix((uint64_t)(unsigned char)other[to + n]);
                memmove(big + to, big + from, n);
                mix((uint64_t)sign(memcmp(other + to, big + to, n)));
                memset(other + to, (int)n, n);
                if (n)
                    mix((uint64_t)(unsigned char)other[to + n - 1]), mix((uint64_t)(unsigned char)other[to]);
                bzero(other + from, n / 2);
                for (size_t i = 0; i < n + 40; i += 13)
                    mix((unsigned char)other[i]);
                if (n > 3) {
                    memcpy(other, big, n);
                    other[n - 2] ^= 0x40;
                    mix((uint64_t)sign(memcmp(big, other, n)));
                }
            }
    printf("memory %016llx\n", (unsigned long long)h);

    static const char *const words[] = {"", "a", "abc", "abd", "ABC", "abcdefghijklmnopqrstuvwxyz0123456789", "abcdefghijklmnopqrstuvwxyz0123456788", "\xff", "\x7f\x80"};
    for (size_t i = 0; i < 9; i++)
        for (size_t j = 0; j < 9; j++) {
            mix((uint64_t)sign(strcmp(words[i], words[j]))), mix((uint64_t)sign(strncmp(words[i], words[j], 5))), mix((uint64_t)sign(strcasecmp(words[i], words[j])));
            strcpy(big, words[i]);
            strcat(big, words[j]);
            strncat(big, words[i], 3);
            mix(strlen(big));
            strncpy(other, big, 20);
            mix(stpcpy(other + 30, big) - other);
        }
    char list[] = "one, two;three  four", *save, *token;
    for (token = strtok_r(list, ", ;", &save); token; token = strtok_r(NULL, ", ;", &save))
        printf("[%s]", token);
    wchar_t wide[64];
    size_t converted = mbstowcs(wide, "wide text", 64);
    printf(" %zu %zu\n", converted, wcslen(wide));
    printf("%016llx\n", (unsigned long long)h);
    return 0;
}
