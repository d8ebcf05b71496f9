/* C++20 coroutines: generators that read from each other. */
#include "work.h"
#include <coroutine>
#include <cstdio>
#include <utility>

struct Generator {
    struct promise_type {
        unsigned long value;
        Generator get_return_object() { return Generator(std::coroutine_handle<promise_type>::from_promise(*this)); }
        std::suspend_always initial_suspend() { return {}; }
        std::suspend_always final_suspend() noexcept { return {}; }
        std::suspend_always yield_value(unsigned long v)
        {
            value = v;
            return {};
        }
        void return_void() {}
        void unhandled_exception() { abort(); }
    };
    std::coroutine_handle<promise_type> handle;
    explicit Generator(std::coroutine_handle<promise_type> h) : handle(h) {}
    Generator(Generator &&g) : handle(std::exchange(g.handle, nullptr)) {}
    ~Generator()
    {
        if (handle)
            handle.destroy();
    }
    bool next()
    {
        handle.resume();
        return !handle.done();
    }
    unsigned long value() const { return handle.promise().value; }
};

static Generator numbers(unsigned long n)
{
    for (unsigned long i = 0; i < n; i++)
        co_yield i;
}

static Generator without(Generator from, unsigned long factor)
{
    while (from.next())
        if (from.value() % factor)
            co_yield from.value();
}

static Generator squares(Generator from)
{
    while (from.next())
        co_yield from.value() * from.value();
}

static void work(void)
{
    unsigned long sum = 0;
    for (int round = 0; round < 130; round++)
        for (auto g = squares(without(without(without(numbers(200000), 2), 3), 5)); g.next();)
            sum += g.value();
    for (unsigned long i = 0; i < 1200000; i++)
        for (auto g = squares(numbers(i % 4)); g.next();)
            sum += g.value();
    printf("%lu\n", sum);
}
