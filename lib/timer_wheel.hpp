// SPDX-License-Identifier: Apache-2.0
// A hierarchical timing wheel over a fixed pool of nodes: arm, cancel and expire cost the same whatever the
// number of timers and however far the deadline. Owned by one shard. It must never allocate, never fire
// early, and never fire a timer that was cancelled. After Varghese and Lauck, "Hashed and Hierarchical Timing
// Wheels", SOSP 1987, scheme 7.
#pragma once

#include <algorithm>
#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <span>

#include "tina/assert.hpp"

namespace tina::detail {

/// No timer: what a full pool and an empty list of expired timers answer.
inline constexpr std::uint32_t no_timer = 0xffff'ffff;

/// The most nodes a wheel can have.
inline constexpr std::uint32_t timer_count_max = 0x8000'0000;

/// One timer: a link in one of the wheel's lists, or in the list of free nodes. A list is a ring through a node of
/// its own, which has the list's number, so that neither end of it is a special case.
struct timer_node {
    std::int64_t deadline_ns = 0;
    std::uint32_t next = no_timer;
    std::uint32_t previous = no_timer;  ///< `no_timer`: this node is free
    std::uint32_t owner = 0;            ///< what the timer is for; the wheel does not look at it
    std::uint32_t kind = 0;             ///< likewise
};
static_assert(sizeof(timer_node) == 24);

/// All timers of one shard. A timer with deadline tick `t` lies on level 0 if `t` differs from the present
/// tick in its last eight bits only, on level 1 if in the last sixteen, and so on; its slot there is that
/// level's eight bits of `t`. Everything on a level is therefore due before everything on the next one, and a
/// slot's timers move down exactly when time reaches the slot's beginning. That happens before anything due
/// later can be armed straight into the lower level, which is what keeps timers of the same tick in the order
/// of arming. The top level is a ring: a timer beyond its range stays in its slot for another turn.
///
/// Most timers are deadlines that are taken back long before they are due. Therefore a new timer is only appended
/// to the list of the fresh ones; they get their slots, in the order of arming, when the first of them may be due.
///
/// Affinity: the shard that owns it.
class timer_wheel {
public:
    static constexpr int tick_bits = 14;   ///< one tick is 2^14 ns, 16.384 us
    static constexpr int level_bits = 8;   ///< 256 slots to a level
    static constexpr int level_count = 5;  ///< one turn of the top level is 2^40 ticks, 208 days
    static constexpr std::uint32_t slot_count = 1u << level_bits;
    static constexpr std::uint32_t slots_total = slot_count * level_count;
    static constexpr std::uint32_t list_count = slots_total + 2;  ///< nodes that the wheel itself needs, the first ones
    static constexpr std::uint32_t exact_nodes_max = 64;          ///< how many timers next_deadline_ns() looks at

    /// Makes every node free and every slot empty. `now_ns` is the time that the wheel starts at.
    ///
    /// Lifetime: `nodes`, `list_count` more than there can be timers, must outlive the wheel; a timer's node is not
    /// even read before it is first used.
    void start(std::span<timer_node> nodes, std::int64_t now_ns) noexcept;

    /// Arms a timer that expires at the first advance() to `deadline_ns` or later, at most one tick late. A
    /// deadline that has passed already expires at the next advance(). `owner` and `kind` are kept for the
    /// caller.
    ///
    /// Yields: the timer's number, or `no_timer` when every node is in use.
    /// Cost:   constant; one node, the end of one list.
    [[nodiscard]] std::uint32_t arm(std::int64_t deadline_ns, std::uint32_t owner, std::uint32_t kind) noexcept;

    /// Takes a timer back, whether it is still waiting or has expired, and makes its node free. It will not
    /// be returned by next_expired() any more, and its number may be given out again at once.
    ///
    /// Cost: constant.
    void cancel(std::uint32_t timer) noexcept;

    /// Moves time on to `now_ns`; time never goes back. Timers that are due are collected for next_expired().
    ///
    /// Cost: per slot that holds timers and was passed, and once per level for each timer in it; once for each fresh
    /// timer when the first of them may be due; none for idle time.
    void advance(std::int64_t now_ns) noexcept;

    /// The next timer that is due, earliest tick first, within a tick in the order of arming (a deadline that
    /// had passed when it was armed counts as of that moment). It remains armed, and remains the answer,
    /// until cancel() is called on it; others may be armed and cancelled meanwhile. `no_timer`: none is due.
    [[nodiscard]] std::uint32_t next_expired() const noexcept {
        const std::uint32_t first = nodes_[expired_list].next;
        return is_list(first) ? no_timer : first;
    }

    /// Lifetime: until the next call that is not const.
    [[nodiscard]] const timer_node& node(std::uint32_t timer) const noexcept {
        TINA_DEBUG_ASSERT(timer < used_count_, "timer wheel: this node was never in use");
        return nodes_[timer];
    }

    /// When advance() should be called next for a timer to expire in time; INT64_MAX: no timer is armed.
    /// Exact, to the tick, where all timers have their slots and that of the earliest holds at most
    /// `exact_nodes_max`, otherwise possibly early, never late: a timer within one turn of the wheel has expired
    /// after at most `level_count` calls of advance() at the times so given, one more if it was fresh.
    [[nodiscard]] std::int64_t next_deadline_ns() const noexcept;

    /// Gives the fresh timers their slots, in the order of arming. advance() does so in time; whoever wants to know
    /// next_deadline_ns() exactly does so first.
    void settle() noexcept;

    /// How many timers are armed, those that have expired and were not taken yet included.
    [[nodiscard]] std::uint32_t armed_count() const noexcept { return armed_count_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept {
        return static_cast<std::uint32_t>(nodes_.size()) - list_count;
    }
    /// The most timers that were ever armed at once.
    [[nodiscard]] std::uint32_t armed_peak() const noexcept { return used_count_ - list_count; }

    /// Whether every node is either free or in the one list it belongs to, and all counts and links agree.
    ///
    /// Cost: every node ever used and every slot; for checkers and tests.
    [[nodiscard]] bool consistent() const noexcept;

private:
    static constexpr std::uint32_t slot_mask = slot_count - 1;
    static constexpr std::uint32_t expired_list = slots_total;
    static constexpr std::uint32_t fresh_list = slots_total + 1;
    static constexpr int top_level = level_count - 1;

    struct list_ends {
        std::uint32_t first;
        std::uint32_t last;
    };

    /// A slot that holds timers, and the tick at which time next reaches its beginning.
    struct slot_position {
        int level;  ///< `level_count`: there is none
        std::uint32_t list;
        std::int64_t start_tick;
    };

    static constexpr bool is_list(std::uint32_t link) noexcept { return link < list_count; }
    static constexpr std::int64_t tick_of(std::int64_t time_ns) noexcept { return time_ns >> tick_bits; }
    /// The first tick that does not begin before `deadline_ns`, computed so that no deadline overflows.
    static constexpr std::int64_t deadline_tick(std::int64_t deadline_ns) noexcept {
        constexpr std::int64_t part = (std::int64_t{1} << tick_bits) - 1;
        return (deadline_ns >> tick_bits) + static_cast<std::int64_t>((deadline_ns & part) != 0);
    }
    static constexpr std::int64_t time_of(std::int64_t tick) noexcept {
        constexpr std::int64_t time_max = std::numeric_limits<std::int64_t>::max();
        return tick > tick_of(time_max) ? time_max : tick << tick_bits;
    }

    [[nodiscard]] std::uint32_t list_for(std::int64_t deadline_ns) const noexcept;
    [[nodiscard]] std::uint32_t take_node() noexcept;
    void link_last(std::uint32_t list, std::uint32_t timer) noexcept;
    void append(std::uint32_t list, std::uint32_t timer) noexcept;
    /// Leaves `list` empty; the timers that were in it are still linked to one another.
    list_ends detach(std::uint32_t list) noexcept;

    [[nodiscard]] std::uint32_t next_occupied(int level, std::uint32_t from) const noexcept;
    [[nodiscard]] slot_position next_slot_above_0() const noexcept;
    [[nodiscard]] slot_position next_slot_on_top(std::int64_t after_tick) const noexcept;
    [[nodiscard]] std::int64_t earliest_tick(const slot_position& slot, std::uint32_t& nodes_left) const noexcept;
    [[nodiscard]] std::int64_t earliest_tick_on_top() const noexcept;
    [[nodiscard]] std::int64_t next_settled_ns() const noexcept;
    void expire(std::uint32_t list) noexcept;
    void expire_level_0(std::int64_t target_tick) noexcept;
    void cascade(std::uint32_t list) noexcept;
    [[nodiscard]] bool list_consistent(std::uint32_t list, std::uint32_t& linked_count) const noexcept;

    std::span<timer_node> nodes_;
    std::int64_t now_tick_ = 0;
    std::uint32_t free_first_ = no_timer;    ///< last in, first out: the node used last is the one in the cache
    std::uint32_t used_count_ = list_count;  ///< nodes from here on were never touched
    std::uint32_t armed_count_ = 0;
    std::int64_t fresh_until_ns_ = std::numeric_limits<std::int64_t>::max();  ///< no fresh timer is due before
    /// A bit per list: whether it holds a timer. Those of the last two lists are cleared but never set.
    std::array<std::uint64_t, list_count / 64 + 1> occupancy_{};
};

inline std::uint32_t timer_wheel::list_for(std::int64_t deadline_ns) const noexcept {
    // A deadline that has passed lies in the slot of the present tick, which advance() looks at first.
    const std::int64_t tick = std::max(deadline_tick(deadline_ns), now_tick_);
    const auto differing = static_cast<std::uint64_t>(tick ^ now_tick_);
    const int level = std::min((static_cast<int>(std::bit_width(differing | 1)) - 1) / level_bits, top_level);
    const auto slot = static_cast<std::uint32_t>(tick >> (level * level_bits)) & slot_mask;
    return static_cast<std::uint32_t>(level) * slot_count + slot;
}

inline std::uint32_t timer_wheel::take_node() noexcept {
    const std::uint32_t timer = free_first_;
    if (timer != no_timer) [[likely]] {
        free_first_ = nodes_[timer].next;
        return timer;
    }
    return used_count_ < nodes_.size() ? used_count_++ : no_timer;
}

inline void timer_wheel::link_last(std::uint32_t list, std::uint32_t timer) noexcept {
    const std::uint32_t last = nodes_[list].previous;
    nodes_[timer].previous = last;
    nodes_[timer].next = list;
    nodes_[list].previous = timer;
    nodes_[last].next = timer;
}

inline void timer_wheel::append(std::uint32_t list, std::uint32_t timer) noexcept {
    link_last(list, timer);
    occupancy_[list / 64] |= std::uint64_t{1} << (list % 64);
}

[[gnu::always_inline]] inline std::uint32_t timer_wheel::arm(std::int64_t deadline_ns, std::uint32_t owner,
                                                             std::uint32_t kind) noexcept {
    const std::uint32_t timer = take_node();
    if (timer == no_timer) [[unlikely]] { return no_timer; }
    nodes_[timer].deadline_ns = deadline_ns;
    nodes_[timer].owner = owner;
    nodes_[timer].kind = kind;
    link_last(fresh_list, timer);
    if (deadline_ns < fresh_until_ns_) [[unlikely]] { fresh_until_ns_ = deadline_ns; }
    ++armed_count_;
    return timer;
}

inline void timer_wheel::cancel(std::uint32_t timer) noexcept {
    TINA_ASSERT(timer < used_count_, "timer wheel: cancel of a number that arm() never returned");
    timer_node& cancelled = nodes_[timer];
    const std::uint32_t previous = cancelled.previous;
    const std::uint32_t next = cancelled.next;
    TINA_ASSERT(previous != no_timer, "timer wheel: cancel of a timer that is not armed; was it cancelled twice?");
    nodes_[previous].next = next;
    nodes_[next].previous = previous;
    if (previous == next) {  // both ends of one list: it is empty now
        occupancy_[next / 64] &= ~(std::uint64_t{1} << (next % 64));
    }
    cancelled.previous = no_timer;
    cancelled.next = free_first_;
    free_first_ = timer;
    --armed_count_;
}

}  // namespace tina::detail
