// SPDX-License-Identifier: Apache-2.0
// Slots for successors. Slots are reused first-in first-out, so a successor gets another one than its predecessor where
// there is one, also while the kernel still holds the predecessor's.
#include "lib/restarts.hpp"

#include <cstring>

#include "lib/ready.hpp"
#include "lib/slots.hpp"

namespace tina::detail {

namespace {

using kept_arguments = std::array<std::byte, argument_bytes_max>;

/// Copies what an isolate was started with, for its successor.
void keep_arguments(shard& at, const slot_header& slot, kept_arguments& out) noexcept {
    const type_plan& plan = *at.types[slot.type].plan;
    std::memcpy(out.data(), at.slot_memory(slot) + plan.arguments_offset, plan.what->argument_bytes);
}

[[nodiscard]] auto sibling_links(shard& at) noexcept {
    return [&at](std::uint32_t slot) -> list_links& { return at.members[slot].siblings; };
}
[[nodiscard]] auto waiting_links(shard& at) noexcept {
    return [&at](std::uint32_t slot) -> list_links& { return at.members[slot].waiting; };
}

/// A successor takes the place of a dead one among the members of its group.
void replace_member(shard& at, std::uint32_t dead, std::uint32_t successor) noexcept {
    if (dead == successor) return;
    std::uint32_t& newest = at.groups[at.members[dead].group].dynamic;
    const auto links = sibling_links(at);
    const list_links place = links(dead);
    if (place.next == dead) {
        links(successor) = {successor, successor};
    } else {
        links(successor) = place;
        links(place.previous).next = successor;
        links(place.next).previous = successor;
    }
    if (newest == dead) newest = successor;
    links(dead) = {};
}

/// Builds the successor of a dead isolate into a slot, which may be its own.
void succeed(shard& at, slot_header& dead, slot_header& slot, kept_arguments& pack) noexcept {
    const std::uint32_t child = dead.child;
    member_note& note = note_of(at, slot);
    note.group = note_of(at, dead).group;
    if (is_dynamic(dead)) {
        replace_member(at, at.index_of_slot(dead), at.index_of_slot(slot));
    } else {
        at.children[child_of(dead)].slot = at.index_of_slot(slot);
    }
    note_of(at, dead).stage = member_stage::none;
    note.stage = member_stage::alive;
    if (at.decider != nullptr) at.decider->succeeds(at.index_of_slot(dead), at.index_of_slot(slot));
    build(at, slot, child, pack.data());
    at.counts.isolates_restarted.add();
}

void leave_pending(shard& at, slot_header& dead) noexcept {
    member_note& note = note_of(at, dead);
    if (!note.waiting.linked()) return;
    ring_remove(at.types[dead.type].pending, at.index_of_slot(dead), waiting_links(at));
    note.waiting = {};
    at.counts.restarts_pending.subtract();
}

void wait_for_slot(shard& at, slot_header& dead) noexcept {
    if (note_of(at, dead).waiting.linked()) return;
    ring_append(at.types[dead.type].pending, at.index_of_slot(dead), waiting_links(at));
    at.counts.restarts_pending.add();
}

}  // namespace

void note_role(shard& at, std::uint32_t child, std::uint64_t word) noexcept {
    if (child == dynamic_child || at.children[child].role == nullptr) return;
    // Release: partner is the acquire in find_role().
    at.children[child].role->store(word, std::memory_order_release);
}

void join_group(shard& at, slot_header& slot, std::uint32_t group) noexcept {
    member_note& note = note_of(at, slot);
    note.group = group;
    note.stage = member_stage::alive;
    ring_append(at.groups[group].dynamic, at.index_of_slot(slot), sibling_links(at));
}

void leave_group(shard& at, slot_header& slot) noexcept {
    member_note& note = note_of(at, slot);
    ring_remove(at.groups[note.group].dynamic, at.index_of_slot(slot), sibling_links(at));
    note.siblings = {};
}

bool has_place(const shard& at, const child_state& child) noexcept {
    const type_state& type = at.types[child.type];
    return child.placed || type.live.get() < type.plan->options.slots;
}

bool start_child(shard& at, std::uint32_t child) noexcept {
    child_state& what = at.children[child];
    type_state& type = at.types[what.type];
    if (!has_place(at, what)) return false;
    slot_header* const slot = take_slot(at, type);
    if (slot == nullptr) return false;
    if (!what.placed) type.live.add();
    what.due = false;
    what.placed = false;
    what.slot = at.index_of_slot(*slot);
    at.members[what.slot].group = what.group;
    at.members[what.slot].stage = member_stage::alive;
    alignas(16) kept_arguments pack = what.arguments;
    build(at, *slot, (static_cast<std::uint32_t>(what.mode) << 30) | child, pack.data());
    return true;
}

bool revive(shard& at, slot_header& dead) noexcept {
    slot_header* const other = take_slot(at, at.types[dead.type]);
    if (other == nullptr && (!is_gone(dead) || !renew_generation(at, dead))) return false;
    alignas(16) kept_arguments pack;
    keep_arguments(at, dead, pack);
    if (other == nullptr) {
        succeed(at, dead, dead, pack);
        return true;
    }
    succeed(at, dead, *other, pack);
    if (is_gone(dead)) free_slot(at, dead);
    return true;
}

void revive_alone(shard& at, slot_header& dead) noexcept {
    note_of(at, dead).stage = member_stage::pending;
    if (!is_gone(dead) && !revive(at, dead)) wait_for_slot(at, dead);
}

void revive_later(shard& at, slot_header& dead, std::int64_t wait_ns) noexcept {
    member_note& note = note_of(at, dead);
    note.stage = member_stage::delayed;
    note.timer = arm_restart(at, wait_ns, at.index_of_slot(dead), timer_kind::restart);
}

void expire_restart(shard& at, slot_header& dead) noexcept {
    note_of(at, dead).timer = nothing;
    --at.timers_max;
    at.counts.restarts_delayed.subtract();
    revive_alone(at, dead);
    if (is_gone(dead)) slot_gone(at, dead);
}

void stop_waiting(shard& at, slot_header& dead) noexcept {
    leave_pending(at, dead);
    member_note& note = note_of(at, dead);
    if (note.timer == nothing) return;
    at.wheel.cancel(note.timer);
    note.timer = nothing;
    --at.timers_max;
    at.counts.restarts_delayed.subtract();
}

void keep_slot(shard& at, slot_header& slot) noexcept {
    if (note_of(at, slot).stage == member_stage::pending) {
        leave_pending(at, slot);
        if (!revive(at, slot)) wait_for_slot(at, slot);
    } else if (is_waited_for(at, at.types[slot.type])) {
        at.slots_freed = true;
    }
}

void serve_pending(shard& at) noexcept {
    for (type_state& type : at.types) {
        while (type.pending != nothing) {
            slot_header& oldest = at.slots[at.members[type.pending].waiting.next];
            if (!revive(at, oldest)) break;
            leave_pending(at, oldest);
        }
    }
}

std::uint32_t arm_restart(shard& at, std::int64_t wait_ns, std::uint32_t owner, timer_kind kind) noexcept {
    const std::uint32_t timer = at.wheel.arm(at.now_ns() + wait_ns, owner, static_cast<std::uint32_t>(kind));
    TINA_ASSERT(timer != no_timer, "the timer of a restart, which is set aside for it, was not there");
    ++at.timers_max;
    at.counts.restarts_delayed.add();
    return timer;
}

}  // namespace tina::detail
