#include "words.h"

#include <string.h>

typedef struct Walk {
    u8 *narrow, *wide; /* NULL when only sizes are asked for */
    bool widens, fits;
    size_t narrow_at, wide_at, narrow_align, wide_align;
} Walk;

static size_t take(size_t *at, size_t *most, size_t size)
{
    size_t start = (*at + size - 1) & -size;
    *at = start + size;
    *most = size > *most ? size : *most;
    return start;
}

/* Sizes of a member in both structures. */
static void sizes(char letter, size_t *narrow, size_t *wide)
{
    switch (letter) {
    case 'b':
        *narrow = *wide = 1;
        break;
    case 'h':
        *narrow = *wide = 2;
        break;
    case 'i':
        *narrow = *wide = 4;
        break;
    case 'q':
    case 'z':
        *narrow = *wide = 8;
        break;
    case 'v':
        *narrow = 2, *wide = 4;
        break;
    default:
        *narrow = 4, *wide = 8;
        break;
    }
}

static u64 widened(char letter, u64 value)
{
    switch (letter) {
    case 'l':
    case 'o':
        return (u64)(i64)(i32)value;
    case 'r':
        return value == UINT32_MAX ? UINT64_MAX : value;
    case 'v':
        return value == UINT16_MAX ? UINT32_MAX : value;
    case 'z':
        return (u32)value;
    default:
        return value;
    }
}

static u64 narrowed(char letter, u64 value, bool *fits)
{
    enum { NOBODY = 65534 };
    switch (letter) {
    case 'o':
        *fits &= (i64)value == (i32)value;
        break;
    case 'u':
        *fits &= value <= UINT32_MAX;
        break;
    case 'r':
        return value < UINT32_MAX ? value : UINT32_MAX;
    case 'v':
        return value <= UINT16_MAX ? value : NOBODY;
    default:
        break;
    }
    return value;
}

static void member(Walk *w, char letter)
{
    size_t narrow_size, wide_size;
    u64 value = 0;
    sizes(letter, &narrow_size, &wide_size);
    size_t narrow = take(&w->narrow_at, &w->narrow_align, narrow_size),
           wide = take(&w->wide_at, &w->wide_align, wide_size);
    if (!w->narrow)
        return;
    if (w->widens) {
        memcpy(&value, w->narrow + narrow, narrow_size);
        value = widened(letter, value);
        memcpy(w->wide + wide, &value, wide_size);
    } else {
        memcpy(&value, w->wide + wide, wide_size);
        value = narrowed(letter, value, &w->fits);
        memcpy(w->narrow + narrow, &value, narrow_size);
    }
}

static void walk(Walk *w, const char *layout)
{
    for (; *layout; layout++) {
        size_t count = 0;
        for (; *layout >= '0' && *layout <= '9'; layout++)
            count = 10 * count + (size_t)(*layout - '0');
        count += !count;
        if (*layout == 'x')
            w->wide_at += count;
        else
            while (count--)
                member(w, *layout);
    }
}

size_t words_narrow_size(const char *layout)
{
    Walk w = {.narrow_align = 1, .wide_align = 1};
    walk(&w, layout);
    return (w.narrow_at + w.narrow_align - 1) & -w.narrow_align;
}

size_t words_wide_size(const char *layout)
{
    Walk w = {.narrow_align = 1, .wide_align = 1};
    walk(&w, layout);
    return (w.wide_at + w.wide_align - 1) & -w.wide_align;
}

void words_widen(void *wide, const void *narrow, const char *layout)
{
    Walk w = {.narrow = (u8 *)narrow, .wide = wide, .widens = true};
    memset(wide, 0, words_wide_size(layout));
    walk(&w, layout);
}

bool words_narrow(void *narrow, const void *wide, const char *layout)
{
    Walk w = {.narrow = narrow, .wide = (u8 *)wide, .fits = true};
    memset(narrow, 0, words_narrow_size(layout));
    walk(&w, layout);
    return w.fits;
}
