// SPDX-License-Identifier: Apache-2.0
// What dies is hidden from the compiler, which would draw conclusions from it.
#include "soak_ways.hpp"

#undef NDEBUG  // one of the ways is a failed assertion
#include <alloca.h>
#include <fmt/core.h>

#include <array>
#include <cassert>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <ctime>
#include <exception>
#include <stdexcept>
#include <vector>

#define DIES [[gnu::noinline]]

namespace soak {

namespace {

std::FILE* nowhere_file = nullptr;

DIES void write_to_null() {
    int* volatile nowhere = nullptr;
    *nowhere = 1;
}
DIES void read_wildly() {
    const int* volatile nowhere = reinterpret_cast<const int*>(0x5a5a'5a5a'0000);
    volatile int sum = 0;
    sum = sum + *nowhere;
}
DIES void call_a_bad_pointer() {
    void (*volatile nowhere)() = reinterpret_cast<void (*)()>(16);
    nowhere();
}
DIES void copy_from_a_bad_address() {
    std::array<char, 64> here{};
    const void* volatile nowhere = reinterpret_cast<const void*>(64);
    void* (*volatile copy)(void*, const void*, std::size_t) = &std::memcpy;
    copy(here.data(), nowhere, here.size());
}
DIES void divide_by_zero() {
    volatile int zero = 0;
    volatile int one = 1;
    one = one / zero;
}
DIES void execute_what_is_no_instruction() { asm volatile("ud2"); }
DIES void access_what_is_misaligned() {
    static std::array<std::uint64_t, 2> words{};
    asm volatile("pushfq; orl $0x40000, (%%rsp); popfq; movl $1, 1(%0)" : : "r"(words.data()) : "memory", "cc");
}
DIES void end_by_abort() { std::abort(); }
DIES void end_by_assertion() {
    volatile int one = 1;
    assert(one == 2);
}
DIES void end_by_terminate() { std::terminate(); }
DIES void throw_something() { throw std::runtime_error("something"); }
DIES void throw_out_of_noexcept() noexcept {
    void (*volatile thrower)() = &throw_something;
    thrower();
}

struct with_a_pure_function {
    with_a_pure_function() { call(); }
    virtual ~with_a_pure_function() = default;
    virtual void pure() = 0;
    DIES void call() {
        void (with_a_pure_function::* volatile what)() = &with_a_pure_function::pure;
        (this->*what)();
    }
};
struct without_one : with_a_pure_function {
    void pure() override {}
};
DIES void call_a_pure_function() { const without_one made; }

template <std::size_t FrameBytes>
DIES int recurse(volatile int* depth) {
    volatile char frame[FrameBytes];
    volatile std::size_t index = 0;  // whoever knew it would do without the rest
    frame[index] = static_cast<char>(*depth);
    *depth = *depth + 1;
    return *depth < 0 ? 0 : recurse<FrameBytes>(depth) + frame[index];
}
DIES void overflow() {
    volatile int depth = 0;
    depth = recurse<16 * 1024>(&depth);
}
DIES void overflow_with_large_frames() {
    volatile int depth = 0;
    depth = recurse<1 << 20>(&depth);
}
DIES void allocate_more_than_the_stack() {
    volatile std::size_t bytes = std::size_t{1} << 30;
    auto* const there = static_cast<volatile char*>(alloca(bytes));
    there[0] = 1;
}

DIES void fault_in_catch() {
    try {
        throw std::runtime_error("caught by the dead");
    } catch (const std::exception&) { write_to_null(); }
}
struct faults_in_destructor {
    ~faults_in_destructor() { write_to_null(); }
};
DIES void fault_while_unwinding() {
    try {
        const faults_in_destructor unwound;
        throw std::runtime_error("on its way");
    } catch (const std::exception&) { std::puts("it was caught"); }
}
DIES void abort_in_catch() {
    try {
        throw 1;
    } catch (int) { end_by_abort(); }
}

// --- loops
// --------------------------------------------------------------------------------------------------------------

DIES void compute() {
    volatile std::uint64_t sum = 0;
    for (;;) sum = sum + 1;
}
DIES void compute_in_catch() {
    try {
        throw std::runtime_error("caught by the dead");
    } catch (const std::exception&) { compute(); }
}
struct computes_in_destructor {
    ~computes_in_destructor() { compute(); }
};
DIES void compute_while_unwinding() {
    try {
        const computes_in_destructor unwound;
        throw std::runtime_error("on its way");
    } catch (const std::exception&) { std::puts("it was caught"); }
}
DIES void print() {
    for (int i = 0;; i = (i + 1) % 1000) std::fprintf(nowhere_file, "%d %s\n", i, "text");
}
DIES void print_by_fmt() {
    for (int i = 0;; i = (i + 1) % 1000) fmt::print(nowhere_file, "{} {}\n", i, "text");
}
DIES void format_time() {
    std::array<char, 64> text{};
    for (std::time_t when = 0;; when = (when + 86'400) % 1'000'000'000) {
        std::tm local{};
        localtime_r(&when, &local);
        static_cast<void>(std::strftime(text.data(), text.size(), "%c", &local));
    }
}
DIES void lock() {
    for (;;) { const std::lock_guard held(shared().mutex); }
}
DIES void throw_and_catch() {
    for (volatile int caught = 0; caught >= 0;) {
        try {
            throw_something();
        } catch (const std::exception&) { caught = 1; }
    }
}

constexpr std::array<way_to_die, 19> quick{
    &end_by_assertion,
    &write_to_null,
    &read_wildly,
    &call_a_bad_pointer,
    &copy_from_a_bad_address,
    &divide_by_zero,
    &execute_what_is_no_instruction,
    &end_by_abort,
    &access_what_is_misaligned,
    &end_by_terminate,
    &throw_something,
    &overflow,
    &throw_out_of_noexcept,
    &fault_in_catch,
    &overflow_with_large_frames,
    &abort_in_catch,
    &allocate_more_than_the_stack,
    &fault_while_unwinding,
    &call_a_pure_function,
};
constexpr std::array<way_to_die, 8> slow{
    &compute, &compute_in_catch, &compute_while_unwinding, &print, &print_by_fmt, &format_time, &lock, &throw_and_catch,
};

}  // namespace

shared_things& shared() {
    static shared_things one;
    return one;
}

void prepare_ways() {
    nowhere_file = std::fopen("/dev/null", "w");
    shared().mutex.lock();
    shared().mutex.unlock();
    tzset();
}

std::span<const way_to_die> quick_ways() { return quick; }
std::span<const way_to_die> slow_ways() { return slow; }

void allocate_for_ever() {
    void* (*volatile take)(std::size_t) = &std::malloc;  // what nobody looks at would not be allocated
    for (;;) std::free(take(3000));
}

}  // namespace soak
