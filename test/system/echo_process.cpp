// SPDX-License-Identifier: Apache-2.0
// Starting echo_server and waiting for the line that names its port; what must hold of every server at its end.
#include "echo_process.hpp"

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <sstream>
#include <stdexcept>
#include <utility>

#include "../bench/load_generator.hpp"

namespace tina::test {

namespace {

constexpr std::chrono::milliseconds stop_limit{is_sanitized ? 10'000 : 2'000};

/// Once for all tests: enough descriptors for the largest.
struct machine {
    machine() {
        rlimit limit{};
        getrlimit(RLIMIT_NOFILE, &limit);
        limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, 20'000);
        setrlimit(RLIMIT_NOFILE, &limit);
    }
};
BOOST_TEST_GLOBAL_FIXTURE(machine);

bool has_option(const std::vector<std::string>& arguments, std::string_view name) {
    return std::find(arguments.begin(), arguments.end(), name) != arguments.end();
}

std::size_t shard_count_of(const std::vector<std::string>& arguments) {
    const auto found = std::find(arguments.begin(), arguments.end(), "--shards");
    return found == arguments.end() ? 1 : std::stoul(*(found + 1));
}

std::vector<std::string> completed(std::vector<std::string> arguments) {
    if (!has_option(arguments, "--port")) arguments.insert(arguments.end(), {"--port", "0"});
    arguments.emplace_back("--counters");
    return arguments;
}

}  // namespace

endpoint announced_in(const std::string& text) {
    const auto begin = text.find(announcement) + announcement.size();
    const std::string address = text.substr(begin, text.find('\n', begin) - begin);
    const auto colon = address.rfind(':');
    if (colon == std::string::npos) throw std::runtime_error("no port in: " + text);
    endpoint found;
    found.port = static_cast<std::uint16_t>(std::stoul(address.substr(colon + 1)));
    if (address.front() == '[') {
        found.host = address.substr(1, colon - 2);
    } else {
        found.host = address.substr(0, colon);
    }
    return found;
}

counter_values parse_counters(const std::string& text) {
    counter_values values;
    std::istringstream lines(text);
    std::string name;
    std::uint64_t value = 0;
    while (lines >> name >> value) values[name] = value;
    return values;
}

process start_echo_server(const std::vector<std::string>& arguments, process_options options) {
    options.command = {TINA_ECHO_SERVER};
    options.command.insert(options.command.end(), arguments.begin(), arguments.end());
    return process(options);
}

std::size_t count_of(std::string_view text, std::string_view part) {
    std::size_t count = 0;
    for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + part.size())) ++count;
    return count;
}

std::uint16_t free_port() {
    const descriptor probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof name;
    auto* const address = reinterpret_cast<sockaddr*>(&name);
    if (bind(probe.get(), address, bytes) != 0 || getsockname(probe.get(), address, &bytes) != 0) {
        throw std::runtime_error(std::string("no free port: ") + std::strerror(errno));
    }
    return ntohs(name.sin_port);
}

echo_process::echo_process(const std::vector<std::string>& arguments, const process_options& options)
    : process_(start_echo_server(completed(arguments), options)) {
    const auto is_up = [&] { return count_of(process_.errors(), announcement) >= shard_count_of(arguments); };
    const auto is_decided = [&] { return is_up() || process_.wait(std::chrono::milliseconds(0)).has_value(); };
    if (!eventually(is_decided, patience) || !is_up()) {
        throw std::runtime_error("echo_server does not listen; it says: " + process_.errors());
    }
    where_ = announced_in(process_.errors());
}

std::vector<echo_client> echo_process::connect_many(std::size_t count, const client_options& options) const {
    std::vector<echo_client> clients;
    clients.reserve(count);
    for (std::size_t index = 0; index < count; ++index) clients.push_back(connect(options));
    return clients;
}

bool echo_process::settles_at_descriptors(std::size_t count) const {
    return eventually([&] { return process_.open_descriptors().size() == count; }, patience);
}

counter_values echo_process::stop(int signal) {
    process_.signal(signal);
    const auto status = process_.wait(stop_limit);
    BOOST_REQUIRE_MESSAGE(status.has_value(), "not ended " << stop_limit.count() << " ms after signal " << signal);
    BOOST_TEST((status == 0), "exit status " << status.value_or(-1) << "; it says: " << process_.errors());
    counter_values values = parse_counters(process_.output());
    BOOST_TEST(values["isolates_spawned"] >= 1U);
    BOOST_TEST(values["isolates_spawned"] == values["isolates_ended"]);
    BOOST_TEST(values["connections_accepted"] == values["connections_closed"]);
    for (const auto* now : {"isolates_live", "isolates_crashed", "slots_draining", "descriptors_open", "buffers_in_use",
                            "operations_in_flight", "timers_armed", "messages_held", "messages_queued"}) {
        BOOST_TEST(values[now] == 0U, now << " is " << values[now] << " at the end");
    }
    return values;
}

void check_load(const endpoint& server, std::uint32_t connections, std::uint32_t bytes, std::uint64_t requests) {
    bench::load_generator load({.host = server.host,
                                .port = server.port,
                                .connections = connections,
                                .bytes = bytes,
                                .requests = requests,
                                .stall_ms = static_cast<std::uint32_t>(patience.count())});
    const auto problem = load.connect_all();
    BOOST_REQUIRE_MESSAGE(!problem, problem.value_or(""));
    const bench::load_result result = load.run();
    const std::string what = std::to_string(connections) + " connections, " + std::to_string(bytes) + " bytes: ";
    BOOST_TEST(result.requests_total == requests, what << result.requests_total << " of " << requests << " requests");
    BOOST_TEST(result.mismatches == 0U, what << result.mismatches << " mismatches");
    BOOST_TEST(result.stalls == 0U, what << result.stalls << " stalls");
    BOOST_TEST(result.closed_by_server == 0U, what << result.closed_by_server << " closed by the server");
}

}  // namespace tina::test
