// SPDX-License-Identifier: Apache-2.0
// The part of a shard that every message touches, and the three steps of a message's way within a shard that are short
// enough to be compiled into the handlers. Everything that is not the common case goes to the runtime. Public code must
// never look into any of it.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <new>
#include <span>

#include "tina/detail/runtime.hpp"
#include "tina/detail/slot.hpp"
#include "tina/handle.hpp"

namespace tina::detail {

/// A count that one thread writes and any may read.
class counter {
public:
    void add(std::uint64_t count = 1) noexcept { set(get() + count); }
    void subtract(std::uint64_t count = 1) noexcept { set(get() - count); }
    // Relaxed: partner is the snapshot's load on another thread, which needs no order between counters.
    void set(std::uint64_t value) noexcept { value_.store(value, std::memory_order_relaxed); }
    [[nodiscard]] std::uint64_t get() const noexcept { return value_.load(std::memory_order_relaxed); }

private:
    std::atomic<std::uint64_t> value_{0};
};

/// A fixed pool of items by index: free ones are handed out last-in first-out, those never used after them, so that
/// memory nobody needed is never touched. `Item` has a member `list_links links`, which is the pool's while it is free:
/// the address of the next free one, so that the common case computes none.
template <class Item>
class pool {
public:
    /// `items` outlive the pool; none is touched before it is first taken. The last `reserved` of them are never taken.
    void start(std::span<Item> items, std::uint32_t reserved = 0) noexcept {
        items_ = items.data();
        capacity_ = static_cast<std::uint32_t>(items.size());
        limit_ = capacity_ - reserved;
    }

    [[nodiscard]] Item& operator[](std::uint32_t index) noexcept { return items_[index]; }
    [[nodiscard]] const Item& operator[](std::uint32_t index) const noexcept { return items_[index]; }
    [[nodiscard]] std::uint32_t index_of(const Item& item) const noexcept {
        return static_cast<std::uint32_t>(&item - items_);
    }

    /// Whether take() would find one.
    [[nodiscard]] bool has_free() const noexcept { return free_head_ != nullptr || watermark_ < limit_; }
    /// A free index, or `nothing`.
    [[nodiscard]] std::uint32_t take() noexcept {
        if (Item* const recycled = take_recycled()) return index_of(*recycled);
        if (watermark_ == limit_) return nothing;
        new (&items_[watermark_]) Item{};
        ++taken_count_;
        return watermark_++;
    }
    /// A free item that was used before, or null.
    [[nodiscard]] Item* take_recycled() noexcept {
        Item* const item = free_head_;
        if (item == nullptr) [[unlikely]]
            return nullptr;
        free_head_ = std::bit_cast<Item*>(item->links);
        ++taken_count_;
        return item;
    }
    void give_back(std::uint32_t index) noexcept { give_back(items_[index]); }
    void give_back(Item& item) noexcept {
        item.links = std::bit_cast<list_links>(free_head_);
        free_head_ = &item;
        --taken_count_;
    }

    [[nodiscard]] std::uint32_t taken_count() const noexcept { return taken_count_; }
    [[nodiscard]] std::uint32_t free_count() const noexcept { return capacity_ - taken_count_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    /// Indexes from here on have never been taken.
    [[nodiscard]] std::uint32_t watermark() const noexcept { return watermark_; }

private:
    Item* items_ = nullptr;
    Item* free_head_ = nullptr;
    std::uint32_t taken_count_ = 0;
    std::uint32_t watermark_ = 0;
    std::uint32_t limit_ = 0;
    std::uint32_t capacity_ = 0;
};

struct shard_core;

/// What every message and every turn needs of a type of isolates: one cache line.
struct alignas(64) type_core {
    std::array<std::uint64_t, 4>
        first_keys{};  ///< message keys that it accepts, the first of them; 0: none, or observed
    shard_core* owner = nullptr;
    std::uint32_t ready_head = nothing;  ///< slots that are ready to run, oldest first
    std::uint32_t ready_tail = nothing;
    std::uint32_t budget = 0;        ///< activations left in the cycle numbered `budget_cycle`
    std::uint32_t cycle_budget = 0;  ///< activations in each cycle
    std::uint32_t budget_cycle = 0;  ///< numbers wrap: a stale budget costs the type one cycle at most
    bool listed = false;             ///< its bit in the shard's set of ready types is set
};
static_assert(sizeof(type_core) == 64);

/// What every message needs of a shard.
struct shard_core {
    slot_header* slots = nullptr;
    std::uint32_t slot_count = 0;
    std::uint32_t first_place = 0;  ///< slot_header::place of slot 0
    type_core* type_cores = nullptr;
    std::uint64_t* ready_types = nullptr;  ///< a bit for each type that has ready isolates
    pool<envelope> envelopes;
    std::uint32_t pool_waiters = nothing;  ///< deliveries that wait for an envelope: newest, links to the oldest
    std::uint32_t burst_left = 0;          ///< effects that may still complete at once in this activation
    bool cleanup_wanted = false;           ///< an activation leaves something to be done when it ends
    counter messages_sent;
    counter messages_delivered;
    counter messages_handed;  ///< sent and delivered at once, in neither of the above
};

/// Appends an isolate to its type's ready queue.
inline void queue_ready(shard_core& at, slot_header& slot, std::uint32_t index) noexcept {
    type_core& type = *slot.core;
    slot.state = slot_state::ready;
    slot.next = nothing;
    if (type.ready_head != nothing) {
        at.slots[type.ready_tail].next = index;
    } else {
        type.ready_head = index;
        if (!type.listed) {
            type.listed = true;
            at.ready_types[slot.type / 64] |= std::uint64_t{1} << (slot.type % 64);
        }
    }
    type.ready_tail = index;
}

/// A constant that is loaded into a register where it is used. Otherwise clang++ 19 loads it once in a handler and
/// keeps it in a register that every activation must save and restore: three instructions more for each message.
[[nodiscard, gnu::always_inline]] inline std::uint64_t loaded_here(std::uint64_t value) noexcept {
    asm("" : "+r"(value));
    return value;
}

/// Gives a message, whose bytes and sender `fill` writes into the envelope, to a handler that waits for nothing but
/// such a one. False: it goes the long way. `Expected` says which of the two poised states; a deadline is left to the
/// caller.
template <slot_state Expected, class Fill>
[[nodiscard, gnu::always_inline]] inline bool fill_for_poised(shard_core& at, handle target, std::uint64_t key,
                                                              Fill&& fill) noexcept {
    // Shard and slot are neighbours in a handle, so that one comparison tells both.
    const auto index = static_cast<std::uint32_t>(target.bits() >> 32) - at.first_place;
    if (index >= at.slot_count) [[unlikely]]
        return false;
    slot_header& slot = at.slots[index];
    if (slot.own_handle() != target || slot.state != Expected) return false;
    auto& wait = *static_cast<receive_wait*>(slot.wait);
    if (wait.key != key) return false;
    envelope* const taken = at.envelopes.take_recycled();
    if (taken == nullptr) [[unlikely]]
        return false;

    fill(*taken);
    taken->links = {};
    taken->key = key;
    slot.held = at.envelopes.index_of(*taken);
    wait.taken = taken;
    queue_ready(at, slot, index);
    return true;
}

/// The same for a message from an isolate of the same shard.
template <slot_state Expected = slot_state::poised, class Fill>
[[nodiscard, gnu::always_inline]] inline bool hand_to_poised(slot_header& self, handle target, std::uint64_t key,
                                                             Fill&& fill) noexcept {
    shard_core& at = *self.core->owner;
    key = loaded_here(key);
    return fill_for_poised<Expected>(at, target, key, [&](envelope& taken) {
        fill(taken.payload);
        taken.sender = self.own_handle();
        at.messages_handed.add();
    });
}

/// Starts a receive of one message type without a deadline where nothing is there yet. False: it goes the long way.
/// Nothing of the wait is set up but its key.
[[nodiscard, gnu::always_inline]] inline bool poise(slot_header& self, receive_wait& wait, std::uint64_t key) noexcept {
    const type_core& type = *self.core;
    key = loaded_here(key);
    if (type.first_keys[0] != key && type.first_keys[1] != key) return false;
    if (self.mail_count != 0 || !self.holds_nothing_and_owes_nothing()) return false;
    wait.key = key;
    self.wait = &wait;
    self.state = slot_state::poised;
    return true;
}

/// Gives back a message that carries nothing and is the only thing its holder holds; all others go the long way.
[[gnu::always_inline]] inline void release_message(slot_header& holder, envelope& taken) noexcept {
    shard_core& at = *holder.core->owner;
    if (taken.links.linked() || taken.carries_something() || at.pool_waiters != nothing) [[unlikely]]
        return release_anyhow(holder, taken);
    holder.held = nothing;
    at.envelopes.give_back(taken);
}

}  // namespace tina::detail
