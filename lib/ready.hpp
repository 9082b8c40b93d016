// SPDX-License-Identifier: Apache-2.0
// Making isolates ready and ending their waits: the few lines through which every wake-up goes. They work on one shard,
// on its own thread.
#pragma once

#include "lib/shard.hpp"
#include "tina/assert.hpp"
#include "tina/result.hpp"
#include "tina/time.hpp"

namespace tina::detail {

inline void queue_ready(shard& at, slot_header& slot) noexcept { queue_ready(at, slot, at.index_of_slot(slot)); }

inline void disarm(shard& at, wait_record& wait) noexcept {
    if (wait.timer == nothing) return;
    at.wheel.cancel(wait.timer);
    wait.timer = nothing;
}

/// Has an isolate that has just yielded an effect crash when its activation is over, because the director says so.
void crash_as_decided(shard& at, slot_header& slot) noexcept;

/// Ends a wait: its record is filled in. Compiled into its callers, each of which is the last step of an operation.
[[gnu::always_inline]] inline void complete(shard& at, slot_header& slot) noexcept {
    TINA_ASSERT(is_suspended(slot.state), "only a waiting isolate's wait can end");
    if (!waits_in_header(slot.state)) disarm(at, *slot.wait);
    queue_ready(at, slot);
}

/// Whether an isolate goes on whose wait is complete already. After many of them in one activation it takes its turn
/// anew.
[[nodiscard]] inline bool goes_on(shard& at, slot_header& slot) noexcept {
    // `share_left` tells one activation of a share from the next, so that an activation begins without a store.
    if (at.burst_mark != at.share_left) {
        at.burst_mark = at.share_left;
        at.burst_left = at.may_strike() ? at.decider->effects_at_once(slot, burst_max) : burst_max;
    }
    if (at.burst_left > 0) [[likely]] {
        --at.burst_left;
        return true;
    }
    queue_ready(at, slot);
    if (at.may_strike() && at.decider->crashes_between_effects(slot)) crash_as_decided(at, slot);
    return false;
}

/// Starts a wait that is complete already.
inline void complete_at_once(shard& at, slot_header& slot, wait_record& wait) noexcept {
    if (goes_on(at, slot)) wait.done = true;
}

[[gnu::cold, gnu::noinline]] inline void fail_at_once(shard& at, slot_header& slot, wait_record& wait,
                                                      packed_error error) noexcept {
    wait.error = error.value;
    complete_at_once(at, slot, wait);
}

/// complete() for an isolate that is known to wait, and for what stands in its frame. `index` is its slot's.
[[gnu::always_inline]] inline void complete_waiting(shard& at, slot_header& slot, std::uint32_t index,
                                                    wait_record& wait) noexcept {
    if (wait.timer != nothing) at.wheel.cancel(wait.timer);
    queue_ready(at, slot, index);
}

/// Whether the limit on deadlines allows one more.
[[nodiscard]] inline bool may_arm(const shard& at) noexcept { return at.wheel.armed_count() < at.timers_max; }

/// Arms the timer of a wait, which may be an arm of an any_of. False, with the error set, if no timer is free.
[[gnu::always_inline]] inline bool arm_timer(shard& at, const slot_header& slot, wait_record& wait, deadline until,
                                             std::uint32_t arm = 0) noexcept {
    if (until.never()) return true;
    if (may_arm(at) && !at.finds_none(scarce::timer, slot)) [[likely]] {
        wait.timer = at.wheel.arm(until.at_ns(at.now_ns()), at.index_of_slot(slot),
                                  static_cast<std::uint32_t>(timer_kind::wait_deadline) | arm << timer_arm_shift);
        if (wait.timer != nothing) [[likely]]
            return true;
    }
    at.counts.timers_refused.add();
    wait.error = packed_error{errc::no_timers}.value;
    return false;
}

/// Arms the deadline of a wait. False, with the error set and the wait complete, if no timer is free.
[[gnu::always_inline]] inline bool arm_deadline(shard& at, slot_header& slot, wait_record& wait,
                                                deadline until) noexcept {
    if (arm_timer(at, slot, wait, until)) [[likely]]
        return true;
    complete_at_once(at, slot, wait);
    return false;
}

/// An isolate has been suspended.
[[gnu::always_inline]] inline void tell_suspended(shard& at, slot_header& slot, wait_kind kind) noexcept {
    if (at.watcher != nullptr) [[unlikely]]
        at.tell_effect(at.index_of_slot(slot), static_cast<std::uint32_t>(kind));
    if (at.may_strike() && at.decider->crashes_after_effect(slot)) [[unlikely]]
        crash_as_decided(at, slot);
}

/// Suspends an isolate in a wait whose deadline, if any, is armed.
inline void suspend(shard& at, slot_header& slot, wait_record& wait) noexcept {
    slot.wait = &wait;
    slot.state = slot_state::waiting;
    tell_suspended(at, slot, wait.kind);
}

/// Suspends an isolate until a message of one of some types comes, by a mask of what it accepts; it has none of them.
inline void expect_some(shard& at, slot_header& slot, std::uint32_t mask) noexcept {
    slot.expected = mask;
    slot.state = slot_state::expecting_some;
    tell_suspended(at, slot, wait_kind::receive);
}

/// The same for one type, by its key.
inline void expect(shard& at, slot_header& slot, std::uint64_t key) noexcept {
    slot.expected = key;
    slot.state = slot_state::expecting;
    tell_suspended(at, slot, wait_kind::receive);
}

/// Appends a slot to a list through slot_header::next, which the slot may be in only once.
inline void append_slot(shard& at, std::uint32_t& head, std::uint32_t& tail, slot_header& slot) noexcept {
    const std::uint32_t index = at.index_of_slot(slot);
    slot.next = nothing;
    (head == nothing ? head : at.slots[tail].next) = index;
    tail = index;
}

/// Sets a wait up, arms its deadline and suspends, all without a call; false, with nothing done, if it takes one: for
/// an observer, a system that ends, a look at the clock, or a timer that is not there.
[[nodiscard, gnu::always_inline]] inline bool suspend_at_once(shard& at, slot_header& slot, std::uint32_t index,
                                                              wait_record& wait, wait_kind kind,
                                                              deadline until) noexcept {
    if (at.long_way) return false;
    std::uint32_t timer = nothing;
    if (!until.never()) {
        if (at.time_ns == 0 || !may_arm(at)) [[unlikely]]
            return false;
        timer = at.wheel.arm(until.at_ns(at.time_ns), index, static_cast<std::uint32_t>(timer_kind::wait_deadline));
        if (timer == nothing) [[unlikely]]
            return false;
    }
    wait.set_up(kind, timer);
    slot.wait = &wait;
    slot.state = slot_state::waiting;
    return true;
}

// Circular lists of slots or envelopes by one index, that of the newest; `links(index)` are a member's links.

template <class Links>
void ring_append(std::uint32_t& newest, std::uint32_t index, Links&& links) noexcept {
    if (newest == nothing) {
        links(index) = {index, index};
    } else {
        const std::uint32_t oldest = links(newest).next;
        links(index) = {oldest, newest};
        links(newest).next = index;
        links(oldest).previous = index;
    }
    newest = index;
}

template <class Links>
void ring_remove(std::uint32_t& newest, std::uint32_t index, Links&& links) noexcept {
    const list_links removed = links(index);
    if (removed.next == index) {
        newest = nothing;
    } else {
        links(removed.previous).next = removed.next;
        links(removed.next).previous = removed.previous;
        if (newest == index) newest = removed.previous;
    }
}

// Lists with a head, linked both ways.

template <class Links>
void list_push(std::uint32_t& head, std::uint32_t index, Links&& links) noexcept {
    const std::uint32_t first = head;
    links(index) = {first, nothing};
    if (first != nothing) links(first).previous = index;
    head = index;
}

template <class Links>
void list_remove(std::uint32_t& head, std::uint32_t index, Links&& links) noexcept {
    const list_links removed = links(index);
    if (removed.previous == nothing) {
        head = removed.next;
    } else {
        links(removed.previous).next = removed.next;
    }
    if (removed.next != nothing) links(removed.next).previous = removed.previous;
}

}  // namespace tina::detail
