// SPDX-License-Identifier: Apache-2.0
// Spawning and ending. A slot goes vacant -> ready <-> running <-> waiting -> (draining) ->
// vacant; its generation moves on as soon as its isolate is dead, so that no handle to the dead reaches what comes
// after.
#include "lib/slots.hpp"

#include <coroutine>
#include <cstring>

#include "lib/any.hpp"
#include "lib/calls.hpp"
#include "lib/delivery.hpp"
#include "lib/descriptors.hpp"
#include "lib/drain.hpp"
#include "lib/guarded_run.hpp"
#include "lib/holdings.hpp"
#include "lib/mailbox.hpp"
#include "lib/monitors.hpp"
#include "lib/nested.hpp"
#include "lib/ready.hpp"
#include "lib/restarts.hpp"
#include "lib/standing.hpp"
#include "lib/stream.hpp"
#include "lib/supervision.hpp"
#include "lib/transit.hpp"
#include "lib/turns.hpp"
#include "tina/memory.hpp"

namespace tina::detail {

namespace {

constexpr std::uint32_t generation_max = 0xffff'ffff;

[[nodiscard]] std::size_t hash_of(const shard& at, const handler_info& what) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(&what);
    return (address >> 4) * 0x9e37'79b9u & (at.type_table.size() - 1);
}

/// A slot that has had no tenant yet; null if all have.
[[nodiscard, gnu::noinline]] slot_header* take_new_slot(shard& at, type_state& type) noexcept {
    if (type.never_used == type.plan->slot_count) return nullptr;
    const std::uint32_t index = type.first_slot + type.never_used++;
    slot_header& slot = at.slots[index];
    new (&slot) slot_header;
    new (&at.members[index]) member_note;
    slot.type = static_cast<std::uint16_t>(&type - at.types.data());
    slot.core = &at.type_cores[slot.type];
    slot.generation = 1;
    slot.place = at.first_place + index;
    clear_mailbox(at, slot);
    return &slot;
}

[[nodiscard, gnu::always_inline]] inline slot_header* take_slot_here(shard& at, type_state& type) noexcept {
    if (type.free_head == nothing) [[unlikely]]
        return take_new_slot(at, type);
    slot_header& slot = at.slots[type.free_head];
    type.free_head = slot.next;
    if (type.free_head == nothing) type.free_tail = nothing;
    return &slot;
}

}  // namespace

slot_header* take_slot(shard& at, type_state& type) noexcept { return take_slot_here(at, type); }

bool renew_generation(shard& at, slot_header& slot) noexcept {
    const bool is_last = slot.generation == generation_max;
    if (is_last || slot.generation == 0) [[unlikely]] {
        if (is_last) at.counts.slots_retired.add();
        slot.generation = 0;
        return false;
    }
    ++slot.generation;
    return true;
}

void free_slot(shard& at, slot_header& slot) noexcept {
    type_state& type = at.types[slot.type];
    slot.state = slot_state::vacant;
    if (!renew_generation(at, slot)) return;
    append_slot(at, type.free_head, type.free_tail, slot);
}

void build(shard& at, slot_header& slot, std::uint32_t child, void* pack) noexcept {
    const type_plan& plan = *at.types[slot.type].plan;
    std::byte* const memory = at.slot_memory(slot);
    slot.child = child;
    slot.crashed = 0;
    slot.turn = 0;
    slot.abandoned = 0;
    slot.stopped = 0;
    slot.doomed = 0;
    slot.by_link = 0;
    slot.state = slot_state::waiting;
    if (plan.what->argument_bytes > 0 && !plan.what->owns_descriptors) {
        std::memcpy(memory + plan.arguments_offset, pack, plan.what->argument_bytes);
    }
    if (plan.options.working_arena_bytes > 0) {
        new (memory + plan.arena_offset)
            arena("working arena", "type_options::working_arena_bytes", memory + plan.arena_offset + sizeof(arena),
                  plan.options.working_arena_bytes);
    }
    if (plan.options.nested_bytes > 0) start_nested_region(at, slot);
    if (plan.what->runs_constructor) {
        start_guarded(at, slot, pack);
    } else {
        plan.what->start(slot, memory + plan.object_offset, pack);
    }
    TINA_ASSERT(slot.frame == memory + plan.frame_offset || slot.abandoned != 0,
                "a handler's frame is not in its place in the slot");
    note_role(at, child & child_index_mask, slot.own_handle().bits());
    at.counts.isolates_spawned.add();
    if (at.drain.begun) owe_notice(at, slot);
    at.observe(event_kind::spawn, at.index_of_slot(slot), slot.type, 0);
    queue_ready(at, slot);
}

namespace {

/// The last of a slot: frame, object, what was held. Nothing of it may be in the kernel any more.
[[gnu::always_inline]] inline void tear_down(shard& at, slot_header& slot) noexcept {
    slot_header* const outer = at.current;
    at.current = &slot;
    if (slot.abandoned == 0) destroy_guarded(at, slot);
    at.current = outer;
    slot.frame = nullptr;
    slot.wait = nullptr;
    if (at.io.closing != nothing) close_dropped(at, slot.crashed != 0);
    if (slot.held != nothing) release_holdings(at, slot);
    if (at.offloads_home != nothing) drop_results(at, slot);
    if (at.dropped_calls != nullptr) settle_dropped_calls(at, errc::target_gone);
}

/// Takes an isolate out of whatever it waits in.
[[gnu::noinline]] void leave_wait(shard& at, slot_header& slot) noexcept {
    if (waits_in_header(slot.state)) return;
    if (slot.wait->kind == wait_kind::any) return abandon_any(at, slot);
    disarm(at, *slot.wait);
    if (slot.wait->kind == wait_kind::deliver) abandon_delivery(at, slot);
    if (slot.wait->kind == wait_kind::accept) leave_descriptor(at, *static_cast<descriptor_wait*>(slot.wait));
    if (slot.wait->kind == wait_kind::call) abandon_call(at, *static_cast<call_wait*>(slot.wait)->record);
    if (slot.wait->kind == wait_kind::offload) abandon_offload(*static_cast<offload_wait*>(slot.wait));
    if (slot.wait->kind == wait_kind::spawn) static_cast<spawn_wait*>(slot.wait)->record->caller = nothing;
}

[[gnu::cold, gnu::noinline]] spawn_answer refuse_spawn(shard& at, errc why) noexcept {
    at.counts.spawns_refused.add();
    return {{}, packed_error{why}.value};
}

}  // namespace

std::uint32_t find_type(const shard& at, const handler_info& what) noexcept {
    for (std::size_t at_index = hash_of(at, what);; at_index = (at_index + 1) & (at.type_table.size() - 1)) {
        const std::uint16_t type = at.type_table[at_index];
        if (type == 0xffff) return nothing;
        if (at.types[type].plan->what == &what) return type;
    }
}

void index_types(shard& at) {
    std::size_t size = 4;
    while (size < at.types.size() * 2) size *= 2;
    at.type_table.assign(size, 0xffff);
    for (std::size_t type = 0; type < at.types.size(); ++type) {
        std::size_t place = hash_of(at, *at.types[type].plan->what);
        while (at.type_table[place] != 0xffff) place = (place + 1) & (size - 1);
        at.type_table[place] = static_cast<std::uint16_t>(type);
    }
}

namespace {

/// start_isolate(), compiled into whoever starts one.
[[gnu::always_inline]] inline spawn_answer start_here(shard& at, std::uint32_t type, std::uint32_t child, void* pack,
                                                      std::uint32_t group) noexcept {
    type_state& of = at.types[type];
    if (at.quarantined) return refuse_spawn(at, errc::quarantined);
    if (at.stopping || at.groups[group].ending) return refuse_spawn(at, errc::interrupted);
    const bool refused = at.current != nullptr && at.finds_none(scarce::slot, *at.current);
    slot_header* const slot = of.live.get() < of.plan->options.slots && !refused ? take_slot_here(at, of) : nullptr;
    if (slot == nullptr) return refuse_spawn(at, errc::no_slots);
    of.live.add();
    join_group(at, *slot, group);
    build(at, *slot, child, pack);
    return {slot->own_handle(), 0};
}

[[gnu::always_inline]] inline spawn_answer start_dynamic_here(shard& at, const handler_info& what, std::uint8_t mode,
                                                              void* pack, std::uint32_t group) noexcept {
    const std::uint32_t type = find_type(at, what);
    if (type == nothing) return refuse_spawn(at, errc::unknown_type);
    return start_here(at, type, (std::uint32_t{mode} << 30) | dynamic_child, pack, group);
}

}  // namespace

spawn_answer start_isolate(shard& at, std::uint32_t type, std::uint32_t child, void* pack,
                           std::uint32_t group) noexcept {
    return start_here(at, type, child, pack, group);
}

spawn_answer start_dynamic(shard& at, const handler_info& what, std::uint8_t mode, void* pack,
                           std::uint32_t group) noexcept {
    return start_dynamic_here(at, what, mode, pack, group);
}

spawn_answer spawn(slot_header& parent, const handler_info& what, std::uint8_t mode, void* pack) noexcept {
    const runtime_stretch busy(owner_of(parent));
    shard& at = owner_of(parent);
    return start_dynamic_here(at, what, mode, pack, note_of(at, parent).group);
}

namespace {

/// A dead isolate that is queued to run cannot be taken out of the middle of the queue: it is buried when its turn
/// comes. No handle reaches it until then.
void lie_in_queue(shard& at, slot_header& slot) noexcept {
    slot.frame = at.ending.frame();
    static_cast<void>(renew_generation(at, slot));
}

/// Takes the messages and the credits of an isolate that has ended.
[[gnu::noinline]] void clear_belongings(shard& at, slot_header& slot) noexcept {
    if (slot.held != nothing) {
        release_tokens(at, slot);
        end_standings(at, slot);
    }
    close_mailbox(at, slot);
}

/// Tells all that have to do with an isolate that it has ended.
[[gnu::always_inline]] inline void part_with(shard& at, slot_header& slot) noexcept {
    // Who waits for an answer from here learns now that there will be none, whatever the kernel still holds.
    if (at.dropped_calls != nullptr) settle_dropped_calls(at, errc::target_gone);
    // Messages of its own timers and monitors are in its mailbox uncounted; it holds what they come from.
    if (slot.mail_count != 0 || !slot.holds_nothing_and_owes_nothing()) clear_belongings(at, slot);
    if (slot.watched != 0) tell_watchers(at, slot);
    if (at.io.closing != nothing) close_dropped(at, slot.crashed != 0);
    if (slot.descriptors != nothing) close_owned(at, slot, slot.crashed != 0 || slot.in_flight > 0);
}

/// take_down(), compiled into end_isolate().
[[gnu::always_inline]] inline void take_down_here(shard& at, slot_header& slot, bool again) noexcept {
    const bool queued = slot.state == slot_state::ready;
    if (is_suspended(slot.state)) leave_wait(at, slot);
    at.observe(event_kind::exit, at.index_of_slot(slot), slot.crashed, 0);
    count_end(at, slot);
    if (slot.crashed != 0) log_crash(at, slot);
    if (!again) at.types[slot.type].live.subtract();
    note_role(at, child_of(slot), again ? role_restarting : role_vacant);
    slot.state = slot_state::draining;
    slot.doomed = 0;
    part_with(at, slot);
    if (slot.in_flight > 0) {
        TINA_ASSERT(!queued, "an isolate was queued to run while the kernel had memory of its slot");
        return at.counts.slots_draining.add();
    }
    tear_down(at, slot);
    if (queued) lie_in_queue(at, slot);
}

}  // namespace

void take_down(shard& at, slot_header& slot, bool again) noexcept { take_down_here(at, slot, again); }

void end_isolate(shard& at, slot_header& slot) noexcept {
    const bool again = wants_restart(at, slot);
    take_down_here(at, slot, again);
    again ? restart_ended(at, slot) : bury_ended(at, slot);
}

reaper make_reaper(shard& at) {
    for (;;) {
        at.current->state = slot_state::unqueued;
        at.cleanup_wanted = cleanup::all;
        co_await std::suspend_always{};
    }
}

void crash_as_decided(shard& at, slot_header& slot) noexcept {
    note_crash(slot, "the simulation has it crash after an effect");
    if (doom(at, slot, true)) slot.by_link = 0;
}

bool doom(shard& at, slot_header& slot, bool crashed) noexcept {
    if (slot.doomed != 0 || at.stopping) return false;
    slot.doomed = 1;
    slot.crashed = crashed;
    slot.by_link = crashed;
    slot.stopped = !crashed;
    at.doomed.push_back(at.index_of_slot(slot));
    at.cleanup_wanted = cleanup::all;
    return true;
}

void end_doomed(shard& at) noexcept {
    while (!at.doomed.empty()) {
        slot_header& slot = at.slots[at.doomed.back()];
        at.doomed.pop_back();
        if (slot.doomed == 0) continue;  // it has ended by itself meanwhile
        if (is_suspended(slot.state) || slot.state == slot_state::ready) end_isolate(at, slot);
    }
}

send_result stop_isolate(slot_header& self, handle target) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    if (target.shard() != at.index) return stop_across(at, self, target);
    slot_header* const slot = at.live(target);
    if (slot == nullptr) {
        count_refusal(at, send_result::stale_handle, target, 0);
        return send_result::stale_handle;
    }
    static_cast<void>(doom(at, *slot, false));
    return send_result::ok;
}

void operation_ended(shard& at, slot_header& slot) noexcept {
    TINA_ASSERT(slot.in_flight > 0, "an operation ended that no slot had in flight");
    --slot.in_flight;
    if (slot.in_flight > 0 || slot.state != slot_state::draining) return;
    at.counts.slots_draining.subtract();
    tear_down(at, slot);
    slot_left(at, slot);
}

void end_all(shard& at) noexcept {
    at.stopping = true;
    end_for_good(at);
    at.doomed.clear();
    queue_yielded(at);
    // Those that were queued to run have died there.
    for (type_core& type : at.core_of_types) {
        while (type.ready_head != nothing) {
            slot_header& slot = at.slots[type.ready_head];
            type.ready_head = slot.next;
            leave_queue(at, slot);
        }
        type.listed = false;
    }
    at.ready_words.assign(at.ready_words.size(), 0);
    at.ready_types = at.ready_words.data();
}

void* allocate_frame(slot_header& self, std::size_t bytes) noexcept {
    if (self.state == slot_state::probing) {
        self.frame = reinterpret_cast<void*>(bytes);
        return nullptr;
    }
    shard& at = owner_of(self);
    const type_plan& plan = *at.types[self.type].plan;
    TINA_ASSERT(bytes <= plan.frame_bytes, "a coroutine's frame is larger than it was when it was probed");
    return at.slot_memory(self) + plan.frame_offset;
}

}  // namespace tina::detail
