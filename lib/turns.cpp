// SPDX-License-Identifier: Apache-2.0
// Whose turn it is: batch after batch, type after type, each with its share of the cycle. What an activation leaves to
// be done is done here too.
#include "lib/turns.hpp"

#include <algorithm>
#include <array>
#include <coroutine>

#include "lib/calls.hpp"
#include "lib/descriptors.hpp"
#include "lib/guarded_run.hpp"
#include "lib/ready.hpp"
#include "lib/slots.hpp"
#include "lib/supervision.hpp"
#include "lib/transit.hpp"

namespace tina::detail {

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

void leave_queue(shard& at, slot_header& slot) noexcept {
    slot.state = slot_state::draining;
    slot.frame = nullptr;
    slot_left(at, slot);
}

namespace {

constexpr std::int64_t look_short_ns = 16'000;  ///< the clock is looked at less often below, more often above
constexpr std::uint32_t clock_stride_max = 64;

/// Whether the director chooses who runs next: it is asked before each activation.
[[nodiscard]] bool is_directed(const shard& at) noexcept { return at.decider != nullptr && at.decider->chooses(); }

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
    if (is_directed(at)) at.clock_stride = 1;
    at.until_clock = at.clock_stride;
    if (at.cycle_end_ns == 0) at.cycle_end_ns = now + at.plan.spec.limits.cycle_max.count();
    return now >= at.cycle_end_ns;
}

/// Runs a handler to its next wait. Only while it runs can it be abandoned.
[[gnu::always_inline]] inline void resume_handler(shard& at, const slot_header& slot) noexcept {
    at.in_runtime = 0;
    std::coroutine_handle<>::from_address(slot.frame).resume();
    at.in_runtime = 1;
}

/// What an activation leaves to be done, nested tasks first. In a simulation other shards run when the cycle is over:
/// what was sent is shown then, all at once.
template <bool IsObserved>
[[gnu::noinline]] void clean_up(shard& at, slot_header& slot) noexcept {
    if (at.cleanup_wanted == cleanup::inflow) {
        at.cleanup_wanted = cleanup::none;
        return resume_inflow(at);
    }
    // A handler that is still running has started a nested task, or one has ended.
    while (slot.state == slot_state::running) resume_handler(at, slot);
    at.cleanup_wanted = cleanup::none;
    if (at.overdue != nullptr) end_overdue(at, slot);
    if (slot.state == slot_state::ended) end_isolate(at, slot);
    if (slot.state == slot_state::unqueued) leave_queue(at, slot);
    if (at.dropped_calls != nullptr) settle_dropped_calls(at, errc::unanswered);
    const bool shows = !IsObserved || at.decider == nullptr;
    if ((shows && !at.dirty.empty()) || at.outside_replies != nullptr) commit_sent(at);
    resume_inflow(at);
    if (at.io.closing != nothing) close_dropped(at, false);
    if (!at.doomed.empty()) end_doomed(at);
    if (!at.scratch_used) return;
    at.scratch_used = false;
    at.scratch->reset();
}

constexpr std::uint32_t choice_max = 64;  ///< isolates among which a director chooses

/// Moves a slot to the head of its type's ready queue, in which `before` stands in front of it.
void bring_to_front(shard& at, type_core& type, std::uint32_t index, std::uint32_t before) noexcept {
    if (before == nothing) return;
    at.slots[before].next = at.slots[index].next;
    if (type.ready_tail == index) type.ready_tail = before;
    at.slots[index].next = type.ready_head;
    type.ready_head = index;
}

/// The type of the isolate that the director has run next, which is then the first of that type's queue; `nothing` if
/// none is ready. Those beyond the first 64 wait until they are among them.
[[nodiscard, gnu::cold]] std::uint32_t choose_type(shard& at) noexcept {
    std::array<std::uint32_t, choice_max> ready{};
    std::array<std::uint32_t, choice_max> before{};
    std::uint32_t count = 0;
    const std::uint32_t types = static_cast<std::uint32_t>(at.types.size());
    for (std::uint32_t step = 1; step <= types; ++step) {
        const std::uint32_t type = (at.turn_type + step) % types;
        if ((at.ready_types[type / 64] >> (type % 64) & 1) == 0) continue;
        std::uint32_t previous = nothing;
        for (std::uint32_t slot = at.type_cores[type].ready_head; slot != nothing && count < choice_max;
             slot = at.slots[slot].next) {
            ready[count] = slot;
            before[count++] = previous;
            previous = slot;
        }
    }
    if (count == 0) return nothing;
    const std::uint32_t chosen = count == 1 ? 0 : at.decider->choose_next({ready.data(), count});
    const std::uint32_t type = at.slots[ready[chosen]].type;
    bring_to_front(at, at.type_cores[type], ready[chosen], before[chosen]);
    return type;
}

/// The type that has ready isolates and comes next after the one that ran last; `nothing` if there is none.
[[nodiscard]] std::uint32_t next_type(shard& at) noexcept {
    if (is_directed(at)) [[unlikely]]
        return choose_type(at);
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
    at.burst_mark = 0;
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
/// one word. False: it is not so, and the turn has not ended. `guess` is the type before, which often comes next: a
/// branch that is foreseen need not wait until the bits of the types have been through memory.
[[nodiscard, gnu::always_inline]] inline bool pass_turn(shard& at, type_core& type, std::uint32_t guess) noexcept {
    if (type.ready_head != nothing || at.yielded_head != nothing || at.ready_word_count != 1) return false;
    const std::uint64_t ready = *at.ready_types & ~(std::uint64_t{1} << at.turn_type);
    type.listed = false;
    *at.ready_types = ready;
    if (ready == 0) return false;
    const std::uint64_t after = ready & (~std::uint64_t{1} << at.turn_type);
    auto next = static_cast<std::uint32_t>(__builtin_ctzll(after != 0 ? after : ready));
    if (next == guess) {
        asm("" : "+r"(guess));  // or the compiler would know that there is nothing to choose
        next = guess;
    }
    at.turn_type = next;
    return begin_share(at, at.type_cores[next]);
}

/// Ends a turn after which nothing is ready. False: something is, or may be, and the turn has not ended.
[[nodiscard, gnu::always_inline]] inline bool ends_all_turns(shard& at, type_core& type) noexcept {
    if (type.ready_head != nothing || at.yielded_head != nothing || at.ready_word_count != 1) return false;
    if (*at.ready_types != std::uint64_t{1} << at.turn_type) return false;
    type.listed = false;
    *at.ready_types = 0;
    return true;
}

/// Ends an isolate that is to run now where the director has it crash instead.
[[nodiscard]] bool is_crashed_by_decision(shard& at, slot_header& slot) noexcept {
    if (!at.may_strike() || slot.frame == at.ending.frame() || !at.decider->crashes_before(slot)) return false;
    note_crash(slot, "the simulation has it crash before it runs");
    slot.crashed = 1;
    slot.state = slot_state::ended;
    at.cleanup_wanted = cleanup::all;
    return true;
}

/// Runs a batch: ready isolates, turn by turn, until none is left or the clock must be looked at; in the latter case
/// the last turn has not ended. What recovers from a fault goes around this function, and finds the cursor in the
/// shard. Not inlined, so that the cursor is counted down where it is, and compiled once for who is observed, so that
/// all others need not ask.
template <bool IsObserved>
[[gnu::noinline]] void run_batch(shard& at) noexcept {
    slot_header* const slots = at.slots;
    std::uint32_t before = 0;
    for (;;) {
        const std::uint32_t turn = at.turn_type;
        type_core& type = at.type_cores[turn];
        std::uint32_t index = type.ready_head;
        do {
            slot_header& slot = slots[index];
            index = slot.next;
            type.ready_head = index;
            slot.state = slot_state::running;
            at.current = &slot;
            if constexpr (IsObserved) at.watcher->on_dispatch(at.index_of_slot(slot), slot.type);
            if (!IsObserved || !is_crashed_by_decision(at, slot)) resume_handler(at, slot);
            if (at.cleanup_wanted != cleanup::none) [[unlikely]]
                clean_up<IsObserved>(at, slot);
            // Only to an empty queue has the activation given another head. It is read where it is written only then:
            // the next slot could otherwise not be loaded before it is.
            if (index == nothing) index = type.ready_head;
        } while (--at.share_left > 0 && index != nothing);
        if (!book_share(at, type)) break;
        if (IsObserved && ends_all_turns(at, type)) break;
        if ((IsObserved || !pass_turn(at, type, before)) && !change_turn(at)) break;
        before = turn;
    }
    at.current = nullptr;
}

/// Looks at the clock in the middle of a turn. Returns whether something is to be run after that: by the same type,
/// while it can.
[[nodiscard]] bool go_on(shard& at) noexcept {
    const bool is_over = look_at_clock(at);
    type_core& type = at.type_cores[at.turn_type];
    if (!is_over && !is_directed(at) && type.ready_head != nothing && begin_share(at, type)) return true;
    if (!is_over) return change_turn(at);
    end_turn(at, type);
    return false;
}

/// An activation was abandoned, and with it the turn of its type. Returns whether something is to be run after that.
[[nodiscard]] bool go_on_after_death(shard& at) noexcept {
    type_core& type = at.type_cores[at.turn_type];
    --at.share_left;
    if (!book_share(at, type)) return go_on(at);
    return (!is_directed(at) && type.ready_head != nothing && begin_share(at, type)) || change_turn(at);
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

}  // namespace

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

void end_abandoned(shard& at, slot_header& slot) noexcept {
    slot.abandoned = 1;
    slot.state = slot_state::ended;
    clean_up<true>(at, slot);  // also right where nobody observes
}

}  // namespace tina::detail
