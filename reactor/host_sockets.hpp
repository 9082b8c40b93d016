// SPDX-License-Identifier: Apache-2.0
// What a reactor on Linux asks of sockets by plain system calls, since it completes at once: making, naming,
// tuning and closing them. Base of the reactors that use the host's network; it keeps no descriptor and must
// never block.
#pragma once

#include "reactor/reactor.hpp"

namespace tina::detail {

/// How calls behave that cannot have what they want at once.
enum class socket_mode : bool {
    blocks,        ///< where the kernel waits itself: what it does then does not depend on what it makes of O_NONBLOCK
    never_blocks,  ///< where the reactor waits, and makes the calls
};

/// CLOCK_MONOTONIC.
[[nodiscard]] std::int64_t monotonic_ns() noexcept;

/// The part of `reactor` that is the same whatever waits for the completions. No call here blocks.
class host_sockets : public reactor {
public:
    /// `mode` is that of the sockets that are made here; what they accept is in blocking mode.
    explicit host_sockets(socket_mode mode) noexcept : mode_(mode) {}

    [[nodiscard]] std::int64_t now_ns() noexcept final { return monotonic_ns(); }
    [[nodiscard]] int listen(const listen_options& options) noexcept override;
    [[nodiscard]] int open_stream(address_family family) noexcept override;
    void close_now(int descriptor) noexcept override;
    void reset_on_close(int descriptor) noexcept final;
    [[nodiscard]] int shutdown(int descriptor, bool receiving, bool sending) noexcept final;
    [[nodiscard]] int set_option(int descriptor, socket_option option, std::int32_t value) noexcept final;
    [[nodiscard]] int get_option(int descriptor, socket_option option, std::int32_t& value) noexcept final;
    [[nodiscard]] int local_address(int descriptor, address& out) noexcept final;
    [[nodiscard]] int peer_address(int descriptor, address& out) noexcept final;

private:
    socket_mode mode_;
};

}  // namespace tina::detail
