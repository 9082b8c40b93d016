// SPDX-License-Identifier: Apache-2.0
// The stages of a delivery and the moves between them. A delivery ends in exactly one way: in a mailbox, refused, or
// taken back at its deadline; what it waits in has no copy of the message but the one that its stage says.
#include "lib/delivery.hpp"

#include <cstring>

#include "lib/holdings.hpp"
#include "lib/mailbox.hpp"
#include "lib/ready.hpp"
#include "lib/transit.hpp"

namespace tina::detail {

namespace {

/// In the list of who waits at a mailbox, an envelope of another shard's delivery has this bit; the rest are slots.
constexpr std::uint32_t envelope_bit = 0x8000'0000;

[[nodiscard]] deliver_wait& delivery_of(slot_header& slot) noexcept { return *static_cast<deliver_wait*>(slot.wait); }

[[nodiscard]] auto waiter_links(shard& at) noexcept {
    return [&at](std::uint32_t waiter) -> list_links& {
        if ((waiter & envelope_bit) != 0) return at.envelopes[waiter & ~envelope_bit].links;
        return delivery_of(at.slots[waiter]).links;
    };
}

[[nodiscard]] errc error_of(send_result answer) noexcept {
    return answer == send_result::not_accepted ? errc::not_accepted : errc::stale_handle;
}

void finish(shard& at, slot_header& waiter, packed_error error) noexcept {
    waiter.wait->error = error.value;
    complete(at, waiter);
}

void answer_other_shard(shard& at, handle waiter, std::uint32_t number, packed_error error) noexcept {
    send_notice(at, waiter.shard(), notice_kind::delivery_answer, waiter, {}, number, error.value);
}

/// The number of a delivery that waits, as an envelope, in front of a mailbox: in the field that says its order once it
/// is in.
[[nodiscard]] std::uint32_t number_of(const envelope& parked) noexcept {
    return static_cast<std::uint32_t>(parked.arrival);
}

void answer_parked(shard& at, const envelope& parked, packed_error error) noexcept {
    answer_other_shard(at, parked.sender, number_of(parked), error);
}

/// Tries to place the message of a delivery of this shard. Its answer decides where it waits next, if at all.
[[nodiscard]] send_result try_place(shard& at, slot_header& self, const deliver_wait& wait) noexcept {
    const placement placed = place_message(at, wait.target, wait.key, self.own_handle());
    if (placed.answer == send_result::ok) {
        std::memcpy(placed.payload, wait.bytes, wait.key >> 32);
        at.messages_sent.add();
    }
    return placed.answer;
}

void fill_parked(envelope& parked, handle sender, message_key key, const std::byte* bytes) noexcept {
    parked.sender = sender;
    parked.key = key;
    std::memcpy(parked.payload, bytes, parked.bytes());
}

/// Puts a delivery of this shard into the list that the answer of its last attempt calls for.
void wait_here(shard& at, slot_header& self, deliver_wait& wait, send_result answer) noexcept {
    const std::uint32_t index = at.index_of_slot(self);
    if (answer == send_result::mailbox_full) {
        wait.stage = delivery_stage::at_mailbox;
        ring_append(at.live(wait.target)->deliverers, index, waiter_links(at));
    } else {
        wait.stage = delivery_stage::for_pool;
        ring_append(at.pool_waiters, index, waiter_links(at));
    }
}

/// Whether others wait in front of the target's mailbox already, so that a newcomer must not overtake them.
[[nodiscard]] bool others_are_first(shard& at, handle target, message_key key) noexcept {
    const slot_header* const slot = at.live(target);
    if (slot == nullptr || slot->deliverers == nothing) return false;
    const std::uint32_t which = accept_index(at, slot->type, key);
    return which != nothing && !would_hand_over(at, *slot, which);
}

[[nodiscard]] bool must_wait(send_result answer) noexcept {
    return answer == send_result::mailbox_full || answer == send_result::pool_exhausted;
}

/// Tries to place a delivery of this shard that has waited; it ends, or waits for what is missing now.
void try_again(shard& at, slot_header& waiter) noexcept {
    const send_result answer = try_place(at, waiter, delivery_of(waiter));
    if (answer == send_result::ok) {
        finish(at, waiter, {});
    } else if (must_wait(answer)) {
        wait_here(at, waiter, delivery_of(waiter), answer);
    } else {
        finish(at, waiter, error_of(answer));
    }
}

/// Puts a delivery into the channel to its target's shard. False if there is no room or no credit.
[[nodiscard]] bool try_channel(shard& at, slot_header& self, deliver_wait& wait) noexcept {
    channel& to = at.shared.between(at.index, wait.target.shard());
    if (to.credit == 0) return false;
    message_in_transit* const place = to.messages.reserve();
    if (place == nullptr) return false;
    --to.credit;
    place->tag = static_cast<std::uint32_t>(wait.key);
    place->target = wait.target;
    place->sender = self.own_handle();
    place->bytes = static_cast<std::uint8_t>(wait.key >> 32);
    place->flags = transit_flags::answer_wanted;
    place->number = wait.number;
    std::memcpy(place->payload, wait.bytes, place->bytes);
    wait.stage = delivery_stage::in_transit;
    if (at.decider != nullptr) [[unlikely]]
        at.decider->entered_channel(wait.target.shard(), to.messages.produced() - 1, place->tag);
    mark_dirty(at, wait.target.shard());
    return true;
}

void wait_for_channel(shard& at, slot_header& self, deliver_wait& wait) noexcept {
    channel& to = at.shared.between(at.index, wait.target.shard());
    wait.stage = delivery_stage::at_channel;
    ring_append(to.deliverers, at.index_of_slot(self), waiter_links(at));
    ++at.channel_waiters;
    to.messages.set_wants_room(true);
    // Sequential consistency: partner is the fence in publish() of the shard that makes room.
    std::atomic_thread_fence(std::memory_order_seq_cst);
}

/// Takes an envelope that waits in front of a mailbox out of the list, its delivery done.
[[nodiscard]] std::uint32_t admit_parked(shard& at, slot_header& slot, std::uint32_t waiter) noexcept {
    ring_remove(slot.deliverers, waiter, waiter_links(at));
    answer_parked(at, at.envelopes[waiter & ~envelope_bit], {});
    at.messages_sent.add();
    return waiter & ~envelope_bit;
}

/// Makes an envelope of a delivery of this shard that waits in front of a mailbox. `nothing` if there is none free:
/// then it waits for one.
[[nodiscard]] std::uint32_t admit_waiting(shard& at, slot_header& slot, slot_header& waiter) noexcept {
    deliver_wait& wait = delivery_of(waiter);
    ring_remove(slot.deliverers, at.index_of_slot(waiter), waiter_links(at));
    envelope* const taken = take_envelope(at);
    if (taken == nullptr) {
        wait_here(at, waiter, wait, send_result::pool_exhausted);
        return nothing;
    }
    fill_parked(*taken, waiter.own_handle(), wait.key, wait.bytes);
    at.messages_sent.add();
    finish(at, waiter, {});
    return at.envelopes.index_of(*taken);
}

void leave_channel_list(shard& at, std::uint32_t index, const deliver_wait& wait) noexcept {
    channel& to = at.shared.between(at.index, wait.target.shard());
    ring_remove(to.deliverers, index, waiter_links(at));
    --at.channel_waiters;
    if (to.deliverers == nothing) to.messages.set_wants_room(false);
}

void begin_delivery_across(shard& at, slot_header& self, deliver_wait& wait) noexcept {
    channel& to = at.shared.between(at.index, wait.target.shard());
    // Behind others that wait already, so that nobody is overtaken.
    if (to.deliverers != nothing || !try_channel(at, self, wait)) wait_for_channel(at, self, wait);
}

}  // namespace

void begin_deliver(slot_header& self, deliver_wait& wait, deadline until) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    wait.set_up(wait_kind::deliver);
    wait.number = ++at.deliveries;
    const bool across = wait.target.shard() != at.index;
    if (!wait.target || wait.target.shard() >= at.shared.shard_count()) {
        return fail_at_once(at, self, wait, errc::stale_handle);
    }
    send_result answer = send_result::mailbox_full;
    if (!across) {
        if (!others_are_first(at, wait.target, wait.key)) answer = try_place(at, self, wait);
        if (answer == send_result::ok) return complete_at_once(at, self, wait);
        if (!must_wait(answer)) return fail_at_once(at, self, wait, error_of(answer));
    }
    if (!arm_deadline(at, self, wait, until)) return;
    at.counts.deliveries_waited.add();
    suspend(at, self, wait);
    if (across) {
        begin_delivery_across(at, self, wait);
    } else {
        wait_here(at, self, wait, answer);
    }
}

void admit_deliverers(shard& at, slot_header& slot) noexcept {
    const std::uint32_t capacity = at.types[slot.type].mailbox_capacity;
    while (slot.deliverers != nothing && slot.mail_count < capacity) {
        const std::uint32_t first = waiter_links(at)(slot.deliverers).next;
        if ((first & envelope_bit) != 0) {
            ring_remove(slot.deliverers, first, waiter_links(at));
            answer_parked(at, at.envelopes[first & ~envelope_bit], {});
            place_parked(at, slot, first & ~envelope_bit);
            continue;
        }
        slot_header& waiter = at.slots[first];
        ring_remove(slot.deliverers, first, waiter_links(at));
        try_again(at, waiter);  // one that has no envelope waits for one; another may have one already, and get in
    }
}

std::uint32_t take_wanted(shard& at, slot_header& slot, std::uint32_t mask) noexcept {
    const std::uint32_t newest = slot.deliverers;
    for (std::uint32_t waiter = waiter_links(at)(newest).next;; waiter = waiter_links(at)(waiter).next) {
        const bool parked = (waiter & envelope_bit) != 0;
        const message_key key = parked ? at.envelopes[waiter & ~envelope_bit].key : delivery_of(at.slots[waiter]).key;
        if ((mask >> accept_index(at, slot.type, key) & 1) != 0) {
            return parked ? admit_parked(at, slot, waiter) : admit_waiting(at, slot, at.slots[waiter]);
        }
        if (waiter == newest) return nothing;
    }
}

void refuse_deliverers(shard& at, slot_header& slot) noexcept {
    while (slot.deliverers != nothing) {
        const std::uint32_t first = waiter_links(at)(slot.deliverers).next;
        ring_remove(slot.deliverers, first, waiter_links(at));
        if ((first & envelope_bit) != 0) {
            answer_parked(at, at.envelopes[first & ~envelope_bit], errc::stale_handle);
            free_envelope(at, first & ~envelope_bit);
        } else {
            finish(at, at.slots[first], errc::stale_handle);
        }
    }
}

void admit_from_pool(shard& at) noexcept {
    while (at.pool_waiters != nothing && at.envelopes.has_free()) {
        const std::uint32_t first = waiter_links(at)(at.pool_waiters).next;
        slot_header& waiter = at.slots[first];
        ring_remove(at.pool_waiters, first, waiter_links(at));
        try_again(at, waiter);
    }
}

bool can_admit_to_channels(shard& at) noexcept {
    if (at.channel_waiters == 0) return false;
    for (std::uint32_t shard = 0; shard < at.shared.shard_count(); ++shard) {
        if (shard == at.index) continue;
        channel& to = at.shared.between(at.index, shard);
        if (to.deliverers != nothing && to.credit > 0 && to.messages.has_room()) return true;
    }
    return false;
}

void admit_to_channels(shard& at) noexcept {
    if (at.channel_waiters == 0) return;
    for (std::uint32_t shard = 0; shard < at.shared.shard_count(); ++shard) {
        if (shard == at.index) continue;
        channel& to = at.shared.between(at.index, shard);
        while (to.deliverers != nothing && to.credit > 0 && to.messages.has_room()) {
            const std::uint32_t first = waiter_links(at)(to.deliverers).next;
            slot_header& waiter = at.slots[first];
            leave_channel_list(at, first, delivery_of(waiter));
            const bool moved = try_channel(at, waiter, delivery_of(waiter));
            TINA_ASSERT(moved, "a channel with room and credit refused a delivery");
        }
    }
}

bool take_delivery(shard& at, const message_in_transit& arrived, message_key key) noexcept {
    placement placed{nullptr, send_result::mailbox_full};
    if (!others_are_first(at, arrived.target, key)) placed = place_message(at, arrived.target, key, arrived.sender);
    switch (placed.answer) {
    case send_result::ok:
        std::memcpy(placed.payload, arrived.payload, arrived.bytes);
        at.messages_sent.add();
        answer_other_shard(at, arrived.sender, arrived.number, {});
        return true;
    case send_result::pool_exhausted: return false;
    case send_result::mailbox_full: break;
    default: answer_other_shard(at, arrived.sender, arrived.number, error_of(placed.answer)); return true;
    }
    slot_header* const slot = at.live(arrived.target);
    envelope* const parked = take_envelope(at);
    if (parked == nullptr) return false;
    fill_parked(*parked, arrived.sender, key, arrived.payload);
    parked->arrival = arrived.number;
    ring_append(slot->deliverers, at.envelopes.index_of(*parked) | envelope_bit, waiter_links(at));
    return true;
}

void finish_delivery(shard& at, std::uint32_t from, const notice& answer) noexcept {
    ++at.shared.between(at.index, from).credit;
    slot_header* const waiter = at.live(answer.target);
    if (waiter == nullptr || !is_suspended(waiter->state)) return;  // it has ended meanwhile
    TINA_ASSERT(waiter->wait->kind == wait_kind::deliver && delivery_of(*waiter).stage == delivery_stage::in_transit &&
                    delivery_of(*waiter).number == answer.number,
                "an answer came for a delivery that is not in transit");
    finish(at, *waiter, packed_error{answer.error});
}

void withdraw_delivery(shard& at, std::uint32_t from, const notice& request) noexcept {
    // Still in the ring: marked, to be skipped when its turn comes.
    auto& messages = at.shared.between(from, at.index).messages;
    for (std::uint32_t offset = 0; offset < messages.capacity(); ++offset) {
        message_in_transit* const entry = messages.peek(offset);
        if (entry == nullptr) break;
        if (entry->number != request.number || entry->flags != transit_flags::answer_wanted) continue;
        entry->flags = transit_flags::withdrawn;
        return answer_other_shard(at, request.sender, request.number, errc::deadline);
    }
    // Parked at the mailbox: taken out. Neither: it has been answered, and that answer stands.
    slot_header* const slot = at.live(request.target);
    if (slot == nullptr || slot->deliverers == nothing) return;
    const std::uint32_t newest = slot->deliverers;
    for (std::uint32_t waiter = waiter_links(at)(newest).next;; waiter = waiter_links(at)(waiter).next) {
        const std::uint32_t index = waiter & ~envelope_bit;
        const bool parked = (waiter & envelope_bit) != 0;
        if (parked && at.envelopes[index].sender == request.sender &&
            number_of(at.envelopes[index]) == request.number) {
            ring_remove(slot->deliverers, waiter, waiter_links(at));
            free_envelope(at, index);
            return answer_other_shard(at, request.sender, request.number, errc::deadline);
        }
        if (waiter == newest) return;
    }
}

void abandon_delivery(shard& at, slot_header& slot) noexcept {
    const std::uint32_t index = at.index_of_slot(slot);
    deliver_wait& wait = delivery_of(slot);
    switch (wait.stage) {
    case delivery_stage::at_mailbox: ring_remove(at.live(wait.target)->deliverers, index, waiter_links(at)); break;
    case delivery_stage::for_pool: ring_remove(at.pool_waiters, index, waiter_links(at)); break;
    case delivery_stage::at_channel: leave_channel_list(at, index, wait); break;
    case delivery_stage::in_transit: break;  // the answer will find nobody
    }
}

void expire_delivery(shard& at, slot_header& slot) noexcept {
    deliver_wait& wait = delivery_of(slot);
    if (wait.stage == delivery_stage::in_transit) {
        wait.expired = true;
        send_notice(at, wait.target.shard(), notice_kind::withdraw_delivery, wait.target, slot.own_handle(),
                    wait.number, 0);
        return;
    }
    abandon_delivery(at, slot);
    finish(at, slot, errc::deadline);
}

}  // namespace tina::detail
