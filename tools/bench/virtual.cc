/* Virtual calls: expression trees evaluated, with one class prevailing at some sites and none at others, and streams piled upon
 * each other. */
#include "work.h"
#include <cstdint>
#include <cstdio>
#include <memory>
#include <vector>

struct Expression {
    virtual ~Expression() = default;
    virtual int64_t value(int64_t x) const = 0;
};
using Owned = std::unique_ptr<Expression>;

struct Constant : Expression {
    int64_t n;
    explicit Constant(int64_t n) : n(n) {}
    int64_t value(int64_t) const override { return n; }
};
struct Variable : Expression {
    int64_t value(int64_t x) const override { return x; }
};
template <class Op> struct Binary : Expression {
    Owned a, b;
    Binary(Owned a, Owned b) : a(std::move(a)), b(std::move(b)) {}
    int64_t value(int64_t x) const override { return Op()(a->value(x), b->value(x)); }
};
struct Add { int64_t operator()(int64_t a, int64_t b) const { return a + (uint64_t)b; } };
struct Subtract { int64_t operator()(int64_t a, int64_t b) const { return a - (uint64_t)b; } };
struct Multiply { int64_t operator()(int64_t a, int64_t b) const { return (uint64_t)a * b & 0xffffffff; } };
struct Select { int64_t operator()(int64_t a, int64_t b) const { return a > b ? a : b; } };

static Owned tree(unsigned &seed, int depth)
{
    seed = seed * 1664525 + 1013904223;
    unsigned kind = seed >> 24;
    if (depth == 0)
        return kind & 1 ? Owned(new Variable) : Owned(new Constant(kind));
    Owned a = tree(seed, depth - 1), b = tree(seed, depth - 1);
    switch (kind & 3) {
    case 0: return std::make_unique<Binary<Add>>(std::move(a), std::move(b));
    case 1: return std::make_unique<Binary<Subtract>>(std::move(a), std::move(b));
    case 2: return std::make_unique<Binary<Multiply>>(std::move(a), std::move(b));
    default: return std::make_unique<Binary<Select>>(std::move(a), std::move(b));
    }
}

/* A character at a time through a filter, from a source that is nearly always the same class. */
struct Stream {
    virtual ~Stream() = default;
    virtual int next() = 0;
};
struct Counter : Stream {
    unsigned n = 0;
    int next() override { return n++ & 0xff; }
};
struct Noise : Stream {
    unsigned n = 1;
    int next() override { return (n = n * 1664525 + 1013904223) >> 24; }
};
struct Filter : Stream {
    Stream &from;
    explicit Filter(Stream &from) : from(from) {}
    int next() override { return from.next() ^ 0x55; }
};

static void work(void)
{
    unsigned seed = 7;
    uint64_t sum = 0;
    Owned root = tree(seed, 12);
    for (int x = 0; x < 1200; x++)
        sum += root->value(x);
    Counter counter;
    Noise noise;
    Filter a(counter), b(noise), twice(a);
    std::vector<Stream *> streams;
    for (int i = 0; i < 64; i++)
        streams.push_back(i % 16 == 5 ? (Stream *)&twice : i % 16 == 9 ? (Stream *)&b : (Stream *)&a);
    for (int i = 0; i < 15000000; i++)
        sum += streams[i & 63]->next();
    printf("%llu\n", (unsigned long long)sum);
}
