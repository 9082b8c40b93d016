// SPDX-License-Identifier: Apache-2.0
// The shard's side of offloaded work: taking a record, waiting for it, and giving it back when its result was taken or
// is not wanted any more. A record is used again only when it is home.
#include "lib/offload.hpp"

#include <cstring>

#include "lib/ready.hpp"

namespace tina::detail {

namespace {

[[nodiscard]] offload_record* take_record(shard& at, const slot_header& caller, const offload_order& order) noexcept {
    const std::uint32_t index = at.offloads.take();
    if (index == nothing) return nullptr;
    offload_record& record = at.offloads[index];
    record.event = lane_event::offload_ended;
    record.home = at.index;
    record.index = index;
    record.caller = at.index_of_slot(caller);
    record.has_result = false;
    record.is_abandoned.store(false, std::memory_order_relaxed);  // nobody else knows the record yet
    record.info = order.info;
    record.function = order.function;
    std::memcpy(record.arguments, order.arguments, order.info->argument_bytes);
    return &record;
}

/// Destroys what a record brought, and gives it back.
void free_record(shard& at, offload_record& record) noexcept {
    if (record.has_result) record.info->destroy(record.result);
    record.failure = nullptr;
    at.offloads.give_back(record.index);
}

[[nodiscard]] auto links_of_records(shard& at) noexcept {
    return [&at](std::uint32_t index) -> list_links& { return at.offloads[index].links; };
}

/// The result of a record that is home is taken, or not wanted.
void release_record(shard& at, offload_record& record) noexcept {
    list_remove(at.offloads_home, record.index, links_of_records(at));
    free_record(at, record);
}

void refuse(shard& at, slot_header& self, offload_wait& wait, errc why) noexcept {
    at.counts.offloads_refused.add();
    fail_at_once(at, self, wait, why);
}

}  // namespace

void begin_offload(slot_header& self, offload_wait& wait, const offload_order& order) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    wait.set_up(wait_kind::offload);
    if (at.shared.offloads == nullptr) return refuse(at, self, wait, errc::no_offload);
    offload_record* const record = take_record(at, self, order);
    if (record == nullptr) return refuse(at, self, wait, errc::offload_full);
    if (!arm_deadline(at, self, wait, order.until)) {
        at.counts.offloads_refused.add();
        return free_record(at, *record);
    }
    if (!at.shared.offloads->submit(*record)) {
        disarm(at, wait);
        free_record(at, *record);
        return refuse(at, self, wait, errc::offload_full);
    }
    wait.record = record;
    at.counts.offloads_started.add();
    suspend(at, self, wait);
}

void run_offload(offload_record& record) noexcept {
    // Relaxed: partner is abandon_offload(); a hint that spares work, and no order hangs on it.
    if (record.is_abandoned.load(std::memory_order_relaxed)) return;
    try {
        record.info->run(record.function, record.arguments, record.result);
        record.has_result = true;
    } catch (...) { record.failure = std::current_exception(); }
}

void send_offload_home(fabric& shared, offload_record& record) noexcept {
    shard_port& home = shared.port(record.home);
    lane_chain alone;
    alone.add(record);
    home.lane.push(alone);  // from here on the record is its shard's
    // Sequential consistency: partner is the fence in shard::sleep().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    home.wake_if_sleeping();
}

void finish_offload(shard& at, offload_record& record) noexcept {
    if (record.caller == nothing) {
        at.counts.offloads_dropped.add();
        return free_record(at, record);
    }
    slot_header& caller = at.slots[record.caller];
    TINA_ASSERT(caller.wait->kind == wait_kind::offload && static_cast<offload_wait*>(caller.wait)->record == &record,
                "offloaded work came home to one who does not wait for it");
    TINA_ASSERT(record.has_result || record.failure, "offloaded work that somebody waits for came home undone");
    list_push(at.offloads_home, record.index, links_of_records(at));
    at.counts.offloads_finished.add();
    complete(at, caller);
}

void expire_offload(shard& at, slot_header& caller) noexcept {
    abandon_offload(*static_cast<offload_wait*>(caller.wait));
    caller.wait->error = packed_error{errc::deadline}.value;
    complete(at, caller);
}

void abandon_offload(offload_wait& wait) noexcept {
    wait.record->caller = nothing;
    wait.record->is_abandoned.store(true, std::memory_order_relaxed);  // partner: run_offload()
    wait.record = nullptr;
}

std::byte* take_offloaded(offload_wait& wait) {
    if (wait.record->failure) std::rethrow_exception(wait.record->failure);
    return wait.record->result;
}

void release_offload(slot_header& self, offload_wait& wait) noexcept {
    const runtime_stretch busy(owner_of(self));
    release_record(owner_of(self), *wait.record);
    wait.record = nullptr;
}

void drop_results(shard& at, const slot_header& dead) noexcept {
    const std::uint32_t slot = at.index_of_slot(dead);
    for (std::uint32_t index = at.offloads_home; index != nothing;) {
        offload_record& record = at.offloads[index];
        index = record.links.next;
        if (record.caller == slot) release_record(at, record);
    }
}

}  // namespace tina::detail
