// SPDX-License-Identifier: Apache-2.0
// Connections that come and go in great numbers: what one of them leaves behind would show after a hundred thousand.
// Owns its server; it must never have more than `at_once` connections open.
#include <boost/test/unit_test.hpp>

#include <cstddef>
#include <cstdint>
#include <optional>
#include <random>
#include <string>
#include <vector>

#include "echo_process.hpp"

namespace tina::test {

namespace {

constexpr std::size_t connections_count = is_sanitized ? 10'000 : 100'000;
constexpr std::size_t at_once = 200;
constexpr std::uint64_t seed = 20'260'704;

// One address has 28 232 ports by default, and a port rests for a minute after most ways to end.
constexpr std::size_t sources = 8;

/// The ways to end a connection.
enum class ending { close_unused, reset_unread, close_served, reset_served, finish };
constexpr std::size_t ending_count = 5;

/// A connection with a request on its way, and what will become of it.
struct visit {
    echo_client connection;
    std::string request;
    ending how;

    void begin() {
        if (how == ending::close_unused) return;
        BOOST_REQUIRE(connection.send_all(request));
        if (how == ending::finish) connection.finish_sending();
    }
    void end() {
        const bool is_served = how != ending::close_unused && how != ending::reset_unread;
        if (is_served) BOOST_REQUIRE((connection.receive(request.size()) == request));
        if (how == ending::finish) {
            BOOST_REQUIRE(connection.receive_to_end().empty());
            BOOST_REQUIRE((connection.state() == connection_state::end_of_stream));
        }
        if (how == ending::reset_unread || how == ending::reset_served) connection.reset();
    }
};

}  // namespace

BOOST_AUTO_TEST_SUITE(echo_churn)

BOOST_AUTO_TEST_CASE(a_hundred_thousand_connections_leave_nothing_behind) {
    // So few slots that a leak of one in fifty would use them up.
    echo_process server({"--connections", "2000"});
    const std::size_t descriptors = server.self().open_descriptors().size();
    const std::size_t resident = server.self().resident_bytes();
    std::mt19937_64 random(seed);
    std::vector<std::optional<visit>> visits(at_once);
    for (std::size_t index = 0; index < connections_count + at_once; ++index) {
        BOOST_TEST_CONTEXT("connection " << index << " with seed " << seed) {
            std::optional<visit>& here = visits[index % at_once];
            if (here) here->end();
            here.reset();
            if (index >= connections_count) continue;
            const std::string source = "127.0.0." + std::to_string(1 + index % sources);
            here.emplace(visit{server.connect({.source = source}), pattern(1 + random() % 500, index),
                               static_cast<ending>(random() % ending_count)});
            here->begin();
        }
    }
    BOOST_TEST(server.settles_at_descriptors(descriptors));
    BOOST_TEST(server.self().resident_bytes() < resident + (8U << 20));
    BOOST_TEST(server.serves());
    auto counters = server.stop();
    BOOST_TEST(counters["connections_accepted"] == connections_count + 1);
    // The acceptor is an isolate as well.
    BOOST_TEST(counters["isolates_spawned"] == connections_count + 2);
    BOOST_TEST(counters["spawns_refused"] == 0U);
    BOOST_TEST(counters["timers_refused"] == 0U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
