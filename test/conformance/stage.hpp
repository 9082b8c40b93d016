// SPDX-License-Identifier: Apache-2.0
// What a conformance case is played on: two sides with a reactor each, on either arm. What does not hold is collected
// here and not told to the test framework, so that a case can also be run where it is meant to fail. A case must never
// know which arm it runs on.
#pragma once

#include <array>
#include <cerrno>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "arm.hpp"
#include "reactor/reactor.hpp"

namespace conformance {

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

inline constexpr std::uint32_t buffer_count = 8;
inline constexpr std::uint32_t buffer_bytes = 16 * 1024;
inline constexpr std::int64_t limit_ns = 5'000'000'000;
inline constexpr std::int64_t short_ns = 30'000'000;  ///< in which everything on its way has arrived

/// Ends a case that cannot go on.
struct cannot_go_on {};

/// A descriptor of one of the sides.
struct sock {
    int side = 0;
    int number = -1;
};

/// An operation that was submitted.
struct flight {
    int side = 0;
    std::uint64_t token = 0;
};

/// The ends of a connection: who accepted it, and who asked for it.
struct ends {
    sock server;
    sock client;
};

class stage {
public:
    explicit stage(std::unique_ptr<arm> on);
    ~stage();
    stage(const stage&) = delete;
    stage& operator=(const stage&) = delete;

    // Verdicts.
    void check(bool holds, std::string_view what);
    void equal(std::int64_t seen, std::int64_t wanted, std::string_view what);
    /// The same, and the case ends if it does not hold.
    void need(bool holds, std::string_view what);
    [[nodiscard]] const std::vector<std::string>& failures() const { return failures_; }

    // Sockets.
    [[nodiscard]] reactor& io(int side) { return *sides_[static_cast<std::size_t>(side)].io; }
    [[nodiscard]] reactor& io(const sock& of) { return io(of.side); }
    [[nodiscard]] address address_of(int side) { return arm_->address_of(side); }
    /// A listening socket of side 0; on its address and any port, unless `options` say otherwise.
    [[nodiscard]] sock listen(listen_options options = {});
    [[nodiscard]] sock listen_at(std::string_view ip, listen_options options = {});
    [[nodiscard]] sock listener_or_error(const listen_options& options);
    [[nodiscard]] sock open(int side = 1, address_family family = address_family::ip4);
    [[nodiscard]] address local(const sock& of);
    [[nodiscard]] address peer(const sock& of);
    [[nodiscard]] int peer_result(const sock& of);
    [[nodiscard]] ends connect_pair(const sock& listener);
    [[nodiscard]] ends connected();
    /// The same with small buffers on both sides.
    [[nodiscard]] ends connected_narrowly();
    void close_now(sock& what);
    [[nodiscard]] int shutdown(const sock& what, bool receiving, bool sending) {
        return io(what).shutdown(what.number, receiving, sending);
    }

    // Operations.
    [[nodiscard]] flight accept(const sock& listener);
    [[nodiscard]] flight connect(const sock& from, const address& to);
    [[nodiscard]] flight receive(const sock& from, std::uint32_t bytes = buffer_bytes);
    [[nodiscard]] flight send(const sock& to, std::string_view text, bool whole = true);
    [[nodiscard]] flight close(sock& what);
    void cancel(const flight& what);
    void flush();
    [[nodiscard]] flight submit(int side, operation wanted);

    // Their ends.
    [[nodiscard]] completion await(const flight& what);
    [[nodiscard]] int result(const flight& what) { return await(what).result; }
    [[nodiscard]] sock accepted(const flight& what);
    /// The bytes of a receive; "<error>" or "<end>" if there are none.
    [[nodiscard]] std::string text(const flight& what);
    [[nodiscard]] bool has_ended(const flight& what);
    /// Lets everything happen that happens by itself, for a while.
    void settle(std::int64_t span_ns = short_ns);
    [[nodiscard]] std::size_t place_in_order(const flight& what) const;

    // All at once.
    void say(const sock& to, std::string_view text);
    [[nodiscard]] std::string hear(const sock& from, std::uint32_t bytes = buffer_bytes);
    /// Reads until so many bytes have come, or the stream has ended.
    [[nodiscard]] std::string hear_all(const sock& from, std::size_t bytes);
    /// Reads to the end: how many bytes came, and what the last receive said.
    [[nodiscard]] std::pair<std::string, int> hear_to_end(const sock& from);
    void give_back(int side, std::uint16_t buffer);

private:
    struct party {
        std::unique_ptr<reactor> io;
        std::vector<std::byte> buffers;
        std::map<std::uint64_t, completion> ended;
        std::vector<std::uint64_t> order;
        std::set<int> open;
        std::uint64_t next_token = 1;
    };
    [[nodiscard]] party& of(int which) { return sides_[static_cast<std::size_t>(which)]; }
    void gather();

    std::unique_ptr<arm> arm_;
    std::array<party, 2> sides_;
    std::vector<std::string> failures_;
};

/// `bytes` bytes that show where they belong.
[[nodiscard]] std::string pattern(std::size_t bytes);

struct conformance_case {
    const char* name;
    void (*body)(stage& at);
};
[[nodiscard]] std::vector<conformance_case>& all_cases();

/// What does not hold; empty: everything does.
[[nodiscard]] std::vector<std::string> run_case(void (*body)(stage&), std::unique_ptr<arm> on);
/// Tells the test framework.
void show_case(void (*body)(stage&), std::unique_ptr<arm> on);

}  // namespace conformance

/// Declares a case: one body, and a test on each arm.
#define CONFORMS(name)                                                                                                 \
    static void body_of_##name(conformance::stage& at);                                                                \
    static const bool name##_is_listed = (conformance::all_cases().push_back({#name, &body_of_##name}), true);         \
    BOOST_AUTO_TEST_SUITE(real)                                                                                        \
    BOOST_AUTO_TEST_CASE(name) {                                                                                       \
        conformance::show_case(&body_of_##name, conformance::real_arm(tina::io_backend::automatic));                   \
    }                                                                                                                  \
    BOOST_AUTO_TEST_SUITE_END()                                                                                        \
    BOOST_AUTO_TEST_SUITE(epoll)                                                                                       \
    BOOST_AUTO_TEST_CASE(name) {                                                                                       \
        conformance::show_case(&body_of_##name, conformance::real_arm(tina::io_backend::epoll));                       \
    }                                                                                                                  \
    BOOST_AUTO_TEST_SUITE_END()                                                                                        \
    BOOST_AUTO_TEST_SUITE(simulated)                                                                                   \
    BOOST_AUTO_TEST_CASE(name) {                                                                                       \
        static_cast<void>(name##_is_listed);                                                                           \
        for (const auto where : {conformance::layout::one_machine, conformance::layout::two_machines}) {               \
            conformance::show_case(&body_of_##name, conformance::simulated_arm(where, tina::sim::mutant::none));       \
        }                                                                                                              \
    }                                                                                                                  \
    BOOST_AUTO_TEST_SUITE_END()                                                                                        \
    static void body_of_##name(conformance::stage& at)
