// SPDX-License-Identifier: Apache-2.0
// Monitors and links: how the end of an isolate reaches those that asked to be told of it, or to end with it, on
// whatever shard. Works on one shard, on its own thread.
#pragma once

#include "lib/shard.hpp"

namespace tina::detail {

/// An isolate has ended: its watchers are told.
void tell_watchers(shard& at, slot_header& slot) noexcept;

/// A monitor has come to its target's shard.
void begin_watch(shard& at, monitor_record& record) noexcept;
/// A monitor of this shard has come home: its target has ended.
void finish_watch(shard& at, monitor_record& record) noexcept;
/// The withdrawal of a monitor has come to the target's shard, or home.
void take_withdrawal(shard& at, monitor_withdrawal& arrived) noexcept;
/// A monitor of this shard is over for its owner; its message is nowhere.
void end_monitor(shard& at, monitor_record& record) noexcept;

}  // namespace tina::detail
