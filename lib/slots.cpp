// SPDX-License-Identifier: Apache-2.0
// Spawning, running, ending and restarting. A slot goes vacant -> ready <-> running <-> waiting -> (draining) ->
// vacant; its generation moves on as soon as its isolate is dead, so that no handle to the dead reaches what comes
// after.
#include "lib/slots.hpp"

#include <algorithm>
#include <coroutine>
#include <cstring>

#include "lib/any.hpp"
#include "lib/calls.hpp"
#include "lib/delivery.hpp"
#include "lib/descriptors.hpp"
#include "lib/holdings.hpp"
#include "lib/mailbox.hpp"
#include "lib/monitors.hpp"
#include "lib/nested.hpp"
#include "lib/ready.hpp"
#include "lib/recovery.hpp"
#include "lib/standing.hpp"
#include "lib/stream.hpp"
#include "lib/transit.hpp"
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

/// A slot that has had no tenant yet; null if all have.
[[nodiscard, gnu::noinline]] slot_header* take_new_slot(shard& at, type_state& type) noexcept {
    if (type.never_used == type.plan->slot_count) return nullptr;
    slot_header& slot = at.slots[type.first_slot + type.never_used++];
    new (&slot) slot_header;
    slot.type = static_cast<std::uint16_t>(&type - at.types.data());
    slot.core = &at.type_cores[slot.type];
    slot.generation = 1;
    slot.place = at.first_place + at.index_of_slot(slot);
    clear_mailbox(at, slot);
    return &slot;
}

/// A slot for a new isolate: the one that has been free longest, else one never used. Null if none is free.
[[nodiscard, gnu::always_inline]] inline slot_header* take_slot(shard& at, type_state& type) noexcept {
    if (type.free_head == nothing) [[unlikely]]
        return take_new_slot(at, type);
    slot_header& slot = at.slots[type.free_head];
    type.free_head = slot.next;
    if (type.free_head == nothing) type.free_tail = nothing;
    return &slot;
}

/// Makes a vacant slot ready for its next tenant. False if it has had its last one.
[[nodiscard]] bool renew_generation(shard& at, slot_header& slot) noexcept {
    if (slot.generation == generation_max) {
        at.counts.slots_retired.add();
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

/// Says who has the role of a child of the tree now.
void note_role(shard& at, const slot_header& slot, std::uint64_t word) noexcept {
    const std::uint32_t child = slot.child & child_index_mask;
    if (child == dynamic_child || at.children[child].role == nullptr) return;
    // Release: partner is the acquire in find_role().
    at.children[child].role->store(word, std::memory_order_release);
}

/// Builds the object and the frame of an isolate. One whose constructor faults ends as crashed when its turn comes.
[[gnu::noinline]] void construct(shard& at, slot_header& slot, void* pack) noexcept {
    struct order {
        const handler_info* what;
        slot_header* slot;
        std::byte* object;
        void* pack;
    };
    const type_plan& plan = *at.types[slot.type].plan;
    order given{plan.what, &slot, at.slot_memory(slot) + plan.object_offset, pack};
    const auto start = [](void* raw) {
        const auto& from = *static_cast<const order*>(raw);
        from.what->start(*from.slot, from.object, from.pack);
    };
    if (call_user(at, slot, start, &given)) return;
    log_crash(at, slot);
    slot.by_link = 1;  // that it crashed is said already
    slot.abandoned = 1;
    slot.frame = at.ending.frame();
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
        construct(at, slot, pack);
    } else {
        plan.what->start(slot, memory + plan.object_offset, pack);
    }
    TINA_ASSERT(slot.frame == memory + plan.frame_offset || slot.abandoned != 0,
                "a handler's frame is not in its place in the slot");
    note_role(at, slot, slot.own_handle().bits());
    at.counts.isolates_spawned.add();
    at.observe(event_kind::spawn, at.index_of_slot(slot), slot.type, 0);
    queue_ready(at, slot);
}

/// Looks at the clock, more often where handlers take long. Returns whether the cycle's time is up.
bool look_at_clock(shard& at) noexcept {
    const std::int64_t now = at.io_reactor->now_ns();
    const std::int64_t passed = now - at.last_look_ns;
    at.last_look_ns = now;
    at.time_ns = now;
    if (passed < look_short_ns) {
        at.clock_stride = at.clock_stride < clock_stride_max ? at.clock_stride * 2 : clock_stride_max;
    } else {
        at.clock_stride = at.clock_stride > 4 ? at.clock_stride / 4 : 1;
    }
    at.until_clock = at.clock_stride;
    if (at.cycle_end_ns == 0) at.cycle_end_ns = now + at.plan.spec.limits.cycle_max.count();
    return now >= at.cycle_end_ns;
}

/// Queues those that have yielded behind all that is ready now. Returns whether there were any.
bool queue_yielded(shard& at) noexcept {
    std::uint32_t yielded = at.yielded_head;
    at.yielded_head = nothing;
    const bool any = yielded != nothing;
    while (yielded != nothing) {
        slot_header& slot = at.slots[yielded];
        yielded = slot.next;
        queue_ready(at, slot);
    }
    return any;
}

/// Runs a handler to its next wait. Only while it runs can it be abandoned.
[[gnu::always_inline]] inline void resume_handler(shard& at, const slot_header& slot) noexcept {
    at.in_runtime = 0;
    std::coroutine_handle<>::from_address(slot.frame).resume();
    at.in_runtime = 1;
}

/// What an activation leaves to be done, nested tasks first.
void clean_up(shard& at, slot_header& slot) noexcept {
    // A handler that is still running has started a nested task, or one has ended.
    while (slot.state == slot_state::running) resume_handler(at, slot);
    at.cleanup_wanted = false;
    if (at.overdue != nullptr) end_overdue(at, slot);
    if (slot.state == slot_state::ended) end_isolate(at, slot);
    if (at.dropped_calls != nullptr) settle_dropped_calls(at, errc::unanswered);
    commit_sent(at);
    if (at.io.closing != nothing) close_dropped(at, false);
    if (!at.doomed.empty()) end_doomed(at);
    if (!at.scratch_used) return;
    at.scratch_used = false;
    at.scratch->reset();
}

/// The type that has ready isolates and comes next after the one that ran last; `nothing` if there is none.
[[nodiscard]] std::uint32_t next_type(const shard& at) noexcept {
    const auto in_word = [](std::uint32_t word, std::uint64_t ready) {
        return word * 64 + static_cast<std::uint32_t>(__builtin_ctzll(ready));
    };
    std::uint32_t word = at.turn_type / 64;
    const std::uint64_t after = at.ready_types[word] & (~std::uint64_t{1} << (at.turn_type % 64));
    if (after != 0) return in_word(word, after);
    for (std::uint32_t left = at.ready_word_count; left > 0; --left) {
        if (++word == at.ready_word_count) word = 0;
        if (at.ready_types[word] != 0) return in_word(word, at.ready_types[word]);
    }
    return nothing;
}

/// Gives the type whose turn it is as many activations as its budget and the clock allow. False: it has had its share.
[[nodiscard, gnu::always_inline]] inline bool begin_share(shard& at, type_core& type) noexcept {
    if (type.budget_cycle != at.cycle_number) {
        type.budget_cycle = at.cycle_number;
        type.budget = type.cycle_budget;
    }
    at.share_size = std::min(type.budget, at.until_clock);
    at.share_left = at.share_size;
    return type.budget > 0;
}

/// Books what a type has run of its share. Returns whether there is time left until the clock must be looked at.
[[nodiscard, gnu::always_inline]] inline bool book_share(shard& at, type_core& type) noexcept {
    const std::uint32_t ran = at.share_size - at.share_left;
    at.counts.activations.add(ran);
    type.budget -= ran;
    at.until_clock -= ran;
    return at.until_clock > 0;
}

/// The turn of a type ends because it has nothing ready, has had its share of this cycle, or the cycle's time is up.
[[gnu::always_inline]] inline void end_turn(shard& at, type_core& type) noexcept {
    std::uint64_t& word = at.ready_types[at.turn_type / 64];
    const std::uint64_t bit = std::uint64_t{1} << (at.turn_type % 64);
    if (type.ready_head == nothing) [[likely]] {
        type.listed = false;
        word &= ~bit;
    } else if (type.budget == 0) {
        word &= ~bit;
        at.spent_words[at.turn_type / 64] |= bit;
        at.any_spent = true;
    }
}

/// Begins the turn of the next type. False: no isolate is ready, not even one that has yielded.
[[nodiscard]] bool next_turn(shard& at) noexcept {
    for (;;) {
        const std::uint32_t next = next_type(at);
        if (next == nothing) [[unlikely]] {
            if (!queue_yielded(at)) return false;
            continue;
        }
        if (next <= at.turn_type && at.yielded_head != nothing) queue_yielded(at);
        at.turn_type = next;
        type_core& type = at.type_cores[next];
        if (begin_share(at, type)) [[likely]]
            return true;
        end_turn(at, type);
    }
}

/// Ends a turn and begins the next one. False: nothing is ready.
[[nodiscard, gnu::noinline]] bool change_turn(shard& at) noexcept {
    end_turn(at, at.type_cores[at.turn_type]);
    return next_turn(at);
}

/// change_turn() in the usual case: the type has nothing ready any more, nobody has yielded, and all types' bits are in
/// one word. False: it is not so, and the turn has not ended.
[[nodiscard, gnu::always_inline]] inline bool pass_turn(shard& at, type_core& type) noexcept {
    if (type.ready_head != nothing || at.yielded_head != nothing || at.ready_word_count != 1) return false;
    const std::uint64_t ready = *at.ready_types & ~(std::uint64_t{1} << at.turn_type);
    type.listed = false;
    *at.ready_types = ready;
    if (ready == 0) return false;
    const std::uint64_t after = ready & (~std::uint64_t{1} << at.turn_type);
    at.turn_type = static_cast<std::uint32_t>(__builtin_ctzll(after != 0 ? after : ready));
    return begin_share(at, at.type_cores[at.turn_type]);
}

/// Runs a batch: ready isolates, turn by turn, until none is left or the clock must be looked at; in the latter case
/// the last turn has not ended. What recovers from a fault goes around this function, and finds the cursor in the
/// shard. Not inlined, so that the cursor is counted down where it is, and compiled once for who is observed, so that
/// all others need not ask.
template <bool IsObserved>
[[gnu::noinline]] void run_batch(shard& at) noexcept {
    slot_header* const slots = at.slots;
    for (;;) {
        type_core& type = at.type_cores[at.turn_type];
        do {
            slot_header& slot = slots[type.ready_head];
            type.ready_head = slot.next;
            slot.state = slot_state::running;
            at.current = &slot;
            at.burst_left = burst_max;
            if constexpr (IsObserved) at.observe(event_kind::dispatch, at.index_of_slot(slot), slot.type, 0);
            resume_handler(at, slot);
            if (at.cleanup_wanted) [[unlikely]]
                clean_up(at, slot);
        } while (--at.share_left > 0 && type.ready_head != nothing);
        if (!book_share(at, type)) break;
        if (!pass_turn(at, type) && !change_turn(at)) break;
    }
    at.current = nullptr;
}

/// Looks at the clock in the middle of a turn. Returns whether something is to be run after that: by the same type,
/// while it can.
[[nodiscard]] bool go_on(shard& at) noexcept {
    const bool is_over = look_at_clock(at);
    type_core& type = at.type_cores[at.turn_type];
    if (!is_over && type.ready_head != nothing && begin_share(at, type)) return true;
    if (!is_over) return change_turn(at);
    end_turn(at, type);
    return false;
}

/// An activation was abandoned, and with it the turn of its type. Returns whether something is to be run after that.
[[nodiscard]] bool go_on_after_death(shard& at) noexcept {
    type_core& type = at.type_cores[at.turn_type];
    --at.share_left;
    if (!book_share(at, type)) return go_on(at);
    return (type.ready_head != nothing && begin_share(at, type)) || change_turn(at);
}

/// Types that have had their share may run again.
void renew_budgets(shard& at) noexcept {
    if (!at.any_spent) return;
    at.any_spent = false;
    for (std::size_t word = 0; word < at.ready_words.size(); ++word) {
        at.ready_words[word] |= at.spent_words[word];
        at.spent_words[word] = 0;
    }
}

/// Whether the isolate is to be started again.
[[nodiscard]] bool wants_restart(const shard& at, const slot_header& slot) noexcept {
    if (at.stopping) return false;
    const auto mode = static_cast<restart>(slot.child >> 30);
    return mode == restart::permanent || (mode == restart::transient && slot.crashed != 0);
}

using kept_arguments = std::array<std::byte, argument_bytes_max>;

/// Copies what an isolate was started with, for its successor.
void keep_arguments(shard& at, const slot_header& slot, kept_arguments& out) noexcept {
    const type_plan& plan = *at.types[slot.type].plan;
    std::memcpy(out.data(), at.slot_memory(slot) + plan.arguments_offset, plan.what->argument_bytes);
}

/// Starts the successor of a dead isolate in a slot that is free and its own already.
void start_successor(shard& at, slot_header& slot, std::uint32_t child, kept_arguments& pack) noexcept {
    build(at, slot, child, pack.data());
    at.counts.isolates_restarted.add();
}

/// Starts the successor of a dead isolate, if a slot is free.
[[nodiscard]] bool try_restart(shard& at, slot_header& dead) noexcept {
    slot_header* const slot = take_slot(at, at.types[dead.type]);
    if (slot == nullptr) return false;
    alignas(16) kept_arguments pack;
    keep_arguments(at, dead, pack);
    start_successor(at, *slot, dead.child, pack);
    dead.child = no_restart;
    return true;
}

/// A dead isolate that is to be started again keeps its place among the type's live ones until it is. Where no slot is
/// free its successor waits: `next` of its slot, which is in no other list meanwhile, links those that wait.
void restart_or_wait(shard& at, slot_header& dead) noexcept {
    if (try_restart(at, dead)) return;
    type_state& type = at.types[dead.type];
    append_slot(at, type.pending_head, type.pending_tail, dead);
    at.counts.restarts_pending.add();
}

/// A slot is free, for which a successor may wait.
[[gnu::noinline]] void serve_pending(shard& at, type_state& type) noexcept {
    if (at.stopping) return;
    slot_header& dead = at.slots[type.pending_head];
    const std::uint32_t next = dead.next;
    if (!try_restart(at, dead)) return;
    type.pending_head = next;
    at.counts.restarts_pending.subtract();
}

/// Nobody will be started again any more.
void forget_pending(shard& at) noexcept {
    for (type_state& type : at.types) {
        for (; type.pending_head != nothing; type.pending_head = at.slots[type.pending_head].next) type.live.subtract();
    }
    at.counts.restarts_pending.set(0);
}

/// Takes a dead isolate out of the list of those whose successors wait, if it is there.
[[nodiscard]] bool leave_pending(shard& at, const slot_header& dead) noexcept {
    type_state& type = at.types[dead.type];
    const std::uint32_t index = at.index_of_slot(dead);
    std::uint32_t previous = nothing;
    for (std::uint32_t each = type.pending_head; each != nothing; previous = each, each = at.slots[each].next) {
        if (each != index) continue;
        (previous == nothing ? type.pending_head : at.slots[previous].next) = dead.next;
        if (type.pending_tail == index) type.pending_tail = previous;
        at.counts.restarts_pending.subtract();
        return true;
    }
    return false;
}

/// Destroys a frame or an object. Where that faults the rest of the isolate is abandoned, and its end was a crash after
/// all, which those who watched it have not been told.
void destroy_guarded(shard& at, slot_header& slot, void (*destroy)(void*), void* what) noexcept {
    const bool was_crashed = slot.crashed != 0;
    if (call_user(at, slot, destroy, what)) return;
    slot.abandoned = 1;
    if (!was_crashed) at.counts.isolates_crashed.add();
    log_crash(at, slot);
}

void destroy_parts(shard& at, slot_header& slot) noexcept {
    const type_plan& plan = *at.types[slot.type].plan;
    std::byte* const memory = at.slot_memory(slot);
    // The frame of the handler itself, which that of a nested task may stand in for. It destroys what it awaits, and so
    // on: the innermost task first. One that has come to its end has no locals left: nothing of the user's runs.
    const auto frame = std::coroutine_handle<>::from_address(memory + plan.frame_offset);
    if (frame.done()) {
        frame.destroy();
    } else {
        const auto destroy = [](void* address) { std::coroutine_handle<>::from_address(address).destroy(); };
        destroy_guarded(at, slot, destroy, frame.address());
    }
    if (slot.abandoned != 0) return;
    if (plan.options.nested_bytes > 0) check_nested_region(at, slot);
    if (plan.what->destroy == nullptr) return;
    struct order {
        void (*destroy)(std::byte*) noexcept;
        std::byte* object;
    };
    order given{plan.what->destroy, memory + plan.object_offset};
    const auto destroy = [](void* raw) {
        const auto& from = *static_cast<const order*>(raw);
        from.destroy(from.object);
    };
    destroy_guarded(at, slot, destroy, &given);
}

/// The last of a slot: frame, object, what was held. Nothing of it may be in the kernel any more.
void tear_down(shard& at, slot_header& slot) noexcept {
    slot_header* const outer = at.current;
    at.current = &slot;
    if (slot.abandoned == 0) destroy_parts(at, slot);
    at.current = outer;
    slot.frame = nullptr;
    slot.wait = nullptr;
    if (at.io.closing != nothing) close_dropped(at, slot.crashed != 0);
    if (slot.held != nothing) release_holdings(at, slot);
    if (at.offloads_home != nothing) drop_results(at, slot);
    if (at.dropped_calls != nullptr) settle_dropped_calls(at, errc::target_gone);
}

/// Starts an isolate again whose slot is free: there, in another slot, or when one is free.
[[gnu::noinline]] void start_again(shard& at, slot_header& slot) noexcept {
    static_cast<void>(leave_pending(at, slot));
    alignas(16) kept_arguments pack;
    keep_arguments(at, slot, pack);
    // Slots are reused first-in first-out, so the successor gets another one where there is one.
    const std::uint32_t child = slot.child;
    if (slot_header* const other = take_slot(at, at.types[slot.type])) {
        free_slot(at, slot);
        return start_successor(at, *other, child, pack);
    }
    if (renew_generation(at, slot)) return start_successor(at, slot, child, pack);
    restart_or_wait(at, slot);
}

/// The slot of a torn-down isolate is free: for its own successor, for another's, for whoever is spawned next.
void leave_slot(shard& at, slot_header& slot) noexcept {
    slot.state = slot_state::vacant;
    if (wants_restart(at, slot)) return start_again(at, slot);
    free_slot(at, slot);
    type_state& type = at.types[slot.type];
    if (type.pending_head != nothing) [[unlikely]]
        serve_pending(at, type);
}

/// Takes an isolate out of whatever it waits in.
void leave_wait(shard& at, slot_header& slot) noexcept {
    if (slot.state == slot_state::poised) return;
    if (slot.wait->kind == wait_kind::any) return abandon_any(at, slot);
    disarm(at, *slot.wait);
    if (slot.wait->kind == wait_kind::deliver) abandon_delivery(at, slot);
    if (slot.wait->kind == wait_kind::accept) leave_descriptor(at, *static_cast<descriptor_wait*>(slot.wait));
    if (slot.wait->kind == wait_kind::call) abandon_call(at, *static_cast<call_wait*>(slot.wait)->record);
    if (slot.wait->kind == wait_kind::offload) abandon_offload(*static_cast<offload_wait*>(slot.wait));
    if (slot.wait->kind == wait_kind::spawn) static_cast<spawn_wait*>(slot.wait)->record->caller = nothing;
}

spawn_answer refuse_spawn(shard& at, errc why) noexcept {
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

spawn_answer start_isolate(shard& at, std::uint32_t type, std::uint32_t child, void* pack) noexcept {
    type_state& of = at.types[type];
    if (at.stopping) return refuse_spawn(at, errc::interrupted);
    slot_header* const slot = of.live.get() < of.plan->options.slots ? take_slot(at, of) : nullptr;
    if (slot == nullptr) return refuse_spawn(at, errc::no_slots);
    of.live.add();
    build(at, *slot, child, pack);
    return {slot->own_handle(), 0};
}

spawn_answer start_dynamic(shard& at, const handler_info& what, std::uint8_t mode, void* pack) noexcept {
    const std::uint32_t type = find_type(at, what);
    if (type == nothing) return refuse_spawn(at, errc::unknown_type);
    return start_isolate(at, type, (std::uint32_t{mode} << 30) | dynamic_child, pack);
}

spawn_answer spawn(slot_header& parent, const handler_info& what, std::uint8_t mode, void* pack) noexcept {
    return start_dynamic(owner_of(parent), what, mode, pack);
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
            return "type \"" + std::string(what.name) +
                   "\" has fewer slots than the tree has children of it: raise slots";
        }
    }
    return {};
}

bool has_ready(const shard& at) noexcept {
    for (const std::uint64_t word : at.ready_words) {
        if (word != 0) return true;
    }
    return false;
}

bool run_ready(shard& at) noexcept {
    if (!has_ready(at)) return false;
    ++at.cycle_number;
    at.cycle_end_ns = 0;
    // Pass after pass over the types that have ready isolates, from where the last cycle stopped, so that what one type
    // makes ready in another runs in the same cycle. A pass ends where the types begin anew.
    bool more = next_turn(at);
    while (more) {
        const bool complete = run_batch_guarded(at, at.watcher == nullptr ? &run_batch<false> : &run_batch<true>);
        more = complete ? at.until_clock == 0 && go_on(at) : go_on_after_death(at);
    }
    queue_yielded(at);
    renew_budgets(at);
    return true;
}

void log_crash(shard& at, const slot_header& slot) noexcept {
    at.log.write(log_level::warning, at.types[slot.type].plan->what->name, at.index_of_slot(slot),
                 {at.crash_text, at.crash_bytes});
}

void end_isolate(shard& at, slot_header& slot) noexcept {
    if (is_suspended(slot.state)) leave_wait(at, slot);
    at.observe(event_kind::exit, at.index_of_slot(slot), slot.crashed, 0);
    at.counts.isolates_ended.add();
    if (slot.crashed != 0) {
        at.counts.isolates_crashed.add();
        if (slot.by_link == 0) log_crash(at, slot);
    }
    if (slot.stopped != 0) at.counts.isolates_stopped.add();
    const bool again = wants_restart(at, slot);
    if (!again) at.types[slot.type].live.subtract();
    note_role(at, slot, again ? role_restarting : role_vacant);
    slot.state = slot_state::draining;
    // Who waits for an answer from here learns now that there will be none, whatever the kernel still holds.
    if (at.dropped_calls != nullptr) settle_dropped_calls(at, errc::target_gone);
    // Messages of its own timers and monitors are in its mailbox uncounted; it holds what they come from.
    const bool may_have_mail = slot.mail_count != 0 || slot.held != nothing;
    if (slot.held != nothing) {
        release_tokens(at, slot);
        end_standings(at, slot);
    }
    if (may_have_mail || slot.deliverers != nothing) close_mailbox(at, slot);
    if (slot.watched != 0) tell_watchers(at, slot);
    if (at.io.closing != nothing) close_dropped(at, slot.crashed != 0);
    if (slot.descriptors != nothing) close_owned(at, slot, slot.crashed != 0 || slot.in_flight > 0);
    if (slot.in_flight > 0) {
        at.counts.slots_draining.add();
        if (wants_restart(at, slot)) restart_or_wait(at, slot);
        return;
    }
    tear_down(at, slot);
    leave_slot(at, slot);
}

void end_abandoned(shard& at, slot_header& slot) noexcept {
    slot.abandoned = 1;
    slot.state = slot_state::ended;
    clean_up(at, slot);
}

reaper make_reaper(shard& at) {
    for (;;) {
        at.current->state = slot_state::ended;
        at.cleanup_wanted = true;
        co_await std::suspend_always{};
    }
}

bool doom(shard& at, slot_header& slot, bool crashed) noexcept {
    if (slot.doomed != 0 || at.stopping) return false;
    slot.doomed = 1;
    slot.crashed = crashed;
    slot.by_link = crashed;
    slot.stopped = !crashed;
    at.doomed.push_back(at.index_of_slot(slot));
    at.cleanup_wanted = true;
    return true;
}

void end_doomed(shard& at) noexcept {
    while (!at.doomed.empty()) {
        slot_header& slot = at.slots[at.doomed.back()];
        at.doomed.pop_back();
        if (slot.doomed == 0) continue;  // it has ended by itself meanwhile
        if (is_suspended(slot.state)) {
            end_isolate(at, slot);
        } else if (slot.state == slot_state::ready) {
            slot.frame = at.ending.frame();
        }
    }
}

send_result stop_isolate(slot_header& self, handle target) noexcept {
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
    leave_slot(at, slot);
}

void end_all(shard& at) noexcept {
    at.stopping = true;
    for (type_state& type : at.types) {
        for (std::uint32_t i = type.never_used; i > 0; --i) {
            slot_header& slot = at.slots[type.first_slot + i - 1];
            if (slot.state != slot_state::ready && !is_suspended(slot.state)) continue;
            slot.stopped = 1;
            end_isolate(at, slot);
        }
    }
    at.doomed.clear();
    at.yielded_head = nothing;
    forget_pending(at);
    for (type_core& core : at.core_of_types) {
        core.ready_head = nothing;
        core.listed = false;
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
