// SPDX-License-Identifier: Apache-2.0
// The timing wheel's colder half: the passing of time. Owned by the shard that owns the wheel. It must never
// step over time tick by tick: from one slot that holds timers to the next is one search in the occupancy
// bits.
#include "lib/timer_wheel.hpp"

namespace tina::detail {

void timer_wheel::start(std::span<timer_node> nodes, std::int64_t now_ns) noexcept {
    TINA_ASSERT(nodes.size() <= timer_count_max, "timer wheel: more than 2^31 nodes");
    TINA_ASSERT(nodes.size() >= list_count, "timer wheel: there are no nodes for its own lists");
    nodes_ = nodes;
    now_tick_ = tick_of(now_ns);
    free_first_ = no_timer;
    used_count_ = list_count;
    armed_count_ = 0;
    fresh_until_ns_ = std::numeric_limits<std::int64_t>::max();
    occupancy_.fill(0);
    for (std::uint32_t list = 0; list < list_count; ++list) { nodes_[list] = {.next = list, .previous = list}; }
}

timer_wheel::list_ends timer_wheel::detach(std::uint32_t list) noexcept {
    const list_ends timers{nodes_[list].next, nodes_[list].previous};
    TINA_ASSERT(!is_list(timers.first), "timer wheel: an empty slot was marked as occupied");
    nodes_[list].next = nodes_[list].previous = list;
    occupancy_[list / 64] &= ~(std::uint64_t{1} << (list % 64));
    return timers;
}

/// The first occupied slot of `level` at or after `from`; `slot_count` if there is none.
std::uint32_t timer_wheel::next_occupied(int level, std::uint32_t from) const noexcept {
    constexpr std::size_t words = slot_count / 64;
    if (from >= slot_count) { return slot_count; }
    const std::uint64_t* bits = &occupancy_[static_cast<std::size_t>(level) * words];
    std::uint64_t word = bits[from / 64] & (~std::uint64_t{0} << (from % 64));
    for (std::uint32_t index = from / 64;;) {
        if (word != 0) { return index * 64 + static_cast<std::uint32_t>(std::countr_zero(word)); }
        if (++index == words) { return slot_count; }
        word = bits[index];
    }
}

timer_wheel::slot_position timer_wheel::next_slot_above_0() const noexcept {
    for (int level = 1; level < top_level; ++level) {
        const int shift = level * level_bits;
        const std::int64_t present = now_tick_ >> shift;
        const std::uint32_t digit = static_cast<std::uint32_t>(present) & slot_mask;
        const std::uint32_t slot = next_occupied(level, digit + 1);
        if (slot < slot_count) {
            return {level, static_cast<std::uint32_t>(level) * slot_count + slot, (present - digit + slot) << shift};
        }
    }
    return next_slot_on_top(now_tick_);
}

/// The first occupied slot of the top level that time reaches after `after_tick`, within one turn from the
/// present.
timer_wheel::slot_position timer_wheel::next_slot_on_top(std::int64_t after_tick) const noexcept {
    constexpr int shift = top_level * level_bits;
    const std::int64_t turn_end = (now_tick_ >> shift) + slot_count;
    const std::int64_t from = (after_tick >> shift) + 1;
    const std::uint32_t digit = static_cast<std::uint32_t>(from) & slot_mask;
    std::uint32_t slot = next_occupied(top_level, digit);
    if (slot == slot_count) {
        slot = next_occupied(top_level, 0) + slot_count;  // the ring's other part
    }
    const std::int64_t reached = from - digit + slot;
    if (reached > turn_end) {  // also where no slot is occupied at all
        return {level_count, 0, 0};
    }
    return {top_level, top_level * slot_count + (slot & slot_mask), reached << shift};
}

/// The earliest tick in `slot`, or the slot's own beginning if it holds more timers than `nodes_left`.
std::int64_t timer_wheel::earliest_tick(const slot_position& slot, std::uint32_t& nodes_left) const noexcept {
    std::int64_t earliest = std::numeric_limits<std::int64_t>::max();
    for (std::uint32_t timer = nodes_[slot.list].next; !is_list(timer); timer = nodes_[timer].next) {
        if (nodes_left == 0) { return slot.start_tick; }
        --nodes_left;
        earliest = std::min(earliest, deadline_tick(nodes_[timer].deadline_ns));
    }
    return earliest;
}

/// A slot of the top level may hold timers of this turn and of later ones; the first slot that holds one of
/// this turn holds the earliest.
std::int64_t timer_wheel::earliest_tick_on_top() const noexcept {
    constexpr int shift = top_level * level_bits;
    std::int64_t earliest = std::numeric_limits<std::int64_t>::max();
    std::uint32_t nodes_left = exact_nodes_max;
    for (slot_position slot = next_slot_on_top(now_tick_); slot.level == top_level;
         slot = next_slot_on_top(slot.start_tick)) {
        const std::int64_t tick = earliest_tick(slot, nodes_left);
        if (tick >> shift == slot.start_tick >> shift) { return tick; }
        earliest = std::min(earliest, tick);
    }
    return earliest;
}

std::int64_t timer_wheel::next_deadline_ns() const noexcept {
    const std::int64_t settled = next_settled_ns();
    if (is_list(nodes_[fresh_list].next)) { return settled; }
    return std::min(settled, time_of(std::max(deadline_tick(fresh_until_ns_), now_tick_)));
}

std::int64_t timer_wheel::next_settled_ns() const noexcept {
    if (next_expired() != no_timer) { return time_of(now_tick_); }
    const std::uint32_t present = static_cast<std::uint32_t>(now_tick_) & slot_mask;
    const std::uint32_t near = next_occupied(0, present);
    if (near < slot_count) { return time_of(now_tick_ - present + near); }
    const slot_position slot = next_slot_above_0();
    if (slot.level == level_count) { return std::numeric_limits<std::int64_t>::max(); }
    std::uint32_t nodes_left = exact_nodes_max;
    return time_of(slot.level == top_level ? earliest_tick_on_top() : earliest_tick(slot, nodes_left));
}

/// Appends the whole slot to the list of expired timers, at a cost that does not depend on how many there
/// are.
void timer_wheel::expire(std::uint32_t list) noexcept {
    const list_ends timers = detach(list);
    timer_node& expired = nodes_[expired_list];
    nodes_[timers.first].previous = expired.previous;
    nodes_[expired.previous].next = timers.first;
    nodes_[timers.last].next = expired_list;
    expired.previous = timers.last;
}

/// Expires what is due until `target_tick`, or until level 0 ends if that comes first.
void timer_wheel::expire_level_0(std::int64_t target_tick) noexcept {
    const std::int64_t last_tick = std::min(target_tick, now_tick_ | slot_mask);
    const std::uint32_t last = static_cast<std::uint32_t>(last_tick) & slot_mask;
    std::uint32_t slot = next_occupied(0, static_cast<std::uint32_t>(now_tick_) & slot_mask);
    while (slot <= last) {
        expire(slot);
        slot = next_occupied(0, slot + 1);
    }
}

/// Time has reached the beginning of this slot: its timers move to lower levels, in order.
void timer_wheel::cascade(std::uint32_t list) noexcept {
    std::uint32_t timer = detach(list).first;
    while (!is_list(timer)) {
        const std::uint32_t next = nodes_[timer].next;
        append(list_for(nodes_[timer].deadline_ns), timer);
        timer = next;
    }
}

void timer_wheel::settle() noexcept {
    fresh_until_ns_ = std::numeric_limits<std::int64_t>::max();
    if (!is_list(nodes_[fresh_list].next)) { cascade(fresh_list); }
}

void timer_wheel::advance(std::int64_t now_ns) noexcept {
    if (now_ns >= fresh_until_ns_) { settle(); }
    const std::int64_t target_tick = tick_of(now_ns);
    TINA_ASSERT(target_tick >= now_tick_, "timer wheel: time went back; is the clock monotonic?");
    expire_level_0(target_tick);
    while (now_tick_ >> level_bits != target_tick >> level_bits) {
        const slot_position slot = next_slot_above_0();
        if (slot.level == level_count || slot.start_tick > target_tick) { break; }
        now_tick_ = slot.start_tick;
        cascade(slot.list);
        expire_level_0(target_tick);
    }
    now_tick_ = target_tick;
}

bool timer_wheel::list_consistent(std::uint32_t list, std::uint32_t& linked_count) const noexcept {
    std::uint32_t previous = list;
    std::uint32_t timer = nodes_[list].next;
    for (; !is_list(timer); timer = nodes_[timer].next) {
        if (timer >= used_count_ || ++linked_count > armed_count_ || nodes_[timer].previous != previous) {
            return false;
        }
        const bool overdue = deadline_tick(nodes_[timer].deadline_ns) <= now_tick_;
        const bool in_place = list == expired_list ? overdue
                              : list == fresh_list ? nodes_[timer].deadline_ns >= fresh_until_ns_
                                                   : list == list_for(nodes_[timer].deadline_ns);
        if (!in_place) { return false; }
        previous = timer;
    }
    const bool marked = (occupancy_[list / 64] >> (list % 64) & 1) != 0;
    const bool holds_timers = previous != list && list < slots_total;
    return timer == list && nodes_[list].previous == previous && marked == holds_timers;
}

bool timer_wheel::consistent() const noexcept {
    std::uint32_t linked_count = 0;
    for (std::uint32_t list = 0; list < list_count; ++list) {
        if (!list_consistent(list, linked_count)) { return false; }
    }
    std::uint32_t free_count = 0;
    for (std::uint32_t timer = free_first_; timer != no_timer; timer = nodes_[timer].next) {
        if (timer >= used_count_ || nodes_[timer].previous != no_timer || ++free_count > used_count_) { return false; }
    }
    return linked_count == armed_count_ && free_count + armed_count_ == armed_peak();
}

}  // namespace tina::detail
