/* Programs that are linked where a translator could have its own memory, or whose bss reaches over it.
 * LINKS: static
 * GUEST: -Wl,-Ttext-segment=0x10000
 * GUEST: -Wl,-Ttext-segment=0x50000000
 * GUEST: -Wl,-Ttext-segment=0x70000000
 * GUEST: -Wl,-Ttext-segment=0x7f000000
 * GUEST: -Wl,-Ttext-segment=0x300000000000
 * GUEST: -DBSS=1900
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#ifdef BSS
static volatile char big[(size_t)BSS << 20];
#endif

int main(void)
{
    char *heap = malloc(1 << 20);
    memset(heap, 1, 1 << 20);
#ifdef BSS
    for (size_t i = 0; i < sizeof big; i += 10 << 20)
        big[i] = 1;
#endif
    puts("runs");
}
