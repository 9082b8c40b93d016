// SPDX-License-Identifier: Apache-2.0
// Many connections at once, each of which must get back exactly what it sends. Owns its servers; it must never measure
// how fast they are.
#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <csignal>
#include <string>

#include "echo_process.hpp"

namespace tina::test {

namespace {

using boost::unit_test::label;
using boost::unit_test::precondition;

/// Whether this process, and so its children, may open so many connections.
class may_open {
public:
    explicit may_open(rlim_t connections) : connections_(connections) {}

    boost::test_tools::assertion_result operator()(boost::unit_test::test_unit_id) const {
        rlimit limit{};
        getrlimit(RLIMIT_NOFILE, &limit);
        boost::test_tools::assertion_result enough(limit.rlim_cur >= connections_ + 100);
        enough.message() << "RLIMIT_NOFILE is " << limit.rlim_cur << ", too few for " << connections_ << " connections";
        return enough;
    }

private:
    rlim_t connections_;
};

bool has_ip6() {
    const descriptor probe(socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in6 name{};
    name.sin6_family = AF_INET6;
    name.sin6_addr = in6addr_loopback;
    return bind(probe.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name) == 0;
}

boost::test_tools::assertion_result with_ip6(boost::unit_test::test_unit_id) {
    boost::test_tools::assertion_result there(has_ip6());
    there.message() << "this machine has no ::1";
    return there;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(echo_traffic)

BOOST_AUTO_TEST_CASE(each_of_few_or_many_connections_gets_back_what_it_sends) {
    echo_process server;
    const std::size_t descriptors = server.self().open_descriptors().size();
    for (const std::uint32_t connections : {1U, 64U, 512U}) {
        BOOST_TEST_CONTEXT(connections << " connections") {
            check_load(server.where(), connections, 64, is_sanitized ? 5'000 : 20'000);
        }
    }
    BOOST_TEST(server.settles_at_descriptors(descriptors));
    auto counters = server.stop();
    BOOST_TEST(counters["connections_accepted"] == 577U);
    BOOST_TEST(counters["bytes_received"] == counters["bytes_sent"]);
}

BOOST_AUTO_TEST_CASE(each_of_4000_connections_gets_back_what_it_sends, *precondition(may_open(4'000))) {
    echo_process server;
    check_load(server.where(), 4'000, 64, is_sanitized ? 8'000 : 40'000);
    BOOST_TEST(server.stop()["connections_accepted"] == 4'000U);
}

BOOST_AUTO_TEST_CASE(large_requests_come_back_whole) {
    echo_process server;
    const std::uint64_t requests = is_sanitized ? 320 : 1'280;
    check_load(server.where(), 64, 100'000, requests);
    BOOST_TEST(server.stop()["bytes_sent"] == requests * 100'000);
}

BOOST_AUTO_TEST_CASE(what_fills_many_buffers_comes_back_in_order) {
    echo_process server;
    BOOST_TEST(server.connect().echoes(pattern(8'000'000)));
    server.stop();
}

BOOST_AUTO_TEST_CASE(ip6_is_served, *precondition(with_ip6)) {
    echo_process server({"--bind", "::1"});
    BOOST_TEST(server.where().host == "::1");
    check_load(server.where(), 64, 64, 5'000);
    server.stop();
}

BOOST_AUTO_TEST_CASE(any_address_of_ip6_serves_ip4_too, *precondition(with_ip6)) {
    echo_process server({"--bind", "::"});
    check_load({"::1", server.where().port}, 8, 64, 800);
    check_load({"127.0.0.1", server.where().port}, 8, 64, 800);
    server.stop();
}

BOOST_AUTO_TEST_CASE(two_shards_share_the_connections_of_one_port, *label("threads")) {
    echo_process server({"--shards", "2", "--port", std::to_string(free_port())});
    const auto before = server.self().thread_cpu_times();
    check_load(server.where(), 256, 64, is_sanitized ? 5'000 : 40'000);
    const auto after = server.self().thread_cpu_times();
    BOOST_REQUIRE_EQUAL(before.size(), after.size());
    std::size_t busy = 0;
    for (std::size_t index = 0; index < after.size(); ++index) {
        // A hash spreads them: each shard has about half.
        if (after[index] - before[index] > (server.self().cpu_time() / 10)) ++busy;
    }
    BOOST_TEST(busy >= 2U);
    BOOST_TEST(server.stop()["connections_accepted"] == 256U);
}

BOOST_AUTO_TEST_CASE(two_shards_come_and_go_under_load, *label("threads")) {
    for (const int signal : {SIGINT, SIGTERM}) {
        echo_process server({"--shards", "2", "--port", std::to_string(free_port())});
        auto clients = server.connect_many(50);
        for (auto& client : clients) BOOST_TEST(client.echoes(pattern(1'000)));
        for (auto& client : clients) client.send_some(pattern(50'000));
        BOOST_TEST(server.stop(signal)["connections_accepted"] == 50U);
    }
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
