// SPDX-License-Identifier: Apache-2.0
// Running what belongs to users so that its faults cost its isolate only. What is abandoned is never unwound: its frame
// is forgotten, and what the runtime knows to be its is taken back as at any end.
#pragma once

#include "lib/shard.hpp"

namespace tina::detail {

/// Runs a batch of ready isolates; false if one of them was abandoned: then its end has been dealt with, and whether
/// its type's turn goes on is open.
[[nodiscard]] bool run_batch_guarded(shard& at, void (*batch)(shard&) noexcept) noexcept;

/// The activation of `slot` that has just ended was over its soft budget, or another's was: if the isolate lives on, it
/// is to end.
void end_overdue(shard& at, slot_header& slot) noexcept;

/// Calls `function(argument)`, a destructor or constructor of the user's, in the name of `slot`. Where it is abandoned,
/// its isolate counts as crashed, and false is returned.
bool call_user(shard& at, slot_header& slot, void (*function)(void*), void* argument) noexcept;

}  // namespace tina::detail
