// SPDX-License-Identifier: Apache-2.0
// Setting, firing and cancelling timers. A timer has one message: while that is in a mailbox or being read, a periodic
// timer that comes round again only counts it as missed.
#include "lib/message_timers.hpp"

#include <algorithm>

#include "lib/mailbox.hpp"
#include "lib/standing.hpp"

namespace tina::detail {

namespace {

constexpr std::int64_t period_min_ns = std::int64_t{1} << timer_wheel::tick_bits;
constexpr std::int64_t period_max_ns = std::int64_t{1} << 62;  ///< 146 years, so that no sum overflows

void arm_for_message(shard& at, message_timer& timer, std::int64_t due_ns) noexcept {
    timer.due_ns = due_ns;
    timer.node =
        at.wheel.arm(due_ns, at.message_timers.index_of(timer), static_cast<std::uint32_t>(timer_kind::message));
    TINA_ASSERT(timer.node != no_timer, "the node of a message's timer, which is set aside for it, was not there");
    ++at.timers_max;
}

[[nodiscard]] std::int64_t due_after(shard& at, duration span) noexcept { return deadline(span).at_ns(at.now_ns()); }

/// The periods of a timer go on from when it was due, not from when it fired, and those that have passed are left out.
void arm_next_period(shard& at, message_timer& timer) noexcept {
    const std::int64_t late_ns = std::max<std::int64_t>(at.now_ns() - timer.due_ns, 0);
    const std::int64_t missed = late_ns / timer.period_ns;
    at.counts.timer_messages_missed.add(static_cast<std::uint64_t>(missed));
    arm_for_message(at, timer, timer.due_ns + (missed + 1) * timer.period_ns);
}

timer_answer refuse_message_timer(shard& at, errc why) noexcept {
    at.counts.message_timers_refused.add();
    return {nullptr, 0, packed_error{why}.value};
}

/// The timer that an isolate may still stop: one whose only message is being read is over.
[[nodiscard]] message_timer* find_pending(shard& at, const slot_header& self, std::uint64_t name) noexcept {
    message_timer* const timer = find_standing(at.message_timers, name, at.index_of_slot(self));
    if (timer == nullptr) return nullptr;
    return timer->message == message_stage::held && timer->node == nothing ? nullptr : timer;
}

}  // namespace

timer_answer set_timer(slot_header& self, duration span, bool periodic, std::uint64_t key) noexcept {
    shard& at = owner_of(self);
    if (accept_index(at, self.type, key) == nothing) return refuse_message_timer(at, errc::not_accepted);
    if (at.finds_none(scarce::timer, self)) return refuse_message_timer(at, errc::no_timers);
    const std::uint32_t index = at.message_timers.take();
    if (index == nothing) return refuse_message_timer(at, errc::no_timers);
    message_timer& timer = at.message_timers[index];
    timer.period_ns = periodic ? std::clamp<std::int64_t>(span.count(), period_min_ns, period_max_ns) : 0;
    begin_standing(at, self, index, key);
    arm_for_message(at, timer, due_after(at, span));
    return {at.envelopes[envelope_of(at, index)].payload, standing_name(index, timer.use), 0};
}

bool cancel_timer(slot_header& self, std::uint64_t name) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    message_timer* const timer = find_pending(at, self, name);
    if (timer == nullptr) return false;
    disarm_timer(at, *timer);
    if (timer->message == message_stage::queued) take_back(at, *timer, number_of(at, *timer));
    // One that is being read is over when it is dropped.
    if (timer->message == message_stage::unsent) end_timer(at, *timer);
    return true;
}

bool rearm_timer(slot_header& self, std::uint64_t name, duration span) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    message_timer* const timer = find_pending(at, self, name);
    if (timer == nullptr) return false;
    disarm_timer(at, *timer);
    if (timer->message == message_stage::queued) take_back(at, *timer, number_of(at, *timer));
    if (timer->period_ns > 0) timer->period_ns = std::clamp<std::int64_t>(span.count(), period_min_ns, period_max_ns);
    arm_for_message(at, *timer, due_after(at, span));
    return true;
}

void fire_timer(shard& at, message_timer& timer) noexcept {
    timer.node = nothing;
    --at.timers_max;
    if (timer.period_ns > 0) arm_next_period(at, timer);
    if (timer.message != message_stage::unsent) return at.counts.timer_messages_missed.add();
    at.counts.timer_messages_sent.add();
    send_standing(at, timer, number_of(at, timer), at.slots[timer.owner].own_handle());
}

void disarm_timer(shard& at, message_timer& timer) noexcept {
    if (timer.node == nothing) return;
    at.wheel.cancel(timer.node);
    timer.node = nothing;
    --at.timers_max;
}

void end_timer(shard& at, message_timer& timer) noexcept {
    disarm_timer(at, timer);
    leave_owner(at, timer, number_of(at, timer));
    at.message_timers.give_back(at.message_timers.index_of(timer));
}

}  // namespace tina::detail
