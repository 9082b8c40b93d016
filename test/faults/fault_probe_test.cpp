// SPDX-License-Identifier: Apache-2.0
// What cannot be contained soundly ends the process, each time: by its signal, with what was logged last, and with a
// report of what it was, where, and why it cost more than its isolate. It never hangs.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <string>
#include <vector>

#include "../system/process.hpp"

namespace {

using namespace tina::test;
using namespace std::chrono_literals;

constexpr std::size_t at_once = 4;
constexpr auto patience = 20s;  // what has not ended then hangs

struct expected_end {
    std::string program;
    std::string kind;
    int signal;
    std::string what;  ///< of the report
    std::string why;
};

void check_report(process& probe, const expected_end& wanted) {
    const auto status = probe.wait(patience);
    const std::string errors = probe.errors();
    BOOST_REQUIRE_MESSAGE(status.has_value(), wanted.kind << " hangs; it says: " << errors);
    BOOST_CHECK_MESSAGE(*status == 128 + wanted.signal,
                        wanted.kind << " ended with status " << *status << "; it says: " << errors);
    const std::string reason = "tina: FATAL: this cannot be contained: " + wanted.why;
    for (const std::string& part : {"the last words before " + wanted.kind, "tina: FATAL: " + wanted.what,
                                    std::string(", shard 0, isolate "), reason}) {
        BOOST_CHECK_MESSAGE(errors.find(part) != std::string::npos,
                            "no \"" << part << "\" in what " << wanted.kind << " says: " << errors);
    }
}

void ends_each_time(const expected_end& wanted, std::size_t times = 50) {
    for (std::size_t begun = 0; begun < times; begun += at_once) {
        std::vector<process> probes;
        for (std::size_t i = 0; i < std::min(at_once, times - begun); ++i) {
            probes.emplace_back(process_options{.command = {wanted.program, wanted.kind}});
        }
        for (process& probe : probes) check_report(probe, wanted);
    }
}

/// With the guard linked and without it nothing else happens.
void ends_each_time_with_and_without_guard(const std::string& kind, int signal, const std::string& what,
                                           const std::string& why, std::size_t times = 50) {
    for (const char* program : {TINA_FAULT_PROBE, TINA_FAULT_PROBE_GUARDED}) {
        ends_each_time({program, kind, signal, what, why}, times / 2);
    }
}

const std::string library_at_work = "a library was at work, ";

}  // namespace

BOOST_AUTO_TEST_SUITE(what_cannot_be_contained)

BOOST_AUTO_TEST_CASE(a_second_free_ends_the_process) {
    ends_each_time_with_and_without_guard("free-twice", SIGABRT, "SIGABRT: abort()", library_at_work);
}
BOOST_AUTO_TEST_CASE(a_chunk_whose_size_was_overwritten_ends_the_process) {
    ends_each_time_with_and_without_guard("overwrite-chunk", SIGABRT, "SIGABRT: abort()", library_at_work);
}
BOOST_AUTO_TEST_CASE(a_bad_pointer_that_is_printed_to_a_shared_file_ends_the_process) {
    ends_each_time_with_and_without_guard("print-bad-pointer", SIGSEGV, "SIGSEGV: read of address 0x40", "");
}
BOOST_AUTO_TEST_CASE(a_stack_overflow_in_malloc_ends_the_process) {
    ends_each_time_with_and_without_guard("overflow-in-malloc", SIGSEGV, "SIGSEGV: stack overflow", library_at_work);
}
BOOST_AUTO_TEST_CASE(a_stack_overflow_in_printf_ends_the_process) {
    ends_each_time_with_and_without_guard("overflow-in-print", SIGSEGV, "SIGSEGV: stack overflow", library_at_work);
}
BOOST_AUTO_TEST_CASE(a_fault_with_a_lock_held_ends_the_process_where_locks_are_counted) {
    ends_each_time(
        {TINA_FAULT_PROBE_GUARDED, "fault-with-lock", SIGSEGV, "SIGSEGV: write to address 0x0", "it holds a lock"});
}
BOOST_AUTO_TEST_CASE(a_fault_in_a_callback_of_a_library_ends_the_process) {
    ends_each_time_with_and_without_guard("fault-in-callback", SIGSEGV, "SIGSEGV: write to address 0x0",
                                          library_at_work);
}
BOOST_AUTO_TEST_CASE(a_smashed_stack_ends_the_process) {
    ends_each_time_with_and_without_guard("smash-stack", SIGSEGV, "SIGSEGV: ", "");
}

BOOST_AUTO_TEST_CASE(a_loop_with_a_lock_held_ends_the_process_where_locks_are_counted) {
    ends_each_time({TINA_FAULT_PROBE_GUARDED, "loop-with-lock", SIGABRT, "CPU budget exceeded: ", "it holds a lock"},
                   4);
}
BOOST_AUTO_TEST_CASE(a_loop_that_stays_in_a_library_ends_the_process) {
    ends_each_time_with_and_without_guard("loop-in-library", SIGABRT, "CPU budget exceeded: ", library_at_work, 8);
}

BOOST_AUTO_TEST_CASE(a_handler_that_has_blocked_the_last_signal_ends_the_process) {
    ends_each_time_with_and_without_guard("loop-with-signals-blocked", SIGABRT,
                                          "CPU budget exceeded: ", library_at_work, 8);
}

BOOST_AUTO_TEST_CASE(a_handler_that_blocks_in_read_ends_the_process) {
    ends_each_time_with_and_without_guard("read", SIGABRT, "a handler blocks its shard",
                                          "one activation has lasted longer than faults.stall_limit", 8);
}
BOOST_AUTO_TEST_CASE(a_handler_that_sleeps_ends_the_process) {
    ends_each_time_with_and_without_guard("sleep", SIGABRT, "a handler blocks its shard",
                                          "one activation has lasted longer than faults.stall_limit", 8);
}

BOOST_AUTO_TEST_CASE(a_wrong_kind_is_refused) {
    process probe({.command = {TINA_FAULT_PROBE, "nothing"}});
    BOOST_CHECK_EQUAL(probe.wait(patience).value_or(-1), 2);
}

BOOST_AUTO_TEST_SUITE_END()
