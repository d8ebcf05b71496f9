/* The C++ library: vectors of strings sorted with lambdas, an ordered map, streams, a priority queue. */
#include "work.h"
#include <algorithm>
#include <cstdio>
#include <map>
#include <queue>
#include <sstream>
#include <string>
#include <vector>

static void work(void)
{
    unsigned x = 1;
    auto random = [&x] { return x = x * 1664525 + 1013904223, x >> 8; };
    std::vector<std::string> names;
    for (int i = 0; i < 250000; i++) {
        std::ostringstream s;
        s << "name " << random() % 100000 << ' ' << (i & 255);
        names.push_back(s.str());
    }
    std::sort(names.begin(), names.end(), [](const auto &a, const auto &b) { return a.size() != b.size() ? a.size() < b.size() : a < b; });
    std::map<std::string, int> index;
    for (const auto &name : names)
        index[name.substr(5, 4)]++;
    unsigned long sum = 0;
    for (const auto &[key, n] : index)
        sum = sum * 31 + (unsigned long)key[0] * n;
    /* The shortest ways in a grid. */
    constexpr int side = 800;
    std::vector<unsigned> cost(side * side), best(side * side, ~0u);
    for (auto &c : cost)
        c = random() % 9 + 1;
    std::priority_queue<std::pair<unsigned, int>, std::vector<std::pair<unsigned, int>>, std::greater<>> open;
    open.emplace(0, 0);
    best[0] = 0;
    while (!open.empty()) {
        auto [far, at] = open.top();
        open.pop();
        if (far > best[at])
            continue;
        for (int step : {-1, 1, -side, side}) {
            int to = at + step;
            if (to < 0 || to >= side * side || (step * step == 1 && to / side != at / side) || far + cost[to] >= best[to])
                continue;
            open.emplace(best[to] = far + cost[to], to);
        }
    }
    printf("%lu %zu %u\n", sum, index.size(), best.back());
}
