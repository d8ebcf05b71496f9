# Writes a C file of about as many lines as the argument says: the kind of code a compiler sees, with structures, tables,
# loops, switches, strings, pointers and some floating point, no two functions alike.
import random
import sys

r = random.Random(1)
TYPES = ["int", "unsigned", "long", "unsigned char", "short", "unsigned long"]
lines = []


def emit(depth, text):
    lines.append("    " * depth + text)


def expression(names, depth):
    if depth == 0 or r.random() < 0.2:
        return r.choice([r.choice(names), r.choice(names), str(r.randrange(1, 4096)), f"p->{r.choice(FIELDS)}",
                         f"table{r.randrange(TABLES)}[{r.choice(names)} & 15]"])
    a, b = expression(names, depth - 1), expression(names, depth - 1)
    kind = r.randrange(12)
    if kind < 6:
        return f"({a} {r.choice(['+', '-', '*', '&', '|', '^'])} {b})"
    if kind == 6:
        return f"({a} {r.choice(['<<', '>>'])} ({b} & 7))"
    if kind == 7:
        return f"({a} / (({b} & 63) + 1))"
    if kind == 8:
        return f"({a} {r.choice(['<', '>', '==', '!=', '<=', '&&', '||'])} {b})"
    if kind == 9:
        return f"({a} ? {b} : {expression(names, 0)})"
    if kind == 10 and functions:
        f = r.choice(functions)
        return f"{f}(p, (int){a}, (long){b})"
    return f"(int)((double){a} * {r.random():.3f} + p->ratio)"


def statement(names, depth, level):
    kind = r.randrange(13)
    if kind < 5 or level > 3:
        emit(depth, f"{r.choice(names)} {r.choice(['=', '+=', '-=', '^=', '|='])} {expression(names, 2)};")
    elif kind == 5:
        emit(depth, f"p->{r.choice(FIELDS)} = {expression(names, 2)};")
    elif kind == 6:
        emit(depth, f"if ({expression(names, 1)}) {{")
        block(names, depth + 1, level + 1)
        if r.random() < 0.5:
            emit(depth, "} else {")
            block(names, depth + 1, level + 1)
        emit(depth, "}")
    elif kind == 7:
        i = f"i{level}"
        emit(depth, f"for (int {i} = 0; {i} < {r.choice(['16', 'p->count', '100'])}; {i}++) {{")
        block(names + [i], depth + 1, level + 1)
        emit(depth, "}")
    elif kind == 8:
        emit(depth, f"while ({r.choice(names)} > {r.randrange(100, 9999)}) {{")
        block(names, depth + 1, level + 1)
        emit(depth + 1, f"{names[0]} /= 2;")
        emit(depth + 1, "if (!p->next)")
        emit(depth + 2, "break;")
        emit(depth, "}")
    elif kind == 9:
        emit(depth, f"switch ({r.choice(names)} % 9) {{")
        for c in r.sample(range(9), r.randrange(2, 6)):
            emit(depth, f"case {c}:")
            emit(depth + 1, f"{r.choice(names)} += {expression(names, 1)};")
            emit(depth + 1, "break;")
        emit(depth, "default:")
        emit(depth + 1, f"p->{r.choice(FIELDS)}++;")
        emit(depth, "}")
    elif kind == 10:
        emit(depth, f"for (struct item *q = p->next; q; q = q->next)")
        emit(depth + 1, f"{r.choice(names)} += q->{r.choice(FIELDS)} * {r.randrange(1, 99)};")
    elif kind == 11:
        emit(depth, f"if (strlen(p->name) > {r.randrange(3, 20)} && !strcmp(p->name, \"{r.choice(WORDS)}\"))")
        emit(depth + 1, f"memcpy(p->name, \"{r.choice(WORDS)}\", {r.randrange(2, 5)});")
    else:
        emit(depth, f"p->sum += p->ratio * {r.random():.4f} + p->values[{r.choice(names)} & 7];")


def block(names, depth, level):
    for _ in range(r.randrange(1, 4)):
        statement(names, depth, level)


FIELDS = ["count", "width", "height", "flags", "total"]
WORDS = ["alpha", "beta", "gamma", "translate", "delta", "register"]
TABLES = 8
functions = []

emit(0, "typedef unsigned long size_t;")
emit(0, "size_t strlen(const char *);")
emit(0, "int strcmp(const char *, const char *);")
emit(0, "void *memcpy(void *, const void *, size_t);")
emit(0, "struct item {")
emit(1, "struct item *next;")
emit(1, "int count, width, height;")
emit(1, "unsigned flags;")
emit(1, "long total;")
emit(1, "double ratio, sum, values[8];")
emit(1, "char name[32];")
emit(0, "};")
for t in range(TABLES):
    emit(0, f"static const int table{t}[16] = {{{', '.join(str(r.randrange(1 << 16)) for _ in range(16))}}};")
while len(lines) < int(sys.argv[1]):
    name = f"f{len(functions)}"
    shared = r.random() < 0.5
    emit(0, "")
    emit(0, f"{'' if shared else 'static '}long {name}(struct item *p, int a, long b)")
    emit(0, "{")
    names = ["a", "b"]
    for v in range(r.randrange(1, 5)):
        names.append(f"v{v}")
        emit(1, f"{r.choice(TYPES)} v{v} = {expression(names[:-1], 1)};")
    for _ in range(r.randrange(3, 8)):
        statement(names, 1, 0)
    emit(1, f"return {expression(names, 2)};")
    emit(0, "}")
    functions.append(name)
emit(0, "long (*const all[])(struct item *, int, long) = {" + ", ".join(functions) + "};")
print("\n".join(lines))
