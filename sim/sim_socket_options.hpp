// SPDX-License-Identifier: Apache-2.0
// The options of simulated sockets: which values Linux takes, and what it makes of them.
#pragma once

#include <algorithm>
#include <cerrno>
#include <cstdint>

#include "sim/network_tcp.hpp"

namespace tina::sim {

inline constexpr std::int32_t socket_buffer_bytes_max = 4 * 1024 * 1024;  ///< as the limits of the system allow

/// 0 or -errno.
[[nodiscard]] inline int set_socket_option(socket_settings& of, socket_option option, std::int32_t value) noexcept {
    const auto within = [value](std::int32_t low, std::int32_t high) { return value >= low && value <= high; };
    const auto buffer = [value](std::int32_t least) {
        return std::max(std::clamp(value, 0, socket_buffer_bytes_max) * 2, least);
    };
    switch (option) {
    case socket_option::no_delay:
    case socket_option::keep_alive: value = value != 0 ? 1 : 0; break;
    case socket_option::keep_alive_idle_s:
    case socket_option::keep_alive_interval_s:
        if (!within(1, 32'767)) return -EINVAL;
        break;
    case socket_option::keep_alive_probes:
        if (!within(1, 127)) return -EINVAL;
        break;
    case socket_option::receive_buffer_bytes:
        value = buffer(2304);
        of.receive_bytes = static_cast<std::uint32_t>(value / 2);
        break;
    case socket_option::send_buffer_bytes:
        value = buffer(4608);
        of.send_bytes = static_cast<std::uint32_t>(value / 2);
        break;
    case socket_option::user_timeout_ms:
        if (value < 0) return -EINVAL;
        break;
    case socket_option::type_of_service: value &= 0xfc; break;
    }
    of.at(option) = value;
    return 0;
}

}  // namespace tina::sim
