// SPDX-License-Identifier: Apache-2.0
// The way of a request to start an isolate on another shard: record, other shard, home. A record is used as a call's
// is, but counted as no call.
#include "lib/remote_spawn.hpp"

#include <cstring>

#include "lib/calls.hpp"
#include "lib/ready.hpp"
#include "lib/slots.hpp"

namespace tina::detail {

namespace {

/// What a record carries on its way out, where a call's has the reply.
struct spawn_request {
    const handler_info* what;
    std::uint8_t restart;
    alignas(16) std::byte pack[argument_bytes_max];
};
static_assert(sizeof(spawn_request) <= message_bytes_max && alignof(spawn_request) <= 32);

void spawn_here(slot_header& self, spawn_wait& wait, const spawn_order& order) noexcept {
    const spawn_answer answer = spawn(self, *order.what, order.restart, order.pack);
    wait.child = answer.child;
    wait.error = answer.error;
    complete_at_once(owner_of(self), self, wait);
}

}  // namespace

void begin_spawn(slot_header& self, spawn_wait& wait, const spawn_order& order) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    wait.set_up(wait_kind::spawn);
    if (order.shard == at.index) return spawn_here(self, wait, order);
    if (order.shard >= at.shared.shard_count()) return fail_at_once(at, self, wait, errc::no_such_shard);
    const std::uint32_t index = at.calls.take();
    if (index == nothing) return fail_at_once(at, self, wait, errc::no_calls);
    call_record& record = at.calls[index];
    record.place = make_place(at.index, index);
    record.event = lane_event::spawn_wanted;
    record.caller = at.index_of_slot(self);
    auto* const request = new (record.reply) spawn_request{order.what, order.restart, {}};
    std::memcpy(request->pack, order.pack, order.what->argument_bytes);
    wait.record = &record;
    send_entry(at, order.shard, record);
    suspend(at, self, wait);
}

void take_spawn_request(shard& at, call_record& record) noexcept {
    auto* const request = std::launder(reinterpret_cast<spawn_request*>(record.reply));
    if (at.decider != nullptr) at.decider->spawns_for(shard_of_place(record.place), record.caller);
    const spawn_answer answer = start_dynamic(at, *request->what, request->restart, request->pack);
    if (at.decider != nullptr) at.decider->spawns_for(nothing, nothing);
    record.error = answer.error;
    std::memcpy(record.reply, &answer.child, sizeof answer.child);
    record.event = lane_event::spawn_ended;
    send_entry(at, shard_of_place(record.place), record);
}

void finish_spawn(shard& at, call_record& record) noexcept {
    if (record.caller != nothing) {
        slot_header& caller = at.slots[record.caller];
        auto& wait = *static_cast<spawn_wait*>(caller.wait);
        TINA_ASSERT(wait.kind == wait_kind::spawn && wait.record == &record,
                    "an isolate was started elsewhere for one who did not ask for it");
        wait.error = record.error;
        std::memcpy(&wait.child, record.reply, sizeof wait.child);
        complete(at, caller);
    }
    at.calls.give_back(index_of_place(record.place));
}

}  // namespace tina::detail
