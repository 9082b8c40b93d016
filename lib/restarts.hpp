// SPDX-License-Identifier: Apache-2.0
// Successors: how a dead isolate that is to be started again gets a slot, at once or when one is free, and keeps its
// place among its type's live ones until then. Which ones are to be started again is not decided here. Works on one
// shard, on its own thread; needs no message and no memory but the slot.
#pragma once

#include "lib/shard.hpp"
#include "lib/slots.hpp"

namespace tina::detail {

[[nodiscard]] inline member_note& note_of(shard& at, const slot_header& slot) noexcept {
    return at.members[at.index_of_slot(slot)];
}
[[nodiscard]] inline std::uint32_t child_of(const slot_header& slot) noexcept { return slot.child & child_index_mask; }
[[nodiscard]] inline bool is_dynamic(const slot_header& slot) noexcept { return child_of(slot) == dynamic_child; }
[[nodiscard]] inline restart mode_of(const slot_header& slot) noexcept {
    return static_cast<restart>(slot.child >> 30);
}

/// Says who has the role of a child of the tree now: a handle's bits, or one of role_directory's two words.
void note_role(shard& at, std::uint32_t child, std::uint64_t word) noexcept;

/// A spawned isolate becomes the newest member of a group; or it leaves it.
void join_group(shard& at, slot_header& slot, std::uint32_t group) noexcept;
void leave_group(shard& at, slot_header& slot) noexcept;

/// Whether a child of the tree that is due may be one more of its type.
[[nodiscard]] bool has_place(const shard& at, const child_state& child) noexcept;
/// Starts a child of the tree that is due. False if there is no slot for it.
[[nodiscard]] bool start_child(shard& at, std::uint32_t child) noexcept;
/// Starts the successor of a dead isolate, whose slot is free where it is gone. False if there is no slot for it.
[[nodiscard]] bool revive(shard& at, slot_header& dead) noexcept;

/// Starts the successor of a dead isolate as soon as there is a slot for it: at once, or in slot_gone(), which is to be
/// called next where its own is gone.
void revive_alone(shard& at, slot_header& dead) noexcept;
/// The same when `wait_ns` have passed.
void revive_later(shard& at, slot_header& dead, std::int64_t wait_ns) noexcept;
/// That time has come.
void expire_restart(shard& at, slot_header& dead) noexcept;
/// A dead isolate's successor does not wait alone any more.
void stop_waiting(shard& at, slot_header& dead) noexcept;

/// Whether somebody may wait for a slot of this type, or for a place among its live ones.
[[nodiscard]] inline bool is_waited_for(const shard& at, const type_state& type) noexcept {
    return at.walks > 0 || at.displaced > 0 || type.pending != nothing;
}
/// slot_gone() for one whose successor is still to come.
void keep_slot(shard& at, slot_header& slot) noexcept;
/// A slot has been left by all: isolate, kernel and ready queue. It goes to a successor, or is free.
inline void slot_gone(shard& at, slot_header& slot) noexcept {
    slot.state = slot_state::vacant;
    if (note_of(at, slot).stage > member_stage::alive) [[unlikely]]
        return keep_slot(at, slot);
    free_slot(at, slot);
    if (is_waited_for(at, at.types[slot.type])) [[unlikely]]
        at.slots_freed = true;
}
/// Gives slots that have become free to those that wait alone.
void serve_pending(shard& at) noexcept;

/// A timer of a restart, of which there always is one. Its number.
[[nodiscard]] std::uint32_t arm_restart(shard& at, std::int64_t wait_ns, std::uint32_t owner, timer_kind kind) noexcept;

}  // namespace tina::detail
