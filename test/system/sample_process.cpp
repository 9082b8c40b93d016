// SPDX-License-Identifier: Apache-2.0
// Starting samples, waiting for the line that names their port, stopping them.
#include "sample_process.hpp"

#include <boost/test/unit_test.hpp>

#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>

#include <cerrno>
#include <chrono>
#include <cstring>
#include <stdexcept>
#include <utility>

namespace tina::test {

namespace {

constexpr std::string_view own_announcement = "listening on 127.0.0.1:";
constexpr std::chrono::milliseconds stop_limit{is_sanitized ? 10'000 : 2'000};

void need(bool condition, const char* what) {
    if (!condition) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

}  // namespace

process start_sample(const std::string& program, const std::vector<std::string>& arguments) {
    process_options options;
    options.command = {program};
    options.command.insert(options.command.end(), arguments.begin(), arguments.end());
    return process(options);
}

void check_bad_arguments(const std::string& program, const std::vector<std::string>& arguments,
                         const std::string& part) {
    process started = start_sample(program, arguments);
    const auto status = started.wait(patience);
    BOOST_TEST((status == 2), "exit status " << status.value_or(-1) << "; it says: " << started.errors());
    BOOST_TEST(count_of(started.errors(), part) > 0U, '"' << part << "\" is not in: " << started.errors());
    BOOST_TEST(started.output() == "");
}

sample_process::sample_process(const std::string& program, const std::vector<std::string>& arguments)
    : process_(start_sample(program, arguments)) {
    const auto is_up = [&] { return count_of(process_.errors(), own_announcement) > 0; };
    const auto is_decided = [&] { return is_up() || process_.wait(std::chrono::milliseconds(0)).has_value(); };
    if (!eventually(is_decided, patience) || !is_up()) {
        throw std::runtime_error(program + " does not listen; it says: " + process_.errors());
    }
    const std::string text = process_.errors();
    where_.port =
        static_cast<std::uint16_t>(std::stoul(text.substr(text.find(own_announcement) + own_announcement.size())));
}

bool sample_process::settles_at_descriptors(std::size_t count) const {
    return eventually([&] { return process_.open_descriptors().size() == count; }, patience);
}

void sample_process::stop(int signal) {
    process_.signal(signal);
    const auto status = process_.wait(stop_limit);
    BOOST_REQUIRE_MESSAGE(status.has_value(), "not ended " << stop_limit.count() << " ms after signal " << signal);
    BOOST_TEST((status == 0), "exit status " << status.value_or(-1) << "; it says: " << process_.errors());
    BOOST_TEST(count_of(process_.errors(), "the system has drained") == 1U, "it says: " << process_.errors());
    const std::string counters = process_.output();
    BOOST_TEST(count_of(counters, "isolates_spawned") == 1U);
    // What is 0 is not named.
    for (const auto* now : {"isolates_live", "slots_draining", "descriptors_open", "buffers_in_use",
                            "operations_in_flight", "timers_armed", "messages_held", "messages_queued"}) {
        BOOST_TEST(count_of(counters, now) == 0U, now << " is not 0 at the end: " << counters);
    }
}

plain_server::plain_server(std::uint16_t port) : socket_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    need(socket_.get() >= 0, "socket");
    const int yes = 1;
    need(setsockopt(socket_.get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof yes) == 0, "setsockopt");
    sockaddr_in name{};
    name.sin_family = AF_INET;
    name.sin_port = htons(port);
    name.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t bytes = sizeof name;
    auto* const address = reinterpret_cast<sockaddr*>(&name);
    need(bind(socket_.get(), address, bytes) == 0, "bind");
    need(listen(socket_.get(), 128) == 0, "listen");
    need(getsockname(socket_.get(), address, &bytes) == 0, "getsockname");
    port_ = ntohs(name.sin_port);
}

echo_client plain_server::accept() const {
    pollfd waiting{.fd = socket_.get(), .events = POLLIN, .revents = 0};
    if (poll(&waiting, 1, static_cast<int>(patience.count())) != 1) throw std::runtime_error("nobody has connected");
    descriptor accepted(accept4(socket_.get(), nullptr, nullptr, SOCK_CLOEXEC));
    need(accepted.get() >= 0, "accept4");
    return echo_client(std::move(accepted));
}

}  // namespace tina::test
