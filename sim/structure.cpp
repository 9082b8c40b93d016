// SPDX-License-Identifier: Apache-2.0
// What holds of a shard between two cycles, whatever its isolates do. As strong as it is documented: sums, not bounds.
#include <string>

#include "sim/world_state.hpp"

namespace tina::sim {

namespace lib = tina::detail;

namespace {

template <class Item>
[[nodiscard]] bool is_whole(const lib::pool<Item>& items, std::uint32_t taken) {
    return items.consistent(taken);
}

[[nodiscard]] std::string check_pools(lib::shard& at) {
    if (!is_whole(at.envelopes, at.envelopes.taken_count())) return "an envelope is neither free nor taken, or both";
    if (!is_whole(at.calls, at.calls.taken_count())) return "a call record is neither free nor taken, or both";
    if (!is_whole(at.lease_blocks, at.lease_blocks.taken_count())) return "a lease is neither free nor taken, or both";
    if (!is_whole(at.monitors, at.monitors.taken_count())) return "a monitor is neither free nor taken, or both";
    if (!is_whole(at.message_timers, at.message_timers.taken_count()))
        return "a timer is neither free nor taken, or both";
    if (!is_whole(at.offloads, at.offloads.taken_count())) return "an offload is neither free nor taken, or both";
    if (!is_whole(at.io.records, at.io.records.taken_count())) return "a descriptor is neither free nor taken, or both";
    if (!at.wheel.consistent()) return "the timer wheel's lists do not agree with its counts";
    return {};
}

[[nodiscard]] std::string check_slots(lib::shard& at) {
    for (const lib::type_state& type : at.types) {
        std::uint32_t free = 0;
        for (std::uint32_t index = type.free_head; index != lib::nothing; index = at.slots[index].next) {
            if (at.slots[index].state != lib::slot_state::vacant) return "a slot is free and has a tenant";
            if (++free > type.never_used) return "the list of free slots has a loop";
        }
        std::uint32_t vacant = 0;
        for (std::uint32_t i = 0; i < type.never_used; ++i) {
            const lib::slot_header& slot = at.slots[type.first_slot + i];
            if (slot.state == lib::slot_state::vacant && slot.generation != 0) ++vacant;
        }
        if (vacant < free) return "more slots are free than are vacant";
    }
    for (std::uint32_t type = 0; type < at.types.size(); ++type) {
        for (std::uint32_t i = at.type_cores[type].ready_head, left = at.slot_count; i != lib::nothing;
             i = at.slots[i].next) {
            if (at.slots[i].type != type) return "an isolate is queued to run with another type";
            if (left-- == 0) return "the queue of those that are ready has a loop";
        }
    }
    return {};
}

[[nodiscard]] std::string check_operations(lib::shard& at) {
    std::uint64_t operations = 0;
    for (std::uint32_t i = 0; i < at.io.records.watermark(); ++i) operations += at.io.records[i].operations;
    if (operations == at.io.operations) return {};
    return std::to_string(at.io.operations) + " operations are in flight, " + std::to_string(operations) +
           " have an owner";
}

[[nodiscard]] std::string check_channels(sim_machine& machine) {
    const std::uint32_t count = machine.shard_count();
    for (std::uint32_t from = 0; from < count; ++from) {
        for (std::uint32_t to = 0; to < count; ++to) {
            if (from == to) continue;
            auto& messages = machine.shared().between(from, to).messages;
            if (messages.produced() - messages.consumed() > messages.capacity()) return "a ring's cursors do not agree";
        }
    }
    return {};
}

/// Every message that was sent was delivered, dropped for a reason that was counted, or is queued.
[[nodiscard]] std::string check_messages(sim_machine& machine) {
    std::int64_t sent = 0;
    std::int64_t accounted = 0;
    for (std::uint32_t i = 0; i < machine.shard_count(); ++i) {
        const lib::shard& at = machine.shard(i).runtime();
        const lib::counters& counts = at.counts;
        const auto add = [](const lib::counter& what) { return static_cast<std::int64_t>(what.get()); };
        sent += add(at.messages_sent);
        accounted += add(at.messages_delivered) + add(counts.messages_queued) + add(counts.messages_to_channels) -
                     add(counts.messages_from_channels) + add(counts.messages_dropped_mailbox_full) +
                     add(counts.messages_dropped_stale_handle) + add(counts.messages_dropped_not_accepted) +
                     add(counts.messages_dropped_target_ended) + add(counts.messages_dropped_taken_back) +
                     add(counts.messages_dropped_stopped);
    }
    if (sent == accounted) return {};
    return std::to_string(sent) + " messages were sent, " + std::to_string(accounted) +
           " were delivered, dropped or are on their way";
}

}  // namespace

std::string check_structure(sim_machine& machine) {
    if (!machine.is_up()) return {};
    for (std::uint32_t i = 0; i < machine.shard_count(); ++i) {
        lib::shard& at = machine.shard(i).runtime();
        std::string what = check_pools(at);
        if (what.empty()) what = check_slots(at);
        if (what.empty()) what = check_operations(at);
        if (!what.empty()) return "shard " + std::to_string(i) + ": " + what;
    }
    std::string what = check_channels(machine);
    return what.empty() ? check_messages(machine) : what;
}

}  // namespace tina::sim
