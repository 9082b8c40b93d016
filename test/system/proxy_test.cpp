// SPDX-License-Identifier: Apache-2.0
// The sample proxy between real sockets: what passes, how ends and resets pass, and that nothing stays behind.
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <csignal>
#include <cstddef>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "sample_process.hpp"

namespace tina::test {

namespace {

using namespace std::chrono_literals;

sample_process start_proxy(const std::string& to, std::vector<std::string> more = {}) {
    std::vector<std::string> arguments{"--to", to, "--counters"};
    if (more.empty() || more.front() != "--listen") arguments.insert(arguments.end(), {"--listen", "127.0.0.1:0"});
    arguments.insert(arguments.end(), more.begin(), more.end());
    return {TINA_PROXY, arguments};
}

/// A proxy and both ends of a connection through it.
struct passage {
    explicit passage(const std::vector<std::string>& more = {})
        : proxy(start_proxy(server.address(), more)), client(proxy.connect()), target(server.accept()) {
        BOOST_REQUIRE(client.send_all("ping"));
        BOOST_REQUIRE(target.receive(4) == "ping");
        BOOST_REQUIRE(target.send_all("pong"));
        BOOST_REQUIRE(client.receive(4) == "pong");
    }
    ~passage() = default;
    passage(const passage&) = delete;
    passage& operator=(const passage&) = delete;

    plain_server server;
    sample_process proxy;
    echo_client client;
    echo_client target;
};

/// Sends until nothing has gone for a while; how much that was.
std::size_t fill(echo_client& sender, const std::string& text) {
    std::size_t sent = 0;
    while (sent < text.size()) {
        std::size_t went = 0;
        const bool moves =
            eventually([&] { return (went = sender.send_some(std::string_view(text).substr(sent))) > 0; }, 300ms);
        if (!moves) break;
        sent += went;
    }
    return sent;
}

connection_state state_at_the_end(echo_client& connection) {
    static_cast<void>(connection.receive_to_end());
    return connection.state();
}

}  // namespace

BOOST_AUTO_TEST_SUITE(proxy)

BOOST_AUTO_TEST_CASE(one_direction_flows_while_nobody_reads_the_other) {
    passage through;
    const std::string down = pattern(64 << 20, 1);
    const std::size_t stuck = fill(through.target, down);
    BOOST_REQUIRE(stuck < down.size());
    const std::string up = pattern(8 << 20, 2);
    std::string got;
    for (std::size_t sent = 0; got.size() < up.size();) {
        sent += through.client.send_some(std::string_view(up).substr(sent));
        const auto some = through.target.receive(1, 10ms);
        BOOST_REQUIRE(!some.empty());
        got += some;
        got += through.target.receive_some(1 << 20);
    }
    BOOST_TEST((got == up));
    BOOST_TEST((through.client.receive(stuck) == std::string_view(down).substr(0, stuck)));
    through.proxy.stop();
}

BOOST_AUTO_TEST_CASE(both_directions_at_once_pass_every_byte) {
    echo_process server;
    auto proxy = start_proxy("127.0.0.1:" + std::to_string(server.where().port));
    check_load(proxy.where(), 20, 100'000, 200);
    proxy.stop();
    server.stop();
}

BOOST_AUTO_TEST_CASE(a_half_close_is_passed_on_as_a_half_close) {
    passage through;
    BOOST_REQUIRE(through.client.send_all("question"));
    through.client.finish_sending();
    BOOST_TEST(through.target.receive_to_end() == "question");
    BOOST_TEST((through.target.state() == connection_state::end_of_stream));
    const std::string answer = pattern(3'000'000);
    std::string got;
    for (std::size_t sent = 0; got.size() < answer.size();) {
        sent += through.target.send_some(std::string_view(answer).substr(sent));
        got += through.client.receive_some(1 << 20);
        BOOST_REQUIRE((through.client.state() == connection_state::open));
    }
    BOOST_TEST((got == answer));
    const std::size_t open = through.proxy.self().open_descriptors().size();
    through.target.close();
    BOOST_TEST(through.client.receive_to_end().empty());
    BOOST_TEST((through.client.state() == connection_state::end_of_stream));
    BOOST_TEST(through.proxy.settles_at_descriptors(open - 2));
    through.proxy.stop();
}

BOOST_AUTO_TEST_CASE(a_reset_of_one_side_resets_the_other) {
    for (const bool by_client : {true, false}) {
        passage through;
        echo_client& from = by_client ? through.client : through.target;
        echo_client& to = by_client ? through.target : through.client;
        const std::size_t open = through.proxy.self().open_descriptors().size();
        from.reset();
        BOOST_TEST((state_at_the_end(to) == connection_state::reset));
        BOOST_TEST(through.proxy.settles_at_descriptors(open - 2));
        through.proxy.stop();
    }
}

BOOST_AUTO_TEST_CASE(a_reset_ends_a_direction_that_is_stuck_in_sending) {
    passage through;
    const std::size_t open = through.proxy.self().open_descriptors().size();
    static_cast<void>(fill(through.target, pattern(64 << 20)));
    through.client.reset();
    BOOST_TEST((state_at_the_end(through.target) == connection_state::reset));
    BOOST_TEST(through.proxy.settles_at_descriptors(open - 2));
    through.proxy.stop();
}

BOOST_AUTO_TEST_CASE(a_target_that_refuses_costs_its_client_alone) {
    const std::uint16_t port = free_port();
    auto proxy = start_proxy("127.0.0.1:" + std::to_string(port));
    const std::size_t open = proxy.self().open_descriptors().size();
    for (int round = 0; round < 20; ++round) {
        auto client = proxy.connect();
        BOOST_TEST((state_at_the_end(client) == connection_state::end_of_stream));
    }
    BOOST_TEST(proxy.settles_at_descriptors(open));
    // The log is written after the sockets of the same cycle are closed, so the last line may come a moment later.
    const auto refusals = [&] { return count_of(proxy.self().errors(), "Connection refused"); };
    BOOST_TEST(eventually([&] { return refusals() >= 20; }, patience));
    BOOST_TEST(refusals() == 20U);
    const plain_server late(port);
    auto client = proxy.connect();
    auto target = late.accept();
    BOOST_TEST(client.send_all("there"));
    BOOST_TEST(target.receive(5) == "there");
    proxy.stop();
}

BOOST_AUTO_TEST_CASE(a_thousand_connections_in_turn_leave_nothing_behind) {
    echo_process server;
    auto proxy = start_proxy("127.0.0.1:" + std::to_string(server.where().port), {"--connections", "20"});
    const std::size_t open = proxy.self().open_descriptors().size();
    for (std::size_t round = 0; round < 1000; ++round) {
        auto client = proxy.connect();
        const std::string request = pattern(1 + round % 500, round);
        BOOST_REQUIRE(client.echoes(request));
        if (round % 3 == 0) client.reset();
        if (round % 3 != 1) continue;
        client.finish_sending();
        BOOST_REQUIRE((state_at_the_end(client) == connection_state::end_of_stream));
    }
    BOOST_TEST(proxy.settles_at_descriptors(open));
    proxy.stop();
    server.stop();
}

BOOST_AUTO_TEST_CASE(a_connection_is_idle_only_when_neither_direction_moves) {
    // Far more than a busy machine may let the proxy wait for its turn.
    const auto idle = is_sanitized ? 6000ms : 2000ms;
    passage through({"--idle-timeout-ms", std::to_string(idle.count())});
    for (const deadline end(idle * 3 / 2); !end.is_over(); std::this_thread::sleep_for(100ms)) {
        BOOST_REQUIRE(through.target.send_all("still here"));
        BOOST_REQUIRE(through.client.receive(10) == "still here");
    }
    BOOST_TEST((state_at_the_end(through.client) == connection_state::end_of_stream));
    BOOST_TEST((state_at_the_end(through.target) == connection_state::end_of_stream));
    through.proxy.stop();
}

BOOST_AUTO_TEST_CASE(a_client_that_does_not_read_is_given_up_after_the_idle_time) {
    passage through({"--idle-timeout-ms", "2000"});
    const std::size_t open = through.proxy.self().open_descriptors().size();
    static_cast<void>(fill(through.target, pattern(64 << 20)));
    BOOST_TEST((state_at_the_end(through.target) != connection_state::open));
    BOOST_TEST(through.proxy.settles_at_descriptors(open - 2));
    through.proxy.stop();
}

BOOST_AUTO_TEST_CASE(after_it_was_killed_another_serves_on_its_port_at_once) {
    echo_process server;
    const std::string to = "127.0.0.1:" + std::to_string(server.where().port);
    std::optional<sample_process> proxy(start_proxy(to));
    const std::string listen = "127.0.0.1:" + std::to_string(proxy->where().port);
    for (int round = 0; round < 3; ++round) {
        auto client = proxy->connect();
        BOOST_REQUIRE(client.echoes("before"));
        proxy->self().signal(SIGKILL);
        BOOST_TEST((proxy->self().wait(patience) == 128 + SIGKILL));
        BOOST_TEST((state_at_the_end(client) != connection_state::open));
        proxy.reset();
        proxy.emplace(start_proxy(to, {"--listen", listen}));
        BOOST_TEST(proxy->connect().echoes("after"));
    }
    proxy->stop(SIGTERM);
    server.stop();
}

BOOST_AUTO_TEST_CASE(arguments_that_make_no_sense_end_it_with_2) {
    check_bad_arguments(TINA_PROXY, {}, "--to");
    check_bad_arguments(TINA_PROXY, {"--to", "localhost:80"}, "localhost:80");
    check_bad_arguments(TINA_PROXY, {"--to", "127.0.0.1:80", "--listen", "80"}, "\"80\"");
    check_bad_arguments(TINA_PROXY, {"--to", "127.0.0.1:80", "--connections", "0"}, "--connections");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
