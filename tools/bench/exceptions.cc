/* C++ exceptions: thrown some frames deep, through destructors, caught by type, thrown on. */
#include "work.h"
#include <cstdio>
#include <stdexcept>
#include <string>

struct Odd : std::runtime_error {
    int n;
    explicit Odd(int n) : std::runtime_error("odd"), n(n) {}
};

struct Guard {
    static unsigned long ended;
    ~Guard() { ended++; }
};
unsigned long Guard::ended;

__attribute__((noipa)) static int descend(int depth, int n)
{
    Guard g;
    if (depth > 0)
        return descend(depth - 1, n) + 1;
    if (n % 4 == 1)
        throw Odd(n);
    if (n % 4 == 3)
        throw std::string("three");
    return n;
}

__attribute__((noipa)) static int rethrow(int depth, int n)
{
    try {
        return descend(depth, n);
    } catch (Odd &odd) {
        odd.n++;
        throw;
    }
}

static void work(void)
{
    unsigned long sum = 0;
    for (int i = 0; i < 100000; i++) {
        try {
            sum += rethrow(i & 7, i);
        } catch (const std::exception &e) {
            sum += static_cast<const Odd &>(e).n + e.what()[0];
        } catch (const std::string &s) {
            sum += s.size();
        }
    }
    for (int i = 0; i < 5000; i++) {
        try {
            sum += std::stoi(i % 2 ? "12" : "twelve");
        } catch (const std::invalid_argument &) {
            sum++;
        }
    }
    printf("%lu %lu\n", sum, Guard::ended);
}
