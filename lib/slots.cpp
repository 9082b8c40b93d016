// SPDX-License-Identifier: Apache-2.0
// Spawning, running, ending and restarting. A slot goes vacant -> ready <-> running <-> waiting -> (draining) -> vacant; its
// generation moves on as soon as its isolate is dead, so that no handle to the dead reaches what comes after.
#include "lib/slots.hpp"

#include <coroutine>
#include <cstring>

#include "lib/delivery.hpp"
#include "lib/descriptors.hpp"
#include "lib/holdings.hpp"
#include "lib/mailbox.hpp"
#include "lib/ready.hpp"
#include "tina/memory.hpp"

namespace tina::detail {

namespace {

constexpr std::uint32_t generation_max = 0xffff'ffff;
constexpr std::int64_t look_short_ns = 16'000;  ///< the clock is looked at less often below, more often above
constexpr std::uint32_t clock_stride_max = 64;

[[nodiscard]] std::size_t hash_of(const shard& at, const handler_info& what) noexcept {
    const auto address = reinterpret_cast<std::uintptr_t>(&what);
    return (address >> 4) * 0x9e37'79b9u & (at.type_table.size() - 1);
}

/// A slot for a new isolate: the one that has been free longest, else one never used. Null if all are taken.
[[nodiscard]] slot_header* take_slot(shard& at, type_state& type) noexcept {
    if (type.live >= type.plan->options.slots) return nullptr;
    if (type.free_head != nothing) {
        slot_header& slot = at.slots[type.free_head];
        type.free_head = slot.next;
        if (type.free_head == nothing) type.free_tail = nothing;
        return &slot;
    }
    if (type.never_used == type.plan->slot_count) return nullptr;
    slot_header& slot = at.slots[type.first_slot + type.never_used++];
    new (&slot) slot_header;
    slot.owner = &at;
    slot.type = static_cast<std::uint16_t>(&type - at.types.data());
    slot.generation = 1;
    clear_mailbox(at, slot);
    return &slot;
}

void free_slot(shard& at, slot_header& slot) noexcept {
    type_state& type = at.types[slot.type];
    slot.state = slot_state::vacant;
    if (slot.generation == generation_max) {
        at.counts.slots_retired.add();
        return;
    }
    ++slot.generation;
    const std::uint32_t index = at.index_of_slot(slot);
    slot.next = nothing;
    if (type.free_head == nothing) {
        type.free_head = index;
    } else {
        at.slots[type.free_tail].next = index;
    }
    type.free_tail = index;
}

void build(shard& at, slot_header& slot, std::uint32_t child, void* pack) noexcept {
    type_state& type = at.types[slot.type];
    const type_plan& plan = *type.plan;
    std::byte* const memory = at.slot_memory(slot);
    slot.child = child;
    slot.crashed = 0;
    slot.state = slot_state::waiting;
    if (plan.what->argument_bytes > 0 && !plan.what->owns_descriptors) {
        std::memcpy(memory + plan.arguments_offset, pack, plan.what->argument_bytes);
    }
    if (plan.options.working_arena_bytes > 0) {
        new (memory + plan.arena_offset)
            arena("working arena", "type_options::working_arena_bytes", memory + plan.arena_offset + sizeof(arena),
                  plan.options.working_arena_bytes);
    }
    plan.what->start(slot, memory + plan.object_offset, pack);
    TINA_ASSERT(slot.frame != nullptr, "a handler's frame could not be placed in its slot");
    ++type.live;
    at.counts.isolates_spawned.add();
    at.observe({event_kind::spawn, at.index_of_slot(slot), slot.type, 0});
    queue_ready(at, slot);
}

/// Looks at the clock once in a while, more often where handlers take long, and ends the cycle when its time is up.
void look_at_clock(shard& at) noexcept {
    const std::int64_t now = at.io_reactor->now_ns();
    const std::int64_t passed = now - at.last_look_ns;
    at.last_look_ns = now;
    if (passed < look_short_ns) {
        at.clock_stride = at.clock_stride < clock_stride_max ? at.clock_stride * 2 : clock_stride_max;
    } else {
        at.clock_stride = at.clock_stride > 4 ? at.clock_stride / 4 : 1;
    }
    at.until_clock = at.clock_stride;
    if (at.cycle_end_ns == 0) {
        at.cycle_end_ns = now + at.plan.spec.limits.cycle_max.count();
    } else if (now >= at.cycle_end_ns) {
        at.cycle_over = true;
    }
}

/// Runs ready isolates of one type until none is left, its budget is used up, or the cycle's time is.
/// What recovers from a fault goes around this function, and finds the cursor in the shard.
void run_batch(shard& at) noexcept {
    type_state& type = at.types[at.batch_type];
    std::uint64_t activations = 0;
    while (type.ready_head != nothing && type.budget > 0 && !at.cycle_over) {
        slot_header& slot = at.slots[type.ready_head];
        type.ready_head = slot.next;
        --type.budget;
        ++activations;
        slot.state = slot_state::running;
        at.current = &slot;
        at.burst_left = burst_max;
        at.observe({event_kind::dispatch, at.index_of_slot(slot), slot.type, 0});
        std::coroutine_handle<>::from_address(slot.frame).resume();
        at.current = nullptr;
        if (slot.state == slot_state::ended) [[unlikely]] end_isolate(at, slot);
        if (at.io.closing != nothing) [[unlikely]] close_dropped(at, false);
        if (at.scratch->used() > 0) [[unlikely]] at.scratch->reset();
        if (--at.until_clock == 0) look_at_clock(at);
    }
    at.counts.activations.add(activations);
    if (type.ready_head == nothing) at.ready_types[at.batch_type / 64] &= ~(std::uint64_t{1} << (at.batch_type % 64));
}

/// Runs the ready types of one word of the bit set, those after the one that ran last first.
bool run_types(shard& at, std::uint32_t word) noexcept {
    const std::uint64_t ready = at.ready_types[word];
    const std::uint64_t after = at.batch_type / 64 == word ? ~std::uint64_t{0} << (at.batch_type % 64) << 1 : 0;
    bool any = false;
    for (const std::uint64_t part : {ready & after, ready & ~after}) {
        for (std::uint64_t left = part; left != 0 && !at.cycle_over; left &= left - 1) {
            at.batch_type = word * 64 + static_cast<std::uint32_t>(__builtin_ctzll(left));
            type_state& type = at.types[at.batch_type];
            if (type.budget_cycle != at.cycle_number) {
                type.budget_cycle = at.cycle_number;
                type.budget = type.cycle_budget;
            }
            if (type.budget == 0 || type.ready_head == nothing) continue;
            run_batch(at);
            any = true;
        }
    }
    return any;
}

void log_crash(shard& at, const slot_header& slot) noexcept {
    at.log.write(log_level::warning, at.types[slot.type].plan->what->name, at.index_of_slot(slot),
                 {at.crash_text, at.crash_bytes});
}

/// Whether the isolate is to be started again.
[[nodiscard]] bool wants_restart(const shard& at, const slot_header& slot) noexcept {
    if (at.stopping) return false;
    const auto mode = static_cast<restart>(slot.child >> 30);
    return mode == restart::permanent || (mode == restart::transient && slot.crashed != 0);
}

void restart_isolate(shard& at, std::uint32_t type, std::uint32_t child, void* pack) noexcept {
    const spawn_answer answer = start_isolate(at, type, child, pack);
    TINA_ASSERT(answer.error == 0, "a slot that was just made free was not there for a restart");
    at.counts.isolates_restarted.add();
}

/// The last of a slot: frame, object, what was held. Nothing of it may be in the kernel any more.
void tear_down(shard& at, slot_header& slot) noexcept {
    const type_plan& plan = *at.types[slot.type].plan;
    slot_header* const outer = at.current;
    at.current = &slot;
    std::coroutine_handle<>::from_address(slot.frame).destroy();
    if (plan.what->destroy != nullptr) plan.what->destroy(at.slot_memory(slot) + plan.object_offset);
    at.current = outer;
    slot.frame = nullptr;
    slot.wait = nullptr;
    close_dropped(at, slot.crashed != 0);
    release_holdings(at, slot);
}

/// Frees the slot of a torn-down isolate, and starts it again if it is to be.
void leave_slot(shard& at, slot_header& slot) noexcept {
    const bool again = wants_restart(at, slot);
    const std::uint32_t type = slot.type;
    const std::uint32_t child = slot.child;
    alignas(16) std::array<std::byte, argument_bytes_max> pack;
    if (again) {
        const type_plan& plan = *at.types[type].plan;
        std::memcpy(pack.data(), at.slot_memory(slot) + plan.arguments_offset, plan.what->argument_bytes);
    }
    free_slot(at, slot);
    if (again) restart_isolate(at, type, child, pack.data());
}

/// Starts the successor of an isolate whose slot drains in another slot. If none is free it waits for this one.
void restart_elsewhere(shard& at, slot_header& slot) noexcept {
    if (!wants_restart(at, slot)) return;
    const type_state& type = at.types[slot.type];
    if (type.free_head == nothing && type.never_used == type.plan->slot_count) {
        at.counts.restarts_pending.add();
        return;
    }
    alignas(16) std::array<std::byte, argument_bytes_max> pack;
    std::memcpy(pack.data(), at.slot_memory(slot) + type.plan->arguments_offset, type.plan->what->argument_bytes);
    restart_isolate(at, slot.type, slot.child, pack.data());
    slot.child = (static_cast<std::uint32_t>(restart::temporary) << 30) | dynamic_child;
}

/// Takes an isolate out of whatever it waits in.
void leave_wait(shard& at, slot_header& slot) noexcept {
    disarm(at, slot);
    if (slot.wait->kind == wait_kind::deliver) abandon_delivery(at, slot);
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

spawn_answer start_isolate(shard& at, std::uint32_t type, std::uint32_t child, void* pack) noexcept {
    slot_header* const slot = take_slot(at, at.types[type]);
    if (slot == nullptr) {
        at.counts.spawns_refused.add();
        return {{}, packed_error{errc::no_slots}.value};
    }
    build(at, *slot, child, pack);
    return {at.handle_of(*slot), 0};
}

spawn_answer spawn(slot_header& parent, const handler_info& what, std::uint8_t mode, void* pack) noexcept {
    shard& at = *parent.owner;
    const std::uint32_t type = find_type(at, what);
    if (type == nothing) {
        at.counts.spawns_refused.add();
        return {{}, packed_error{errc::unknown_type}.value};
    }
    return start_isolate(at, type, (std::uint32_t{mode} << 30) | dynamic_child, pack);
}

std::string start_tree(shard& at) {
    for (std::size_t index = 0; index < at.children.size(); ++index) {
        child_state& child = at.children[index];
        const handler_info& what = *at.types[child.type].plan->what;
        std::array<listener, argument_bytes_max / sizeof(listener)> opened;
        for (std::size_t i = 0; i < child.listening.size(); ++i) {
            std::string reason = open_listener(at, child.listening[i], opened[i]);
            if (!reason.empty()) return reason;
        }
        what.bind_listeners(child.arguments.data(), opened.data());
        const auto mode = static_cast<std::uint32_t>(child.mode);
        alignas(16) auto pack = child.arguments;
        const spawn_answer answer =
            start_isolate(at, child.type, (mode << 30) | static_cast<std::uint32_t>(index), pack.data());
        if (answer.error != 0) {
            return "type \"" + std::string(what.name) + "\" has fewer slots than the tree has children of it: raise slots";
        }
    }
    return {};
}

bool has_ready(const shard& at) noexcept {
    for (const std::uint64_t word : at.ready_types) {
        if (word != 0) return true;
    }
    return false;
}

bool run_ready(shard& at) noexcept {
    if (!has_ready(at)) return false;
    ++at.cycle_number;
    at.cycle_over = false;
    at.cycle_end_ns = 0;
    // Pass after pass over the types that have ready isolates, from where the last cycle stopped, so that what one type
    // makes ready in another runs in the same cycle.
    bool any = true;
    while (any && !at.cycle_over) {
        any = false;
        const auto words = static_cast<std::uint32_t>(at.ready_types.size());
        const std::uint32_t first = at.batch_type / 64;
        for (std::uint32_t i = 0; i < words && !at.cycle_over; ++i) {
            any |= run_types(at, first + i < words ? first + i : first + i - words);
        }
    }
    return true;
}

void end_isolate(shard& at, slot_header& slot) noexcept {
    type_state& type = at.types[slot.type];
    if (slot.state == slot_state::waiting) leave_wait(at, slot);
    at.observe({event_kind::exit, at.index_of_slot(slot), slot.crashed, 0});
    at.counts.isolates_ended.add();
    if (slot.crashed != 0) {
        at.counts.isolates_crashed.add();
        log_crash(at, slot);
    }
    --type.live;
    slot.state = slot_state::draining;
    close_mailbox(at, slot);
    close_dropped(at, slot.crashed != 0);
    close_owned(at, slot, slot.crashed != 0 || slot.in_flight > 0);
    if (slot.in_flight > 0) {
        at.counts.slots_draining.add();
        restart_elsewhere(at, slot);
        return;
    }
    tear_down(at, slot);
    leave_slot(at, slot);
}

void operation_ended(shard& at, slot_header& slot) noexcept {
    TINA_ASSERT(slot.in_flight > 0, "an operation ended that no slot had in flight");
    --slot.in_flight;
    if (slot.in_flight > 0 || slot.state != slot_state::draining) return;
    at.counts.slots_draining.subtract();
    if (wants_restart(at, slot)) at.counts.restarts_pending.subtract();
    tear_down(at, slot);
    leave_slot(at, slot);
}

void end_all(shard& at) noexcept {
    at.stopping = true;
    for (type_state& type : at.types) {
        for (std::uint32_t i = type.never_used; i > 0; --i) {
            slot_header& slot = at.slots[type.first_slot + i - 1];
            if (slot.state == slot_state::ready || slot.state == slot_state::waiting) end_isolate(at, slot);
        }
        type.ready_head = nothing;
    }
    at.ready_types.assign(at.ready_types.size(), 0);
}

void crash_by_foreign_receive(shard& at, slot_header& slot) noexcept {
    static_cast<void>(at);
    note_crash(slot, "it waits for a message that its type does not accept: add it to the type's accepts");
}

void* allocate_frame(slot_header& self, std::size_t bytes) noexcept {
    if (self.state == slot_state::probing) {
        self.frame = reinterpret_cast<void*>(bytes);
        return nullptr;
    }
    shard& at = *self.owner;
    const type_plan& plan = *at.types[self.type].plan;
    TINA_ASSERT(bytes <= plan.frame_bytes, "a coroutine's frame is larger than it was when it was probed");
    return at.slot_memory(self) + plan.frame_offset;
}

}  // namespace tina::detail
