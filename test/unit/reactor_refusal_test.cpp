// SPDX-License-Identifier: Apache-2.0
// Tests of the words in which a reactor says that it cannot be: each limit and filter is set in a process of
// its own. They must never lower a limit of the process that runs the tests.
#include <boost/test/unit_test.hpp>

#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstring>
#include <string>
#include <utility>
#include <vector>

#include "reactor_bench.hpp"

namespace {

using namespace reactor_test;

/// Lets go of CAP_IPC_LOCK, for which the limit does not hold, where the tests run as root. What is locked
/// counts by user, so the user is one that nobody else is.
void lower_locked_memory(rlim_t bytes) {
    const rlimit little{.rlim_cur = bytes, .rlim_max = bytes};
    ::setrlimit(RLIMIT_MEMLOCK, &little);
    const auto nobody = 1'000'000'000 + static_cast<uid_t>(::getpid());
    if (::geteuid() == 0 && ::setresuid(nobody, nobody, nobody) != 0) { ::_exit(3); }
}

}  // namespace

BOOST_AUTO_TEST_SUITE(refusals)

BOOST_AUTO_TEST_CASE(the_probe_finds_nothing_wrong_here_and_leaves_nothing_open) {
    const auto before = open_descriptors();
    BOOST_TEST(tina::detail::probe_io_uring().reason == "");
    BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(a_seccomp_filter_is_named_with_the_call_that_it_refuses) {
    const std::vector<std::pair<long, std::string>> calls{{SYS_io_uring_setup, "io_uring_setup"},
                                                          {SYS_io_uring_register, "io_uring_register"},
                                                          {SYS_io_uring_enter, "io_uring_enter"}};
    for (const auto& [call, name] : calls) {
        for (const int error : {EPERM, EACCES, ENOSYS}) {
            const auto reason = in_child([&] {
                refuse(call, error);
                return tina::detail::probe_io_uring().reason;
            });
            BOOST_TEST(reason.starts_with("io_uring is not permitted: " + name + " was refused with "), reason);
            BOOST_TEST(contains(reason, ::strerrorname_np(error)), reason);
            BOOST_TEST(contains(reason, "seccomp"), reason);
            BOOST_TEST(contains(reason, "; cure: "), reason);
            BOOST_TEST(!contains(reason, "\n"), reason);
        }
    }
}

BOOST_AUTO_TEST_CASE(a_filter_in_the_way_refuses_the_reactor_itself_too) {
    const auto reason = in_child([] {
        refuse(SYS_io_uring_setup, EPERM);
        std::array<std::byte, 64> buffer{};
        return tina::detail::make_io_uring_reactor(
                   {.buffers = buffer.data(), .buffer_count = 1, .buffer_bytes = buffer.size()})
            .reason;
    });
    BOOST_TEST(contains(reason, "seccomp"), reason);
}

BOOST_AUTO_TEST_CASE(a_kernel_that_does_not_know_the_flags_is_named_with_what_it_should_be) {
    const auto reason = in_child([] {
        refuse(SYS_io_uring_setup, EINVAL);
        return tina::detail::probe_io_uring().reason;
    });
    BOOST_TEST(contains(reason, "Linux "), reason);
    BOOST_TEST(contains(reason, "cure: a kernel of at least 6.1"), reason);
}

BOOST_AUTO_TEST_CASE(a_limit_on_descriptors_is_named_with_its_value) {
    // One by one: each step that takes a descriptor meets the limit, until there are enough.
    int refused = 0;
    for (std::size_t limit = 3; limit < 1024; ++limit) {
        const auto reason = in_child([&] {
            const rlimit few{.rlim_cur = limit, .rlim_max = limit};
            ::setrlimit(RLIMIT_NOFILE, &few);
            return tina::detail::probe_io_uring().reason;
        });
        if (reason.empty()) { break; }
        BOOST_TEST(contains(reason, "RLIMIT_NOFILE is " + std::to_string(limit)), reason);
        BOOST_TEST(contains(reason, "cure: raise it"), reason);
        ++refused;
    }
    BOOST_TEST(refused >= 4);
    BOOST_TEST(refused < 1000);
}

BOOST_AUTO_TEST_CASE(a_limit_on_locked_memory_is_named_with_what_is_needed) {
    const auto reason = in_child([] {
        lower_locked_memory(0);
        return tina::detail::probe_io_uring().reason;
    });
    // Kernels differ in what they count; where nothing is counted there is nothing to name.
    if (!reason.empty()) {
        BOOST_TEST(contains(reason, "RLIMIT_MEMLOCK is 0 KiB"), reason);
        BOOST_TEST(contains(reason, "locks about "), reason);
        BOOST_TEST(contains(reason, "; cure: raise it"), reason);
    }
}

BOOST_AUTO_TEST_CASE(a_ring_is_halved_until_the_memory_suffices) {
    const auto reason = in_child([] {
        lower_locked_memory(64 << 10);
        std::array<std::byte, 64> buffer{};
        return tina::detail::make_io_uring_reactor({.submission_entries = 4096,
                                                    .completion_entries = 16'384,
                                                    .buffers = buffer.data(),
                                                    .buffer_count = 1,
                                                    .buffer_bytes = buffer.size()})
            .reason;
    });
    BOOST_TEST(reason == "");
}

BOOST_AUTO_TEST_SUITE_END()
