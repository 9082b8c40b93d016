// SPDX-License-Identifier: Apache-2.0
// Tests of the words in which a reactor says that it cannot be, and of what is taken then: each limit and filter is set
// in a process of its own. They must never lower a limit of the process that runs the tests.
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
using boost::unit_test::precondition;

/// Lets go of CAP_IPC_LOCK, for which the limit does not hold, where the tests run as root. What is locked
/// counts by user, so the user is one that nobody else is.
void lower_locked_memory(rlim_t bytes) {
    const rlimit little{.rlim_cur = bytes, .rlim_max = bytes};
    ::setrlimit(RLIMIT_MEMLOCK, &little);
    const auto nobody = 1'000'000'000 + static_cast<uid_t>(::getpid());
    if (::geteuid() == 0 && ::setresuid(nobody, nobody, nobody) != 0) { ::_exit(3); }
}

tina::detail::reactor_options small_options() {
    static std::array<std::byte, 64> buffer{};
    return {.operations_max = 16, .buffers = buffer.data(), .buffer_count = 1, .buffer_bytes = buffer.size()};
}

}  // namespace

BOOST_AUTO_TEST_SUITE(refusals)

BOOST_AUTO_TEST_CASE(the_probe_finds_nothing_wrong_here_and_leaves_nothing_open, *precondition(with_io_uring)) {
    const auto before = open_descriptors();
    BOOST_TEST(tina::detail::probe_io_uring().reason == "");
    BOOST_TEST(open_descriptors() == before);
}

BOOST_AUTO_TEST_CASE(a_seccomp_filter_is_named_with_the_call_that_it_refuses, *precondition(with_io_uring)) {
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

BOOST_AUTO_TEST_CASE(a_kernel_that_does_not_know_the_flags_is_named_with_what_it_should_be,
                     *precondition(with_io_uring)) {
    const auto reason = in_child([] {
        refuse(SYS_io_uring_setup, EINVAL);
        return tina::detail::probe_io_uring().reason;
    });
    BOOST_TEST(contains(reason, "Linux "), reason);
    BOOST_TEST(contains(reason, "cure: a kernel of at least 6.1"), reason);
}

BOOST_AUTO_TEST_CASE(a_limit_on_descriptors_is_named_with_its_value, *precondition(with_io_uring)) {
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

BOOST_AUTO_TEST_CASE(a_limit_on_locked_memory_is_named_with_what_is_needed, *precondition(with_io_uring)) {
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

BOOST_AUTO_TEST_CASE(a_ring_is_halved_until_the_memory_suffices, *precondition(with_io_uring)) {
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

BOOST_AUTO_TEST_CASE(where_io_uring_is_refused_epoll_is_taken_and_the_reason_told) {
    const auto said = in_child([] {
        refuse(SYS_io_uring_setup, EPERM);
        backend = tina::io_backend::automatic;
        auto made = tina::detail::make_host_reactor(backend, small_options());
        return (made.made != nullptr ? "made; " : "not made; ") + made.reason;
    });
    BOOST_TEST(said.starts_with("made; io_uring is not permitted: io_uring_setup was refused with EPERM"), said);
}

BOOST_AUTO_TEST_CASE(io_uring_that_is_demanded_and_refused_leaves_no_reactor) {
    const auto said = in_child([] {
        refuse(SYS_io_uring_setup, EPERM);
        auto made = tina::detail::make_host_reactor(tina::io_backend::io_uring, small_options());
        return (made.made != nullptr ? "made; " : "not made; ") + made.reason;
    });
    BOOST_TEST(said.starts_with("not made; io_uring is not permitted: "), said);
}

BOOST_AUTO_TEST_CASE(epoll_that_is_wanted_is_taken_without_a_word) {
    const auto made = tina::detail::make_host_reactor(tina::io_backend::epoll, small_options());
    BOOST_TEST((made.made != nullptr));
    BOOST_TEST(made.reason == "");
}

BOOST_AUTO_TEST_CASE(where_both_are_refused_both_are_named) {
    const auto reason = in_child([] {
        refuse(SYS_io_uring_setup, EPERM);
        refuse(SYS_epoll_create1, EPERM);
        return tina::detail::make_host_reactor(tina::io_backend::automatic, small_options()).reason;
    });
    BOOST_TEST(contains(reason, "io_uring is not permitted: "), reason);
    BOOST_TEST(contains(reason, "; and epoll is not usable: epoll_create1 failed with EPERM; cure: "), reason);
    BOOST_TEST(!contains(reason, "\n"), reason);
}

BOOST_AUTO_TEST_CASE(a_lack_of_descriptors_is_no_reason_for_epoll) {
    const auto said = in_child([] {
        const rlimit few{.rlim_cur = 3, .rlim_max = 3};
        ::setrlimit(RLIMIT_NOFILE, &few);
        auto made = tina::detail::make_host_reactor(tina::io_backend::automatic, small_options());
        return (made.made != nullptr ? "made; " : "not made; ") + made.reason;
    });
    BOOST_TEST(said.starts_with("not made; "), said);
    BOOST_TEST(contains(said, "RLIMIT_NOFILE is 3"), said);
}

BOOST_AUTO_TEST_CASE(a_limit_on_descriptors_is_named_for_epoll_too) {
    // One by one: each step that takes a descriptor meets the limit, until there are enough.
    int refused = 0;
    for (std::size_t limit = 3; limit < 1024; ++limit) {
        const auto reason = in_child([&] {
            const rlimit few{.rlim_cur = limit, .rlim_max = limit};
            ::setrlimit(RLIMIT_NOFILE, &few);
            return tina::detail::make_epoll_reactor(small_options()).reason;
        });
        if (reason.empty()) { break; }
        BOOST_TEST(reason.starts_with("epoll is not usable: "), reason);
        BOOST_TEST(contains(reason, "RLIMIT_NOFILE is " + std::to_string(limit)), reason);
        ++refused;
    }
    BOOST_TEST(refused >= 2);
    BOOST_TEST(refused < 1000);
}

BOOST_AUTO_TEST_CASE(waits_of_whole_milliseconds_do_where_no_others_are_known) {
    for (const int error : {ENOSYS, EPERM}) {
        const auto said = in_child([&]() -> std::string {
            refuse(SYS_epoll_pwait2, error);
            backend = tina::io_backend::epoll;
            bench at;
            const auto begin_ns = at.io->now_ns();
            at.io->wait(begin_ns + 1'500'000);
            const auto waited_ns = at.io->now_ns() - begin_ns;
            if (waited_ns < 1'500'000) { return "too early"; }
            const pair ends;
            const auto receiving = at.receive(ends.left.get());
            at.io->flush();
            write_all(ends.right.get(), "x");
            return at.await(receiving).result == 1 ? "fine" : "no byte";
        });
        BOOST_TEST(said == "fine");
    }
}

BOOST_AUTO_TEST_SUITE_END()
