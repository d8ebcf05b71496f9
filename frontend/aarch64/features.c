#include "features.h"

static const struct {
    const char *name;
    u8 hwcap, bit;
    u8 id, shift, value;
} features[] = {
#define FEATURE(name, hwcap, bit, id, shift, value) {name, hwcap, bit, A64_##id, shift, value},
#include "features.def"
};

/* What isn't a feature: EL1 is AArch64; granules that virtual memory doesn't have. */
static const u64 initial[] = {[A64_PFR0] = 0x10, [A64_MMFR0] = 0xff000000, [A64_MMFR2] = 0};

u64 a64_id_register(A64Id id)
{
    u64 v = initial[id];
    for (size_t n = 0; n < LEN(features); n++)
        if (features[n].id == id)
            v = (v & ~(15ull << features[n].shift)) | (u64)features[n].value << features[n].shift;
    return v;
}

u64 a64_hwcap(u32 n)
{
    u64 v = 0;
    for (size_t k = 0; k < LEN(features); k++)
        if (features[k].hwcap == n)
            v |= 1ull << features[k].bit;
    return v;
}

void a64_feature_names(FILE *f)
{
    for (size_t n = 0; n < LEN(features); n++)
        fprintf(f, " %s", features[n].name);
}
