/* 32-bit Arm's system calls, for abi.c, and what the files that convert them have in common. */
#ifndef DRAGOMAN_ARM_CALLS_H
#define DRAGOMAN_ARM_CALLS_H

#include "../linux/linux.h"
#include "words.h"

bool arm_own_call(Task *t, u32 number, const u64 args[6], i64 *result);
i64 arm_convert(Task *t, u32 number, u64 args[6], Conversion *c);
i64 arm_convert_back(Task *t, Conversion *c, i64 result);

/* -- calls.c */

/* Memory until the call has ended; NULL without any. */
void *arm_room(Conversion *c, size_t size);

/* What the guest gets when the call has ended. */
typedef struct Filled {
    struct Filled *next;
    i64 (*back)(Task *t, const struct Filled *f, i64 result); /* 0 or -errno; NULL: as the layout says */
    const char *layout;
    bool always; /* also if the call has failed by a signal */
    u64 guest, count;
    void *host;
} Filled;
Filled *arm_filled(Conversion *c, u64 guest, void *host);

/* The argument is the address of a structure, or of `count` of them, by a layout of words.h, which the call reads,
 * fills, or both. 0 or -errno. */
typedef enum Use { USE_IN = 1, USE_OUT = 2, USE_BOTH = 3 } Use;
i64 arm_words(Conversion *c, u64 *arg, const char *layout, u64 count, Use use);

/* -- commands.c */

/* Arguments of a call whose first ones say what the others are. */
i64 arm_command(Task *t, u32 number, u64 args[6], Conversion *c);

#endif
