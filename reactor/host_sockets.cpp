// SPDX-License-Identifier: Apache-2.0
// System calls on sockets, each with its -errno. Owns no descriptor beyond the end of a call; must never
// block and never hide which step failed.
#include "reactor/host_sockets.hpp"

#include <netinet/tcp.h>
#include <poll.h>
#include <unistd.h>

#include <cerrno>
#include <climits>
#include <ctime>

#include "reactor/sockaddr.hpp"

namespace tina::detail {
namespace {

constexpr int address_in_use_tries = 50;
constexpr int address_in_use_pause_ms = 10;

int answer(int result) noexcept { return result < 0 ? -errno : result; }

int set_integer(int descriptor, int level, int name, int value) noexcept {
    return answer(::setsockopt(descriptor, level, name, &value, sizeof value));
}

int get_integer(int descriptor, int level, int name, int& value) noexcept {
    socklen_t bytes = sizeof value;
    return answer(::getsockopt(descriptor, level, name, &value, &bytes));
}

/// Where the kernel keeps an option.
struct option_place {
    int level;
    int name;
};

option_place place_of(socket_option option) noexcept {
    switch (option) {
    case socket_option::no_delay: return {IPPROTO_TCP, TCP_NODELAY};
    case socket_option::keep_alive: return {SOL_SOCKET, SO_KEEPALIVE};
    case socket_option::keep_alive_idle_s: return {IPPROTO_TCP, TCP_KEEPIDLE};
    case socket_option::keep_alive_interval_s: return {IPPROTO_TCP, TCP_KEEPINTVL};
    case socket_option::keep_alive_probes: return {IPPROTO_TCP, TCP_KEEPCNT};
    case socket_option::receive_buffer_bytes: return {SOL_SOCKET, SO_RCVBUF};
    case socket_option::send_buffer_bytes: return {SOL_SOCKET, SO_SNDBUF};
    case socket_option::user_timeout_ms: return {IPPROTO_TCP, TCP_USER_TIMEOUT};
    case socket_option::type_of_service: return {IPPROTO_IP, IP_TOS};
    }
    return {-1, -1};
}

/// The same for `descriptor`: the traffic class is an option of the protocol that the socket speaks.
int find_place(int descriptor, socket_option option, option_place& place) noexcept {
    place = place_of(option);
    if (option != socket_option::type_of_service) { return 0; }
    int family = 0;
    const int result = get_integer(descriptor, SOL_SOCKET, SO_DOMAIN, family);
    if (family == AF_INET6) { place = {IPPROTO_IPV6, IPV6_TCLASS}; }
    return result;
}

int open_socket(address_family family, socket_mode mode) noexcept {
    const int flags = SOCK_CLOEXEC | (mode == socket_mode::never_blocks ? SOCK_NONBLOCK : 0);
    return answer(::socket(family_number(family), SOCK_STREAM | flags, IPPROTO_TCP));
}

int set_buffer(int descriptor, int name, std::uint32_t bytes) noexcept {
    if (bytes == 0) { return 0; }
    return set_integer(descriptor, SOL_SOCKET, name, bytes > INT_MAX ? INT_MAX : static_cast<int>(bytes));
}

/// Everything about a listening socket that must be set before it has a name. 0, or -errno of the first that
/// failed.
int prepare_listener(int descriptor, const listen_options& options) noexcept {
    // A server that is started again must not wait for its last connections to leave TIME_WAIT.
    int result = set_integer(descriptor, SOL_SOCKET, SO_REUSEADDR, 1);
    if (result >= 0 && options.reuse_port) { result = set_integer(descriptor, SOL_SOCKET, SO_REUSEPORT, 1); }
    if (result >= 0 && options.no_delay) { result = set_integer(descriptor, IPPROTO_TCP, TCP_NODELAY, 1); }
    if (result >= 0 && options.local.family == address_family::ip6) {
        result = set_integer(descriptor, IPPROTO_IPV6, IPV6_V6ONLY, options.only_ip6 ? 1 : 0);
    }
    if (result >= 0) { result = set_buffer(descriptor, SO_RCVBUF, options.receive_buffer_bytes); }
    if (result >= 0) { result = set_buffer(descriptor, SO_SNDBUF, options.send_buffer_bytes); }
    return result;
}

int bind_and_listen(int descriptor, const listen_options& options) noexcept {
    socket_address name;
    const socklen_t bytes = to_socket_address(options.local, name);
    if (::bind(descriptor, &name.any, bytes) < 0) { return -errno; }
    return answer(::listen(descriptor, options.backlog > INT_MAX ? INT_MAX : static_cast<int>(options.backlog)));
}

int read_address(int result, const socket_address& name, address& out) noexcept {
    if (result < 0) { return -errno; }
    return from_socket_address(name, out) ? 0 : -EAFNOSUPPORT;
}

}  // namespace

std::int64_t monotonic_ns() noexcept {
    timespec now{};
    ::clock_gettime(CLOCK_MONOTONIC, &now);
    return std::int64_t{now.tv_sec} * 1'000'000'000 + now.tv_nsec;
}

int host_sockets::listen(const listen_options& options) noexcept {
    const int descriptor = open_socket(options.local.family, mode_);
    if (descriptor < 0) { return descriptor; }
    int result = prepare_listener(descriptor, options);
    if (result >= 0) { result = bind_and_listen(descriptor, options); }
    // A server that was killed leaves its port in use for some milliseconds more: its ring is taken apart after it has
    // been reaped, and until then the accept that was armed keeps the socket (seen with Linux 6.18: 1 to 13 ms). A port
    // that is in use for good is reported half a second later.
    for (int tries = 0; result == -EADDRINUSE && tries < address_in_use_tries; ++tries) {
        ::poll(nullptr, 0, address_in_use_pause_ms);
        result = bind_and_listen(descriptor, options);
    }
    if (result < 0) {
        ::close(descriptor);
        return result;
    }
    return descriptor;
}

int host_sockets::open_stream(address_family family) noexcept { return open_socket(family, mode_); }

void host_sockets::close_now(int descriptor) noexcept {
    // Linux has closed the descriptor whatever the result, so there is nothing to try again.
    ::close(descriptor);
}

void host_sockets::reset_on_close(int descriptor) noexcept {
    const linger at_once{.l_onoff = 1, .l_linger = 0};
    ::setsockopt(descriptor, SOL_SOCKET, SO_LINGER, &at_once, sizeof at_once);
}

int host_sockets::shutdown(int descriptor, bool receiving, bool sending) noexcept {
    if (!receiving && !sending) { return 0; }
    const int how = receiving && sending ? SHUT_RDWR : receiving ? SHUT_RD : SHUT_WR;
    return answer(::shutdown(descriptor, how));
}

int host_sockets::set_option(int descriptor, socket_option option, std::int32_t value) noexcept {
    option_place place{};
    const int result = find_place(descriptor, option, place);
    return result < 0 ? result : set_integer(descriptor, place.level, place.name, value);
}

int host_sockets::get_option(int descriptor, socket_option option, std::int32_t& value) noexcept {
    option_place place{};
    const int result = find_place(descriptor, option, place);
    return result < 0 ? result : get_integer(descriptor, place.level, place.name, value);
}

int host_sockets::local_address(int descriptor, address& out) noexcept {
    socket_address name{};
    socklen_t bytes = sizeof name;
    return read_address(::getsockname(descriptor, &name.any, &bytes), name, out);
}

int host_sockets::peer_address(int descriptor, address& out) noexcept {
    socket_address name{};
    socklen_t bytes = sizeof name;
    return read_address(::getpeername(descriptor, &name.any, &bytes), name, out);
}

}  // namespace tina::detail
