// SPDX-License-Identifier: Apache-2.0
// The lives of isolates: how one gets a slot, ends, and leaves the slot drained. Works on one shard, on its own
// thread.
#pragma once

#include <string>

#include "lib/shard.hpp"

namespace tina::detail {

/// Finds a handler's type; `nothing` if it is not among the spec's.
[[nodiscard]] std::uint32_t find_type(const shard& at, const handler_info& what) noexcept;
/// Fills the table that find_type() looks in.
void index_types(shard& at);

/// A slot for a new isolate: the one that has been free longest, else one never used. Null if none is free.
[[nodiscard]] slot_header* take_slot(shard& at, type_state& type) noexcept;
/// Makes an isolate in a slot that was taken, ready to run. `child` says what it is, as slot_header::child; `pack` is
/// moved from.
void build(shard& at, slot_header& slot, std::uint32_t child, void* pack) noexcept;
/// Puts a slot that all have left behind those that are free.
void free_slot(shard& at, slot_header& slot) noexcept;
/// Whether a dead isolate's slot has been left by all: its frame is gone, the kernel has let go of it, no queue has it.
[[nodiscard]] inline bool is_gone(const slot_header& slot) noexcept { return slot.frame == nullptr; }
/// Moves a dead isolate's slot on to its next generation. False: there is none left, the slot is retired.
bool renew_generation(shard& at, slot_header& slot) noexcept;

/// Starts an isolate as a spawned member of a group, or of the root. `pack` is moved from.
[[nodiscard]] spawn_answer start_isolate(shard& at, std::uint32_t type, std::uint32_t child, void* pack,
                                         std::uint32_t group = 0) noexcept;
/// The same of a type that may not be there; `mode` is a tina::restart.
[[nodiscard]] spawn_answer start_dynamic(shard& at, const handler_info& what, std::uint8_t mode, void* pack,
                                         std::uint32_t group = 0) noexcept;

/// Ends an isolate: its handler has returned or crashed, or it is being stopped while it waits or is queued to run. Its
/// supervisor does what follows.
void end_isolate(shard& at, slot_header& slot) noexcept;
/// Ends an isolate, but for what its supervisor makes of it. `again`: it keeps its place for a successor.
void take_down(shard& at, slot_header& slot, bool again) noexcept;
/// What the dead run that are queued to run.
[[nodiscard]] reaper make_reaper(shard& at);
/// Has an isolate end as soon as this activation is over: as crashed, or as stopped. False if that was settled already.
[[nodiscard]] bool doom(shard& at, slot_header& slot, bool crashed) noexcept;
/// Ends those that are doomed. Outside of activations, or at the end of one.
void end_doomed(shard& at) noexcept;
/// An operation that named memory of the slot has completed.
void operation_ended(shard& at, slot_header& slot) noexcept;
/// Ends all isolates, the one that was started last first; none is started again.
void end_all(shard& at) noexcept;

}  // namespace tina::detail
