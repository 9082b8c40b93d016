// SPDX-License-Identifier: Apache-2.0
// What a reactor on Linux asks of sockets by plain system calls, since it completes at once: making, naming,
// tuning and closing them. Base of the reactors that use the host's network; it keeps no descriptor and must
// never block.
#pragma once

#include "reactor/reactor.hpp"

namespace tina::detail {

/// The part of `reactor` that is the same whatever waits for the completions.
///
/// Its sockets are in blocking mode. No call here blocks in them, and the kernel's own waiting for readiness
/// then does not depend on what a version makes of O_NONBLOCK.
class host_sockets : public reactor {
public:
    [[nodiscard]] std::int64_t now_ns() noexcept final;
    [[nodiscard]] int listen(const listen_options& options) noexcept final;
    [[nodiscard]] int open_stream(address_family family) noexcept final;
    void close_now(int descriptor) noexcept final;
    void reset_on_close(int descriptor) noexcept final;
    [[nodiscard]] int shutdown(int descriptor, bool receiving, bool sending) noexcept final;
    [[nodiscard]] int set_option(int descriptor, socket_option option, std::int32_t value) noexcept final;
    [[nodiscard]] int get_option(int descriptor, socket_option option, std::int32_t& value) noexcept final;
    [[nodiscard]] int local_address(int descriptor, address& out) noexcept final;
    [[nodiscard]] int peer_address(int descriptor, address& out) noexcept final;
};

}  // namespace tina::detail
