// SPDX-License-Identifier: Apache-2.0
// The lives of isolates: how one gets a slot, runs, ends, leaves the slot drained and free, and is started again. Works
// on one shard, on its own thread.
#pragma once

#include <string>

#include "lib/shard.hpp"

namespace tina::detail {

/// Finds a handler's type; `nothing` if it is not among the spec's.
[[nodiscard]] std::uint32_t find_type(const shard& at, const handler_info& what) noexcept;
/// Fills the table that find_type() looks in.
void index_types(shard& at);

/// Starts an isolate. `pack` is moved from.
[[nodiscard]] spawn_answer start_isolate(shard& at, std::uint32_t type, std::uint32_t child, void* pack) noexcept;
/// Starts an isolate that is no child of the tree; `mode` is a tina::restart. `pack` is moved from.
[[nodiscard]] spawn_answer start_dynamic(shard& at, const handler_info& what, std::uint8_t mode, void* pack) noexcept;
/// Starts the children of the tree, in order; empty, or why not.
[[nodiscard]] std::string start_tree(shard& at);

/// Runs isolates that are ready, type by type. Returns whether there were any.
bool run_ready(shard& at) noexcept;
[[nodiscard]] bool has_ready(const shard& at) noexcept;

/// Ends an isolate: its handler has returned or crashed, or it is being stopped while it waits.
void end_isolate(shard& at, slot_header& slot) noexcept;
/// What isolates run that are queued to run and are to end.
[[nodiscard]] reaper make_reaper(shard& at);
/// Has an isolate end as soon as this activation is over: as crashed, or as stopped. False if that was settled already.
[[nodiscard]] bool doom(shard& at, slot_header& slot, bool crashed) noexcept;
/// Ends those that are doomed. Outside of activations, or at the end of one.
void end_doomed(shard& at) noexcept;
/// An operation that named memory of the slot has completed.
void operation_ended(shard& at, slot_header& slot) noexcept;
/// Nobody will be started again any more whose successor waits for a slot.
void forget_pending(shard& at) noexcept;
/// Ends all isolates, the one that was started last first; none is started again.
void end_all(shard& at) noexcept;

}  // namespace tina::detail
