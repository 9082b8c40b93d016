// SPDX-License-Identifier: Apache-2.0
// How a server under load comes to its end: what it has accepted is answered, what it cannot answer is named. Owns its
// servers; it must never leave one behind.
#include <boost/test/unit_test.hpp>

#include <algorithm>
#include <csignal>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "echo_process.hpp"

namespace tina::test {

namespace {

/// What echo_server says in its last line.
struct last_line {
    unsigned long long accepted = 0;
    unsigned long long answered = 0;
};

last_line last_line_of(const process& server) {
    last_line said;
    const std::string text = server.output();
    const auto begin = text.rfind("accepted ");
    const bool is_there =
        begin != std::string::npos &&
        std::sscanf(text.c_str() + begin, "accepted %llu requests, answered %llu", &said.accepted, &said.answered) == 2;
    BOOST_REQUIRE_MESSAGE(is_there, "the last line is missing: " << text);
    return said;
}

/// A client that asks and asks, one request at a time, until the server ends the connection.
struct asker {
    echo_client peer;
    std::size_t left = 0;  ///< of the answer that it waits for
    std::uint64_t bytes = 0;

    /// Goes as far as it can now.
    void go_on(std::string_view request) {
        if (left == 0 && peer.state() == connection_state::open) left = peer.send_some(request);
        const auto part = peer.receive_some(left == 0 ? 1 : left);
        bytes += part.size();
        left -= std::min(left, part.size());
    }
};

/// Connections whose answers are stuck, since nobody reads them.
std::vector<echo_client> stick(const echo_process& server) {
    auto clients = server.connect_many(12, {.receive_buffer_bytes = 16'384});
    const std::string text = pattern(1'000'000);
    int full_rounds = 0;  // in which no connection took a byte
    const auto is_full = [&] {
        std::size_t went = 0;
        for (auto& client : clients) went += client.send_some(text);
        full_rounds = went == 0 ? full_rounds + 1 : 0;
        return full_rounds == 20;
    };
    BOOST_TEST(eventually(is_full, patience));
    return clients;
}

void expect_status(process& server, int wanted) {
    const auto status = server.wait(patience);
    BOOST_TEST((status == wanted), "exit status " << status.value_or(-1) << "; it says: " << server.errors());
}

}  // namespace

BOOST_AUTO_TEST_SUITE(echo_shutdown)

BOOST_AUTO_TEST_CASE(every_request_that_was_accepted_before_the_signal_is_answered) {
    const std::size_t connections = is_sanitized ? 200 : 1000;
    for (const char* shards : {"1", "2"}) {
        BOOST_TEST_CONTEXT(shards << " shards") {
            echo_process server({"--port", std::to_string(free_port()), "--shards", shards});
            std::vector<asker> askers;
            askers.reserve(connections);
            for (auto& peer : server.connect_many(connections)) askers.push_back({std::move(peer)});
            const std::string request = pattern(3000);
            const auto are_all_served = [&] {
                for (asker& each : askers) each.go_on(request);
                return std::all_of(askers.begin(), askers.end(),
                                   [&](const asker& each) { return each.bytes >= request.size(); });
            };
            BOOST_REQUIRE(eventually(are_all_served, patience));
            server.self().signal(SIGTERM);
            const deadline end(patience);
            for (bool any = true; any && !end.is_over();) {
                any = false;
                for (asker& each : askers) {
                    if (each.peer.state() != connection_state::open) continue;
                    any = true;
                    each.go_on(request);
                    if (each.peer.state() != connection_state::open) each.peer.close();
                }
            }
            expect_status(server.self(), 0);
            const last_line said = last_line_of(server.self());
            BOOST_TEST(said.accepted == said.answered);
            BOOST_TEST(said.accepted >= connections);
            // Not one byte of an answer was destroyed on its way.
            const auto counters = parse_counters(server.self().output());
            std::uint64_t bytes = 0;
            for (const asker& each : askers) bytes += each.bytes;
            BOOST_TEST(counters.at("bytes_sent") == bytes);
            BOOST_TEST(count_of(server.self().errors(), "the system has drained") == 1U);
        }
    }
}

BOOST_AUTO_TEST_CASE(new_connections_are_refused_while_answers_are_still_under_way) {
    echo_process server({"--shutdown-deadline-ms", "1000"});
    const auto stuck = stick(server);
    server.self().signal(SIGTERM);
    const auto is_closed = [&] { return count_of(server.self().errors(), "the system stops") > 0; };
    BOOST_REQUIRE(eventually(is_closed, patience));
    const auto is_refused = [&] {
        try {
            return server.connect().receive_to_end().empty();
        } catch (const std::runtime_error&) { return true; }
    };
    BOOST_TEST(is_refused());
    expect_status(server.self(), 3);
}

BOOST_AUTO_TEST_CASE(at_the_deadline_it_ends_with_status_3_and_names_who_was_not_done) {
    echo_process server({"--shutdown-deadline-ms", "200"});
    const auto stuck = stick(server);
    server.self().signal(SIGTERM);
    expect_status(server.self(), 3);
    const last_line said = last_line_of(server.self());
    BOOST_TEST(said.accepted > said.answered);
    const std::string log = server.self().errors();
    BOOST_TEST(count_of(log, "ended by force: it waits in send") == 10U, log);
    BOOST_TEST(count_of(log, "the system was stopped by force") == 1U, log);
}

BOOST_AUTO_TEST_CASE(a_second_signal_does_not_wait_for_the_deadline) {
    for (const int second : {SIGINT, SIGTERM}) {
        echo_process server({"--shutdown-deadline-ms", "3600000", "--send-timeout-ms", "3600000"});
        const auto stuck = stick(server);
        server.self().signal(SIGINT);
        const auto drains = [&] { return count_of(server.self().errors(), "the system stops") > 0; };
        BOOST_REQUIRE(eventually(drains, patience));
        server.self().signal(second);
        expect_status(server.self(), 3);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
