// SPDX-License-Identifier: Apache-2.0
// One TCP connection as a client of an echo server has it: plain sockets, byte for byte, with a deadline on every wait.
// Owned by each test; it must never know of the library or of io_uring.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "process.hpp"

namespace tina::test {

/// How long a test waits for what should come at once: long, so that only what never comes fails.
inline constexpr std::chrono::milliseconds patience{20'000};

/// Where a server listens.
struct endpoint {
    std::string host = "127.0.0.1";
    std::uint16_t port = 0;
};

/// How a connection stands.
enum class connection_state {
    open,           ///< as far as this side knows
    end_of_stream,  ///< the server has sent its last byte
    reset,          ///< the server has thrown it away
};

struct client_options {
    std::string source{};          ///< the address to come from; empty: any
    int receive_buffer_bytes = 0;  ///< of the kernel; 0: its default
    int send_buffer_bytes = 0;     ///< likewise
};

/// A connection, open once it is made.
class echo_client {
public:
    explicit echo_client(const endpoint& server, const client_options& options = {});
    /// The other end of one: a connection that was accepted.
    explicit echo_client(descriptor accepted) : socket_(std::move(accepted)) {}

    [[nodiscard]] connection_state state() const { return state_; }

    /// Sends what the kernel takes at once; how much that was.
    std::size_t send_some(std::string_view bytes);
    /// Sends all; false if the server ends the connection, or nothing moves for `limit`.
    [[nodiscard]] bool send_all(std::string_view bytes, std::chrono::milliseconds limit = patience);

    /// What has come, at most `bytes_max`; empty if there is nothing now.
    std::string_view receive_some(std::size_t bytes_max);
    /// Exactly `bytes`; fewer if the connection ends, or not all have come within `limit`.
    [[nodiscard]] std::string receive(std::size_t bytes, std::chrono::milliseconds limit = patience);
    /// All that comes until the connection ends; `state()` is `open` if it did not within `limit`.
    [[nodiscard]] std::string receive_to_end(std::chrono::milliseconds limit = patience);

    /// Sends `bytes` and receives meanwhile: whether exactly they come back.
    [[nodiscard]] bool echoes(std::string_view bytes, std::chrono::milliseconds limit = patience);

    /// Tells the server that no more will come.
    void finish_sending() const;
    void close() { socket_.close(); }
    /// Throws the connection away, and what is on its way in both directions.
    void reset();

private:
    [[nodiscard]] bool wait_for(short events, const deadline& end) const;

    descriptor socket_;
    connection_state state_ = connection_state::open;
    std::vector<char> received_;
};

/// `bytes` bytes that differ from those of every other `seed` and from themselves shifted.
[[nodiscard]] std::string pattern(std::size_t bytes, std::size_t seed = 0);

}  // namespace tina::test
