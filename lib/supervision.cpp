// SPDX-License-Identifier: Apache-2.0
// Strategies, budgets, escalation. After Erlang/OTP's supervisor, but that a group's members end at once, within the
// activation of the one that failed, and are started again by a walk through the tree's start order, which waits where
// a slot or the back-off makes it wait. There is one walk at most between a child and the root: a restart within a
// walk's stretch moves that walk back.
#include "lib/supervision.hpp"

#include <algorithm>
#include <cstdio>

#include "lib/descriptors.hpp"
#include "lib/ready.hpp"
#include "lib/recovery.hpp"
#include "lib/restarts.hpp"
#include "lib/slots.hpp"

namespace tina::detail {

namespace {

/// What becomes of the members of a group that are ended.
enum class fate : std::uint8_t {
    over,   ///< none is started again
    anew,   ///< the group starts afresh: the spec's children, all of them
    again,  ///< the group goes on: those that are not temporary, spawned ones too
};

[[nodiscard]] bool starts_again(fate what, restart mode, bool dynamic) noexcept {
    if (what == fate::anew) return !dynamic;
    return what == fate::again && mode != restart::temporary;
}

/// Releases a dead member's place among the live ones of its type.
void give_up_place(shard& at, std::uint16_t type, std::uint32_t child) noexcept {
    at.types[type].live.subtract();
    note_role(at, child, role_vacant);
}

/// A dead isolate's successor is left to the walk, or there is none.
void settle_dead(shard& at, slot_header& dead, bool again) noexcept {
    member_note& note = note_of(at, dead);
    if (!is_dynamic(dead)) {
        child_state& child = at.children[child_of(dead)];
        child.slot = nothing;
        child.due = again;
        child.placed = again;
    } else if (again) {
        note.stage = member_stage::kept;
        return;
    } else {
        leave_group(at, dead);
    }
    note.stage = member_stage::none;
}

/// Ends a member of a group that is being ended: alive, or dead with its successor waiting.
void end_member(shard& at, slot_header& slot, fate what) noexcept {
    const bool again = starts_again(what, mode_of(slot), is_dynamic(slot));
    switch (note_of(at, slot).stage) {
    case member_stage::none: return;
    case member_stage::alive:
        // One that was to be ended already ends for that reason.
        if (slot.doomed == 0) note_shutdown(slot);
        take_down(at, slot, again);
        break;
    case member_stage::pending:
    case member_stage::delayed:
    case member_stage::kept:
        stop_waiting(at, slot);
        if (!again) give_up_place(at, slot.type, child_of(slot));
        break;
    }
    settle_dead(at, slot, again);
    if (is_gone(slot)) slot_gone(at, slot);
}

/// A child that is due waits for a place that others have taken, or does not any more.
void set_displaced(shard& at, child_state& child, bool displaced) noexcept {
    if (child.displaced == displaced) return;
    child.displaced = displaced;
    if (displaced) {
        ++at.displaced;
        at.counts.restarts_pending.add();
    } else {
        --at.displaced;
        at.counts.restarts_pending.subtract();
    }
}

/// Ends a child of the tree, if it lives. One that is due stays so, unless nothing is started again.
void end_child(shard& at, std::uint32_t index, fate what) noexcept {
    child_state& child = at.children[index];
    if (child.slot != nothing) return end_member(at, at.slots[child.slot], what);
    set_displaced(at, child, false);
    if (what != fate::over) {
        if (child.due || !starts_again(what, child.mode, false)) return;
        child.due = true;
        return note_role(at, index, role_restarting);
    }
    if (child.placed) at.types[child.type].live.subtract();
    if (child.due) note_role(at, index, role_vacant);
    child.due = false;
    child.placed = false;
}

/// Ends spawned members of a group, the newest first; `until`, and those before it, stay.
void end_dynamic(shard& at, group_state& group, fate what, std::uint32_t until) noexcept {
    if (group.dynamic == nothing) return;
    const std::uint32_t oldest = at.members[group.dynamic].siblings.next;
    for (std::uint32_t index = group.dynamic; index != until;) {
        const bool last = index == oldest;
        const std::uint32_t older = at.members[index].siblings.previous;
        end_member(at, at.slots[index], what);
        if (last) return;
        index = older;
    }
}

/// Ends those spawned members of a group that are dead and wait to be started again.
void end_waiting(shard& at, const group_state& group) noexcept {
    if (group.dynamic == nothing) return;
    std::uint32_t index = group.dynamic;
    for (bool last = false; !last;) {
        const std::uint32_t older = at.members[index].siblings.previous;
        last = index == at.members[group.dynamic].siblings.next;
        if (at.members[index].stage != member_stage::alive) end_member(at, at.slots[index], fate::over);
        index = older;
    }
}

/// No walk of the group is under way any more.
void cancel_walk(shard& at, group_state& group) noexcept {
    if (group.walk_child == nothing) return;
    group.walk_child = nothing;
    --at.walks;
    if (group.walk_blocked) at.counts.restarts_pending.subtract();
    group.walk_blocked = false;
    if (group.walk_timer == nothing) return;
    at.wheel.cancel(group.walk_timer);
    group.walk_timer = nothing;
    --at.timers_max;
    at.counts.restarts_delayed.subtract();
}

void end_group(shard& at, std::uint32_t index, fate what) noexcept;

/// Ends members of a group, in reverse start order: spawned ones newer than `until`, then children from `from` on.
void end_members(shard& at, std::uint32_t index, std::uint32_t from, std::uint32_t until, fate what) noexcept {
    group_state& group = at.groups[index];
    group.ending = true;
    end_dynamic(at, group, what, until);
    for (std::uint32_t child = group.end_child; child > from;) {
        --child;
        std::uint32_t nested = at.children[child].group;
        if (nested == index) {
            end_child(at, child, what);
            continue;
        }
        while (at.groups[nested].parent != index) nested = at.groups[nested].parent;
        end_group(at, nested, what == fate::over ? what : fate::anew);
        child = at.groups[nested].first_child;
    }
    group.ending = false;
}

/// Ends a whole group, which has nothing behind it any more when it starts again. Calls itself as deep as groups nest.
void end_group(shard& at, std::uint32_t index, fate what) noexcept {
    group_state& group = at.groups[index];
    cancel_walk(at, group);
    end_members(at, index, group.first_child, nothing, what);
    group.window.count = 0;
    group.waits = 0;
    group.last_end_ns = -1;
}

/// Spends one restart of a group's budget. False if there is none left: the group has failed.
[[nodiscard]] bool spend_restart(shard& at, group_state& group) noexcept {
    const std::int64_t now = at.now_ns();
    const std::int64_t within = group.budget.within.count();
    const bool in_succession = group.last_end_ns >= 0 && now - group.last_end_ns <= within;
    group.waits = in_succession ? group.waits + 1 : 0;
    group.last_end_ns = now;
    return spend(at, group.window, group.budget);
}

/// How long the group waits before it starts something again. 0: not at all.
[[nodiscard]] std::int64_t next_wait_ns(shard& at, const group_state& group) noexcept {
    const restart_backoff& backoff = group.backoff;
    std::int64_t wait = backoff.first.count();
    if (wait == 0) return 0;
    for (std::uint32_t i = 0; i < group.waits && wait < backoff.most.count(); ++i) wait *= 2;
    wait = std::min(wait, backoff.most.count());
    const std::int64_t shorter_max = wait / 100 * backoff.jitter_percent;
    if (shorter_max == 0) return wait;
    const std::uint64_t bits = at.decider == nullptr ? at.random() : at.decider->random_bits(nullptr);
    return wait - static_cast<std::int64_t>(bits % (static_cast<std::uint64_t>(shorter_max) + 1));
}

void log_failed_group(shard& at, const group_state& group, const slot_header& dead) noexcept {
    char text[160];
    const auto within_ms = static_cast<long long>(group.budget.within.count() / 1'000'000);
    const int bytes =
        std::snprintf(text, sizeof text, "one restart more than %u within %lld ms: its group %s", group.budget.restarts,
                      within_ms, group.parent == nothing ? "is the root, the shard has failed" : "has failed");
    at.log.write(log_level::warning, at.types[dead.type].plan->what->name, at.index_of_slot(dead),
                 {text, std::min(static_cast<std::size_t>(bytes), sizeof text - 1)});
}

/// The group whose walk covers whatever is started in `index`: the one that has a walk under way, or itself.
[[nodiscard]] group_state& walking_group(shard& at, std::uint32_t index) noexcept {
    for (std::uint32_t each = index; each != nothing; each = at.groups[each].parent) {
        if (at.groups[each].walk_child != nothing) return at.groups[each];
    }
    return at.groups[index];
}

/// Has the children from `from` to `end` that are due, and spawned members that are kept, started in order.
void begin_walk(shard& at, std::uint32_t index, std::uint32_t from, std::uint32_t end, std::int64_t wait_ns) noexcept {
    group_state& group = walking_group(at, index);
    if (group.walk_child == nothing) {
        ++at.walks;
        group.walk_child = from;
        group.walk_end = end;
    } else {
        group.walk_child = std::min(group.walk_child, from);
        group.walk_end = std::max(group.walk_end, end);
    }
    at.slots_freed = true;
    if (wait_ns == 0 || group.walk_timer != nothing) return;
    group.walk_timer =
        arm_restart(at, wait_ns, static_cast<std::uint32_t>(&group - at.groups.data()), timer_kind::group_restart);
}

/// Starts the spawned members of a group that are kept, the oldest first. False if one must wait for a slot.
[[nodiscard]] bool revive_kept(shard& at, const group_state& group) noexcept {
    if (group.dynamic == nothing) return true;
    const std::uint32_t newest = group.dynamic;
    for (std::uint32_t index = at.members[newest].siblings.next;;) {
        const std::uint32_t newer = at.members[index].siblings.next;
        if (at.members[index].stage == member_stage::kept && !revive(at, at.slots[index])) return false;
        if (index == newest) return true;
        index = newer;
    }
}

/// Starts what a walk has before it. False if it must wait for a slot. It does not wait for a child that had ended for
/// good, and whose place is another's now: that one might be among those that it would keep waiting.
[[nodiscard]] bool walk_on(shard& at, group_state& group) noexcept {
    for (; group.walk_child < group.walk_end; ++group.walk_child) {
        child_state& child = at.children[group.walk_child];
        if (!child.due) continue;
        if (!has_place(at, child)) {
            set_displaced(at, child, true);
        } else if (start_child(at, group.walk_child)) {
            at.counts.isolates_restarted.add();
        } else {
            return false;
        }
    }
    const auto first = static_cast<std::size_t>(&group - at.groups.data());
    for (std::size_t each = first; each < group.end_group; ++each) {
        if (!revive_kept(at, at.groups[each])) return false;
    }
    return true;
}

void walk(shard& at, group_state& group) noexcept {
    if (group.walk_child == nothing || group.walk_timer != nothing) return;
    if (walk_on(at, group)) return cancel_walk(at, group);
    if (!group.walk_blocked) at.counts.restarts_pending.add();
    group.walk_blocked = true;
}

void start_displaced(shard& at) noexcept {
    for (std::uint32_t index = 0; index < at.children.size(); ++index) {
        child_state& child = at.children[index];
        if (!child.displaced || !start_child(at, index)) continue;
        set_displaced(at, child, false);
        at.counts.isolates_restarted.add();
    }
}

/// A group starts again what its strategy says, for the sake of children from `failed` on, which have ended.
void restart_more(shard& at, std::uint32_t index, std::uint32_t failed, std::uint32_t until) noexcept {
    group_state& group = at.groups[index];
    at.counts.groups_restarted.add();
    const bool all = group.how == strategy::one_for_all;
    const std::uint32_t from = all ? group.first_child : failed;
    end_members(at, index, from, all ? nothing : until, fate::again);
    begin_walk(at, index, from, group.end_child, next_wait_ns(at, group));
}

/// The group answers the end of one of its own children.
void restart_child(shard& at, std::uint32_t index, slot_header& dead) noexcept {
    group_state& group = at.groups[index];
    if (group.how == strategy::one_for_one) {
        const std::int64_t wait_ns = next_wait_ns(at, group);
        return wait_ns > 0 ? revive_later(at, dead, wait_ns) : revive_alone(at, dead);
    }
    settle_dead(at, dead, true);
    const bool dynamic = is_dynamic(dead);
    restart_more(at, index, dynamic ? group.end_child : child_of(dead), dynamic ? at.index_of_slot(dead) : nothing);
}

/// The group answers the failure of a group in it, all of whose children have ended and are due.
void restart_nested(shard& at, std::uint32_t index, std::uint32_t failed) noexcept {
    const group_state& inner = at.groups[failed];
    group_state& group = at.groups[index];
    if (group.how != strategy::one_for_one) return restart_more(at, index, inner.first_child, nothing);
    at.counts.groups_restarted.add();
    begin_walk(at, failed, inner.first_child, inner.end_child, next_wait_ns(at, group));
}

/// A group is over its budget: it ends, and is a failed child of the group it is in, which may be over its own.
void escalate(shard& at, std::uint32_t failed, const slot_header& dead) noexcept {
    for (;;) {
        group_state& group = at.groups[failed];
        at.counts.budgets_exceeded.add();
        log_failed_group(at, group, dead);
        end_group(at, failed, fate::anew);
        if (group.parent == nothing) return shard_failed(at);
        if (spend_restart(at, at.groups[group.parent])) return restart_nested(at, group.parent, failed);
        failed = group.parent;
    }
}

/// A child is to be started again.
void answer_end(shard& at, slot_header& dead) noexcept {
    const std::uint32_t index = note_of(at, dead).group;
    if (spend_restart(at, at.groups[index])) return restart_child(at, index, dead);
    // A spawned child is gone with the group as it was.
    if (is_dynamic(dead)) give_up_place(at, dead.type, dynamic_child);
    settle_dead(at, dead, !is_dynamic(dead));
    escalate(at, index, dead);
}

std::uint32_t lay_out_group(shard& at, const group_spec& spec, std::uint32_t parent) {
    const auto index = static_cast<std::uint32_t>(at.groups.size());
    group_state made{.how = spec.how, .budget = spec.budget, .backoff = spec.backoff, .parent = parent};
    made.last_end_ns = -1;
    made.first_child = static_cast<std::uint32_t>(at.children.size());
    open_window(at, made.window, made.budget);
    at.groups.push_back(made);
    for (const tree_node& node : spec.children) {
        if (!node.group.empty()) {
            lay_out_group(at, node.group.front(), index);
            continue;
        }
        const auto& part = node.child.part;
        at.children.push_back({.type = static_cast<std::uint16_t>(find_type(at, *node.child.what)),
                               .mode = node.child.mode,
                               .group = index,
                               .role = part ? at.shared.roles.words_of(part->tag()) + at.index : nullptr,
                               .arguments = node.child.arguments,
                               .listening = node.child.listeners});
    }
    at.groups[index].end_child = static_cast<std::uint32_t>(at.children.size());
    at.groups[index].end_group = static_cast<std::uint32_t>(at.groups.size());
    return index;
}

}  // namespace

void lay_out_tree(shard& at, const group_spec& root) { lay_out_group(at, root, nothing); }

std::string start_tree(shard& at) {
    for (std::uint32_t index = 0; index < at.children.size(); ++index) {
        child_state& child = at.children[index];
        const handler_info& what = *at.types[child.type].plan->what;
        std::array<listener, argument_bytes_max / sizeof(listener)> opened;
        for (std::size_t i = 0; i < child.listening.size(); ++i) {
            std::string reason = open_listener(at, child.listening[i], opened[i]);
            if (!reason.empty()) return reason;
        }
        what.bind_listeners(child.arguments.data(), opened.data());
        if (!start_child(at, index)) {
            return "type \"" + std::string(what.name) +
                   "\" has fewer slots than the tree has children of it: raise slots";
        }
    }
    return {};
}

void forget_restarts(shard& at) noexcept {
    for (group_state& group : at.groups) cancel_walk(at, group);
    for (std::uint32_t index = 0; index < at.children.size(); ++index) {
        const std::uint32_t slot = at.children[index].slot;
        if (slot == nothing || note_of(at, at.slots[slot]).stage != member_stage::alive) {
            end_child(at, index, fate::over);
        }
    }
    for (const group_state& group : at.groups) end_waiting(at, group);
}

bool wants_restart(const shard& at, const slot_header& slot) noexcept {
    const restart mode = mode_of(slot);
    const bool wanted = mode == restart::permanent || (mode == restart::transient && slot.crashed != 0);
    return wanted && !at.stopping && !at.quarantined && !at.drain.begun;
}

void serve_waiting_now(shard& at) noexcept {
    at.slots_freed = false;
    if (at.stopping || at.quarantined) return;
    if (at.walks > 0) {
        for (group_state& group : at.groups) walk(at, group);
    }
    if (at.displaced > 0) start_displaced(at);
    serve_pending(at);
}

void restart_ended(shard& at, slot_header& dead) noexcept {
    answer_end(at, dead);
    if (is_gone(dead)) slot_gone(at, dead);
    serve_waiting(at);
}

void bury_ended(shard& at, slot_header& dead) noexcept {
    settle_dead(at, dead, false);
    // A place among the live ones of its type is free in any case, its slot perhaps.
    if (is_gone(dead)) {
        slot_gone(at, dead);
    } else if (is_waited_for(at, at.types[dead.type])) {
        at.slots_freed = true;
    }
    serve_waiting(at);
}

void slot_left(shard& at, slot_header& slot) noexcept {
    slot_gone(at, slot);
    serve_waiting(at);
}

void expire_walk(shard& at, std::uint32_t group) noexcept {
    at.groups[group].walk_timer = nothing;
    --at.timers_max;
    at.counts.restarts_delayed.subtract();
    at.slots_freed = true;
    serve_waiting(at);
}

void expire_wait_alone(shard& at, slot_header& dead) noexcept {
    expire_restart(at, dead);
    serve_waiting(at);
}

void open_window(shard& at, restart_window& window, const restart_budget& budget) {
    window.first = static_cast<std::uint32_t>(at.spent_ns.size());
    if (budget.restarts != unlimited) at.spent_ns.resize(at.spent_ns.size() + budget.restarts);
}

bool spend(shard& at, restart_window& window, const restart_budget& budget) noexcept {
    if (budget.restarts == unlimited) return true;
    if (budget.restarts == 0) return false;
    const std::int64_t now = at.now_ns();
    std::int64_t& oldest = at.spent_ns[window.first + window.next];
    if (window.count == budget.restarts && now - oldest <= budget.within.count()) return false;
    oldest = now;
    window.next = (window.next + 1) % budget.restarts;
    window.count = std::min(window.count + 1, budget.restarts);
    return true;
}

void start_anew(shard& at) noexcept {
    end_group(at, 0, fate::anew);  // nothing lives that could end: all children are due
    begin_walk(at, 0, 0, at.groups.front().end_child, 0);
}

void end_for_good(shard& at) noexcept {
    if (!at.groups.empty()) end_group(at, 0, fate::over);
}

void fail_root(shard& at) noexcept {
    at.counts.budgets_exceeded.add();
    end_group(at, 0, fate::anew);
    shard_failed(at);
}

}  // namespace tina::detail
