// SPDX-License-Identifier: Apache-2.0
// The system lane: how what is guaranteed comes to a shard whatever is full. Its entries are parts of what they are
// about (the record of a call, the block of a lease), so that whoever sends one has it already and no room is needed.
// An entry belongs to the shard that holds it, and to nobody while it is on its way. Any thread may send.
#pragma once

#include <atomic>
#include <cstdint>

#include "tina/detail/slot.hpp"

namespace tina::detail {

enum class lane_event : std::uint8_t {
    call_ended,         ///< a call_record comes home: with the reply, or with the reason why there is none
    lease_home,         ///< a lease_block comes home: nobody refers to it any more
    monitor_set,        ///< a monitor_record comes to its target
    monitor_ended,      ///< and home: the target has ended
    monitor_withdrawn,  ///< a monitor_withdrawal comes to its monitor's target, then home
    spawn_wanted,       ///< a call_record brings a spawn_request
    spawn_ended,        ///< that call_record comes home, with the child's handle or the reason why there is none
    offload_ended,      ///< an offload_record comes home, with the result of its function or undone
};

/// What travels on a system lane; a part of something larger.
struct lane_entry {
    union {
        lane_entry* next;
        list_links links;  ///< in the pool, while it is free
    };
    lane_event event{};

    // Written out, because g++ 12 takes the one that an initialiser of `next` would give for deleted.
    lane_entry() noexcept : next(nullptr) {}
};

/// Entries in the order in which they were added, newest first.
struct lane_chain {
    lane_entry* newest = nullptr;
    lane_entry* oldest = nullptr;

    void add(lane_entry& entry) noexcept {
        entry.next = newest;
        newest = &entry;
        if (oldest == nullptr) oldest = &entry;
    }
};

/// The end of the lanes to one shard: a stack that many push to and one takes whole.
class lane_inbox {
public:
    /// Affinity: any thread. `chain` is not empty.
    void push(const lane_chain& chain) noexcept {
        lane_entry* seen = newest_.load(std::memory_order_relaxed);
        do {
            chain.oldest->next = seen;
            // Release: partner is the acquire in take(); what the entries are parts of is written before.
        } while (
            !newest_.compare_exchange_weak(seen, chain.newest, std::memory_order_release, std::memory_order_relaxed));
    }
    /// All entries, oldest first, linked by `next`. Affinity: the shard.
    [[nodiscard]] lane_entry* take() noexcept {
        // Acquire: partner is the release in push().
        lane_entry* taken = newest_.exchange(nullptr, std::memory_order_acquire);
        lane_entry* oldest = nullptr;
        while (taken != nullptr) {
            lane_entry* const older = taken->next;
            taken->next = oldest;
            oldest = taken;
            taken = older;
        }
        return oldest;
    }
    /// Relaxed: a hint; take() looks again with acquire.
    [[nodiscard]] bool has_entry() const noexcept { return newest_.load(std::memory_order_relaxed) != nullptr; }

private:
    std::atomic<lane_entry*> newest_{nullptr};
};

}  // namespace tina::detail
