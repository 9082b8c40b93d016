// SPDX-License-Identifier: Apache-2.0
// The life of timers and monitors as things that an isolate holds. How their messages move through mailboxes is in
// mailbox.cpp.
#include "lib/standing.hpp"

#include "lib/holdings.hpp"
#include "lib/message_timers.hpp"
#include "lib/monitors.hpp"
#include "lib/ready.hpp"

namespace tina::detail {

namespace {

[[nodiscard]] bool is_timer(const shard& at, std::uint32_t number) noexcept {
    return number < at.message_timers.capacity();
}

[[nodiscard]] monitor_record& monitor_at(shard& at, std::uint32_t number) noexcept {
    return at.monitors[number - at.message_timers.capacity()];
}

}  // namespace

void begin_standing(shard& at, slot_header& owner, std::uint32_t number, std::uint64_t key) noexcept {
    standing& what = standing_at(at, number);
    what.owner = at.index_of_slot(owner);
    what.message = message_stage::unsent;
    envelope* const own = new (&at.envelopes[envelope_of(at, number)]) envelope;
    own->key = key;
    list_push(owner.held, number | standing_bit, [&](std::uint32_t i) -> list_links& { return holding_links(at, i); });
}

void leave_owner(shard& at, standing& what, std::uint32_t number) noexcept {
    list_remove(at.slots[what.owner].held, number | standing_bit,
                [&](std::uint32_t i) -> list_links& { return holding_links(at, i); });
    what.owner = nothing;
    ++what.use;
}

void note_dropped(shard& at, std::uint32_t number) noexcept {
    if (envelope_of(at, number) == notice_envelope(at)) return;
    standing_at(at, number).message = message_stage::unsent;
    --at.standing_messages;
    if (!is_timer(at, number)) return end_monitor(at, monitor_at(at, number));
    message_timer& timer = at.message_timers[number];
    if (timer.node == nothing) end_timer(at, timer);
}

void end_standings(shard& at, slot_header& owner) noexcept {
    std::uint32_t next = nothing;
    for (std::uint32_t holding = owner.held; holding != nothing; holding = next) {
        next = holding_links(at, holding).next;
        if ((holding & buffer_bit) != 0 || (holding & standing_bit) == 0) continue;
        const std::uint32_t number = holding & ~standing_bit;
        if (is_timer(at, number)) disarm_timer(at, at.message_timers[number]);
        if (standing_at(at, number).message == message_stage::unsent) forget_standing(at, number);
    }
}

void forget_standing(shard& at, std::uint32_t number) noexcept {
    standing& what = standing_at(at, number);
    if (what.message != message_stage::unsent) --at.standing_messages;
    what.message = message_stage::unsent;
    if (is_timer(at, number)) {
        end_timer(at, at.message_timers[number]);
    } else {
        end_monitor(at, monitor_at(at, number));
    }
}

}  // namespace tina::detail
