// SPDX-License-Identifier: Apache-2.0
// How a server ends, by request and by force, and what its clients and its successor see of that. Owns its servers; it
// must never leave one behind.
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <vector>

#include "echo_process.hpp"

namespace tina::test {

namespace {

std::vector<echo_client> connect_served(const echo_process& server, std::size_t count) {
    auto clients = server.connect_many(count);
    for (auto& client : clients) BOOST_REQUIRE(client.echoes("hello"));
    return clients;
}

bool all_see_the_end(std::vector<echo_client>& clients) {
    for (echo_client& client : clients) {
        static_cast<void>(client.receive_to_end());
        if (client.state() == connection_state::open) return false;
    }
    return true;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(echo_stop)

BOOST_AUTO_TEST_CASE(a_signal_ends_it_at_once_and_the_clients_see_it) {
    for (const int signal : {SIGINT, SIGTERM}) {
        BOOST_TEST_CONTEXT("signal " << signal) {
            echo_process server;
            auto clients = connect_served(server, 100);
            BOOST_TEST(server.stop(signal)["connections_accepted"] == 100U);
            BOOST_TEST(all_see_the_end(clients));
        }
    }
}

BOOST_AUTO_TEST_CASE(a_signal_ends_it_while_it_is_stuck_in_sending_as_soon_as_it_gives_that_up) {
    echo_process server({"--send-timeout-ms", "300"});
    const std::string text = pattern(1'000'000);
    auto clients = server.connect_many(50, {.receive_buffer_bytes = 16'384});
    for (auto& client : clients) {
        for (int round = 0; round < 10; ++round) client.send_some(text);
    }
    BOOST_TEST(server.serves());
    server.stop();
    BOOST_TEST(all_see_the_end(clients));
}

BOOST_AUTO_TEST_CASE(a_signal_before_anybody_has_come_ends_it) {
    echo_process server;
    BOOST_TEST(server.stop()["connections_accepted"] == 0U);
}

BOOST_AUTO_TEST_CASE(a_pause_of_the_process_loses_nothing) {
    echo_process server;
    auto clients = connect_served(server, 20);
    for (int round = 0; round < 20; ++round) {
        server.self().signal(SIGSTOP);
        for (auto& client : clients) BOOST_TEST(client.send_all("meanwhile"));
        server.self().signal(SIGCONT);
        for (auto& client : clients) BOOST_TEST(client.receive(9) == "meanwhile");
    }
    server.stop();
}

BOOST_AUTO_TEST_CASE(connections_that_were_never_accepted_see_the_end_too) {
    echo_process server({"--descriptors", "11"});
    auto clients = server.connect_many(30);
    server.stop();
    BOOST_TEST(all_see_the_end(clients));
}

BOOST_AUTO_TEST_CASE(after_it_was_killed_another_serves_on_its_port_at_once) {
    std::optional<echo_process> server(std::in_place);
    const std::string port = std::to_string(server->where().port);
    for (int round = 0; round < 5; ++round) {
        auto clients = connect_served(*server, 100);
        server->self().signal(SIGKILL);
        BOOST_TEST((server->self().wait(patience) == 128 + SIGKILL));
        server.reset();
        server.emplace(std::vector<std::string>{"--port", port});
        // While the first one's connections are still there, half closed.
        BOOST_TEST(server->serves());
        BOOST_TEST(all_see_the_end(clients));
    }
    server->stop();
}

BOOST_AUTO_TEST_CASE(after_it_was_stopped_another_serves_on_its_port_at_once) {
    const std::string port = std::to_string(free_port());
    for (int round = 0; round < 10; ++round) {
        echo_process server({"--port", port, "--shards", std::to_string(1 + round % 2)});
        auto clients = connect_served(server, 20);
        server.stop();
        BOOST_TEST(all_see_the_end(clients));
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
