// SPDX-License-Identifier: Apache-2.0
// Supervision: what follows from the end of a child. Its group starts it again, or more than it, or fails and is a
// failed child itself; so on up to the root. Direct calls on one shard, on its own thread: no message, no memory, and a
// depth of calls that only the depth of the tree decides.
#pragma once

#include <string>

#include "lib/shard.hpp"

namespace tina::detail {

/// Flattens the tree of the spec into the shard's children and groups. At boot, before anything runs.
void lay_out_tree(shard& at, const group_spec& root);
/// Opens listening sockets and starts the children, in order; empty, or why not.
[[nodiscard]] std::string start_tree(shard& at);

/// Nothing that is dead is started again: what waits for a slot or a back-off does so no more.
void forget_restarts(shard& at) noexcept;

/// Whether an isolate that is ending is to be started again.
[[nodiscard]] bool wants_restart(const shard& at, const slot_header& slot) noexcept;
/// An isolate has ended by itself, or was ended by another that is not its supervisor: it is to be started again, as
/// wants_restart() said.
void restart_ended(shard& at, slot_header& dead) noexcept;
/// The same of one that is not to be started again.
void bury_ended(shard& at, slot_header& dead) noexcept;
/// A slot that was left last by the kernel or a queue: it goes to who waits for one.
void slot_left(shard& at, slot_header& slot) noexcept;
/// The back-off of a group's restart, or of a dead isolate's, has passed.
void expire_walk(shard& at, std::uint32_t group) noexcept;
void expire_wait_alone(shard& at, slot_header& dead) noexcept;

/// Makes room for the times of a budget.
void open_window(shard& at, restart_window& window, const restart_budget& budget);
/// Spends one restart of a budget. False if there is none left.
[[nodiscard]] bool spend(shard& at, restart_window& window, const restart_budget& budget) noexcept;
/// Gives slots and places that have become free to those that wait for them: walks, then those that wait alone.
void serve_waiting_now(shard& at) noexcept;
inline void serve_waiting(shard& at) noexcept {
    if (at.slots_freed) [[unlikely]]
        serve_waiting_now(at);
}
/// Has the whole tree started anew, in order, by the next serve_waiting(). Nothing of it lives.
void start_anew(shard& at) noexcept;
/// Ends all isolates, in reverse start order, and forgets what was to be started.
void end_for_good(shard& at) noexcept;

/// The root group fails, whatever is left of its budget: what a simulation has happen to a shard. Between two cycles.
void fail_root(shard& at) noexcept;

}  // namespace tina::detail
