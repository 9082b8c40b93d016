// SPDX-License-Identifier: Apache-2.0
// The two sides of the channels. A message that was answered `ok` by its send either reaches a mailbox or is counted by
// reason; a notice always arrives, because it was paid for.
#include "lib/transit.hpp"

#include <algorithm>
#include <cstring>

#include "lib/attachment.hpp"
#include "lib/calls.hpp"
#include "lib/delivery.hpp"
#include "lib/holdings.hpp"
#include "lib/leases.hpp"
#include "lib/mailbox.hpp"
#include "lib/ready.hpp"
#include "lib/slots.hpp"

namespace tina::detail {

namespace {

constexpr std::uint32_t inbound_batch = 256;  ///< messages taken from one channel in one cycle

counter& refusal_counter(counters& counts, send_result answer) noexcept {
    switch (answer) {
    case send_result::mailbox_full: return counts.sends_refused_mailbox_full;
    case send_result::channel_full: return counts.sends_refused_channel_full;
    case send_result::pool_exhausted: return counts.sends_refused_pool_exhausted;
    case send_result::not_accepted: return counts.sends_refused_not_accepted;
    default: return counts.sends_refused_stale_handle;
    }
}

void count_drop(shard& at, send_result reason, const message_in_transit& dropped) noexcept {
    at.observe(event_kind::drop, dropped.target.slot(), dropped.tag, static_cast<std::int64_t>(reason));
    switch (reason) {
    case send_result::mailbox_full: return at.counts.messages_dropped_mailbox_full.add();
    case send_result::not_accepted: return at.counts.messages_dropped_not_accepted.add();
    default: return at.counts.messages_dropped_stale_handle.add();
    }
}

[[nodiscard]] message_key key_of(const message_in_transit& arrived) noexcept {
    return (std::uint64_t{arrived.bytes} << 32) | arrived.tag;
}

[[nodiscard]] std::uint32_t lease_bytes_of(shard& at, const message_in_transit& arrived) noexcept {
    if (arrived.lease_bytes != lease_bytes_in_block) return arrived.lease_bytes;
    return block_at(at, arrived.number).bytes;
}

/// What a message in a ring carries.
[[nodiscard]] attachment carried_by(shard& at, const message_in_transit& arrived) noexcept {
    const attachment_kind kind = kind_carried(arrived.flags);
    if (kind == attachment_kind::none) return {};
    return {.id = arrived.number, .bytes = lease_bytes_of(at, arrived), .kind = kind};
}

[[nodiscard]] transit_flags flags_for(attachment_kind kind) noexcept {
    TINA_ASSERT(kind != attachment_kind::buffer, "this cannot be attached to a message to another shard");
    return static_cast<transit_flags>(kind);
}

/// Whether a message was placed, or can wait for an envelope, or is lost.
enum class arrival : std::uint8_t { taken, must_wait };

arrival finish_arrival(shard& at, const placement& placed, const message_in_transit& arrived,
                       const attachment& carried) noexcept {
    if (placed.answer == send_result::pool_exhausted) return arrival::must_wait;
    at.counts.messages_from_channels.add();
    if (placed.answer == send_result::ok) {
        copy_payload(placed.payload, arrived.payload, arrived.bytes);
    } else {
        count_drop(at, placed.answer, arrived);
        drop_unattached(at, carried, call_error_of(placed.answer));
    }
    return arrival::taken;
}

/// Gives a message, with what it carries, to a handler that waits for nothing but such a one. False: it goes the long
/// way.
[[nodiscard, gnu::always_inline]] inline bool hand_arrived(shard& at, const message_in_transit& arrived) noexcept {
    const auto index = static_cast<std::uint32_t>(arrived.target.bits() >> 32) - at.first_place;
    if (index >= at.slot_count) [[unlikely]]
        return false;
    slot_header& slot = at.slots[index];
    if (slot.own_handle() != arrived.target) return false;
    const message_key key = key_of(arrived);
    if (slot.state != slot_state::poised || slot.expected != key) {
        if (at.long_way || slot.held != nothing || !expects_among_some(at, slot, key)) return false;
    }
    envelope* const taken = at.envelopes.take_recycled();
    if (taken == nullptr) [[unlikely]]
        return false;
    copy_payload(taken->payload, arrived.payload, arrived.bytes);
    if (arrived.flags != transit_flags::none) attach(at, *taken, carried_by(at, arrived));
    put_in_hand(at, slot, *taken, arrived.sender, key);
    slot.taken = taken;
    queue_ready(at, slot, index);
    at.messages_delivered.add();
    at.counts.messages_from_channels.add();
    return true;
}

[[gnu::noinline]] arrival take_unusual(shard& at, message_in_transit& arrived) noexcept {
    if (arrived.flags == transit_flags::withdrawn) return arrival::taken;
    if (arrived.flags == transit_flags::stop) {
        if (slot_header* const slot = at.live(arrived.target)) static_cast<void>(doom(at, *slot, false));
        return arrival::taken;
    }
    if (arrived.flags == transit_flags::answer_wanted) {
        return take_delivery(at, arrived, key_of(arrived)) ? arrival::taken : arrival::must_wait;
    }
    const attachment carried = carried_by(at, arrived);
    return finish_arrival(at, place_attached(at, arrived.target, key_of(arrived), arrived.sender, carried), arrived,
                          carried);
}

/// hand_arrived() where somebody observes: to a handler that waits, without a deadline, for messages of some types.
/// A director is told of the channel that it comes out of.
template <bool IsDirected>
[[nodiscard, gnu::always_inline]] inline bool hand_observed(shard& at, const message_in_transit& arrived,
                                                            [[maybe_unused]] const inflow& flow) noexcept {
    slot_header* const slot = at.live(arrived.target);
    if (slot == nullptr) return false;
    const message_key key = key_of(arrived);
    const bool expects = slot->state == slot_state::expecting && slot->expected == key;
    if (!expects && !expects_among_some(at, *slot, key)) return false;
    if (at.may_strike() && at.current != nullptr) return false;
    envelope* const taken = at.envelopes.take_recycled();
    if (taken == nullptr) return false;
    const std::uint32_t owner = at.index_of_slot(*slot);
    const std::uint32_t index = at.envelopes.index_of(*taken);
    copy_payload(taken->payload, arrived.payload, arrived.bytes);
    if (slot->held == nothing) [[likely]] {
        taken->links = {};
        slot->held = index;
    } else {
        hold_envelope(at, *slot, index);
    }
    taken->sender = arrived.sender;
    taken->key = key;
    slot->taken = taken;
    at.messages_delivered.add();
    at.counts.messages_from_channels.add();
    queue_ready(at, *slot, owner);
    if constexpr (IsDirected) {
        at.decider->hands_over(flow.from, flow.source->consumed(), owner, key, index);
    } else if (at.watcher != nullptr) {
        at.watcher->on_arrival(owner, key, index);
    }
    return true;
}

[[gnu::noinline]] arrival take_the_long_way(shard& at, message_in_transit& arrived) noexcept {
    if (arrived.flags != transit_flags::none) return take_unusual(at, arrived);
    if (at.long_way && hand_observed<false>(at, arrived, {})) return arrival::taken;
    return finish_arrival(at, place_message(at, arrived.target, key_of(arrived), arrived.sender), arrived, {});
}

/// Takes one message out of its ring. False if there is no envelope for it: it stays where it is.
[[nodiscard, gnu::always_inline]] inline bool take_message(shard& at, message_in_transit& arrived) noexcept {
    if (arrived.flags <= transit_flags::token && hand_arrived(at, arrived)) [[likely]]
        return true;
    return take_the_long_way(at, arrived) == arrival::taken;
}

/// Takes what is in a ring, up to a batch; returns how many messages that were.
std::uint32_t take_batch(shard& at, ring<message_in_transit>& source) noexcept {
    std::uint32_t taken = 0;
    while (taken < inbound_batch) {
        message_in_transit* const arrived = source.front();
        if (arrived == nullptr || !take_message(at, *arrived)) break;
        source.pop();
        ++taken;
    }
    if (taken > 0) source.give_back();
    return taken;
}

/// A message from outside is counted, by the one who may, as sent and into a channel when it comes out of it.
void count_posted(shard& at, std::uint32_t count) noexcept {
    at.messages_sent.add(count);
    at.counts.messages_posted.add(count);
    at.counts.messages_to_channels.add(count);
}

bool take_posted(shard& at) noexcept {
    if (at.posted == nullptr) return false;
    const std::uint32_t taken = take_batch(at, *at.posted);
    if (taken > 0) count_posted(at, taken);
    return taken > 0;
}

/// Its slots are given back, and its producer is told if it waits for them, by publish().
[[gnu::noinline]] void note_drained(shard& at, std::uint32_t from) noexcept {
    at.is_drained[from] = 1;
    at.drained.push_back(from);
}

/// take_message() out of a channel, of which the director is told.
[[nodiscard, gnu::always_inline]] inline bool take_directed(shard& at, const inflow& flow,
                                                            message_in_transit& arrived) noexcept {
    if (arrived.flags == transit_flags::none && hand_observed<true>(at, arrived, flow)) return true;
    at.decider->takes_from_channel(flow.from, flow.source->consumed());
    return take_the_long_way(at, arrived) == arrival::taken;
}

[[nodiscard]] bool is_about_to_run(const shard& at, handle target) noexcept {
    return target.slot() < at.slot_count && at.slots[target.slot()].state == slot_state::ready;
}

/// What is to be done when this activation ends, if nothing else is.
void want_inflow(shard& at) noexcept {
    if (at.cleanup_wanted == cleanup::none) at.cleanup_wanted = cleanup::inflow;
}

/// Takes what is in a channel, up to what is left of its batch. Pauses before a message to the isolate that the one
/// before it went to, if that is about to run: it will wait for the next one then, which needs no mailbox and finds the
/// envelope of the last one free and in the cache. Returns whether it has taken any.
template <bool IsDirected>
[[gnu::always_inline]] inline bool draw_as(shard& at, inflow& flow) noexcept {
    ring<message_in_transit>& source = *flow.source;
    std::uint32_t left = flow.left;
    flow.paused_for = nothing;
    message_in_transit* arrived = source.front();
    while (arrived != nullptr && left > 0) {
        if (!(IsDirected ? take_directed(at, flow, *arrived) : take_message(at, *arrived))) break;
        const handle target = arrived->target;
        const std::size_t bytes = transit_bytes(arrived->bytes);
        source.pop();
        --left;
        source.expect_entry(bytes);
        arrived = source.front();
        if (arrived == nullptr || arrived->target != target || !is_about_to_run(at, target)) continue;
        flow.paused_for = target.slot();
        want_inflow(at);
        break;
    }
    const bool any = left != flow.left;
    flow.left = left;
    if (any && at.is_drained[flow.from] == 0) note_drained(at, flow.from);
    return any;
}

[[gnu::cold, gnu::noinline]] bool draw_directed(shard& at, inflow& flow) noexcept {
    flow.left = std::min(flow.left, at.decider->visible(flow.from, flow.source->consumed()));
    return draw_as<true>(at, flow);
}

/// Compiled once more for who has a director, so that all others need not ask at each message.
[[gnu::always_inline]] inline bool draw(shard& at, inflow& flow) noexcept {
    if (at.decider != nullptr) [[unlikely]]
        return draw_directed(at, flow);
    return draw_as<false>(at, flow);
}

bool take_messages(shard& at, std::uint32_t from, channel& source) noexcept {
    inflow flow{.source = &source.messages, .from = from, .left = inbound_batch};
    const bool any = draw(at, flow);
    // Of several that pause, one goes on in this cycle, and the others in the next one.
    if (flow.paused_for != nothing) at.flow = flow;
    return any;
}

/// Counts what is in a ring as dropped; returns how many messages that were.
std::uint32_t drop_all(shard& at, ring<message_in_transit>& source) noexcept {
    std::uint32_t dropped = 0;
    for (; source.front() != nullptr; source.pop()) {
        const transit_flags flags = source.front()->flags;
        if (flags == transit_flags::withdrawn || flags == transit_flags::answer_wanted) continue;
        if (flags == transit_flags::stop) continue;
        ++dropped;
        at.counts.messages_from_channels.add();
        at.counts.messages_dropped_stopped.add();
        drop_unattached(at, carried_by(at, *source.front()), errc::target_gone);
    }
    return dropped;
}

bool take_notices(shard& at, std::uint32_t from, channel& source) noexcept {
    bool any = false;
    while (notice* const arrived = source.lane.front()) {
        switch (arrived->kind) {
        case notice_kind::delivery_answer: finish_delivery(at, from, *arrived); break;
        case notice_kind::withdraw_delivery: withdraw_delivery(at, from, *arrived); break;
        }
        source.lane.pop();
        any = true;
    }
    if (any) source.lane.give_back();
    return any;
}

}  // namespace

void count_refusal(shard& at, send_result answer, handle target, message_key key) noexcept {
    refusal_counter(at.counts, answer).add();
    at.observe(event_kind::drop, target.slot(), static_cast<std::uint32_t>(key), static_cast<std::int64_t>(answer));
}

void mark_dirty(shard& at, std::uint32_t to) noexcept {
    if (at.is_dirty[to] != 0) return;
    at.is_dirty[to] = 1;
    at.dirty.push_back(to);
}

namespace {

// Out of line, so that who has no director pays one branch and no registers.
[[gnu::cold, gnu::noinline]] void tell_of_entry(shard& at, std::uint32_t to, std::uint32_t produced,
                                                const message_in_transit& entry) noexcept {
    at.decider->entered_channel(to, produced, entry.tag);
}

}  // namespace

send_place send_across(shard& at, slot_header& self, handle target, message_key key) noexcept {
    if (target.shard() >= at.shared.shard_count() || !target) {
        count_refusal(at, send_result::stale_handle, target, key);
        return {nullptr, send_result::stale_handle};
    }
    if (at.finds_none(scarce::channel, self, key)) [[unlikely]] {
        count_refusal(at, send_result::channel_full, target, key);
        return {nullptr, send_result::channel_full};
    }
    auto& messages = at.shared.between(at.index, target.shard()).messages;
    message_in_transit* place = messages.reserve();
    if (place == nullptr) [[unlikely]] {
        // What was sent in this activation may not have been shown yet: show it, so that the receiver makes room.
        publish(at);
        place = messages.reserve();
        if (place == nullptr) {
            count_refusal(at, send_result::channel_full, target, key);
            return {nullptr, send_result::channel_full};
        }
    }
    place->tag = static_cast<std::uint32_t>(key);
    place->target = target;
    place->sender = self.own_handle();
    place->bytes = static_cast<std::uint8_t>(key >> 32);
    place->flags = transit_flags::none;
    messages.claim_ahead(transit_bytes(key >> 32));
    at.messages_sent.add();
    at.counts.messages_to_channels.add();
    if (at.is_dirty[target.shard()] == 0) mark_dirty(at, target.shard());
    // In a simulation other shards run when the cycle is over: what was sent is shown then, all at once.
    if (at.decider == nullptr) {
        at.cleanup_wanted = cleanup::all;
    } else {
        tell_of_entry(at, target.shard(), messages.produced() - 1, *place);
    }
    return {place->payload, send_result::ok};
}

send_place send_attached_across(shard& at, slot_header& self, handle target, message_key key,
                                const attachment& carried) noexcept {
    const send_place sent = send_across(at, self, target, key);
    if (sent.payload == nullptr) return sent;
    auto& entry = *reinterpret_cast<message_in_transit*>(sent.payload - offsetof(message_in_transit, payload));
    entry.flags = flags_for(carried.kind);
    entry.number = carried.id;
    entry.lease_bytes = static_cast<std::uint16_t>(std::min<std::uint32_t>(carried.bytes, lease_bytes_in_block));
    // Shares are of the same bytes, which the block has known since they were made.
    if (entry.lease_bytes == lease_bytes_in_block && carried.kind == attachment_kind::lease) {
        block_at(at, carried.id).bytes = carried.bytes;
    }
    return sent;
}

send_result stop_across(shard& at, slot_header& self, handle target) noexcept {
    const send_place sent = send_across(at, self, target, 0);
    if (sent.payload == nullptr) return sent.answer;
    reinterpret_cast<message_in_transit*>(sent.payload - offsetof(message_in_transit, payload))->flags =
        transit_flags::stop;
    at.messages_sent.subtract();
    at.counts.messages_to_channels.subtract();
    return send_result::ok;
}

void send_notice(shard& at, std::uint32_t to, notice_kind kind, handle target, handle sender, std::uint32_t number,
                 std::int32_t error) noexcept {
    auto& lane = at.shared.between(at.index, to).lane;
    notice* const place = lane.reserve();
    TINA_ASSERT(place != nullptr, "the system lane is full, though every notice in it was paid for");
    place->kind = kind;
    place->target = target;
    place->sender = sender;
    place->error = error;
    place->number = number;
    lane.commit();
    mark_dirty(at, to);
}

void resume_inflow(shard& at) noexcept {
    if (at.flow.paused_for == nothing) return;  // the cycle is over in which it paused
    if (at.slots[at.flow.paused_for].state == slot_state::ready) {
        want_inflow(at);
    } else {
        static_cast<void>(draw(at, at.flow));
    }
}

bool take_inbound(shard& at) noexcept {
    at.flow.paused_for = nothing;
    bool any = take_lane(at);
    any |= take_posted(at);
    for (std::uint32_t from = 0; from < at.shared.shard_count(); ++from) {
        if (from == at.index) continue;
        channel& source = at.shared.between(from, at.index);
        any |= take_messages(at, from, source);
        any |= take_notices(at, from, source);
    }
    return any;
}

namespace {

[[nodiscard]] bool needs_no_envelope(const message_in_transit& arrived) noexcept {
    return arrived.flags == transit_flags::stop || arrived.flags == transit_flags::withdrawn;
}

}  // namespace

bool has_inbound(shard& at) noexcept {
    if (at.port.lane.has_entry()) return true;
    const bool can_take = at.envelopes.has_free();
    if (can_take && at.posted != nullptr && at.posted->has_entry()) return true;
    for (std::uint32_t from = 0; from < at.shared.shard_count(); ++from) {
        if (from == at.index) continue;
        channel& source = at.shared.between(from, at.index);
        if (source.messages.has_entry() && (can_take || needs_no_envelope(*source.messages.front()))) return true;
        if (source.lane.has_entry()) return true;
    }
    return false;
}

bool has_unread(shard& at) noexcept {
    if (has_inbound(at) || (at.posted != nullptr && at.posted->has_entry())) return true;
    for (std::uint32_t from = 0; from < at.shared.shard_count(); ++from) {
        if (from != at.index && at.shared.between(from, at.index).messages.has_entry()) return true;
    }
    return false;
}

void commit_sent(shard& at) noexcept {
    if (at.outside_replies != nullptr) finish_outside_replies(at);
    for (const std::uint32_t to : at.dirty) {
        at.shared.between(at.index, to).messages.commit();
        lane_chain& entries = at.lane_out[to];
        if (entries.newest == nullptr) continue;
        at.shared.port(to).lane.push(entries);
        entries = {};
    }
}

namespace {

template <bool IsAlone>
[[gnu::always_inline]] inline void publish_as(shard& at) noexcept {
    if (at.dirty.empty() && at.drained.empty()) return;
    commit_sent(at);
    for (const std::uint32_t from : at.drained) at.shared.between(from, at.index).messages.give_back();
    // Sequential consistency: partner is the fence in shard::sleep() and, for rings, in wait_for_room().
    if constexpr (!IsAlone) std::atomic_thread_fence(std::memory_order_seq_cst);
    const auto wake = [&at](shard_port& port) {
        if (IsAlone ? port.wake_alone() : port.wake_if_sleeping()) at.counts.wakes_sent.add();
    };
    for (const std::uint32_t to : at.dirty) {
        at.is_dirty[to] = 0;
        wake(at.shared.port(to));
    }
    at.dirty.clear();
    for (const std::uint32_t from : at.drained) {
        at.is_drained[from] = 0;
        if (at.shared.between(from, at.index).messages.wants_room()) wake(at.shared.port(from));
    }
    at.drained.clear();
}

}  // namespace

void publish(shard& at) noexcept { publish_as<false>(at); }

void publish_alone(shard& at) noexcept { publish_as<true>(at); }

void drop_inbound(shard& at) noexcept {
    // Requests to start isolates, which are refused now, and monitors, which go home.
    static_cast<void>(take_lane(at));
    close_outside(at);
    if (at.posted != nullptr) count_posted(at, drop_all(at, *at.posted));
    for (std::uint32_t from = 0; from < at.shared.shard_count(); ++from) {
        if (from != at.index) static_cast<void>(drop_all(at, at.shared.between(from, at.index).messages));
    }
    commit_sent(at);
}

void drop_lane(shard& at) noexcept {
    static_cast<void>(take_lane(at));
    at.refresh_gauges();
}

}  // namespace tina::detail
