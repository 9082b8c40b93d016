// SPDX-License-Identifier: Apache-2.0
// The sample retry_client against servers that are absent, late, silent, or talk nonsense: it ends at its deadline or
// with the answer.
#include <boost/test/unit_test.hpp>

#include <chrono>
#include <optional>
#include <string>
#include <vector>

#include "sample_process.hpp"

namespace tina::test {

namespace {

using namespace std::chrono_literals;
using clock = std::chrono::steady_clock;

process start_client(const std::string& to, const std::vector<std::string>& more) {
    std::vector<std::string> arguments{"--to", to};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return start_sample(TINA_RETRY_CLIENT, arguments);
}

/// Checks that `client` gives up no earlier than `deadline` after `begin`.
void check_gives_up(process& client, clock::time_point begin, std::chrono::milliseconds deadline) {
    BOOST_TEST((client.wait(patience) == 1));
    BOOST_TEST((clock::now() - begin >= deadline));
    BOOST_TEST(count_of(client.errors(), "not answered in " + std::to_string(deadline.count()) + " ms") == 1U);
    BOOST_TEST(client.output() == "");
}

}  // namespace

BOOST_AUTO_TEST_SUITE(retry_client)

BOOST_AUTO_TEST_CASE(without_a_server_it_tries_again_until_its_deadline) {
    const auto begin = clock::now();
    auto client = start_client("127.0.0.1:" + std::to_string(free_port()), {"--deadline-ms", "3000"});
    check_gives_up(client, begin, 3000ms);
    const std::string text = client.errors();
    // Pauses of 50 to 100 ms, 100 to 200, 200 to 400, 400 to 800, 800 to 1 600, 1 600 to 3 200.
    BOOST_TEST(count_of(text, "refused; the next one is in") >= 3U, text);
    BOOST_TEST(count_of(text, "attempt ") <= 6U, text);
    BOOST_TEST(count_of(text, "no more: the deadline is in") == 1U, text);
}

BOOST_AUTO_TEST_CASE(a_server_that_comes_late_answers) {
    const std::uint16_t port = free_port();
    auto client =
        start_client("127.0.0.1:" + std::to_string(port), {"--say", "who is there?", "--pause-max-ms", "200"});
    BOOST_REQUIRE(eventually([&] { return count_of(client.errors(), "attempt 3: ") > 0; }, patience));
    const plain_server server(port);
    auto connection = server.accept();
    BOOST_TEST(connection.receive(14) == "who is there?\n");
    BOOST_TEST(connection.send_all("no"));
    BOOST_TEST(connection.send_all("body\r\nand more"));
    BOOST_TEST((client.wait(patience) == 0));
    BOOST_TEST(client.output() == "nobody\n");
    BOOST_TEST(count_of(client.errors(), ": answered") == 1U);
}

BOOST_AUTO_TEST_CASE(a_server_that_never_answers_costs_no_more_than_the_deadline) {
    const plain_server server;
    const auto begin = clock::now();
    auto client = start_client(server.address(), {"--deadline-ms", "1000"});
    const auto connection = server.accept();
    check_gives_up(client, begin, 1000ms);
    BOOST_TEST(count_of(client.errors(), "deadline passed") == 1U);
}

BOOST_AUTO_TEST_CASE(an_attempt_that_takes_too_long_is_given_up_for_the_next) {
    const plain_server server;
    auto client = start_client(server.address(), {"--attempt-ms", "200"});
    const auto silent = server.accept();
    auto connection = server.accept();
    BOOST_TEST(connection.send_all("second\n"));
    BOOST_TEST((client.wait(patience) == 0));
    BOOST_TEST(client.output() == "second\n");
}

BOOST_AUTO_TEST_CASE(a_server_that_closes_or_never_ends_its_line_is_tried_again) {
    const plain_server server;
    auto client = start_client(server.address(), {});
    server.accept().close();
    auto endless = server.accept();
    BOOST_TEST(endless.send_all(std::string(5000, 'a')));
    auto connection = server.accept();
    BOOST_TEST(connection.send_all("\n"));
    BOOST_TEST((client.wait(patience) == 0));
    BOOST_TEST(client.output() == "\n");
    BOOST_TEST(count_of(client.errors(), "longer than") == 1U);
}

BOOST_AUTO_TEST_CASE(a_signal_ends_it_unanswered) {
    auto client = start_client("127.0.0.1:" + std::to_string(free_port()), {"--pause-ms", "10000"});
    BOOST_REQUIRE(eventually([&] { return count_of(client.errors(), "attempt 1: ") > 0; }, patience));
    client.signal(SIGINT);
    BOOST_TEST((client.wait(patience) == 1));
}

BOOST_AUTO_TEST_CASE(arguments_that_make_no_sense_end_it_with_2) {
    check_bad_arguments(TINA_RETRY_CLIENT, {}, "--to");
    check_bad_arguments(TINA_RETRY_CLIENT, {"--to", "127.0.0.1:0"}, "127.0.0.1:0");
    check_bad_arguments(TINA_RETRY_CLIENT, {"--to", "127.0.0.1:80", "--deadline-ms", "0"}, "--deadline-ms");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
