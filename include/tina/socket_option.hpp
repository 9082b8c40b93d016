// SPDX-License-Identifier: Apache-2.0
// The options of a socket that tina knows, with the units of their values. Names only: who sets them is in tcp.hpp.
#pragma once

#include <cstdint>

namespace tina {

/// An option of a TCP socket; its value is an integer.
enum class socket_option : std::uint8_t {
    no_delay,               ///< 0 or 1: small segments leave at once (TCP_NODELAY)
    keep_alive,             ///< 0 or 1: probe a silent peer (SO_KEEPALIVE)
    keep_alive_idle_s,      ///< seconds of silence before the first probe (TCP_KEEPIDLE)
    keep_alive_interval_s,  ///< seconds between probes (TCP_KEEPINTVL)
    keep_alive_probes,      ///< unanswered probes before the connection is given up (TCP_KEEPCNT)
    receive_buffer_bytes,   ///< size of the kernel's receive buffer (SO_RCVBUF; Linux doubles it)
    send_buffer_bytes,      ///< size of the kernel's send buffer (SO_SNDBUF; Linux doubles it)
    user_timeout_ms,        ///< milliseconds that sent data may stay unacknowledged (TCP_USER_TIMEOUT)
    type_of_service,        ///< the IPv4 TOS or IPv6 traffic class byte
};

}  // namespace tina
