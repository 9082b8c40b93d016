// SPDX-License-Identifier: Apache-2.0
//
// The limit of a TCP echo server without io_uring: one thread, one epoll descriptor, edge-triggered, no framework, no
// isolation, no deadlines. Owned by the benchmarks, which divide the library's echo_server on epoll by it. It must
// never use the library, never spin, and never lose or reorder a byte, however fast that would be.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/epoll.h>
#include <sys/resource.h>
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

namespace {

struct settings {
    std::uint16_t port = 9000;
    std::string address = "127.0.0.1";
};

constexpr std::size_t buffer_bytes = 4096;
constexpr int events_max = 512;
constexpr unsigned connections_max = 1U << 18;
constexpr int backlog = 4096;

[[noreturn]] void fail(const char* what, int error) {
    std::fprintf(stderr, "bare_epoll: %s: %s\n", what, std::strerror(error));
    std::exit(1);
}

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

// Allows as many descriptors as the hard limit does, and says how many numbers that makes.
std::size_t raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("reading the descriptor limit", errno);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, connections_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("raising the descriptor limit", errno);
    return limit.rlim_cur;
}

int open_listener(settings& chosen) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(chosen.port);
    if (inet_pton(AF_INET, chosen.address.c_str(), &address.sin_addr) != 1) fail(chosen.address.c_str(), EINVAL);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) fail("socket", errno);
    const int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // accepted sockets inherit it
    socklen_t bytes = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd, generic, bytes) != 0) fail("bind", errno);
    if (listen(fd, backlog) != 0) fail("listen", errno);
    if (getsockname(fd, generic, &bytes) == 0) chosen.port = ntohs(address.sin_port);
    return fd;
}

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
    const std::size_t descriptors_max = raise_descriptor_limit();
    const int listening_fd = open_listener(chosen);
    echo_server server(listening_fd, descriptors_max);
    std::fprintf(stderr, "listening on %s:%u\n", chosen.address.c_str(), unsigned{chosen.port});
    server.run();
}
