// SPDX-License-Identifier: Apache-2.0
//
// The limit of a TCP echo server without io_uring: one thread, one epoll descriptor, edge-triggered, no framework, no
// isolation, no deadlines. Owned by the benchmarks, which divide the library's echo_server on epoll by it. It must
// never use the library, never spin, and never lose or reorder a byte, however fast that would be.
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "bare_server.hpp"

namespace {

using bare::fail;

struct settings {
    std::uint16_t port = 9000;
    std::string address = "127.0.0.1";
};

constexpr std::size_t buffer_bytes = 4096;
constexpr int events_max = 512;

class echo_server {
public:
    echo_server(int listening_fd, std::size_t descriptors_max)
        : listening_fd_(listening_fd), poll_(epoll_create1(EPOLL_CLOEXEC)), unsent_(descriptors_max) {
        if (poll_ < 0) fail("epoll_create1", errno);
        watch(listening_fd_, EPOLLIN);
    }

    // Serves until a signal ends the process.
    [[noreturn]] void run() {
        std::array<epoll_event, events_max> events;
        for (;;) {
            const int count = epoll_wait(poll_, events.data(), events_max, -1);
            if (count < 0 && errno != EINTR) fail("epoll_wait", errno);
            for (int i = 0; i < count; ++i) {
                const int fd = events[static_cast<std::size_t>(i)].data.fd;
                if (fd == listening_fd_) {
                    accept_all();
                } else {
                    serve(fd);
                }
            }
        }
    }

private:
    void watch(int fd, std::uint32_t what) {
        epoll_event wanted{.events = what, .data = {.fd = fd}};
        if (epoll_ctl(poll_, EPOLL_CTL_ADD, fd, &wanted) != 0) fail("epoll_ctl", errno);
    }

    void accept_all() {
        for (;;) {
            const int fd = accept4(listening_fd_, nullptr, nullptr, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (fd < 0 && errno == EAGAIN) return;
            if (fd < 0 && errno != ECONNABORTED) fail("accept4", errno);
            if (fd >= 0) watch(fd, EPOLLIN | EPOLLOUT | EPOLLRDHUP | EPOLLET);
        }
    }

    // Echoes until there is nothing left to receive, or no room to send.
    void serve(int fd) {
        std::string& unsent = unsent_[static_cast<std::size_t>(fd)];
        if (!unsent.empty()) {
            const ssize_t went = send(fd, unsent.data(), unsent.size(), MSG_NOSIGNAL);
            if (went < 0 && errno != EAGAIN) return close_now(fd);
            unsent.erase(0, static_cast<std::size_t>(std::max<ssize_t>(went, 0)));
        }
        std::array<char, buffer_bytes> buffer;
        while (unsent.empty()) {
            const ssize_t count = recv(fd, buffer.data(), buffer.size(), 0);
            if (count < 0 && errno == EAGAIN) return;
            if (count <= 0) return close_now(fd);
            const auto bytes = static_cast<std::size_t>(count);
            const ssize_t went = send(fd, buffer.data(), bytes, MSG_NOSIGNAL);
            if (went < 0 && errno != EAGAIN) return close_now(fd);
            const auto sent = static_cast<std::size_t>(std::max<ssize_t>(went, 0));
            if (sent < bytes) unsent.assign(buffer.data() + sent, bytes - sent);
        }
    }

    void close_now(int fd) {
        unsent_[static_cast<std::size_t>(fd)] = {};
        close(fd);
    }

    int listening_fd_;
    int poll_;
    std::vector<std::string> unsent_;
};

}  // namespace

int main(int argc, char** argv) {
    settings chosen;
    CLI::App app{
        "TCP echo on bare epoll: what the library's echo_server is measured against where io_uring is refused"};
    app.add_option("--port", chosen.port, "port to listen on; 0: any that is free")->capture_default_str();
    app.add_option("--bind", chosen.address, "IPv4 address to listen on")->capture_default_str();
    CLI11_PARSE(app, argc, argv);

    // There is nothing to tidy up: the kernel takes the sockets with the process.
    std::signal(SIGINT, [](int) { _exit(0); });
    std::signal(SIGTERM, [](int) { _exit(0); });
    const std::size_t descriptors_max = bare::raise_descriptor_limit();
    const int listening_fd = bare::open_listener(chosen.address, chosen.port, SOCK_NONBLOCK);
    echo_server server(listening_fd, descriptors_max);
    std::fprintf(stderr, "listening on %s:%u\n", chosen.address.c_str(), unsigned{chosen.port});
    server.run();
}
