// SPDX-License-Identifier: Apache-2.0
// Between `tina::address` and the kernel's `sockaddr`. Pure conversions on memory that the caller owns; they
// must never make a system call.
#pragma once

#include <netinet/in.h>
#include <sys/socket.h>

#include <cstring>

#include "tina/address.hpp"

namespace tina::detail {

/// Room for either family, a quarter of the size of `sockaddr_storage`.
union socket_address {
    sockaddr any;
    sockaddr_in ip4;
    sockaddr_in6 ip6;
};
static_assert(sizeof(socket_address) == sizeof(sockaddr_in6));

[[nodiscard]] inline int family_number(address_family family) noexcept {
    return family == address_family::ip6 ? AF_INET6 : AF_INET;
}

/// Writes `from` to `to` and returns how many bytes of it count.
[[nodiscard]] inline socklen_t to_socket_address(const address& from, socket_address& to) noexcept {
    std::memset(&to, 0, sizeof to);
    if (from.family == address_family::ip6) {
        to.ip6.sin6_family = AF_INET6;
        to.ip6.sin6_port = htons(from.port);
        to.ip6.sin6_scope_id = from.scope_id;
        std::memcpy(&to.ip6.sin6_addr, from.bytes.data(), sizeof to.ip6.sin6_addr);
        return sizeof to.ip6;
    }
    to.ip4.sin_family = AF_INET;
    to.ip4.sin_port = htons(from.port);
    std::memcpy(&to.ip4.sin_addr, from.bytes.data(), sizeof to.ip4.sin_addr);
    return sizeof to.ip4;
}

/// Reads `from` into `to`; false if it is of another family.
[[nodiscard]] inline bool from_socket_address(const socket_address& from, address& to) noexcept {
    to = {};
    if (from.any.sa_family == AF_INET6) {
        to.family = address_family::ip6;
        to.port = ntohs(from.ip6.sin6_port);
        to.scope_id = from.ip6.sin6_scope_id;
        std::memcpy(to.bytes.data(), &from.ip6.sin6_addr, sizeof from.ip6.sin6_addr);
        return true;
    }
    to.port = ntohs(from.ip4.sin_port);
    std::memcpy(to.bytes.data(), &from.ip4.sin_addr, sizeof from.ip4.sin_addr);
    return from.any.sa_family == AF_INET;
}

}  // namespace tina::detail
