// SPDX-License-Identifier: Apache-2.0
// The way of a call: record, request with token, answer, home. The record is the reply's place: who answers writes into
// it, on whatever shard, and no mailbox is asked.
#include "lib/calls.hpp"

#include <cstring>

#include "lib/any.hpp"
#include "lib/attachment.hpp"
#include "lib/leases.hpp"
#include "lib/mailbox.hpp"
#include "lib/monitors.hpp"
#include "lib/ready.hpp"
#include "lib/remote_spawn.hpp"
#include "lib/transit.hpp"

namespace tina::detail {

namespace {

[[nodiscard]] call_record& record_at(shard& at, std::uint32_t place) noexcept {
    return at.shared.port(shard_of_place(place)).calls[index_of_place(place)];
}

/// A record for a call of this shard; null if there is none. Its place is noted when it is taken for the first time.
[[nodiscard, gnu::always_inline]] inline call_record* take_call(shard& at) noexcept {
    if (call_record* const recycled = at.calls.take_recycled()) return recycled;
    const std::uint32_t index = at.calls.take();
    if (index == nothing) return nullptr;
    at.calls[index].place = make_place(at.index, index);
    return &at.calls[index];
}

void free_call(shard& at, call_record& record) noexcept { at.calls.give_back(index_of_place(record.place)); }

void send_home(shard& at, call_record& record) noexcept {
    const std::uint32_t home = shard_of_place(record.place);
    if (home == at.index) return finish_call(at, record);
    if (home == at.shared.shard_count()) return finish_outside_call(at, record);
    send_entry(at, home, record);
}

/// Ends the wait of a caller with the outcome of its call. Returns where its reply goes.
[[gnu::always_inline]] inline std::byte* deliver_outcome(shard& at, slot_header& caller, call_record& record) noexcept {
    settle_on_call(at, caller, record);
    auto& wait = *static_cast<call_wait*>(caller.wait);
    TINA_ASSERT(wait.record == &record, "a call came home to one who made no such call");
    std::byte* reply = wait.reply;
    if (record.error == 0) [[likely]] {
        at.counts.calls_answered.add();
    } else {
        wait.error = record.error;
        at.counts.calls_failed.add();
        reply = nullptr;
    }
    if (at.decider != nullptr) [[unlikely]]
        at.decider->answered(at.index_of_slot(caller), record.key, reply);
    complete(at, caller);
    at.calls.give_back(record);
    return reply;
}

/// A call that could not be made: it has no record.
[[gnu::cold, gnu::noinline]] std::byte* refuse_call(shard& at, call_wait& wait, errc why) noexcept {
    at.counts.calls_refused.add();
    disarm(at, wait);
    if (wait.record != nullptr) free_call(at, *wait.record);
    wait.record = nullptr;
    wait.error = packed_error{why}.value;
    return nullptr;
}

}  // namespace

errc call_error_of(send_result answer) noexcept {
    switch (answer) {
    case send_result::mailbox_full: return errc::mailbox_full;
    case send_result::channel_full: return errc::channel_full;
    case send_result::pool_exhausted: return errc::pool_exhausted;
    case send_result::not_accepted: return errc::not_accepted;
    default: return errc::target_gone;
    }
}

namespace {

[[nodiscard]] attachment token_of(const call_record& record) noexcept {
    return {.id = record.place, .kind = attachment_kind::token};
}

/// Makes a call without waiting. Returns where the bytes of the request are to be written at once; null, with the error
/// set and without a record, if it was refused.
[[nodiscard, gnu::noinline]] std::byte* send_call(shard& at, slot_header& self, call_wait& wait,
                                                  const call_request& request, std::uint32_t arm) noexcept {
    call_record* const record = take_call(at);
    wait.record = record;
    if (record == nullptr || at.finds_none(scarce::call, self, request.key)) {
        return refuse_call(at, wait, errc::no_calls);
    }
    record->set_up(at.index_of_slot(self), request.reply_key);
    if (!arm_timer(at, self, wait, request.until, arm)) return refuse_call(at, wait, errc::no_timers);
    const send_place placed = send_carrying(at, self, request.target, request.key, token_of(*record));
    if (placed.payload == nullptr) return refuse_call(at, wait, call_error_of(placed.answer));
    at.counts.calls_started.add();
    return placed.payload;
}

/// begin_call() whatever there is to be told, asked or found missing.
[[nodiscard, gnu::noinline]] std::byte* begin_call_anyhow(shard& at, slot_header& self, call_wait& wait,
                                                          const call_request& request) noexcept {
    wait.set_up(wait_kind::call);
    std::byte* const bytes = send_call(at, self, wait, request, 0);
    if (bytes == nullptr) {
        complete_at_once(at, self, wait);
    } else {
        suspend(at, self, wait);
    }
    return bytes;
}

/// The request of a call that has a record and a deadline has not found its target waiting for it.
[[nodiscard, gnu::noinline]] std::byte* send_request(shard& at, slot_header& self, call_wait& wait, handle target,
                                                     message_key key) noexcept {
    self.state = slot_state::running;
    const send_place placed = send_attached(at, self, target, key, token_of(*wait.record));
    if (placed.payload != nullptr) {
        self.state = slot_state::waiting;
        at.counts.calls_started.add();
        return placed.payload;
    }
    refuse_call(at, wait, call_error_of(placed.answer));
    complete_at_once(at, self, wait);
    return nullptr;
}

}  // namespace

std::byte* begin_call(slot_header& self, call_wait& wait, handle target, std::uint64_t key, std::uint64_t reply_key,
                      deadline until) noexcept {
    shard& at = owner_of(self);
    const std::uint32_t index = at.index_of_slot(self);
    if (!at.calls.has_recycled() || !suspend_at_once(at, self, index, wait, wait_kind::call, until)) [[unlikely]]
        return begin_call_anyhow(at, self, wait, {target, key, reply_key, until});
    call_record& record = *at.calls.take_recycled();
    record.set_up(index, reply_key);
    wait.record = &record;
    std::byte* payload = nullptr;
    const auto fill = [&](envelope& taken) {
        attach(at, taken, token_of(record));
        payload = taken.payload;
    };
    if (hand_to_poised(self, target, key, fill)) [[likely]] {
        at.counts.calls_started.add();
        return payload;
    }
    return send_request(at, self, wait, target, key);
}

bool send_arm(shard& at, slot_header& self, call_wait& wait, const arm_plan& plan, std::uint32_t arm) noexcept {
    std::byte* const bytes = send_call(at, self, wait, plan.request, arm);
    if (bytes != nullptr) std::memcpy(bytes, plan.request_bytes, plan.request.key >> 32);
    return bytes != nullptr;
}

namespace {

/// The error of a call that is answered with a message of this type, as in packed_error.
[[nodiscard]] std::int32_t error_of_reply(const call_record& record, message_key key) noexcept {
    return key == record.key ? 0 : packed_error{errc::unexpected_reply}.value;
}

[[nodiscard, gnu::noinline]] reply_place answer_across(shard& at, std::uint32_t place, message_key key) noexcept {
    call_record& record = record_at(at, place);
    record.error = error_of_reply(record, key);
    // The reply is written after this returns, so nobody may see it before this activation ends.
    if (shard_of_place(place) == at.shared.shard_count()) {
        record.next = at.outside_replies;
        at.outside_replies = &record;
        at.cleanup_wanted = cleanup::all;
    } else {
        send_entry(at, shard_of_place(place), record);
    }
    return {record.error == 0 ? record.reply : nullptr, true};
}

[[nodiscard, gnu::noinline]] reply_place answer_unusual(shard& at, call_record& record, message_key key) noexcept {
    record.error = error_of_reply(record, key);
    if (record.caller == nothing) {
        finish_call(at, record);
        return {nullptr, true};
    }
    return {deliver_outcome(at, at.slots[record.caller], record), true};
}

[[nodiscard, gnu::always_inline]] inline reply_place answer(shard& at, std::uint32_t paper, message_key key) noexcept {
    const std::uint32_t place = at.attachments[paper].id;
    detach(at, paper);
    if (shard_of_place(place) != at.index) return answer_across(at, place, key);
    call_record& record = at.calls[index_of_place(place)];
    const std::uint32_t caller = record.caller;
    if (caller == nothing || record.key != key || at.decider != nullptr) [[unlikely]]
        return answer_unusual(at, record, key);
    // deliver_outcome() of a reply to who waits for nothing else.
    slot_header& slot = at.slots[caller];
    auto& wait = *static_cast<call_wait*>(slot.wait);
    if (wait.kind != wait_kind::call) [[unlikely]]
        return answer_unusual(at, record, key);
    TINA_ASSERT(wait.record == &record, "a call came home to one who made no such call");
    at.counts.calls_answered.add();
    complete_waiting(at, slot, caller, wait);
    at.calls.give_back(record);
    return {wait.reply, true};
}

}  // namespace

reply_place reply_to(slot_header& self, std::uint32_t paper, std::uint64_t key) noexcept {
    return answer(owner_of(self), paper, key);
}

namespace {

[[nodiscard]] bool is_token_of_message(const attachment& carried) noexcept {
    return carried.kind == attachment_kind::token && carried.stage == attachment_stage::with_message;
}

}  // namespace

bool awaits_reply(slot_header& self, const envelope& request) noexcept {
    if (!carries(request)) return false;
    shard& at = owner_of(self);
    return is_token_of_message(at.attachments[at.envelopes.index_of(request)]);
}

reply_place reply_to_message(slot_header& self, const envelope& request, std::uint64_t key) noexcept {
    if (!carries(request)) return {nullptr, false};
    shard& at = owner_of(self);
    const std::uint32_t paper = at.envelopes.index_of(request);
    if (!is_token_of_message(at.attachments[paper])) return {nullptr, false};
    return answer(at, paper, key);
}

void finish_call(shard& at, call_record& record) noexcept {
    if (record.caller != nothing) {
        std::byte* const reply = deliver_outcome(at, at.slots[record.caller], record);
        // The record is free, but nobody has taken it yet.
        if (reply != nullptr) std::memcpy(reply, record.reply, record.key >> 32);
        return;
    }
    if (record.error == 0) at.counts.replies_late.add();
    free_call(at, record);
}

void finish_outside_replies(shard& at) noexcept {
    while (at.outside_replies != nullptr) {
        const call_record& record = *at.outside_replies;
        // Looked at first: the record is somebody else's as soon as its call has ended.
        at.outside_replies = static_cast<call_record*>(record.next);
        finish_outside_call(at, record);
    }
}

void end_call(shard& at, std::uint32_t place, errc why) noexcept {
    call_record& record = record_at(at, place);
    record.error = packed_error{why}.value;
    send_home(at, record);
}

void drop_token(shard& at, std::uint32_t place) noexcept {
    call_record& record = record_at(at, place);
    record.next = at.dropped_calls;
    at.dropped_calls = &record;
    at.cleanup_wanted = cleanup::all;
}

void settle_dropped_calls(shard& at, errc why) noexcept {
    while (at.dropped_calls != nullptr) {
        call_record& record = *at.dropped_calls;
        at.dropped_calls = static_cast<call_record*>(record.next);
        record.error = packed_error{why}.value;
        send_home(at, record);
    }
}

void expire_call(shard& at, slot_header& caller) noexcept {
    static_cast<call_wait*>(caller.wait)->record->caller = nothing;
    at.counts.calls_expired.add();
    caller.wait->error = packed_error{errc::deadline}.value;
    complete(at, caller);
}

void abandon_call(shard& at, call_record& record) noexcept {
    record.caller = nothing;
    at.counts.calls_abandoned.add();
}

void send_entry(shard& at, std::uint32_t to, lane_entry& entry) noexcept {
    if (at.decider != nullptr) at.decider->entered_lane(to, entry);
    at.lane_out[to].add(entry);
    mark_dirty(at, to);
    at.cleanup_wanted = cleanup::all;
}

namespace {

void take_entry(shard& at, lane_entry& entry) noexcept {
    if (at.decider != nullptr) [[unlikely]]
        at.decider->takes_from_lane(entry);
    switch (entry.event) {
    case lane_event::call_ended: return finish_call(at, static_cast<call_record&>(entry));
    case lane_event::lease_home: return free_block(at, static_cast<lease_block&>(entry));
    case lane_event::offload_ended: return finish_offload(at, static_cast<offload_record&>(entry));
    case lane_event::spawn_wanted: return take_spawn_request(at, static_cast<call_record&>(entry));
    case lane_event::spawn_ended: return finish_spawn(at, static_cast<call_record&>(entry));
    case lane_event::monitor_set: return begin_watch(at, static_cast<monitor_record&>(entry));
    case lane_event::monitor_ended: return finish_watch(at, static_cast<monitor_record&>(entry));
    case lane_event::monitor_withdrawn: return take_withdrawal(at, static_cast<monitor_withdrawal&>(entry));
    }
}

/// take_lane() where a director says when an entry is seen.
[[gnu::cold, gnu::noinline]] bool take_directed_lane(shard& at) noexcept {
    bool any = false;
    const auto take_held = [&] {
        while (lane_entry* const held = at.decider->next_held()) {
            take_entry(at, *held);
            any = true;
        }
    };
    take_held();
    lane_entry* next = nullptr;
    for (lane_entry* entry = at.port.lane.take(); entry != nullptr; entry = next) {
        next = entry->next;
        if (at.decider->holds_back(*entry)) continue;
        take_entry(at, *entry);
        any = true;
    }
    return any;
}

}  // namespace

bool take_lane(shard& at) noexcept {
    if (at.decider != nullptr) [[unlikely]]
        return (at.decider->holds() || at.port.lane.has_entry()) && take_directed_lane(at);
    if (!at.port.lane.has_entry()) return false;
    lane_entry* next = nullptr;
    for (lane_entry* entry = at.port.lane.take(); entry != nullptr; entry = next) {
        next = entry->next;
        take_entry(at, *entry);
    }
    return true;
}

}  // namespace tina::detail
