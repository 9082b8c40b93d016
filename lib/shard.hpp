// SPDX-License-Identifier: Apache-2.0
// A shard: everything that one thread owns, and the cycle that moves it. Its parts are plain data; what is done to them
// stands in the file named after the part. Only the shard's own thread may touch any of it, but for `counts`, which
// others may read. Nothing in it allocates after start().
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <random>
#include <span>
#include <string>
#include <vector>

#include "lib/call_record.hpp"
#include "lib/counters.hpp"
#include "lib/descriptor.hpp"
#include "lib/director.hpp"
#include "lib/drain_state.hpp"
#include "lib/exit_note.hpp"
#include "lib/fabric.hpp"
#include "lib/fault_state.hpp"
#include "lib/log_ring.hpp"
#include "lib/memory_map.hpp"
#include "lib/observer.hpp"
#include "lib/offload.hpp"
#include "lib/plan.hpp"
#include "lib/reaper.hpp"
#include "lib/runtime_stretch.hpp"
#include "lib/standing_record.hpp"
#include "lib/supervision_state.hpp"
#include "lib/timer_wheel.hpp"
#include "reactor/reactor.hpp"
#include "tina/detail/core.hpp"
#include "tina/detail/handler_info.hpp"
#include "tina/detail/slot.hpp"
#include "tina/memory.hpp"

namespace tina::detail {

/// A type of isolates at run time, but for what is in its type_core.
struct type_state {
    const type_plan* plan = nullptr;
    std::uint32_t mailbox_capacity = 0;
    std::byte* memory = nullptr;
    std::size_t stride = 0;
    std::uint32_t first_slot = 0;
    std::uint32_t notice_index = nothing;  ///< of tina::shutdown among what it accepts; while the system drains
    counter live;
    std::size_t nested_asked = 0;       ///< by the last nested task that there was no room for
    counter nested_peak;                ///< bytes of nested tasks' frames in one isolate, at most so far
    std::uint32_t never_used = 0;       ///< slots from here on have never had a tenant; relative to first_slot
    std::uint32_t free_head = nothing;  ///< slots that had one, the longest free first
    std::uint32_t free_tail = nothing;
    std::uint32_t pending = nothing;  ///< dead isolates whose successors wait for a slot: newest, links to the oldest
};

enum class timer_kind : std::uint32_t {
    wait_deadline,  ///< owner: slot; the bits from `timer_arm_shift` on: which arm of its any_of
    accept_retry,   ///< owner: descriptor
    message,        ///< owner: message_timer
    restart,        ///< owner: slot of the dead
    group_restart,  ///< owner: group
};

inline constexpr std::uint32_t timer_arm_shift = 8;

/// `slot_header::child`: the restart mode above, the index of a child of the tree below.
inline constexpr std::uint32_t child_index_mask = 0x3fff'ffff;
inline constexpr std::uint32_t dynamic_child = child_index_mask;
inline constexpr std::uint32_t no_restart = (static_cast<std::uint32_t>(restart::temporary) << 30) | dynamic_child;

inline constexpr std::uint32_t burst_max = 96;  ///< effects that complete at once in one activation

/// A channel from which this cycle goes on taking when an isolate has run.
struct inflow {
    ring<message_in_transit>* source = nullptr;
    std::uint32_t from = 0;              ///< the shard at its other end
    std::uint32_t left = 0;              ///< messages that may still be taken in this cycle
    std::uint32_t paused_for = nothing;  ///< the slot that the next message is for; `nothing`: there is no such channel
};

struct shard : shard_core {
    explicit shard(const shard_plan& planned, fabric& shared);
    shard(const shard&) = delete;
    shard& operator=(const shard&) = delete;
    ~shard();

    /// Maps memory and takes a reactor; empty, or why not. Affinity: the shard's thread, pinned already.
    [[nodiscard]] std::string prepare(memory_mode mode, std::uint64_t seed, const log_options& log, log_sink& sink);
    [[nodiscard]] reactor_options reactor_needs() const noexcept;
    /// Opens listening sockets and starts the tree; empty, or why not.
    [[nodiscard]] std::string start(std::unique_ptr<reactor> outside);
    /// Runs cycles until the fabric asks to stop.
    void run() noexcept;
    /// One cycle. Returns whether there was anything to do.
    bool cycle() noexcept;
    /// The same where all shards are of one thread, as in a simulation: nothing need be ordered between them.
    bool cycle_alone() noexcept;
    /// Ends all isolates and waits until the kernel has let go of everything.
    void stop() noexcept;
    /// Brings the counters that tell a present state up to date.
    void refresh_gauges() noexcept;

    [[nodiscard]] std::int64_t now_ns() noexcept {
        if (time_ns == 0) time_ns = io_reactor->now_ns();
        return time_ns;
    }
    [[nodiscard]] std::uint32_t index_of_slot(const slot_header& slot) const noexcept {
        return slot.place - first_place;
    }
    [[nodiscard]] std::byte* slot_memory(const slot_header& slot) noexcept {
        const type_state& type = types[slot.type];
        return type.memory + (index_of_slot(slot) - type.first_slot) * type.stride;
    }
    /// The slot that a handle names, if that isolate is of this shard and alive.
    [[nodiscard]] slot_header* live(handle target) noexcept {
        // Shard and slot are neighbours in a handle, so that one comparison tells both.
        const auto distance = static_cast<std::uint32_t>(target.bits() >> 32) - first_place;
        if (distance >= slot_count) return nullptr;
        slot_header& slot = slots[distance];
        return slot.generation == target.generation() && slot.state >= slot_state::running ? &slot : nullptr;
    }
    /// Lets `who` see all that happens from now on. No message goes the short way then, where nothing is told.
    void watch(observer& who) noexcept {
        watcher = &who;
        take_long_way();
    }
    /// Lets `who` see all that happens, and decide what it may.
    void direct(director& who) noexcept {
        decider = &who;
        watch(who);
    }
    /// Whether `who` is to find something missing, for no better reason than that its director says so.
    [[nodiscard]] bool finds_none(scarce what, const slot_header& who, std::uint64_t key = 0) noexcept {
        return may_strike() && decider->finds_none(what, who, key);
    }
    /// Whether a director is to be asked who crashes and who finds something missing.
    [[nodiscard]] bool may_strike() const noexcept { return decider != nullptr && decider->strikes(); }
    /// From now on no wait begins without a question.
    void take_long_way() noexcept {
        long_way = true;
        for (type_core& core : core_of_types) core.first_keys = {};
    }
    void observe(event_kind kind, std::uint32_t slot, std::uint32_t detail, std::int64_t value) noexcept {
        if (watcher != nullptr) [[unlikely]]
            tell_watcher(kind, slot, detail, value);
    }
    // Out of line, so that who observes nothing pays one branch and no registers.
    [[gnu::cold, gnu::noinline]] void tell_watcher(event_kind kind, std::uint32_t slot, std::uint32_t detail,
                                                   std::int64_t value) noexcept {
        watcher->on_event(kind, slot, detail, value);
    }
    [[gnu::cold, gnu::noinline]] void tell_effect(std::uint32_t slot, std::uint32_t kind) noexcept {
        watcher->on_effect(slot, kind);
    }
    /// What an idle shard waits for at the latest: units as now_ns(), `wait_forever` if for nothing.
    [[nodiscard]] std::int64_t idle_deadline_ns() noexcept;

    // Identity.
    const std::uint32_t index;
    const shard_plan& plan;
    fabric& shared;
    shard_port& port;
    memory_map memory;
    memory_map stacks;  ///< of stackful handlers, each between guards
    std::unique_ptr<reactor> io_reactor;
    observer* watcher = nullptr;
    director* decider = nullptr;  ///< null: not in a simulation
    bool long_way = false;        ///< waits begin the long way: somebody observes, or the system ends

    // Isolates.
    std::vector<type_state> types;
    std::vector<message_key> keys;
    std::vector<std::uint16_t> type_table;  ///< open addressing by the address of a handler_info; 0xffff: empty
    std::vector<type_core> core_of_types;
    std::vector<std::uint64_t> ready_words;
    std::uint32_t ready_word_count = 0;
    std::vector<std::uint64_t> spent_words;  ///< a bit for each ready type that has had its share of this cycle
    bool any_spent = false;
    std::vector<child_state> children;   ///< of the whole tree, in start order
    std::vector<group_state> groups;     ///< the root first, each before those in it
    std::vector<std::int64_t> spent_ns;  ///< of restart windows
    restart_window recovery;             ///< of the shard itself
    bool quarantined = false;
    std::span<member_note> members;       ///< by slot
    std::uint32_t displaced = 0;          ///< children that are
    std::uint32_t walks = 0;              ///< groups that have not started all again yet
    bool slots_freed = false;             ///< or places: who waits for one is to be looked at
    reaper ending;                        ///< what a doomed isolate runs that is queued to run
    std::vector<std::uint32_t> doomed;    ///< slots of those that are to end when this activation is over
    monitor_record** watchers = nullptr;  ///< by the target's slot, as many as the next says
    std::uint32_t watcher_heads = 0;      ///< a power of two

    // The activation in progress. The cursor is in memory: what recovers from a fault finds it here.
    slot_header* current = nullptr;
    std::uint32_t turn_type = 0;
    std::uint32_t yielded_head = nothing;  ///< slots whose handlers have yielded, until all others have had their turn
    std::uint32_t yielded_tail = nothing;
    std::uint32_t share_size = 0;    ///< activations that the type was given until the clock is looked at
    std::uint32_t share_left = 0;    ///< and those of them that are left
    std::uint32_t burst_left = 0;    ///< effects that may still complete at once in the activation so marked:
    std::uint32_t burst_mark = 0;    ///< `share_left` in it; 0: none in this share yet
    std::uint32_t until_clock = 1;   ///< activations until the clock is looked at
    std::uint32_t clock_stride = 1;  ///< how many that is from one look to the next
    std::int64_t last_look_ns = 0;
    std::int64_t cycle_end_ns = 0;  ///< 0: not known yet in this cycle
    std::uint32_t cycle_number = 0;
    exit_note ending_note;
    fault_state faults;
    slot_header* overdue = nullptr;  ///< whose activation is over its soft budget
    std::int64_t overdue_cpu_ns = 0;

    // Messages.
    std::uint64_t arrivals = 0;
    attachment* attachments = nullptr;  ///< of each envelope; only those marked in their envelopes count
    pool<message_timer> message_timers;
    pool<monitor_record> monitors;
    std::uint32_t standing_messages = 0;  ///< of timers and monitors, queued or being read
    pool<call_record> calls;
    call_record* dropped_calls = nullptr;    ///< whose tokens were dropped in this activation
    call_record* outside_replies = nullptr;  ///< calls from outside that were answered in this activation
    pool<lease_block> lease_blocks;
    std::byte* lease_memory = nullptr;
    std::size_t lease_stride = 0;
    pool<offload_record> offloads;
    std::uint32_t offloads_home = nothing;       ///< results that their callers have not taken yet
    ring<message_in_transit>* posted = nullptr;  ///< from outside; null: nobody may post
    std::vector<lane_chain> lane_out;            ///< for each shard what was sent to it and is not pushed yet
    std::uint32_t deliveries = 0;
    inflow flow;
    std::vector<std::uint32_t> dirty;  ///< shards that were sent to and not told yet
    std::vector<std::uint8_t> is_dirty;
    std::vector<std::uint32_t> drained;  ///< shards whose channel gave slots back and may wait for them
    std::vector<std::uint8_t> is_drained;
    std::uint32_t channel_waiters = 0;  ///< deliveries that wait for room in a channel

    // Time.
    timer_wheel wheel;
    std::uint32_t timers_max = 0;  ///< armed when no further deadline is: `limits.timers` and those that are none
    std::int64_t spin_ns = 0;      ///< how long the next idle spell spins
    bool stopping = false;         ///< its isolates are being ended
    drain_state drain;

    io_state io;
    log_ring log;
    std::unique_ptr<arena> scratch;
    bool scratch_used = false;        ///< in this activation
    std::unique_ptr<arena> no_arena;  ///< the working arena of types that have none: always full
    std::mt19937_64 random;
    counters counts;
};

[[nodiscard]] inline shard& owner_of(const slot_header& slot) noexcept {
    return static_cast<shard&>(*slot.core->owner);
}

}  // namespace tina::detail
