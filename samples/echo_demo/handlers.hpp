// SPDX-License-Identifier: Apache-2.0
// The handlers of the echo programs: a server, its connections, and clients that count what they see. They are compiled
// once, into a library that echo_demo runs for real and echo_sim in simulation; they cannot tell which.
#pragma once

#include <tina/tina.hpp>

#include <atomic>
#include <cstddef>
#include <cstdint>

namespace echo {

inline constexpr std::size_t request_bytes = 64;
inline constexpr std::uint32_t crash_never = 0;

/// What the clients of a shard count, and whoever runs them reads; the shard may be another thread.
struct tally {
    std::atomic<std::uint64_t> round_trips{0};
    std::atomic<std::uint64_t> wrong_answers{0};
    std::atomic<std::uint64_t> failures{0};  ///< requests that were not answered, unless all of it was ending
    std::atomic<bool> may_crash{true};       ///< clients that are to crash do so
    std::atomic<bool> is_ending{false};
};

/// What a client is started with.
struct client_options {
    tina::address server;
    std::uint32_t crash_after = crash_never;  ///< round trips, then it crashes
    std::uint32_t asks_anew = 0;              ///< 0: without an answer it ends; 1: it crashes, to be started again
    tally* counts = nullptr;
};

/// Sends back what comes. What is left of it when everything else is taken away is a whole echo server.
tina::isolate connection(tina::context self, tina::socket peer);
/// Accepts connections.
tina::isolate server(tina::context self, tina::listener listener);
/// Asks for echoes without a pause, until the system stops.
tina::isolate client(tina::context self, client_options what);

}  // namespace echo
