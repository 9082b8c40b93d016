// SPDX-License-Identifier: Apache-2.0
// What becomes of a shard whose root group has failed: its tree is started anew, or it is quarantined until somebody
// revives it, or the process ends. Everything but the isolates stays as it is: generations, transfer buffers that are
// elsewhere, channels, listening sockets. Works on one shard, on its own thread.
#pragma once

#include "lib/shard.hpp"

namespace tina::detail {

/// At boot, once the tree is laid out.
void prepare_recovery(shard& at);
/// The root group is over its budget; all isolates of the shard have ended. Called once for each such failure.
void shard_failed(shard& at) noexcept;
/// Whether a quarantined shard has been asked to start its tree anew.
[[nodiscard]] inline bool revival_wanted(const shard& at) noexcept {
    return at.quarantined && at.port.revival_wanted.load(std::memory_order_acquire);  // partner: request_revival()
}
void revive_shard(shard& at) noexcept;

}  // namespace tina::detail
