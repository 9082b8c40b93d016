// SPDX-License-Identifier: Apache-2.0
//
// What the bare echo servers have in common: how they fail, how many descriptors they may have, and the socket that
// they listen on. Owned by the benchmarks. It must never use the library.
#pragma once

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstddef>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>

namespace bare {

inline constexpr unsigned connections_max = 1U << 18;
inline constexpr int backlog = 4096;

[[noreturn]] inline void fail(const char* what, int error) {
    std::fprintf(stderr, "%s: %s: %s\n", program_invocation_short_name, what, std::strerror(error));
    std::exit(1);
}

/// Allows as many descriptors as the hard limit does, and says how many numbers that makes.
inline std::size_t raise_descriptor_limit() {
    rlimit limit{};
    if (getrlimit(RLIMIT_NOFILE, &limit) != 0) fail("reading the descriptor limit", errno);
    limit.rlim_cur = std::min<rlim_t>(limit.rlim_max, connections_max);
    if (setrlimit(RLIMIT_NOFILE, &limit) != 0) fail("raising the descriptor limit", errno);
    return limit.rlim_cur;
}

/// Listens; 0 as the port becomes the one that was taken. `flags`: of socket(), beside SOCK_STREAM and SOCK_CLOEXEC.
inline int open_listener(const std::string& host, std::uint16_t& port, int flags = 0) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_port = htons(port);
    if (inet_pton(AF_INET, host.c_str(), &address.sin_addr) != 1) fail(host.c_str(), EINVAL);
    const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
    if (fd < 0) fail("socket", errno);
    const int one = 1;
    setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);  // accepted sockets inherit it
    socklen_t bytes = sizeof address;
    auto* generic = reinterpret_cast<sockaddr*>(&address);
    if (bind(fd, generic, bytes) != 0) fail("bind", errno);
    if (listen(fd, backlog) != 0) fail("listen", errno);
    if (getsockname(fd, generic, &bytes) == 0) port = ntohs(address.sin_port);
    return fd;
}

}  // namespace bare
