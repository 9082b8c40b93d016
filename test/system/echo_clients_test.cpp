// SPDX-License-Identifier: Apache-2.0
// Clients that behave oddly, each beside one that does not: nobody's manners may cost anybody else's service. Owns its
// servers; it must never let a client wait for the server without a bound.
#include <boost/test/unit_test.hpp>

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
using boost::unit_test::precondition;

constexpr std::size_t mebibyte = std::size_t{1024} * 1024;

/// A client that sends and never reads, with little room in its own kernel, so that the server soon meets a full one.
struct mute_client {
    echo_client connection;
    std::string_view unsent;

    /// Whether the kernel took anything.
    bool push() {
        const auto count = connection.send_some(unsent);
        unsent.remove_prefix(count);
        return count > 0;
    }
};

std::vector<mute_client> connect_mute(const echo_process& server, std::size_t count, std::string_view text) {
    std::vector<mute_client> clients;
    clients.reserve(count);
    for (auto& each : server.connect_many(count, {.receive_buffer_bytes = 16'384, .send_buffer_bytes = 65'536})) {
        clients.push_back({std::move(each), text});
    }
    return clients;
}

/// Lets them send until none of them has got rid of a byte for a while.
bool push_until_blocked(std::vector<mute_client>& clients) {
    const deadline end(patience);
    deadline quiet(300ms);
    while (!quiet.is_over() && !end.is_over()) {
        for (mute_client& client : clients) {
            if (client.push()) quiet = deadline(300ms);
        }
        std::this_thread::sleep_for(1ms);
    }
    return !end.is_over();
}

boost::test_tools::assertion_result with_netcat(boost::unit_test::test_unit_id) {
    process help({.command = {"nc", "-h"}});
    boost::test_tools::assertion_result there(help.wait(patience) != 126 && count_of(help.errors(), "-N") > 0);
    there.message() << "there is no nc that knows -N";
    return there;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(echo_clients)

BOOST_AUTO_TEST_CASE(a_byte_at_a_time_comes_back) {
    echo_process server;
    echo_client client = server.connect();
    const std::string text = pattern(2'000);
    for (const char& byte : text) { BOOST_REQUIRE(client.echoes({&byte, 1})); }
    for (const char& byte : text) BOOST_REQUIRE(client.send_all({&byte, 1}));
    BOOST_TEST((client.receive(text.size()) == text));
    server.stop();
}

BOOST_AUTO_TEST_CASE(who_has_said_all_still_gets_the_rest_and_then_the_end) {
    echo_process server;
    for (const std::size_t bytes : {std::size_t{0}, std::size_t{1}, std::size_t{4'096}, std::size_t{60'000}}) {
        BOOST_TEST_CONTEXT(bytes << " bytes") {
            echo_client client = server.connect();
            const std::string text = pattern(bytes, bytes);
            BOOST_TEST(client.send_all(text));
            client.finish_sending();
            BOOST_TEST((client.receive_to_end() == text));
            BOOST_TEST((client.state() == connection_state::end_of_stream));
        }
    }
    server.stop();
}

BOOST_AUTO_TEST_CASE(a_request_of_netcat_comes_back, *precondition(with_netcat)) {
    echo_process server;
    const std::string text = "hello\n" + pattern(50'000) + "\n";
    const std::string port = std::to_string(server.where().port);
    process netcat({.command = {"nc", "-N", server.where().host, port}, .input = text});
    BOOST_TEST((netcat.wait(patience) == 0));
    BOOST_TEST((netcat.output() == text));
    server.stop();
}

BOOST_AUTO_TEST_CASE(resets_in_the_middle_leave_the_others_alone) {
    echo_process server;
    const std::size_t descriptors = server.self().open_descriptors().size();
    echo_client other = server.connect();
    for (std::size_t index = 0; index < 200; ++index) {
        echo_client client = server.connect();
        client.send_some(pattern(1 + index * 250, index));
        // The server is now waiting, receiving, sending or, against a full socket, stuck.
        if (index % 2 == 0) static_cast<void>(client.receive(1 + index * 50));
        client.reset();
        BOOST_REQUIRE(other.echoes(pattern(100, index)));
    }
    other.close();
    BOOST_TEST(server.settles_at_descriptors(descriptors));
    BOOST_TEST(server.stop()["connections_accepted"] == 201U);
}

BOOST_AUTO_TEST_CASE(clients_that_never_read_cost_no_memory_and_hold_up_nobody) {
    const std::string text = pattern(32 * mebibyte);
    echo_process server;
    check_load(server.where(), 64, 64, 1'000);
    const std::size_t resident_before = server.self().resident_bytes();
    const std::size_t threads_before = server.self().thread_count();

    std::vector<mute_client> clients = connect_mute(server, 200, text);
    BOOST_TEST(push_until_blocked(clients), "the clients are never held up");
    check_load(server.where(), 64, 64, 1'000);
    const std::size_t resident = server.self().resident_bytes();
    BOOST_TEST(resident < resident_before + (is_sanitized ? 64 : 16) * mebibyte,
               "resident before " << resident_before << " bytes, then " << resident);
    BOOST_TEST(server.self().thread_count() == threads_before);

    // Nothing is lost on those who read at last, though the server has stood still for long.
    for (std::size_t index = 0; index < 10; ++index) {
        mute_client& client = clients[index * 20];
        const std::string_view sent = std::string_view(text).substr(0, text.size() - client.unsent.size());
        client.connection.finish_sending();
        BOOST_TEST((client.connection.receive_to_end() == sent));
    }
    clients.clear();
    BOOST_TEST(server.serves());
    server.stop();
}

BOOST_AUTO_TEST_CASE(buffers_of_those_who_never_read_come_back_when_their_time_is_up) {
    const std::string text = pattern(32 * mebibyte);
    echo_process server({"--buffers", "8", "--idle-timeout-ms", "500"});
    const std::size_t descriptors = server.self().open_descriptors().size();
    std::vector<mute_client> clients = connect_mute(server, 20, text);
    BOOST_TEST(push_until_blocked(clients), "the clients are never held up");
    for (mute_client& client : clients) {
        static_cast<void>(client.connection.receive_to_end());
        BOOST_TEST((client.connection.state() != connection_state::open));
    }
    BOOST_TEST(server.settles_at_descriptors(descriptors));
    BOOST_TEST(server.serves());
    server.stop();
}

BOOST_AUTO_TEST_CASE(the_silent_are_closed_and_the_talking_are_not) {
    echo_process server({"--idle-timeout-ms", "400"});
    echo_client silent = server.connect();
    echo_client talking = server.connect();
    for (int round = 0; round < 30; ++round) {
        BOOST_TEST(talking.echoes("still here"));
        std::this_thread::sleep_for(50ms);
    }
    BOOST_TEST(silent.receive_to_end(0ms).empty());
    BOOST_TEST((silent.state() == connection_state::end_of_stream));
    server.stop();
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
