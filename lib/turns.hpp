// SPDX-License-Identifier: Apache-2.0
// Running the isolates that are ready. Works on one shard, on its own thread.
#pragma once

#include "lib/shard.hpp"

namespace tina::detail {

/// Runs isolates that are ready, type by type. Returns whether there were any.
bool run_ready(shard& at) noexcept;
[[nodiscard]] bool has_ready(const shard& at) noexcept;
/// Queues those that have yielded behind all that is ready now. Returns whether there were any.
bool queue_yielded(shard& at) noexcept;
/// The turn of one has come that had died before.
void leave_queue(shard& at, slot_header& slot) noexcept;
/// Ends the isolate that ran and was abandoned, and does what its activation leaves to be done.
void end_abandoned(shard& at, slot_header& slot) noexcept;

}  // namespace tina::detail
