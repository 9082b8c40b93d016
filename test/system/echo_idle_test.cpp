// SPDX-License-Identifier: Apache-2.0
// What a server costs that has nothing to do. Reads the kernel's account of processor time, which other load on the
// machine does not change; it must never do anything to the server while it looks.
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstddef>
#include <string>
#include <thread>

#include "echo_process.hpp"

namespace tina::test {

namespace {

using namespace std::chrono_literals;

constexpr std::chrono::nanoseconds span = 3s;

void check_idle(const process& server) {
    std::this_thread::sleep_for(200ms);
    const auto before = server.cpu_time();
    std::this_thread::sleep_for(span);
    const auto used = server.cpu_time() - before;
    BOOST_TEST(used < span / 100, used.count() / 1'000 << " us in " << span.count() / 1'000 << " us");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(echo_idle)

BOOST_AUTO_TEST_CASE(an_idle_server_takes_less_than_a_hundredth_of_a_processor) {
    echo_process alone;
    check_idle(alone.self());
    alone.stop();
}

BOOST_AUTO_TEST_CASE(so_does_one_with_a_thousand_silent_connections_on_two_shards) {
    echo_process server({"--shards", "2", "--port", std::to_string(free_port())});
    auto clients = server.connect_many(1'000);
    for (auto& client : clients) BOOST_REQUIRE(client.echoes("hello"));
    check_idle(server.self());
    BOOST_TEST(clients.front().echoes("still there?"));
    BOOST_TEST(server.stop()["connections_accepted"] == 1'000U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
