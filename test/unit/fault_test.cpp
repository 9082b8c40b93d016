// SPDX-License-Identifier: Apache-2.0
// All the ways in which a handler can fault, a thousand times each: its isolate is dead and started again, what it held
// has come back, its neighbour has found nothing changed, and the log says what it was.
#undef NDEBUG  // one of the ways is a failed assertion
#include <alloca.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cassert>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <stdexcept>

#include "fault_stage.hpp"

extern "C" void* __memcpy_chk(void*, const void*, std::size_t, std::size_t) noexcept;  // NOLINT: of FORTIFY

#ifdef TINA_TEST_UNDER_ASAN
/// What the dead own outside of the runtime's books is lost, exceptions on their way among it: no leaks are reported.
extern "C" int __lsan_is_turned_off() { return 1; }  // NOLINT: the name is LeakSanitizer's
#endif

namespace {

using namespace fault_test;

// What dies is hidden from the compiler, which would draw conclusions from it.

TINA_DIES void write_to_null() {
    int* volatile nowhere = nullptr;
    *nowhere = 1;
}

TINA_DIES void read_wildly() {
    const int* volatile nowhere = reinterpret_cast<const int*>(0x5a5a'5a5a'0000);
    volatile int sum = 0;
    sum = sum + *nowhere;
}

TINA_DIES void read_what_is_no_address() {
    const int* volatile nowhere = reinterpret_cast<const int*>(0x5a5a'5a5a'5a5a'5a5a);
    volatile int sum = 0;
    sum = sum + *nowhere;
}

TINA_DIES void call_nothing() {
    void (*volatile nowhere)() = nullptr;
    nowhere();
}

TINA_DIES void call_a_bad_pointer() {
    void (*volatile nowhere)() = reinterpret_cast<void (*)()>(0x5a5a'5a5a'0000);
    nowhere();
}

TINA_DIES void call_what_is_no_address() {
    void (*volatile nowhere)() = reinterpret_cast<void (*)()>(0x5a5a'5a5a'5a5a'5a5a);
    nowhere();
}

TINA_DIES void call_data() {
    static std::array<unsigned char, 64> data{};
    void (*volatile nowhere)() = reinterpret_cast<void (*)()>(data.data());
    nowhere();
}

TINA_DIES void write_to_constant() {
    volatile char* volatile there = const_cast<char*>("constant");
    *there = 'C';
}

TINA_DIES void read_behind_the_end_of_a_file() {
    const int file = memfd_create("short", MFD_CLOEXEC);
    void* const mapped = mmap(nullptr, 4096, PROT_READ, MAP_SHARED, file, 0);
    close(file);
    volatile char sum = 0;
    static void* last = nullptr;  // what the dead own outside of the books is lost; the next one takes it back
    if (last != nullptr) munmap(last, 4096);
    last = mapped;
    sum = sum + *static_cast<volatile char*>(mapped);
}

TINA_DIES void divide_by_zero() {
    volatile int zero = 0;
    volatile int one = 1;
    one = one / zero;
}

TINA_DIES void divide_the_smallest_by_minus_one() {
    volatile int least = INT_MIN;
    volatile int minus_one = -1;
    least = least / minus_one;
}

TINA_DIES void divide_by_zero_with_exceptions_unmasked() {
    std::uint32_t control = 0;
    asm volatile("stmxcsr %0" : "=m"(control));
    control &= ~0x200u;  // division by zero is not masked any more
    asm volatile("ldmxcsr %0" : : "m"(control));
    volatile double zero = 0;
    volatile double one = 1;
    one = one / zero;
}

TINA_DIES void execute_what_is_no_instruction() { asm volatile("ud2"); }
TINA_DIES void execute_what_is_not_allowed() { asm volatile("hlt"); }

TINA_DIES void end_by_abort() { std::abort(); }
TINA_DIES void end_by_assertion() {
    volatile int one = 1;
    assert(one == 2);
}
TINA_DIES void end_by_terminate() { std::terminate(); }

TINA_DIES void throw_something() { throw std::runtime_error("something"); }
TINA_DIES void throw_out_of_noexcept() noexcept {
    void (*volatile thrower)() = &throw_something;
    thrower();
}

struct with_a_pure_function {
    with_a_pure_function() { call(); }
    virtual ~with_a_pure_function() = default;
    virtual void pure() = 0;
    TINA_DIES void call() {
        void (with_a_pure_function::* volatile what)() = &with_a_pure_function::pure;
        (this->*what)();
    }
};
struct without_one : with_a_pure_function {
    void pure() override {}
};
TINA_DIES void call_a_pure_function() { const without_one made; }

TINA_DIES void overflow_a_buffer_under_fortify() {
    std::array<char, 8> small{};
    const std::array<char, 64> large{};
    volatile std::size_t bytes = large.size();
    __memcpy_chk(small.data(), large.data(), bytes, small.size());
}

[[maybe_unused]] TINA_DIES void copy_from_a_bad_address() {
    std::array<char, 64> here{};
    const void* volatile nowhere = reinterpret_cast<const void*>(64);
    void* (*volatile copy)(void*, const void*, std::size_t) = &std::memcpy;
    copy(here.data(), nowhere, here.size());
}

[[maybe_unused]] TINA_DIES void measure_a_bad_string() {
    const char* volatile nowhere = reinterpret_cast<const char*>(64);
    std::size_t (*volatile measure)(const char*) = &std::strlen;
    volatile std::size_t bytes = measure(nowhere);
    bytes = bytes + 1;
}

// --- stacks
// -------------------------------------------------------------------------------------------------------------

TINA_DIES int recurse(volatile int* depth) {
    volatile char frame[2048];
    volatile std::size_t index = 0;  // whoever knew it would do without the rest
    frame[index] = static_cast<char>(*depth);
    *depth = *depth + 1;
    return *depth < 0 ? 0 : recurse(depth) + frame[index];
}
TINA_DIES void recurse_for_ever() {
    volatile int depth = 0;
    depth = recurse(&depth);
}

TINA_DIES int recurse_widely(volatile int* depth) {
    volatile char frame[1 << 20];
    volatile std::size_t index = 0;  // whoever knew it would do without the rest
    frame[index] = static_cast<char>(*depth);
    *depth = *depth + 1;
    return *depth < 0 ? 0 : recurse_widely(depth) + frame[index];
}
TINA_DIES void recurse_with_large_frames() {
    volatile int depth = 0;
    depth = recurse_widely(&depth);
}

TINA_DIES void allocate_more_than_the_stack() {
    volatile std::size_t bytes = std::size_t{1} << 30;
    auto* const there = static_cast<volatile char*>(alloca(bytes));
    there[0] = 1;
}

/// Dies in an ordinary function, on a stack of its own.
struct stackful_victim {
    using accepts = tina::messages<reminder, tina::down>;

    void run(tina::stackful self, script* of) {
        if (begin_life(self, *of)) {
            const belongings held(self, *of);
            self.wait(tina::yield());
            of->die();
            ++of->survived;
        }
        static_cast<void>(self.wait(tina::sleep(1h)));
    }
};

void dies_on_its_own_stack(void (*die)(), const std::string& text) {
    dies_a_thousand_times<stackful_victim>(die, text, scaled(1000, 100), {.stack_bytes = 128 * 1024});
}

}  // namespace

BOOST_AUTO_TEST_SUITE(faults)

BOOST_AUTO_TEST_CASE(a_write_to_address_0_costs_its_isolate_only) {
    dies_a_thousand_times(&write_to_null, "SIGSEGV: write to address 0x0");
}
BOOST_AUTO_TEST_CASE(a_wild_read_costs_its_isolate_only) {
    dies_a_thousand_times(&read_wildly, "SIGSEGV: read of address 0x5a5a5a5a0000");
}
BOOST_AUTO_TEST_CASE(a_read_of_what_is_no_address_costs_its_isolate_only) {
    dies_a_thousand_times(&read_what_is_no_address, "SIGSEGV: access to an address that cannot be one");
}
BOOST_AUTO_TEST_CASE(a_call_of_a_null_pointer_costs_its_isolate_only) {
    dies_a_thousand_times(&call_nothing, "SIGSEGV: ");
}
BOOST_AUTO_TEST_CASE(a_call_of_a_bad_pointer_costs_its_isolate_only) {
    dies_a_thousand_times(&call_a_bad_pointer, "SIGSEGV: ");
}
BOOST_AUTO_TEST_CASE(a_call_of_what_is_no_address_costs_its_isolate_only) {
    dies_a_thousand_times(&call_what_is_no_address, "SIGSEGV: ");
}
BOOST_AUTO_TEST_CASE(a_call_of_data_costs_its_isolate_only) { dies_a_thousand_times(&call_data, "SIGSEGV: "); }
BOOST_AUTO_TEST_CASE(a_write_to_constant_memory_costs_its_isolate_only) {
    dies_a_thousand_times(&write_to_constant, "SIGSEGV: write to address 0x");
}
BOOST_AUTO_TEST_CASE(a_read_behind_the_end_of_a_mapped_file_costs_its_isolate_only) {
    dies_a_thousand_times(&read_behind_the_end_of_a_file, "SIGBUS: access to what is not there");
}
BOOST_AUTO_TEST_CASE(a_division_by_zero_costs_its_isolate_only) {
    dies_a_thousand_times(&divide_by_zero, "SIGFPE: division of an integer by zero");
}
BOOST_AUTO_TEST_CASE(a_quotient_that_does_not_fit_costs_its_isolate_only) {
    dies_a_thousand_times(&divide_the_smallest_by_minus_one, "SIGFPE: ");
}
BOOST_AUTO_TEST_CASE(an_unmasked_floating_point_exception_costs_its_isolate_only) {
    dies_a_thousand_times(&divide_by_zero_with_exceptions_unmasked, "SIGFPE: arithmetic error");
}
BOOST_AUTO_TEST_CASE(an_illegal_instruction_costs_its_isolate_only) {
    dies_a_thousand_times(&execute_what_is_no_instruction, "SIGILL: illegal instruction");
}
BOOST_AUTO_TEST_CASE(a_privileged_instruction_costs_its_isolate_only) {
    dies_a_thousand_times(&execute_what_is_not_allowed, "SIGSEGV: ");
}
BOOST_AUTO_TEST_CASE(abort_costs_its_isolate_only) { dies_a_thousand_times(&end_by_abort, "SIGABRT: abort()"); }
BOOST_AUTO_TEST_CASE(a_failed_assertion_costs_its_isolate_only) {
    dies_a_thousand_times(&end_by_assertion, "SIGABRT: abort()", 20);  // each prints a line
}
BOOST_AUTO_TEST_CASE(terminate_costs_its_isolate_only) {
    dies_a_thousand_times(&end_by_terminate, "std::terminate() was called");
}
BOOST_AUTO_TEST_CASE(an_exception_out_of_a_noexcept_function_costs_its_isolate_only) {
    dies_a_thousand_times(&throw_out_of_noexcept, "std::terminate() was called");
}
BOOST_AUTO_TEST_CASE(a_pure_virtual_call_costs_its_isolate_only) {
    dies_a_thousand_times(&call_a_pure_function, "std::terminate() was called", 20);  // each prints a line
}
BOOST_AUTO_TEST_CASE(a_failed_check_of_fortify_costs_its_isolate_only) {
    dies_a_thousand_times(&overflow_a_buffer_under_fortify, "SIGABRT: abort()", 20);  // each prints a line
}
#ifndef TINA_TEST_UNDER_ASAN  // which stands in for these functions of the C library
BOOST_AUTO_TEST_CASE(a_copy_from_a_bad_address_costs_its_isolate_only) {
    dies_a_thousand_times(&copy_from_a_bad_address, "SIGSEGV: read of address 0x40");
}
BOOST_AUTO_TEST_CASE(a_bad_string_costs_its_isolate_only) {
    dies_a_thousand_times(&measure_a_bad_string, "SIGSEGV: read of address 0x40");
}
#endif

BOOST_AUTO_TEST_CASE(a_recursion_without_end_costs_its_isolate_only) {
    dies_a_thousand_times(&recurse_for_ever, "SIGSEGV: stack overflow",
                          scaled(200, 20));  // a walk of 4000 functions each
}
BOOST_AUTO_TEST_CASE(frames_of_a_mebibyte_cost_their_isolate_only) {
    dies_a_thousand_times(&recurse_with_large_frames, "SIGSEGV: stack overflow");
}
BOOST_AUTO_TEST_CASE(an_alloca_larger_than_the_stack_costs_its_isolate_only) {
    dies_a_thousand_times(&allocate_more_than_the_stack, "SIGSEGV: stack overflow");
}

BOOST_AUTO_TEST_CASE(a_write_to_address_0_in_a_stackful_handler_costs_its_isolate_only) {
    dies_on_its_own_stack(&write_to_null, "SIGSEGV: write to address 0x0");
}
BOOST_AUTO_TEST_CASE(abort_in_a_stackful_handler_costs_its_isolate_only) {
    dies_on_its_own_stack(&end_by_abort, "SIGABRT: abort()");
}
BOOST_AUTO_TEST_CASE(an_exception_out_of_a_noexcept_function_in_a_stackful_handler_costs_its_isolate_only) {
    dies_on_its_own_stack(&throw_out_of_noexcept, "std::terminate() was called");
}
BOOST_AUTO_TEST_CASE(a_recursion_without_end_in_a_stackful_handler_costs_its_isolate_only) {
    dies_on_its_own_stack(&recurse_for_ever, "SIGSEGV: stack overflow");
}
BOOST_AUTO_TEST_CASE(frames_of_a_mebibyte_in_a_stackful_handler_cost_their_isolate_only) {
    dies_on_its_own_stack(&recurse_with_large_frames, "SIGSEGV: stack overflow");
}
BOOST_AUTO_TEST_CASE(an_alloca_larger_than_the_stack_in_a_stackful_handler_costs_its_isolate_only) {
    dies_on_its_own_stack(&allocate_more_than_the_stack, "SIGSEGV: stack overflow");
}

BOOST_AUTO_TEST_SUITE_END()
