// SPDX-License-Identifier: Apache-2.0
// The way of a call: record, request with token, answer, home. The record is the reply's place: who answers writes into
// it, on whatever shard, and no mailbox is asked.
#include "lib/calls.hpp"

#include <cstring>

#include "lib/attachment.hpp"
#include "lib/leases.hpp"
#include "lib/mailbox.hpp"
#include "lib/monitors.hpp"
#include "lib/ready.hpp"
#include "lib/transit.hpp"

namespace tina::detail {

namespace {

[[nodiscard]] call_record& record_at(shard& at, std::uint32_t place) noexcept {
    return at.shared.port(shard_of_place(place)).calls[index_of_place(place)];
}

[[nodiscard]] call_record* take_call(shard& at, const slot_header& caller, message_key reply_key) noexcept {
    const std::uint32_t index = at.calls.take();
    if (index == nothing) return nullptr;
    call_record& record = at.calls[index];
    record.place = make_place(at.index, index);
    record.event = lane_event::call_ended;
    record.caller = at.index_of_slot(caller);
    record.key = reply_key;
    return &record;
}

void free_call(shard& at, call_record& record) noexcept { at.calls.give_back(index_of_place(record.place)); }

void send_home(shard& at, call_record& record) noexcept {
    if (shard_of_place(record.place) == at.index) return finish_call(at, record);
    send_entry(at, shard_of_place(record.place), record);
}

/// Ends the wait of a caller with the outcome of its call.
void deliver_outcome(shard& at, slot_header& caller, const call_record& record, const std::byte* reply) noexcept {
    auto& wait = *static_cast<call_wait*>(caller.wait);
    TINA_ASSERT(wait.kind == wait_kind::call && wait.record == &record,
                "a call came home to one who made no such call");
    wait.error = record.error;
    if (record.error == 0) {
        std::memcpy(wait.reply, reply, record.key >> 32);
        at.counts.calls_answered.add();
    } else {
        at.counts.calls_failed.add();
    }
    complete(at, caller);
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

void begin_call(slot_header& self, call_wait& wait, const call_request& request) noexcept {
    shard& at = owner_of(self);
    wait.set_up(wait_kind::call);
    call_record* const record = take_call(at, self, request.reply_key);
    wait.record = record;
    if (record == nullptr) {
        at.counts.calls_refused.add();
        return fail_at_once(at, self, wait, errc::no_calls);
    }
    if (!arm_deadline(at, self, wait, request.until)) {
        at.counts.calls_refused.add();
        return free_call(at, *record);
    }
    const send_place placed =
        send_attached(at, self, request.target, request.key, {.id = record->place, .kind = attachment_kind::token});
    if (placed.answer != send_result{}) {
        at.counts.calls_refused.add();
        disarm(at, wait);
        free_call(at, *record);
        return fail_at_once(at, self, wait, call_error_of(placed.answer));
    }
    std::memcpy(placed.payload, request.bytes, request.key >> 32);
    at.counts.calls_started.add();
    suspend(at, self, wait);
}

void reply_to(slot_header& self, std::uint32_t paper, std::uint64_t key, const std::byte* bytes) noexcept {
    shard& at = owner_of(self);
    call_record& record = record_at(at, at.attachments[paper].id);
    detach(at, paper);
    record.error = key == record.key ? 0 : packed_error{errc::unexpected_reply}.value;
    const bool local = shard_of_place(record.place) == at.index;
    if (local && record.caller != nothing) {
        // The caller is here: its reply need not lie in the record in between.
        slot_header& caller = at.slots[record.caller];
        deliver_outcome(at, caller, record, bytes);
        return free_call(at, record);
    }
    if (record.error == 0 && !local) std::memcpy(record.reply, bytes, key >> 32);
    send_home(at, record);
}

bool awaits_reply(slot_header& self, const envelope& request) noexcept {
    if (!carries(request)) return false;
    shard& at = owner_of(self);
    const attachment& carried = at.attachments[at.envelopes.index_of(request)];
    return carried.kind == attachment_kind::token && carried.stage == attachment_stage::with_message;
}

bool reply_to_message(slot_header& self, const envelope& request, std::uint64_t key, const std::byte* bytes) noexcept {
    if (!awaits_reply(self, request)) return false;
    reply_to(self, owner_of(self).envelopes.index_of(request), key, bytes);
    return true;
}

void finish_call(shard& at, call_record& record) noexcept {
    if (record.caller != nothing) {
        deliver_outcome(at, at.slots[record.caller], record, record.reply);
    } else if (record.error == 0) {
        at.counts.replies_late.add();
    }
    free_call(at, record);
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
    at.cleanup_wanted = true;
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
    at.lane_out[to].add(entry);
    mark_dirty(at, to);
    at.cleanup_wanted = true;
}

bool take_lane(shard& at) noexcept {
    if (!at.port.lane.has_entry()) return false;
    lane_entry* next = nullptr;
    for (lane_entry* entry = at.port.lane.take(); entry != nullptr; entry = next) {
        next = entry->next;
        switch (entry->event) {
        case lane_event::call_ended: finish_call(at, *static_cast<call_record*>(entry)); break;
        case lane_event::lease_home: free_block(at, *static_cast<lease_block*>(entry)); break;
        case lane_event::monitor_set: begin_watch(at, *static_cast<monitor_record*>(entry)); break;
        case lane_event::monitor_ended: finish_watch(at, *static_cast<monitor_record*>(entry)); break;
        case lane_event::monitor_withdrawn: take_withdrawal(at, *static_cast<monitor_withdrawal*>(entry)); break;
        }
    }
    return true;
}

}  // namespace tina::detail
