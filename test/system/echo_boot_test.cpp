// SPDX-License-Identifier: Apache-2.0
// A server that cannot start, or not as it should: one line that names cause and cure, and an exit status. Each limit
// and filter holds for that process alone. It must never send anything to the address that is not there.
#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/syscall.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <fstream>
#include <string>
#include <vector>

#include "echo_process.hpp"

namespace tina::test {

namespace {

using boost::unit_test::precondition;

constexpr std::chrono::milliseconds boot_limit{is_sanitized ? 10'000 : 2'000};

/// An address for documentation, which no machine has.
constexpr const char* foreign_address = "203.0.113.1";

/// What is said besides of a reactor that is the second best here.
std::string without_advice(std::string text) {
    const auto advice = text.find("goes on with epoll");
    if (advice == std::string::npos) return text;
    const auto begin = text.rfind('\n', advice) + 1;
    return text.erase(begin, text.find('\n', advice) + 1 - begin);
}

/// Checks that echo_server ends at once with one line, which has all of `parts` in it.
void check_refusal(const std::vector<std::string>& arguments, const std::vector<std::string>& parts,
                   const process_options& options = {}) {
    process server = start_echo_server(arguments, options);
    const auto status = server.wait(boot_limit);
    const std::string text = without_advice(server.errors());
    BOOST_REQUIRE_MESSAGE(status.has_value(), "it does not end; it says: " << text);
    BOOST_TEST((status == 1), "exit status " << status.value_or(-1) << "; it says: " << text);
    BOOST_TEST(server.output() == "");
    BOOST_TEST((std::count(text.begin(), text.end(), '\n') == 1 && text.ends_with('\n')), "not one line: " << text);
    for (const std::string& part : parts)
        BOOST_TEST(count_of(text, part) > 0U, '"' << part << "\" is not in: " << text);
}

boost::test_tools::assertion_result with_local_addresses_only(boost::unit_test::test_unit_id) {
    std::ifstream setting("/proc/sys/net/ipv4/ip_nonlocal_bind");
    int is_allowed = 0;
    setting >> is_allowed;
    boost::test_tools::assertion_result usual(is_allowed == 0);
    usual.message() << "net.ipv4.ip_nonlocal_bind is set: every address can be listened on";
    return usual;
}

/// A socket that listens on a port of its own.
struct occupied_port {
    occupied_port() : number(free_port()), socket(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
        sockaddr_in name{};
        name.sin_family = AF_INET;
        name.sin_port = htons(number);
        name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
        BOOST_REQUIRE_EQUAL(bind(socket.get(), reinterpret_cast<const sockaddr*>(&name), sizeof name), 0);
        BOOST_REQUIRE_EQUAL(listen(socket.get(), 1), 0);
    }

    std::uint16_t number;
    descriptor socket;
};

}  // namespace

BOOST_AUTO_TEST_SUITE(echo_boot)

BOOST_AUTO_TEST_CASE(more_descriptors_than_the_process_may_have_are_refused) {
    check_refusal({"--port", "0", "--descriptors", "1000"}, {"256", "ulimit -n", "shard_limits::descriptors"},
                  {.descriptors_max = 256});
}

BOOST_AUTO_TEST_CASE(a_process_with_too_few_descriptors_for_anything_is_refused) {
    check_refusal({"--port", "0"}, {"16", "ulimit -n"}, {.descriptors_max = 16});
}

BOOST_AUTO_TEST_CASE(a_port_in_use_is_named) {
    const occupied_port occupied;
    const std::string port = std::to_string(occupied.number);
    check_refusal({"--port", port}, {"127.0.0.1", port, "in use"});
    check_refusal({"--port", port, "--shards", "2"}, {"127.0.0.1", port, "in use"});
}

BOOST_AUTO_TEST_CASE(a_port_of_another_server_is_refused) {
    echo_process first;
    const std::string port = std::to_string(first.where().port);
    check_refusal({"--port", port}, {"127.0.0.1", port, "in use"});
    BOOST_TEST(first.serves());
    first.stop();
}

BOOST_AUTO_TEST_CASE(an_address_of_another_machine_is_named, *precondition(with_local_addresses_only)) {
    check_refusal({"--port", "0", "--bind", foreign_address}, {foreign_address, "address"});
}

BOOST_AUTO_TEST_CASE(what_is_no_address_is_named) {
    for (const std::string text : {"localhost", "1.2.3", "no address", "[::1]"}) {
        check_refusal({"--port", "0", "--bind", text}, {text, "numeric"});
    }
}

BOOST_AUTO_TEST_CASE(where_a_filter_refuses_io_uring_it_serves_and_says_so_with_the_cure) {
    for (const long call : {SYS_io_uring_setup, SYS_io_uring_register, SYS_io_uring_enter}) {
        echo_process server({}, {.refused_call = call, .refused_with = EPERM});
        BOOST_TEST(server.serves());
        const std::string text = server.self().errors();
        for (const char* const part :
             {"io_uring is not permitted", "by a seccomp filter", "cure: allow", "goes on with epoll"}) {
            BOOST_TEST(count_of(text, part) == 1U, '"' << part << "\" is not once in: " << text);
        }
        server.stop();
    }
}

BOOST_AUTO_TEST_CASE(several_shards_say_once_that_io_uring_is_refused) {
    echo_process server({"--port", std::to_string(free_port()), "--shards", "2"},
                        {.refused_call = SYS_io_uring_setup, .refused_with = EPERM});
    BOOST_TEST(server.serves());
    BOOST_TEST(count_of(server.self().errors(), "goes on with epoll") == 1U);
    server.stop();
}

BOOST_AUTO_TEST_CASE(values_that_are_not_allowed_are_named_with_what_is) {
    check_refusal({"--port", "0", "--buffers", "3"}, {"buffers", "3", "power of two"});
    check_refusal({"--port", "0", "--buffer-bytes", "1"}, {"buffer_bytes", "1", "64.."});
    check_refusal({"--port", "0", "--connections", "0"}, {"slots", "0", "1.."});
    check_refusal({"--port", "0", "--shards", "0"}, {"shards", "0", "1.."});
}

BOOST_AUTO_TEST_CASE(a_command_line_that_makes_no_sense_ends_with_2) {
    for (const std::vector<std::string>& arguments :
         {std::vector<std::string>{"--no-such-option"}, {"--port", "65536"}, {"--port", "-1"}, {"--port", "http"}}) {
        process server = start_echo_server(arguments);
        const auto status = server.wait(boot_limit);
        BOOST_TEST((status == 2), "exit status " << status.value_or(-1) << " with " << arguments.front());
        BOOST_TEST(!server.errors().empty());
        BOOST_TEST(server.output() == "");
    }
}

BOOST_AUTO_TEST_CASE(help_is_given_on_the_standard_output) {
    process server = start_echo_server({"--help"});
    BOOST_TEST((server.wait(boot_limit) == 0));
    BOOST_TEST(count_of(server.output(), "--port") > 0U);
    BOOST_TEST(server.errors() == "");
}

BOOST_AUTO_TEST_SUITE_END()

}  // namespace tina::test
