// SPDX-License-Identifier: Apache-2.0
// Time: what happens when a deadline comes. Works on one shard, on its own thread.
#pragma once

#include "lib/shard.hpp"

namespace tina::detail {

/// Ends the waits whose deadlines have come. Returns whether there were any.
bool expire_timers(shard& at) noexcept;

}  // namespace tina::detail
