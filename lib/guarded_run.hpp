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

/// Builds the object and the frame of an isolate. One whose constructor faults ends as crashed after this activation.
void start_guarded(shard& at, slot_header& slot, void* pack) noexcept;
/// Destroys the frame and the object of an isolate. Where that faults the rest of them is abandoned.
void destroy_guarded(shard& at, slot_header& slot) noexcept;

}  // namespace tina::detail
