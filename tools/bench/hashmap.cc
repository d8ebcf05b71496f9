/* Hash maps: words counted by string, and a graph's nodes found by number. */
#include "work.h"
#include <cstdio>
#include <string>
#include <unordered_map>
#include <unordered_set>

static void work(void)
{
    unsigned x = 1;
    unsigned long sum = 0;
    std::unordered_map<std::string, unsigned> words;
    for (int i = 0; i < 1500000; i++) {
        x = x * 1664525 + 1013904223;
        unsigned n = (x >> 12) & (x >> 14) & 0x3fff;
        words["word" + std::to_string(n)] += i & 7;
    }
    for (int i = 0; i < 0x4000; i++) {
        auto w = words.find("word" + std::to_string(i));
        if (w != words.end())
            sum = sum * 31 + w->second;
    }
    std::unordered_map<unsigned, unsigned> next;
    for (unsigned i = 0; i < 40000; i++)
        next[i * 2654435761u] = (i * 7919 + 1) % 40000 * 2654435761u;
    std::unordered_set<unsigned> seen;
    for (unsigned i = 0, at = 0; i < 4000000; i++) {
        at = next.at(at);
        seen.insert(at % 5003);
        sum += at & 15;
    }
    printf("%lu %zu %zu\n", sum, words.size(), seen.size());
}
