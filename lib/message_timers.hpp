// SPDX-License-Identifier: Apache-2.0
// Timers that send their owner a message of its own type, once or again and again. Works on one shard, on its own
// thread.
#pragma once

#include "lib/shard.hpp"

namespace tina::detail {

/// The time of a timer has come; the wheel has let go of it.
void fire_timer(shard& at, message_timer& timer) noexcept;
/// Takes a timer out of the wheel, if it is in it.
void disarm_timer(shard& at, message_timer& timer) noexcept;
/// A timer is over: its message is nowhere.
void end_timer(shard& at, message_timer& timer) noexcept;

}  // namespace tina::detail
