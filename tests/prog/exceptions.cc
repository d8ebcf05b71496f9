// C++: exceptions through many frames and destructors, rethrow, virtual calls, RTTI, containers, iostreams, threads.
#include <algorithm>
#include <iostream>
#include <map>
#include <memory>
#include <numeric>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <unordered_map>
#include <vector>

static int destroyed;

struct Guard {
    int n;
    explicit Guard(int n) : n(n) {}
    ~Guard() { destroyed += n; }
};

struct Shape {
    virtual ~Shape() = default;
    virtual double area() const = 0;
};
struct Square : Shape {
    double a;
    explicit Square(double a) : a(a) {}
    double area() const override { return a * a; }
};
struct Circle : Shape {
    double r;
    explicit Circle(double r) : r(r) {}
    double area() const override { return 3 * r * r; }
};

struct Odd : std::runtime_error {
    int code;
    Odd(const std::string &what, int code) : std::runtime_error(what), code(code) {}
};

static __attribute__((noinline)) int deep(int n, int mode)
{
    Guard g(n);
    if (n == 0) {
        if (mode % 3 == 0)
            throw Odd("odd " + std::to_string(mode), mode);
        if (mode % 3 == 1)
            throw mode;
        throw std::out_of_range("range");
    }
    return deep(n - 1, mode) + 1;
}

int main()
{
    int ints = 0, odds = 0, others = 0, nested = 0;
    for (int i = 0; i < 3000; i++) {
        try {
            try {
                deep(i % 20, i);
            } catch (const Odd &o) {
                odds += o.code;
                if (i % 2)
                    throw;
            }
        } catch (int v) {
            ints += v;
        } catch (const Odd &) {
            nested++;
        } catch (const std::exception &e) {
            others += e.what()[0];
        }
    }
    std::cout << ints << ' ' << odds << ' ' << nested << ' ' << others << ' ' << destroyed << '\n';

    std::vector<std::unique_ptr<Shape>> shapes;
    for (int i = 0; i < 1000; i++)
        if (i % 3)
            shapes.push_back(std::make_unique<Square>(i / 4.0));
        else
            shapes.push_back(std::make_unique<Circle>(i / 8.0));
    double total = 0;
    int circles = 0;
    for (auto &s : shapes) {
        total += s->area();
        circles += dynamic_cast<Circle *>(s.get()) != nullptr;
    }
    std::cout << total << ' ' << circles << '\n';

    std::map<std::string, int> counts;
    std::unordered_map<int, std::string> names;
    std::istringstream in("the quick brown fox jumps over the lazy dog and the cat");
    for (std::string w; in >> w;) {
        counts[w]++;
        names[static_cast<int>(w.size()) * 100 + w[0]] += w;
    }
    for (auto &[w, n] : counts)
        std::cout << w << '=' << n << ' ';
    std::cout << names.size() << '\n';

    std::vector<long> v(10000);
    std::iota(v.begin(), v.end(), 1);
    std::vector<std::thread> threads;
    std::vector<long> sums(4);
    for (int t = 0; t < 4; t++)
        threads.emplace_back([&, t] {
            try {
                sums[t] = std::accumulate(v.begin() + t * 2500, v.begin() + (t + 1) * 2500, 0L);
                if (t == 2)
                    throw sums[t];
            } catch (long s) {
                sums[t] = s + 1;
            }
        });
    for (auto &t : threads)
        t.join();
    std::cout << sums[0] << ' ' << sums[1] << ' ' << sums[2] << ' ' << sums[3] << std::endl;
    try {
        std::vector<int>().at(3);
    } catch (const std::exception &) {
        std::cout << "at\n";
    }
    try {
        throw 1;
    } catch (...) {
        return 5;
    }
}
