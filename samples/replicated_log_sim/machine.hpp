// SPDX-License-Identifier: Apache-2.0
// All that is on a machine of the replicated log beside its node: who carries packets to the other machines and takes
// theirs, and a client. Each of these may end at any time but the client, who knows what it still has to ask for.
#pragma once

#include <tina/tina.hpp>

#include <cstdint>

#include "node.hpp"

namespace replicated_log {

inline constexpr std::uint16_t port = 7000;
inline constexpr tina::role client_role{"client"};

/// An order for a client: to have a value in the log.
struct submit {
    std::uint32_t sequence;
    std::uint32_t value;
};

/// Sees to one value after the other, each until it is committed.
struct client {
    using accepts = tina::messages<submit>;
    std::uint32_t done = 0;

    tina::isolate run(tina::context self, std::uint32_t own);
};

/// Carries packets to one other machine. What it cannot carry is lost.
tina::isolate carrier(tina::context self, std::uint32_t to);
/// Takes packets from another machine.
tina::isolate inbound(tina::context self, tina::socket peer);
tina::isolate acceptor(tina::context self, tina::listener listener);

/// The machine `options.own`; 10.0.0.1 is the first one's address.
[[nodiscard]] tina::system_spec machine_spec(const node_options& options);

}  // namespace replicated_log
