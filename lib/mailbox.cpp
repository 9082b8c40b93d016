// SPDX-License-Identifier: Apache-2.0
// Sending and receiving within one shard. What crosses to other shards is in transit.cpp.
#include "lib/mailbox.hpp"

#include <cstring>

#include "lib/delivery.hpp"
#include "lib/holdings.hpp"
#include "lib/ready.hpp"
#include "lib/slots.hpp"
#include "lib/transit.hpp"

namespace tina::detail {

namespace {

/// The newest envelope of one of a slot's queues.
[[nodiscard]] std::uint32_t& queue_of(shard& at, slot_header& slot, std::uint32_t which) noexcept {
    if (which == 0) return slot.mail_tail;
    return reinterpret_cast<std::uint32_t*>(at.slot_memory(slot))[which - 1];
}

void enqueue(shard& at, slot_header& slot, std::uint32_t which, std::uint32_t index) noexcept {
    std::uint32_t& newest = queue_of(at, slot, which);
    envelope& added = at.envelopes[index];
    if (newest == nothing) {
        added.links.next = index;
    } else {
        added.links.next = at.envelopes[newest].links.next;
        at.envelopes[newest].links.next = index;
    }
    newest = index;
    ++slot.mail_count;
    at.counts.messages_queued.add();
}

[[nodiscard]] std::uint32_t dequeue(shard& at, slot_header& slot, std::uint32_t which) noexcept {
    std::uint32_t& newest = queue_of(at, slot, which);
    const std::uint32_t oldest = at.envelopes[newest].links.next;
    if (oldest == newest) {
        newest = nothing;
    } else {
        at.envelopes[newest].links.next = at.envelopes[oldest].links.next;
    }
    --slot.mail_count;
    at.counts.messages_queued.subtract();
    return oldest;
}

/// The oldest message of the types in `mask`; `nothing` if there is none.
[[nodiscard]] std::uint32_t take_oldest(shard& at, slot_header& slot, std::uint32_t mask) noexcept {
    if (slot.mail_count == 0) return nothing;
    std::uint32_t found = nothing;
    std::uint64_t found_arrival = 0;
    for (std::uint32_t left = mask; left != 0; left &= left - 1) {
        const auto which = static_cast<std::uint32_t>(__builtin_ctz(left));
        const std::uint32_t newest = queue_of(at, slot, which);
        if (newest == nothing) continue;
        const std::uint64_t arrival = at.envelopes[at.envelopes[newest].links.next].arrival;
        if (found == nothing || arrival < found_arrival) {
            found = which;
            found_arrival = arrival;
        }
    }
    return found == nothing ? nothing : dequeue(at, slot, found);
}

/// Hands a message to the handler that receives it.
void hand_over(shard& at, slot_header& slot, receive_wait& wait, std::uint32_t index) noexcept {
    hold_envelope(at, slot, index);
    wait.taken = &at.envelopes[index];
    at.counts.messages_delivered.add();
}

[[nodiscard]] bool waits_for(const slot_header& slot, std::uint32_t which) noexcept {
    if (slot.state != slot_state::waiting || slot.wait->kind != wait_kind::receive) return false;
    return (static_cast<const receive_wait*>(slot.wait)->mask >> which & 1) != 0;
}

}  // namespace

void clear_mailbox(shard& at, slot_header& slot) noexcept {
    slot.mail_tail = nothing;
    slot.mail_count = 0;
    const std::uint32_t types = at.types[slot.type].key_count;
    for (std::uint32_t which = 1; which < types; ++which) queue_of(at, slot, which) = nothing;
}

envelope* take_envelope(shard& at) noexcept {
    if (at.envelopes.free_count() <= at.envelopes_reserved) return nullptr;
    return &at.envelopes[at.envelopes.take()];
}

placement place_message(shard& at, handle target, message_key key, handle sender) noexcept {
    slot_header* const slot = at.live(target);
    if (slot == nullptr) return {nullptr, send_result::stale_handle};
    const type_state& type = at.types[slot->type];
    const std::uint32_t which = accept_index(type, key);
    if (which == nothing) return {nullptr, send_result::not_accepted};
    const bool at_once = waits_for(*slot, which);
    if (!at_once && slot->mail_count >= type.mailbox_capacity) return {nullptr, send_result::mailbox_full};
    envelope* const taken = take_envelope(at);
    if (taken == nullptr) return {nullptr, send_result::pool_exhausted};

    taken->arrival = ++at.arrivals;
    taken->sender = sender;
    taken->tag = static_cast<std::uint32_t>(key);
    taken->bytes = static_cast<std::uint16_t>(key >> 32);
    taken->accept_index = static_cast<std::uint8_t>(which);
    at.observe({event_kind::delivery, target.slot(), taken->tag, taken->bytes});
    if (at_once) {
        hand_over(at, *slot, *static_cast<receive_wait*>(slot->wait), at.envelopes.index_of(*taken));
        complete(at, *slot);
    } else {
        enqueue(at, *slot, which, at.envelopes.index_of(*taken));
    }
    return {taken->payload, send_result::ok};
}

send_place begin_send_message(slot_header& self, handle target, message_key key) noexcept {
    shard& at = *self.owner;
    if (target.shard() != at.index) return send_across(at, self, target, key);
    const placement placed = place_message(at, target, key, at.handle_of(self));
    if (placed.answer == send_result::ok) [[likely]] {
        at.counts.messages_sent.add();
    } else {
        count_refusal(at, placed.answer, target, key);
    }
    return {placed.payload, placed.answer};
}

void begin_receive(slot_header& self, receive_wait& wait, const message_key* keys, std::size_t key_count,
                   deadline until) noexcept {
    shard& at = *self.owner;
    const type_state& type = at.types[self.type];
    wait.kind = wait_kind::receive;
    for (std::size_t i = 0; i < key_count; ++i) {
        const std::uint32_t which = accept_index(type, keys[i]);
        if (which == nothing) {
            crash_by_foreign_receive(at, self);
            return fail_at_once(at, self, wait, errc::not_accepted);
        }
        wait.mask |= std::uint32_t{1} << which;
    }
    std::uint32_t index = take_oldest(at, self, wait.mask);
    if (index == nothing && self.deliverers != nothing) [[unlikely]] {
        // The mailbox is full of other messages, and what is asked for may stand in front of it.
        if (admit_wanted(at, self, wait.mask)) index = take_oldest(at, self, wait.mask);
    }
    if (index != nothing) {
        hand_over(at, self, wait, index);
        if (self.deliverers != nothing) [[unlikely]] admit_deliverers(at, self);
        return complete_at_once(at, self, wait);
    }
    if (!until.never() && !arm_deadline(at, self, wait, until)) return;
    suspend(at, self, wait);
}

bool would_hand_over(const slot_header& slot, std::uint32_t which) noexcept {
    return which != nothing && waits_for(slot, which);
}

void place_parked(shard& at, slot_header& slot, std::uint32_t index) noexcept {
    envelope& parked = at.envelopes[index];
    parked.arrival = ++at.arrivals;
    at.counts.messages_sent.add();
    at.observe({event_kind::delivery, at.index_of_slot(slot), parked.tag, parked.bytes});
    if (waits_for(slot, parked.accept_index)) {
        hand_over(at, slot, *static_cast<receive_wait*>(slot.wait), index);
        complete(at, slot);
    } else {
        enqueue(at, slot, parked.accept_index, index);
    }
}

void close_mailbox(shard& at, slot_header& slot) noexcept {
    refuse_deliverers(at, slot);
    const std::uint32_t types = at.types[slot.type].key_count;
    for (std::uint32_t which = 0; which < types; ++which) {
        while (queue_of(at, slot, which) != nothing) {
            const std::uint32_t index = dequeue(at, slot, which);
            at.counts.messages_dropped_target_ended.add();
            at.observe({event_kind::drop, at.index_of_slot(slot), at.envelopes[index].tag, 0});
            free_envelope(at, index);
        }
    }
}

}  // namespace tina::detail
