// SPDX-License-Identifier: Apache-2.0
// A server at its limits: slots, buffers, descriptors. What is refused is refused to those who come, never to those who
// are there, and service resumes when there is room. Owns its servers; it must never lower a limit of its own process.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>
#include <thread>
#include <utility>
#include <vector>

#include "echo_process.hpp"

namespace tina::test {

namespace {

using namespace std::chrono_literals;

constexpr std::string_view greeting = "hello";

/// Connections that have all sent a greeting; some of them may not have been served yet.
class crowd {
public:
    crowd(const echo_process& server, std::size_t count) {
        members_.reserve(count);
        for (auto& each : server.connect_many(count)) {
            each.send_some(greeting);
            members_.push_back({.connection = std::move(each)});
        }
    }

    /// Looks what has come in the meantime.
    void look() {
        for (member& each : members_) { each.received += each.connection.receive_some(greeting.size()); }
    }
    [[nodiscard]] std::size_t served() {
        look();
        return count_if([](const member& each) { return each.received == greeting; });
    }
    [[nodiscard]] std::size_t ended() {
        look();
        return count_if([](const member& each) { return each.connection.state() != connection_state::open; });
    }
    /// Whether within a while so many are served, and after another while not one more.
    [[nodiscard]] bool settles_at_served(std::size_t least, std::size_t most) {
        if (!eventually([&] { return served() >= least; }, patience)) return false;
        std::this_thread::sleep_for(200ms);
        return served() >= least && served() <= most;
    }
    /// Closes some of those that have been served and are still open.
    void close_served(std::size_t count) {
        for (std::size_t index = 0; index < members_.size() && count > 0;) {
            const bool is_served = members_[index].received == greeting;
            index += is_served ? 0 : 1;
            if (!is_served) continue;
            members_.erase(members_.begin() + static_cast<std::ptrdiff_t>(index));
            --count;
        }
    }
    /// Whether those that have been served are served still.
    [[nodiscard]] bool all_served_echo() {
        return std::all_of(members_.begin(), members_.end(),
                           [](member& each) { return each.received != greeting || each.connection.echoes(greeting); });
    }
    [[nodiscard]] std::size_t size() const { return members_.size(); }

private:
    struct member {
        echo_client connection;
        std::string received{};
    };

    template <class Condition>
    [[nodiscard]] std::size_t count_if(Condition condition) const {
        return static_cast<std::size_t>(std::count_if(members_.begin(), members_.end(), condition));
    }

    std::vector<member> members_;
};

/// Whether a connection is served at once or refused, as happens while slots are all taken.
bool tries_with_success(const echo_process& server, std::vector<echo_client>& clients) {
    clients.push_back(server.connect());
    if (clients.back().echoes(greeting)) return true;
    clients.pop_back();
    return false;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(echo_limits)

BOOST_AUTO_TEST_CASE(connections_beyond_the_slots_are_closed_and_the_others_served) {
    echo_process server({"--connections", "50"});
    crowd clients(server, 80);
    BOOST_TEST(eventually([&] { return clients.served() == 50 && clients.ended() == 30; }, patience),
               clients.served() << " served, " << clients.ended() << " closed");
    BOOST_TEST(clients.all_served_echo());

    clients.close_served(10);
    std::vector<echo_client> later;
    for (std::size_t count = 1; count <= 10; ++count) {
        BOOST_TEST(eventually([&] { return tries_with_success(server, later); }, patience), "newcomer " << count);
    }
    BOOST_TEST(!tries_with_success(server, later), "there are 51 connections in 50 slots");
    BOOST_TEST(clients.all_served_echo());
    auto counters = server.stop();
    BOOST_TEST(counters["spawns_refused"] >= 31U);
    BOOST_TEST(counters["isolates_spawned"] == 61U);
}

BOOST_AUTO_TEST_CASE(two_buffers_serve_many_who_send_much) {
    for (const std::string bytes : {"4096", "64"}) {
        BOOST_TEST_CONTEXT("buffers of " << bytes << " bytes") {
            echo_process server({"--buffers", "2", "--buffer-bytes", bytes});
            check_load(server.where(), 64, 10'000, is_sanitized ? 128 : 640);
            BOOST_TEST(server.stop()["receives_postponed"] > 0U);
        }
    }
}

BOOST_AUTO_TEST_CASE(who_is_reset_while_waiting_for_a_buffer_leaves_the_others_alone) {
    echo_process server({"--buffers", "2"});
    for (std::size_t round = 0; round < 20; ++round) {
        auto clients = server.connect_many(64);
        for (auto& client : clients) client.send_some(pattern(10'000, round));
        for (std::size_t index = 0; index < clients.size(); index += 2) clients[index].reset();
        for (std::size_t index = 1; index < clients.size(); index += 2) {
            BOOST_REQUIRE((clients[index].receive(10'000) == pattern(10'000, round)));
        }
    }
    BOOST_TEST(server.stop()["connections_accepted"] == 20U * 64U);
}

BOOST_AUTO_TEST_CASE(connections_beyond_the_descriptors_of_the_spec_wait_their_turn) {
    // One of them is the listening socket.
    echo_process server({"--descriptors", "21"});
    crowd clients(server, 60);
    BOOST_TEST(clients.settles_at_served(19, 20), clients.served() << " served");
    clients.close_served(15);
    BOOST_TEST(eventually([&] { return clients.served() >= 19; }, patience), clients.served() << " served");
    for (int round = 0; round < 10 && clients.size() > 0; ++round) {
        clients.close_served(15);
        const std::size_t expected = std::min<std::size_t>(clients.size(), 19);
        BOOST_TEST(eventually([&] { return clients.served() >= expected; }, patience), clients.served() << " served");
    }
    BOOST_TEST(clients.size() == 0U);
    BOOST_TEST(server.serves());
    auto counters = server.stop();
    BOOST_TEST(counters["connections_accepted"] == 61U);
    BOOST_TEST(counters["accepts_postponed"] > 0U);
}

BOOST_AUTO_TEST_CASE(connections_beyond_the_descriptors_of_the_process_wait_their_turn) {
    echo_process server;
    const int highest = server.self().open_descriptors().back();
    server.self().limit_descriptors(static_cast<rlim_t>(highest) + 21);
    // An accept that is armed already has taken note of the limit before it was lowered.
    crowd clients(server, 60);
    BOOST_TEST(clients.settles_at_served(19, 21), clients.served() << " served");

    const auto cpu_before = server.self().cpu_time();
    std::this_thread::sleep_for(1s);
    const auto cpu = server.self().cpu_time() - cpu_before;
    BOOST_TEST(cpu < 200ms, "waiting for a descriptor took " << cpu.count() / 1'000'000 << " ms of 1000");
    BOOST_TEST(clients.all_served_echo());

    for (int round = 0; round < 3; ++round) {
        clients.close_served(10);
        BOOST_TEST(eventually([&] { return clients.served() >= 19; }, patience), clients.served() << " served");
    }
    server.self().limit_descriptors(RLIM_INFINITY);
    BOOST_TEST(eventually([&] { return clients.served() == clients.size(); }, patience));
    BOOST_TEST(clients.all_served_echo());
    BOOST_TEST(server.serves());
    BOOST_TEST(server.stop()["connections_accepted"] == 61U);
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
