// SPDX-License-Identifier: Apache-2.0
// The client's side of a connection. connect() blocks, with the kernel's time limit; everything else waits in poll
// alone.
#include "echo_client.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <random>
#include <stdexcept>

namespace tina::test {

namespace {

constexpr std::size_t receive_bytes_max = 65'536;

struct socket_address {
    sockaddr_storage storage{};
    socklen_t bytes = 0;

    [[nodiscard]] const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&storage); }
};

socket_address address_of(const std::string& host, std::uint16_t port) {
    socket_address made;
    sockaddr_in ip4{};
    sockaddr_in6 ip6{};
    if (inet_pton(AF_INET, host.c_str(), &ip4.sin_addr) == 1) {
        ip4.sin_family = AF_INET;
        ip4.sin_port = htons(port);
        std::memcpy(&made.storage, &ip4, made.bytes = sizeof ip4);
    } else if (inet_pton(AF_INET6, host.c_str(), &ip6.sin6_addr) == 1) {
        ip6.sin6_family = AF_INET6;
        ip6.sin6_port = htons(port);
        std::memcpy(&made.storage, &ip6, made.bytes = sizeof ip6);
    } else {
        throw std::runtime_error("no numeric address: " + host);
    }
    return made;
}

void need(bool condition, const char* what) {
    if (!condition) throw std::runtime_error(std::string(what) + ": " + std::strerror(errno));
}

template <class Value>
void set_option(int socket, int level, int name, const Value& value) {
    need(setsockopt(socket, level, name, &value, sizeof value) == 0, "setsockopt");
}

void apply(int socket, const client_options& options) {
    set_option(socket, IPPROTO_TCP, TCP_NODELAY, 1);
    set_option(socket, SOL_SOCKET, SO_SNDTIMEO, timeval{.tv_sec = 10, .tv_usec = 0});
    if (options.receive_buffer_bytes > 0) set_option(socket, SOL_SOCKET, SO_RCVBUF, options.receive_buffer_bytes);
    if (options.send_buffer_bytes > 0) set_option(socket, SOL_SOCKET, SO_SNDBUF, options.send_buffer_bytes);
    if (options.source.empty()) return;
    // The port is chosen by connect(), which alone knows which of them are free towards this server.
    set_option(socket, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, 1);
    const socket_address source = address_of(options.source, 0);
    need(bind(socket, source.get(), source.bytes) == 0, "bind");
}

}  // namespace

echo_client::echo_client(const endpoint& server, const client_options& options) {
    const socket_address peer = address_of(server.host, server.port);
    socket_ = descriptor(socket(peer.storage.ss_family, SOCK_STREAM | SOCK_CLOEXEC, 0));
    need(socket_.get() >= 0, "socket");
    apply(socket_.get(), options);
    need(connect(socket_.get(), peer.get(), peer.bytes) == 0, "connect");
}

std::size_t echo_client::send_some(std::string_view bytes) {
    const auto count = send(socket_.get(), bytes.data(), bytes.size(), MSG_DONTWAIT | MSG_NOSIGNAL);
    if (count >= 0) return static_cast<std::size_t>(count);
    if (errno != EAGAIN && errno != EINTR) state_ = connection_state::reset;
    return 0;
}

bool echo_client::send_all(std::string_view bytes, std::chrono::milliseconds limit) {
    while (!bytes.empty()) {
        const auto count = send_some(bytes);
        bytes.remove_prefix(count);
        if (state_ != connection_state::open) return false;
        if (count == 0 && !wait_for(POLLOUT, deadline(limit))) return false;
    }
    return true;
}

std::string_view echo_client::receive_some(std::size_t bytes_max) {
    received_.resize(std::max(received_.size(), std::min(bytes_max, receive_bytes_max)));
    const auto count = recv(socket_.get(), received_.data(), std::min(bytes_max, received_.size()), MSG_DONTWAIT);
    if (count > 0) return {received_.data(), static_cast<std::size_t>(count)};
    if (count == 0) state_ = connection_state::end_of_stream;
    if (count < 0 && errno != EAGAIN && errno != EINTR) state_ = connection_state::reset;
    return {};
}

std::string echo_client::receive(std::size_t bytes, std::chrono::milliseconds limit) {
    const deadline end(limit);
    std::string received;
    while (received.size() < bytes) {
        const auto some = receive_some(bytes - received.size());
        received += some;
        if (some.empty() && (state_ != connection_state::open || !wait_for(POLLIN, end))) break;
    }
    return received;
}

std::string echo_client::receive_to_end(std::chrono::milliseconds limit) { return receive(std::string::npos, limit); }

bool echo_client::echoes(std::string_view bytes, std::chrono::milliseconds limit) {
    const deadline end(limit);
    std::string_view unsent = bytes;
    std::string_view expected = bytes;
    while (!expected.empty()) {
        const auto sent = unsent.empty() ? 0 : send_some(unsent);
        unsent.remove_prefix(sent);
        const auto some = receive_some(expected.size());
        if (!expected.starts_with(some)) return false;
        expected.remove_prefix(some.size());
        if (sent > 0 || !some.empty()) continue;
        const auto events = static_cast<short>(unsent.empty() ? POLLIN : POLLIN | POLLOUT);
        if (state_ != connection_state::open || !wait_for(events, end)) return false;
    }
    return true;
}

void echo_client::finish_sending() const { need(shutdown(socket_.get(), SHUT_WR) == 0, "shutdown"); }

void echo_client::reset() {
    set_option(socket_.get(), SOL_SOCKET, SO_LINGER, linger{.l_onoff = 1, .l_linger = 0});
    socket_.close();
}

bool echo_client::wait_for(short events, const deadline& end) const {
    pollfd waiting{.fd = socket_.get(), .events = events, .revents = 0};
    while (poll(&waiting, 1, end.remaining_ms()) <= 0) {
        if (end.is_over()) return false;
    }
    return true;
}

std::string pattern(std::size_t bytes, std::size_t seed) {
    std::minstd_rand random(static_cast<std::uint32_t>(seed + 1));
    std::string made(bytes, '\0');
    for (char& each : made) each = static_cast<char>(random() >> 8);
    return made;
}

}  // namespace tina::test
