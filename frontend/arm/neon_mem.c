/* Advanced SIMD, loads and stores of elements and structures: A7.7. Double registers are written as memory has them, and then taken apart
 * by elements. */
#include "neon.h"

/* The base register afterwards: Rm PC is none, SP the bytes accessed, else an index. */
static void write_back(Lift *l, const Insn *i, Val base, u32 bytes)
{
    if (i->rm != 15)
        put_r(l, i->rn, add32(l, low_word(l, base), i->rm == 13 ? k32(l, bytes) : r(l, i->rm)));
}

/* An element of a register to memory, and back into it. */
static void store_element(Lift *l, Address a, u32 size, Val v, u32 lane)
{
    if (size == 3)
        st64(l, a.base, a.disp, in_order(l, 3, vtox(l, v)));
    else
        arm_store(l, size, a, op1i(l, IR_vget8 + size, v, lane));
}

static Val load_element(Lift *l, Address a, u32 size, Val v, u32 lane)
{
    if (size == 3)
        return xtov(l, in_order(l, 3, ld64(l, a.base, a.disp)));
    Val all = op1(l, IR_vdup8 + size, arm_load(l, size, a));
    return ir_emit(l->ir, (OpCode)(IR_vsetlane8 + size), v, all, NO_VAL, lane);
}

/* The same of all elements of a double register */
static Val elements_in_order(Lift *l, u32 size, Val v)
{
    if (!is_big(l) || !size)
        return v;
    return size == 1 ? vrev16_8(l, v) : size == 2 ? vrev32_8(l, v) : vrev64_8(l, v);
}

/* -- multiple structures: registers, structures of how many elements, the distance between the registers of one ------------------------ */

typedef struct Form {
    u8 groups, elements, spacing;
} Form;

static bool form_of(const Insn *i, Form *f)
{
    static const Form forms[] = {{1, 4, 1}, {1, 4, 2}, {4, 1, 1}, {2, 2, 2}, {1, 3, 1}, {1, 3, 2}, {3, 1, 1}, {1, 1, 1}, {1, 2, 1}, {1, 2, 2}, {2, 1, 1}};
    static const u8 most_align[] = {3, 3, 3, 3, 1, 1, 1, 1, 2, 2, 2};
    if (i->form >= LEN(forms) || i->align > most_align[i->form] || (i->size == 3 && forms[i->form].elements != 1))
        return false;
    *f = forms[i->form];
    return true;
}

/* Register of a structure's element e in group g: VLD2's second form has its two groups behind each other. */
static u32 register_of(const Insn *i, const Form *f, u32 g, u32 e)
{
    return d_number(i->vd, i->D) + g + e * f->spacing;
}

static void multiple(Lift *l, const Insn *i, bool loads)
{
    Form f;
    Val v[8] = {0};
    if (!form_of(i, &f) || i->rn == 15 || register_of(i, &f, f.groups - 1u, f.elements - 1u) > 31) {
        undefined(l);
        return;
    }
    Val base = rx(l, i->rn);
    Address a = arm_address(l, base, 0);
    u32 bytes = 8u * f.groups * f.elements, lanes = 8u >> i->size;
    for (u32 g = 0; g < f.groups; g++) {
        if (f.elements == 1) { /* in memory's order */
            u32 n = register_of(i, &f, g, 0);
            if (loads)
                v[g] = elements_in_order(l, i->size, xtov(l, ld64(l, a.base, a.disp)));
            else
                st64(l, a.base, a.disp, is_big(l) ? vtox(l, elements_in_order(l, i->size, d(l, n))) : get64(l, OFF_D(n)));
            a.disp += 8;
            continue;
        }
        for (u32 e = 0; e < f.elements; e++)
            v[g * f.elements + e] = loads ? xtov(l, k64(l, 0)) : d(l, register_of(i, &f, g, e));
        for (u32 lane = 0; lane < lanes; lane++)
            for (u32 e = 0; e < f.elements; e++) {
                Val *one = &v[g * f.elements + e];
                if (loads)
                    *one = load_element(l, a, i->size, *one, lane);
                else
                    store_element(l, a, i->size, *one, lane);
                a.disp += 1 << i->size;
            }
    }
    write_back(l, i, base, bytes);
    for (u32 g = 0; g < f.groups && loads; g++)
        for (u32 e = 0; e < f.elements; e++)
            put_d(l, register_of(i, &f, g, e), v[g * f.elements + e]);
}

LIFT(vld_multiple) { multiple(l, i, true); }
LIFT(vst_multiple) { multiple(l, i, false); }

/* -- one lane ----------------------------------------------------------------------------------------------------------------------------- */

/* index_align: the lane above, what alignment is promised below, and in between whether registers are two apart. */
static bool lane_form(const Insn *i, u32 *lane, u32 *spacing)
{
    u32 index = i->index, size = i->size, elements = i->count + 1u;
    *lane = index >> (size + 1);
    *spacing = size && index >> size & 1 ? 2 : 1;
    if (elements == 1) {
        if (size == 0)
            return !(index & 1);
        *spacing = 1;
        return size == 1 ? !(index & 2) : !(index & 4) && ((index & 3) == 0 || (index & 3) == 3);
    }
    if (elements == 2)
        return size != 2 || !(index & 2);
    if (elements == 3)
        return size == 2 ? !(index & 3) : !(index & 1);
    return size != 2 || (index & 3) != 3;
}

static void one_lane(Lift *l, const Insn *i, bool loads)
{
    u32 lane, spacing, elements = i->count + 1u, first = d_number(i->vd, i->D);
    Val v[4];
    if (!lane_form(i, &lane, &spacing) || i->rn == 15 || first + (elements - 1) * spacing > 31) {
        undefined(l);
        return;
    }
    Val base = rx(l, i->rn);
    Address a = arm_address(l, base, 0);
    for (u32 e = 0; e < elements; e++) {
        v[e] = d(l, first + e * spacing);
        if (loads)
            v[e] = load_element(l, a, i->size, v[e], lane);
        else
            store_element(l, a, i->size, v[e], lane);
        a.disp += 1 << i->size;
    }
    write_back(l, i, base, elements << i->size);
    for (u32 e = 0; e < elements && loads; e++)
        put_d(l, first + e * spacing, v[e]);
}

LIFT(vld_lane) { one_lane(l, i, true); }
LIFT(vst_lane) { one_lane(l, i, false); }

/* To all lanes; T: of two registers if it is one element, else of registers two apart. Size 3 is 32 bits with more alignment. */
LIFT(vld_all)
{
    u32 elements = i->count + 1u, size = i->size == 3 ? 2 : i->size, first = d_number(i->vd, i->D);
    u32 spacing = elements > 1 && i->T ? 2 : 1, copies = elements == 1 && i->T ? 2 : 1;
    bool bad = (i->size == 3 && (elements != 4 || !i->a)) || (elements == 1 && !i->size && i->a) || (elements == 3 && i->a);
    Val v[4];
    if (bad || i->rn == 15 || first + (elements - 1) * spacing + copies - 1 > 31) {
        undefined(l);
        return;
    }
    Val base = rx(l, i->rn);
    Address a = arm_address(l, base, 0);
    for (u32 e = 0; e < elements; e++) {
        v[e] = op1(l, IR_vdup8 + size, arm_load(l, size, a));
        a.disp += 1 << size;
    }
    write_back(l, i, base, elements << size);
    for (u32 e = 0; e < elements; e++)
        for (u32 k = 0; k < copies; k++)
            put_d(l, first + e * spacing + k, v[e]);
}
