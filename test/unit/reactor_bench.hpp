// SPDX-License-Identifier: Apache-2.0
// What the tests of the reactors share: a reactor with buffers at hand, connections, descriptors that close
// themselves, and processes of their own for what cannot be undone. Each test of both reactors is one body, and a test
// for each. Owned by each test; it must never wait without a bound.
#pragma once

#include <boost/test/unit_test.hpp>

#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <memory>
#include <stdexcept>
#include <string>
#include <string_view>
#include <unordered_map>
#include <utility>
#include <vector>

#include "reactor/reactor.hpp"

namespace reactor_test {

using tina::address;
using tina::address_family;
using tina::parse_ip;
using tina::socket_option;
using tina::detail::completion;
using tina::detail::listen_options;
using tina::detail::no_buffer;
using tina::detail::operation;
using tina::detail::operation_kind;
using tina::detail::reactor;
using tina::detail::reactor_options;

/// What the body that runs at the moment is to use.
inline tina::io_backend backend = tina::io_backend::automatic;

inline boost::test_tools::assertion_result with_io_uring(boost::unit_test::test_unit_id) {
    static const std::string reason = tina::detail::probe_io_uring().reason;
    boost::test_tools::assertion_result usual(reason.empty());
    usual.message() << reason;
    return usual;
}

inline constexpr std::int64_t limit_ns = 5'000'000'000;
inline constexpr std::uint32_t buffer_count = 8;
inline constexpr std::uint32_t buffer_bytes = 1024;

/// Ends the test unless `condition` holds; unlike Boost's macros on any thread, and in a child process.
inline void need(bool condition, const std::string& text) {
    if (!condition) { throw std::runtime_error(text); }
}

/// A descriptor, closed at the end.
class descriptor {
public:
    descriptor() = default;
    explicit descriptor(int number) : number_(number) {}
    descriptor(descriptor&& other) noexcept : number_(other.release()) {}
    descriptor& operator=(descriptor&& other) noexcept {
        std::swap(number_, other.number_);
        return *this;
    }
    ~descriptor() {
        if (number_ >= 0) { ::close(number_); }
    }
    int get() const { return number_; }
    int release() { return std::exchange(number_, -1); }

private:
    int number_ = -1;
};

/// Two connected sockets.
struct pair {
    pair() {
        std::array<int, 2> ends{};
        need(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends.data()) == 0, "no socketpair");
        left = descriptor(ends[0]);
        right = descriptor(ends[1]);
    }
    descriptor left;
    descriptor right;
};

/// A reactor with buffers, and the completions that were collected and not yet asked for.
class bench {
public:
    explicit bench(reactor_options options = {.submission_entries = 64, .operations_max = 4096}) {
        options.buffers = buffers.data();
        options.buffer_count = buffer_count;
        options.buffer_bytes = buffer_bytes;
        auto made = tina::detail::make_host_reactor(backend, options);
        need(made.made != nullptr, made.reason);
        io = std::move(made.made);
    }

    std::uint64_t accept(int listener) { return give({.kind = operation_kind::accept, .descriptor = listener}); }
    std::uint64_t receive(int from, std::uint32_t bytes = buffer_bytes) {
        return give({.kind = operation_kind::receive, .descriptor = from, .bytes = bytes});
    }
    std::uint64_t send(int to, const void* memory, std::size_t bytes, bool whole = true) {
        return give({.kind = operation_kind::send,
                     .whole = whole,
                     .descriptor = to,
                     .bytes = static_cast<std::uint32_t>(bytes),
                     .memory = static_cast<const std::byte*>(memory)});
    }
    std::uint64_t connect(int from, address peer) {
        // The address is gone when this returns: the reactor must have its own copy.
        return give({.kind = operation_kind::connect, .descriptor = from, .peer = &peer});
    }
    std::uint64_t close(int number) { return give({.kind = operation_kind::close, .descriptor = number}); }
    void cancel(std::uint64_t target) { io->submit({.kind = operation_kind::cancel, .target = target}); }

    std::uint64_t give(operation wanted) {
        wanted.token = next_token++;
        io->submit(wanted);
        return wanted.token;
    }

    /// Takes what is there, once.
    std::size_t gather(std::size_t at_most = 16) {
        std::array<completion, 64> some;
        const auto count = io->collect(std::span(some).first(at_most));
        for (std::size_t index = 0; index < count; ++index) {
            const auto token = some[index].token;
            need(ended.emplace(token, some[index]).second, "two completions of token " + std::to_string(token));
            order.push_back(token);
        }
        return count;
    }

    /// Whether has_events() comes to say so, without a wait. One reactor asks the kernel every few microseconds only.
    bool shows_events() const {
        const auto deadline_ns = io->now_ns() + limit_ns;
        while (!io->has_events()) {
            if (io->now_ns() > deadline_ns) { return false; }
        }
        return true;
    }

    /// The end of the operation with this token.
    completion await(std::uint64_t token) {
        const auto deadline_ns = io->now_ns() + limit_ns;
        while (!ended.contains(token) && io->now_ns() < deadline_ns) {
            io->wait(deadline_ns);
            gather();
        }
        need(ended.contains(token), "no completion of token " + std::to_string(token) + " in 5 s");
        const auto found = ended.extract(token);
        return found.mapped();
    }

    std::string text_of(const completion& received) const {
        need(received.result > 0, "received " + std::to_string(received.result));
        need(received.buffer < buffer_count, "no buffer");
        return {reinterpret_cast<const char*>(&buffers[received.buffer * std::size_t{buffer_bytes}]),
                static_cast<std::size_t>(received.result)};
    }

    std::vector<std::byte> buffers = std::vector<std::byte>(std::size_t{buffer_count} * buffer_bytes);
    std::unordered_map<std::uint64_t, completion> ended;
    std::vector<std::uint64_t> order;
    std::uint64_t next_token = 1;
    std::unique_ptr<reactor> io;
};

/// A listener on a free port of `host`, with its address.
struct listener {
    listener(reactor& io, const char* host, listen_options options = {}) {
        options.local = *parse_ip(host, options.local.port);
        socket = descriptor(io.listen(options));
        need(socket.get() >= 0, "listen gave " + std::to_string(socket.get()));
        need(io.local_address(socket.get(), local) == 0, "a listener has no address");
    }
    descriptor socket;
    address local;
};

/// A TCP connection over loopback, both ends.
inline pair tcp_pair(bench& at, const char* host = "127.0.0.1") {
    const listener server(*at.io, host);
    pair made;
    made.left = descriptor(at.io->open_stream(server.local.family));
    const auto connecting = at.connect(made.left.get(), server.local);
    const auto accepting = at.accept(server.socket.get());
    BOOST_REQUIRE_EQUAL(at.await(connecting).result, 0);
    made.right = descriptor(at.await(accepting).result);
    BOOST_REQUIRE(made.right.get() >= 0);
    return made;
}

inline void write_all(int to, std::string_view text) {
    BOOST_REQUIRE_EQUAL(::send(to, text.data(), text.size(), MSG_NOSIGNAL), static_cast<ssize_t>(text.size()));
}

/// Reads until the end or an error; the number of bytes, and 0 or the -errno that ended them.
inline std::pair<std::size_t, int> read_to_end(int from) {
    std::array<char, 65'536> some;
    std::size_t total = 0;
    for (;;) {
        pollfd readable{.fd = from, .events = POLLIN, .revents = 0};
        if (::poll(&readable, 1, 5000) == 0) { return {total, -ETIMEDOUT}; }
        const auto count = ::recv(from, some.data(), some.size(), 0);
        if (count <= 0) { return {total, count < 0 ? -errno : 0}; }
        total += static_cast<std::size_t>(count);
    }
}

inline bool is_open(int number) { return ::fcntl(number, F_GETFD) >= 0; }

inline std::size_t open_descriptors() {
    std::size_t count = 0;
    for (int number = 0; number < 1024; ++number) { count += is_open(number) ? 1U : 0U; }
    return count;
}

/// What `work` says, done in a process of its own, which may install filters and lower limits.
template <class Work>
std::string in_child(Work work) {
    std::array<int, 2> ends{};
    BOOST_REQUIRE_EQUAL(::pipe(ends.data()), 0);
    const pid_t child = ::fork();
    BOOST_REQUIRE(child >= 0);
    if (child == 0) {
        std::string said;
        try {
            said = work();
        } catch (const std::exception& error) { said = error.what(); }
        const auto written = ::write(ends[1], said.data(), said.size());
        ::_exit(written == static_cast<ssize_t>(said.size()) ? 0 : 1);
    }
    ::close(ends[1]);
    std::string said;
    std::array<char, 4096> some;
    for (ssize_t count = 0; (count = ::read(ends[0], some.data(), some.size())) > 0;) {
        said.append(some.data(), static_cast<std::size_t>(count));
    }
    ::close(ends[0]);
    int status = 0;
    ::waitpid(child, &status, 0);
    BOOST_TEST(status == 0);
    return said;
}

/// Makes `call` fail with `error` from now on in this process, if its argument `argument` has none of
/// `flags_clear`.
inline void refuse(long call, int error, unsigned argument = 0, std::uint32_t flags_clear = 0) {
    const auto argument_offset =
        static_cast<std::uint32_t>(offsetof(seccomp_data, args) + argument * sizeof(std::uint64_t));
    std::array<sock_filter, 6> program{{
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<std::uint32_t>(call), 0, 3),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, argument_offset),
        BPF_JUMP(BPF_JMP | BPF_JSET | BPF_K, flags_clear, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | static_cast<std::uint32_t>(error)),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    }};
    const sock_fprog filter{.len = program.size(), .filter = program.data()};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, 2, &filter, 0, 0) != 0) {
        std::perror("seccomp");
        ::_exit(2);
    }
}

inline bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace reactor_test

/// Declares a test of both reactors; decorators may follow the name.
#define ON_BOTH_REACTORS(name, ...)                                                                                    \
    static void body_of_##name();                                                                                      \
    BOOST_AUTO_TEST_SUITE(io_uring, *boost::unit_test::precondition(reactor_test::with_io_uring))                      \
    BOOST_AUTO_TEST_CASE(name __VA_OPT__(, ) __VA_ARGS__) {                                                            \
        reactor_test::backend = tina::io_backend::io_uring;                                                            \
        body_of_##name();                                                                                              \
    }                                                                                                                  \
    BOOST_AUTO_TEST_SUITE_END()                                                                                        \
    BOOST_AUTO_TEST_SUITE(epoll)                                                                                       \
    BOOST_AUTO_TEST_CASE(name __VA_OPT__(, ) __VA_ARGS__) {                                                            \
        reactor_test::backend = tina::io_backend::epoll;                                                               \
        body_of_##name();                                                                                              \
    }                                                                                                                  \
    BOOST_AUTO_TEST_SUITE_END()                                                                                        \
    static void body_of_##name()
