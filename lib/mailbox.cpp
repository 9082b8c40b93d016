// SPDX-License-Identifier: Apache-2.0
// Sending and receiving within one shard. What crosses to other shards is in transit.cpp.
#include "lib/mailbox.hpp"

#include <cstring>

#include "lib/any.hpp"
#include "lib/attachment.hpp"
#include "lib/delivery.hpp"
#include "lib/drain.hpp"
#include "lib/holdings.hpp"
#include "lib/ready.hpp"
#include "lib/slots.hpp"
#include "lib/standing.hpp"
#include "lib/transit.hpp"

namespace tina::detail {

namespace {

/// The newest envelope of one of a slot's queues.
[[nodiscard]] std::uint32_t& queue_of(shard& at, slot_header& slot, std::uint32_t which) noexcept {
    if (which == 0) return slot.mail_tail;
    return reinterpret_cast<std::uint32_t*>(at.slot_memory(slot))[which - 1];
}

/// Appends an envelope to one of a slot's queues. Users' messages count against the mailbox's capacity, the runtime's
/// do not.
void append_mail(shard& at, slot_header& slot, std::uint32_t which, std::uint32_t index) noexcept {
    std::uint32_t& newest = queue_of(at, slot, which);
    envelope& added = at.envelopes[index];
    added.arrival = ++at.arrivals | (added.arrival & attached_mark);
    if (newest == nothing) {
        added.links.next = index;
    } else {
        added.links.next = at.envelopes[newest].links.next;
        at.envelopes[newest].links.next = index;
    }
    newest = index;
    at.counts.messages_queued.add();
}

void enqueue(shard& at, slot_header& slot, std::uint32_t which, std::uint32_t index) noexcept {
    append_mail(at, slot, which, index);
    ++slot.mail_count;
}

/// Whether anything may be queued: the runtime's messages are not counted, but their records are held.
[[nodiscard]] bool may_have_mail(const slot_header& slot) noexcept {
    return slot.mail_count != 0 || slot.held != nothing;
}

[[nodiscard]] std::uint32_t dequeue(shard& at, slot_header& slot, std::uint32_t which) noexcept {
    std::uint32_t& newest = queue_of(at, slot, which);
    const std::uint32_t oldest = at.envelopes[newest].links.next;
    if (oldest == newest) {
        newest = nothing;
    } else {
        at.envelopes[newest].links.next = at.envelopes[oldest].links.next;
    }
    if (!is_standing(at, oldest)) [[likely]]
        --slot.mail_count;
    at.counts.messages_queued.subtract();
    return oldest;
}

/// A queue, and when its oldest message came.
struct queue_front {
    std::uint32_t which = nothing;
    std::uint64_t arrival = 0;
};

/// The queue of one of the types in `mask` that has the oldest message; `which` is `nothing` if there is none.
[[nodiscard, gnu::always_inline]] inline queue_front find_oldest(shard& at, slot_header& slot,
                                                                 std::uint32_t mask) noexcept {
    queue_front found;
    for (std::uint32_t left = mask; left != 0; left &= left - 1) {
        const auto which = static_cast<std::uint32_t>(__builtin_ctz(left));
        const std::uint32_t newest = queue_of(at, slot, which);
        if (newest == nothing) continue;
        const std::uint64_t arrival = at.envelopes[at.envelopes[newest].links.next].arrival & ~attached_mark;
        if (found.which == nothing || arrival < found.arrival) found = {which, arrival};
    }
    return found;
}

/// The oldest message of the types in `mask`; `nothing` if there is none.
[[nodiscard]] std::uint32_t take_oldest(shard& at, slot_header& slot, std::uint32_t mask) noexcept {
    if (!may_have_mail(slot)) return nothing;
    const queue_front found = find_oldest(at, slot, mask);
    return found.which == nothing ? nothing : dequeue(at, slot, found.which);
}

/// Hands a message to the handler that receives it.
void hand_over(shard& at, slot_header& slot, std::uint32_t index) noexcept {
    if (is_standing(at, index)) [[unlikely]] {
        if (index != notice_envelope(at)) {
            standing_at(at, index - at.envelopes.capacity()).message = message_stage::held;
        }
        at.envelopes[index].links = {index, index};  // never looks like a message that is held alone
    } else {
        hold_envelope(at, slot, index);
    }
    slot.taken = &at.envelopes[index];
    at.messages_delivered.add();
    at.observe(event_kind::receipt, at.index_of_slot(slot), at.envelopes[index].tag(), index);
}

/// The receive that a message of one type ends.
struct receiver {
    bool waits = false;
    receive_wait* wait = nullptr;  ///< null: all there is of it is in the slot's header
};

[[nodiscard]] receiver receiver_of(const shard& at, const slot_header& slot, std::uint32_t which) noexcept {
    if (!is_suspended(slot.state)) return {};
    if (slot.state == slot_state::expecting_some) return {(slot.expected >> which & 1) != 0, nullptr};
    if (waits_in_header(slot.state)) return {accept_index(at, slot.type, slot.expected) == which, nullptr};
    auto& wait = *static_cast<receive_wait*>(slot.wait);
    if (wait.kind == wait_kind::receive) return {(wait.mask >> which & 1) != 0, &wait};
    if (wait.kind != wait_kind::any) return {};
    receive_wait* const arm = any_receiver(slot, which);
    return {arm != nullptr, arm};
}

/// Ends the receive of a suspended handler with a message.
void end_receive(shard& at, slot_header& slot, receive_wait* wait, std::uint32_t index) noexcept {
    if (wait != nullptr) {
        if (slot.wait != wait) [[unlikely]]
            settle_any(at, slot, *wait);
        disarm(at, *wait);
    }
    hand_over(at, slot, index);
    queue_ready(at, slot);
}

/// Gives a message to the handler that waits for it.
[[gnu::always_inline]] inline std::byte* hand_to_waiting(shard& at, slot_header& slot, receive_wait* wait,
                                                         std::uint32_t index, message_key key, handle sender) noexcept {
    envelope& taken = at.envelopes[index];
    taken.sender = sender;
    taken.key = key;
    at.observe(event_kind::delivery, at.index_of_slot(slot), taken.tag(), taken.bytes());
    end_receive(at, slot, wait, index);
    return taken.payload;
}

}  // namespace

void clear_mailbox(shard& at, slot_header& slot) noexcept {
    slot.mail_tail = nothing;
    slot.mail_count = 0;
    const std::uint32_t types = at.type_cores[slot.type].key_count;
    for (std::uint32_t which = 1; which < types; ++which) queue_of(at, slot, which) = nothing;
}

namespace {

/// place_message() with what the message carries, if anything.
[[gnu::always_inline]] inline placement place_with(shard& at, handle target, message_key key, handle sender,
                                                   const attachment* carried) noexcept {
    slot_header* const slot = at.live(target);
    if (slot == nullptr) return {nullptr, send_result::stale_handle};
    const std::uint32_t which = accept_index(at, slot->type, key);
    if (which == nothing) return {nullptr, send_result::not_accepted};
    const receiver taker = receiver_of(at, *slot, which);
    if (!taker.waits && slot->mail_count >= at.types[slot->type].mailbox_capacity)
        return {nullptr, send_result::mailbox_full};
    if (at.may_strike() && at.current != nullptr) [[unlikely]] {
        if (at.decider->finds_none(scarce::mailbox, *at.current, key)) return {nullptr, send_result::mailbox_full};
        if (at.decider->finds_none(scarce::envelope, *at.current, key)) return {nullptr, send_result::pool_exhausted};
    }
    const std::uint32_t index = at.envelopes.take();
    if (index == nothing) return {nullptr, send_result::pool_exhausted};
    if (carried != nullptr) attach(at, index, *carried);
    if (taker.waits) return {hand_to_waiting(at, *slot, taker.wait, index, key, sender), send_result::ok};

    envelope& taken = at.envelopes[index];
    taken.sender = sender;
    taken.key = key;
    at.observe(event_kind::delivery, at.index_of_slot(*slot), taken.tag(), taken.bytes());
    enqueue(at, *slot, which, index);
    return {taken.payload, send_result::ok};
}

}  // namespace

placement place_message(shard& at, handle target, message_key key, handle sender) noexcept {
    return place_with(at, target, key, sender, nullptr);
}

placement place_attached(shard& at, handle target, message_key key, handle sender, const attachment& carried) noexcept {
    return place_with(at, target, key, sender, &carried);
}

send_place send_attached(shard& at, slot_header& self, handle target, message_key key,
                         const attachment& carried) noexcept {
    if (target.shard() != at.index) return send_attached_across(at, self, target, key, carried);
    const placement placed = place_attached(at, target, key, self.own_handle(), carried);
    if (placed.answer == send_result::ok) {
        at.messages_sent.add();
    } else {
        count_refusal(at, placed.answer, target, key);
    }
    return {placed.payload, placed.answer};
}

send_place send_to_mailbox(shard& at, slot_header& self, handle target, message_key key) noexcept {
    const placement placed = place_message(at, target, key, self.own_handle());
    if (placed.answer == send_result::ok) {
        at.messages_sent.add();
    } else {
        count_refusal(at, placed.answer, target, key);
    }
    return {placed.payload, placed.answer};
}

namespace {

/// send_anyhow() to one who is poised, but has a deadline to take back.
[[gnu::noinline]] send_place send_before_deadline(shard& at, slot_header& self, handle target,
                                                  message_key key) noexcept {
    wait_record& wait = *at.slots[target.slot()].wait;
    std::byte* payload = nullptr;
    if (!hand_to_poised<slot_state::poised_until>(self, target, key,
                                                  [&](envelope& taken) { payload = taken.payload; })) {
        return send_to_mailbox(at, self, target, key);
    }
    disarm(at, wait);
    return {payload, send_result::ok};
}

/// send_anyhow() to one who waits for messages of several types. As hand_to_poised() does for one type.
[[gnu::noinline]] send_place send_to_open(shard& at, slot_header& self, handle target, message_key key) noexcept {
    slot_header& slot = at.slots[target.slot()];
    if (slot.own_handle() != target || slot.held != nothing || !expects_among_some(at, slot, key))
        return send_to_mailbox(at, self, target, key);
    envelope* const taken = at.long_way ? nullptr : at.envelopes.take_to_hand_over();
    if (taken == nullptr) [[unlikely]]
        return send_to_mailbox(at, self, target, key);
    put_in_hand(at, slot, *taken, self.own_handle(), key);
    slot.taken = taken;
    queue_ready(at, type_of(slot, self.core), slot, target.slot());
    return {taken->payload, send_result::ok};
}

}  // namespace

send_place send_anyhow(slot_header& self, handle target, message_key key) noexcept {
    shard& at = owner_of(self);
    if (target.shard() != at.index) return send_across(at, self, target, key);
    const slot_state state = target.slot() < at.slot_count ? at.slots[target.slot()].state : slot_state::vacant;
    if (state == slot_state::expecting_some) return send_to_open(at, self, target, key);
    if (state == slot_state::poised_any) return send_to_any(at, self, target, key);
    if (state == slot_state::poised_until) return send_before_deadline(at, self, target, key);
    return send_to_mailbox(at, self, target, key);
}

namespace {

/// The message types that a receive is for, as bits; 0 if one is not accepted.
[[nodiscard]] std::uint32_t receive_mask(shard& at, slot_header& self, const message_key* keys,
                                         std::size_t key_count) noexcept {
    std::uint32_t mask = 0;
    for (std::size_t i = 0; i < key_count; ++i) {
        const std::uint32_t which = accept_index(at, self.type, keys[i]);
        if (which == nothing) [[unlikely]]
            return 0;
        mask |= std::uint32_t{1} << which;
    }
    return mask;
}

/// Gives a receive the oldest message of its types. False if there is none.
[[nodiscard]] bool take_message(shard& at, slot_header& self, std::uint32_t mask) noexcept {
    std::uint32_t index = take_oldest(at, self, mask);
    if (index == nothing && self.deliverers != nothing) {
        // The mailbox is full of other messages, and what is asked for may stand in front of it.
        index = take_wanted(at, self, mask);
    }
    if (index == nothing) return false;
    hand_over(at, self, index);
    if (self.deliverers != nothing) admit_deliverers(at, self);
    return true;
}

/// A receive of one type with a deadline, where nothing is there yet and nobody observes: what poise() is to one
/// without. False: it goes the long way.
[[nodiscard, gnu::always_inline]] inline bool poise_until(shard& at, slot_header& self, receive_wait& wait,
                                                          message_key key, deadline until) noexcept {
    if (at.long_way || self.mail_count != 0 || !self.holds_nothing_and_owes_nothing()) return false;
    const std::uint32_t which = accept_index(at, self.type, key);
    if (which == nothing) [[unlikely]]
        return false;
    wait.set_up(wait_kind::receive);
    wait.mask = std::uint32_t{1} << which;
    wait.key = key;
    if (!arm_deadline(at, self, wait, until)) return true;
    self.wait = &wait;
    self.state = slot_state::poised_until;
    return true;
}

/// Counts the message tina::shutdown as sent, now that somebody takes it.
std::uint32_t send_notice_to(shard& at, const slot_header& slot) noexcept {
    const std::uint32_t index = notice_envelope(at);
    at.messages_sent.add();
    at.observe(event_kind::delivery, at.index_of_slot(slot), at.envelopes[index].tag(), at.envelopes[index].bytes());
    return index;
}

/// Gives a receive the message tina::shutdown, if the isolate is still to get it and no older message is there.
[[gnu::cold, gnu::noinline]] bool take_notice(shard& at, slot_header& self, std::uint32_t mask) noexcept {
    const std::uint32_t which = at.types[self.type].notice_index;
    if (which == nothing || (mask >> which & 1) == 0 || !is_owed_message(at, self)) return false;
    const queue_front oldest = find_oldest(at, self, mask);
    if (oldest.which != nothing && oldest.arrival < at.drain.notice_arrival) return false;
    at.drain.owed.clear(at.index_of_slot(self));
    hand_over(at, self, send_notice_to(at, self));
    return true;
}

}  // namespace

bool hand_over_notice(shard& at, slot_header& slot) noexcept {
    const receiver taker = receiver_of(at, slot, at.types[slot.type].notice_index);
    if (!taker.waits) return false;
    end_receive(at, slot, taker.wait, send_notice_to(at, slot));
    return true;
}

namespace {

/// Gives a receive what there is for it: the oldest message of its types. False if there is none.
[[nodiscard]] bool take_anything(shard& at, slot_header& self, std::uint32_t mask) noexcept {
    if (at.drain.begun && take_notice(at, self, mask)) [[unlikely]]
        return true;
    return (may_have_mail(self) || self.deliverers != nothing) && take_message(at, self, mask);
}

/// receive_anyhow() where something may be there, or the type does not accept such a message.
[[gnu::noinline]] bool receive_with_all(shard& at, slot_header& self, const message_key* keys, std::size_t key_count) {
    const runtime_stretch busy(at);
    const std::uint32_t mask = receive_mask(at, self, keys, key_count);
    if (mask == 0) [[unlikely]]
        throw_foreign_receive(self);
    if (take_anything(at, self, mask)) return goes_on(at, self);
    key_count == 1 ? expect(at, self, *keys) : expect_some(at, self, mask);
    return false;
}

}  // namespace

bool receive_at_once(shard& at, slot_header& self, receive_wait& wait, const message_key* keys,
                     std::size_t key_count) noexcept {
    wait.mask = receive_mask(at, self, keys, key_count);
    if (wait.mask == 0) [[unlikely]] {
        wait.error = packed_error{errc::not_accepted}.value;
        return true;
    }
    return take_anything(at, self, wait.mask);
}

bool receive_anyhow(slot_header& self, const message_key* keys, std::size_t key_count) {
    shard& at = owner_of(self);
    const bool has_none = self.mail_count == 0 && self.holds_nothing_and_owes_nothing() && !at.drain.begun;
    if (!has_none) return receive_with_all(at, self, keys, key_count);
    if (key_count == 1) {
        if (accept_index(at, self.type, *keys) == nothing) return receive_with_all(at, self, keys, key_count);
        enter_runtime(at);
        expect(at, self, *keys);
    } else {
        const std::uint32_t mask = receive_mask(at, self, keys, key_count);
        if (mask == 0) return receive_with_all(at, self, keys, key_count);
        enter_runtime(at);
        expect_some(at, self, mask);
    }
    return false;
}

void begin_receive(slot_header& self, receive_wait& wait, const message_key* keys, std::size_t key_count,
                   deadline until) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    if (key_count == 1 && !until.never() && poise_until(at, self, wait, *keys, until)) return;
    wait.set_up(wait_kind::receive);
    if (receive_at_once(at, self, wait, keys, key_count)) return complete_at_once(at, self, wait);
    if (until.never()) return expect_some(at, self, wait.mask);
    if (!arm_deadline(at, self, wait, until)) return;
    suspend(at, self, wait);
}

bool would_hand_over(const shard& at, const slot_header& slot, std::uint32_t which) noexcept {
    return which != nothing && receiver_of(at, slot, which).waits;
}

void place_parked(shard& at, slot_header& slot, std::uint32_t index) noexcept {
    envelope& parked = at.envelopes[index];
    at.messages_sent.add();
    at.observe(event_kind::delivery, at.index_of_slot(slot), parked.tag(), parked.bytes());
    const std::uint32_t which = accept_index(at, slot.type, parked.key);
    if (const receiver taker = receiver_of(at, slot, which); taker.waits) {
        end_receive(at, slot, taker.wait, index);
    } else {
        enqueue(at, slot, which, index);
    }
}

void visit_queue(shard& at, slot_header& slot, std::uint32_t which, void (*visit)(const envelope&, void*), void* with) {
    const std::uint32_t newest = queue_of(at, slot, which);
    if (newest == nothing) return;
    for (std::uint32_t index = at.envelopes[newest].links.next;; index = at.envelopes[index].links.next) {
        visit(at.envelopes[index], with);
        if (index == newest) return;
    }
}

void close_mailbox(shard& at, slot_header& slot) noexcept {
    refuse_deliverers(at, slot);
    const std::uint32_t types = at.type_cores[slot.type].key_count;
    for (std::uint32_t which = 0; which < types; ++which) {
        while (queue_of(at, slot, which) != nothing) {
            const std::uint32_t index = dequeue(at, slot, which);
            at.counts.messages_dropped_target_ended.add();
            at.observe(event_kind::drop, at.index_of_slot(slot), at.envelopes[index].tag(), 0);
            if (is_standing(at, index)) {
                note_dropped(at, index - at.envelopes.capacity());
                continue;
            }
            drop_carried(at, index, errc::target_gone);
            free_envelope(at, index);
        }
    }
}

void send_standing(shard& at, standing& what, std::uint32_t number, handle sender) noexcept {
    slot_header& slot = at.slots[what.owner];
    const std::uint32_t index = envelope_of(at, number);
    envelope& sent = at.envelopes[index];
    sent.sender = sender;
    what.message = message_stage::queued;
    ++at.standing_messages;
    at.messages_sent.add();
    at.observe(event_kind::delivery, what.owner, sent.tag(), sent.bytes());
    const std::uint32_t which = accept_index(at, slot.type, sent.key);
    if (const receiver taker = receiver_of(at, slot, which); taker.waits)
        return end_receive(at, slot, taker.wait, index);
    append_mail(at, slot, which, index);
}

void take_back(shard& at, standing& what, std::uint32_t number) noexcept {
    slot_header& slot = at.slots[what.owner];
    const std::uint32_t index = envelope_of(at, number);
    std::uint32_t& newest = queue_of(at, slot, accept_index(at, slot.type, at.envelopes[index].key));
    std::uint32_t before = newest;
    while (at.envelopes[before].links.next != index) before = at.envelopes[before].links.next;
    at.envelopes[before].links.next = at.envelopes[index].links.next;
    if (newest == index) newest = before == index ? nothing : before;
    what.message = message_stage::unsent;
    --at.standing_messages;
    at.counts.messages_queued.subtract();
    at.counts.messages_dropped_taken_back.add();
    at.observe(event_kind::drop, what.owner, at.envelopes[index].tag(), 0);
}

}  // namespace tina::detail
