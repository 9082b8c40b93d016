// SPDX-License-Identifier: Apache-2.0
// Going through slots, mailboxes and channels, for predicates.
#include "sim/inspection.hpp"

#include "lib/mailbox.hpp"
#include "lib/slots.hpp"

namespace tina::sim {

namespace lib = tina::detail;

namespace {

/// Calls `visit(shard, slot)` for each living isolate of a handler.
template <class Visit>
void for_each_isolate(sim_machine& machine, const lib::handler_info& what, Visit&& visit) {
    if (!machine.is_up()) return;
    for (std::uint32_t i = 0; i < machine.shard_count(); ++i) {
        if (machine.shard(i).has_stopped()) continue;
        lib::shard& at = machine.shard(i).runtime();
        const std::uint32_t index = lib::find_type(at, what);
        if (index == lib::nothing) continue;
        const lib::type_state& type = at.types[index];
        for (std::uint32_t k = 0; k < type.never_used; ++k) {
            lib::slot_header& slot = at.slots[type.first_slot + k];
            if (slot.state >= lib::slot_state::running && slot.abandoned == 0) visit(at, slot);
        }
    }
}

/// Messages of one mailbox, type by type.
void visit_mailbox(lib::shard& at, lib::slot_header& slot, std::uint64_t key,
                   const std::function<void(const std::byte*)>& visit) {
    const std::uint32_t which = lib::accept_index(at, slot.type, key);
    if (which == lib::nothing) return;
    const auto call = [](const lib::envelope& each, void* with) {
        (*static_cast<const std::function<void(const std::byte*)>*>(with))(each.payload);
    };
    lib::visit_queue(at, slot, which, call, const_cast<std::function<void(const std::byte*)>*>(&visit));
}

void visit_channels(sim_machine& machine, std::uint32_t to, std::uint64_t key,
                    const std::function<void(const std::byte*)>& visit) {
    for (std::uint32_t from = 0; from < machine.shard_count(); ++from) {
        if (from == to) continue;
        auto& messages = machine.shared().between(from, to).messages;
        for (std::uint32_t i = 0; lib::message_in_transit* const each = messages.peek(i); ++i) {
            const std::uint64_t its = (std::uint64_t{each->bytes} << 32) | each->tag;
            if (its == key && each->flags != lib::transit_flags::withdrawn) visit(each->payload);
            if (i + 1 == messages.capacity()) break;
        }
    }
}

}  // namespace

void visit_objects(sim_machine& machine, const lib::handler_info& what,
                   const std::function<void(const std::byte*)>& visit) {
    for_each_isolate(machine, what, [&](lib::shard& at, lib::slot_header& slot) {
        visit(at.slot_memory(slot) + at.types[slot.type].plan->object_offset);
    });
}

std::size_t count_isolates(sim_machine& machine, const lib::handler_info& what) {
    std::size_t count = 0;
    for_each_isolate(machine, what, [&](lib::shard&, lib::slot_header&) { ++count; });
    return count;
}

void visit_messages(sim_machine& machine, std::uint64_t key, const std::function<void(const std::byte*)>& visit) {
    if (!machine.is_up()) return;
    for (std::uint32_t i = 0; i < machine.shard_count(); ++i) {
        if (machine.shard(i).has_stopped()) continue;
        lib::shard& at = machine.shard(i).runtime();
        for (const lib::type_state& type : at.types) {
            for (std::uint32_t k = 0; k < type.never_used; ++k) {
                lib::slot_header& slot = at.slots[type.first_slot + k];
                if (slot.state >= lib::slot_state::running) visit_mailbox(at, slot, key, visit);
            }
        }
        visit_channels(machine, i, key, visit);
    }
}

result<handle> find_role(sim_machine& machine, std::uint32_t tag, std::uint32_t shard) {
    const auto unknown = [] { return result<handle>(lib::packed_error{errc::unknown_role}); };
    if (!machine.is_up()) return unknown();
    const std::atomic<std::uint64_t>* const words = machine.shared().roles.words_of(tag);
    if (words == nullptr) return unknown();
    std::uint64_t word = lib::role_vacant;
    for (std::uint32_t i = 0; i < machine.shard_count() && word == lib::role_vacant; ++i) {
        if (shard == lib::nothing || shard == i) word = words[i].load(std::memory_order_relaxed);
    }
    if (word == lib::role_vacant) return unknown();
    if (word == lib::role_restarting) return result<handle>(lib::packed_error{errc::restarting});
    return handle::from_bits(word);
}

counter_snapshot counters_of(sim_machine& machine) {
    std::vector<counter_value> values;
    for (std::uint32_t i = 0; i < machine.shard_count(); ++i) {
        if (!machine.shard(i).is_up()) continue;
        lib::shard& from = machine.shard(i).runtime();
        from.refresh_gauges();
        const lib::counters& counts = from.counts;
        const std::uint64_t handed = from.envelopes.handed_count();
#define TINA_COUNTER_VALUE(name, description) values.push_back({#name, description, i, from.name.get() + handed});
        TINA_CORE_COUNTERS(TINA_COUNTER_VALUE)
#undef TINA_COUNTER_VALUE
#define TINA_COUNTER_VALUE(name, description) values.push_back({#name, description, i, counts.name.get()});
        TINA_COUNTERS(TINA_COUNTER_VALUE)
#undef TINA_COUNTER_VALUE
    }
    return counter_snapshot(std::move(values));
}

}  // namespace tina::sim
