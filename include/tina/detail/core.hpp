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
#include <type_traits>

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
    /// Whether take_recycled() would find one.
    [[nodiscard]] bool has_recycled() const noexcept { return free_head_ != nullptr; }
    /// A free item that was used before, or null.
    [[nodiscard]] Item* take_recycled() noexcept {
        Item* const item = take_uncounted();
        if (item != nullptr) [[likely]]
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
    /// Whether every item that is not among the `taken` is free, and none is free twice. Cost: every free item; for
    /// checkers.
    [[nodiscard]] bool consistent(std::uint32_t taken) const noexcept {
        std::uint64_t free = capacity_ - watermark_;
        for (const Item* each = free_head_; each != nullptr; each = std::bit_cast<const Item*>(each->links)) {
            if (each < items_ || each >= items_ + watermark_ || ++free > capacity_) return false;
        }
        return free + taken == capacity_;
    }
    /// Indexes from here on have never been taken.
    [[nodiscard]] std::uint32_t watermark() const noexcept { return watermark_; }

protected:
    /// take_recycled() by one who counts it himself.
    [[nodiscard]] Item* take_uncounted() noexcept {
        Item* const item = free_head_;
        if (item != nullptr) [[likely]]
            free_head_ = std::bit_cast<Item*>(item->links);
        return item;
    }

private:
    Item* items_ = nullptr;
    Item* free_head_ = nullptr;
    std::uint32_t taken_count_ = 0;
    std::uint32_t watermark_ = 0;
    std::uint32_t limit_ = 0;
    std::uint32_t capacity_ = 0;
};

/// The pool of a shard's envelopes. Those for messages that are handed over at once are counted as such messages only:
/// one counter less for the shortest way.
class envelope_pool : public pool<envelope> {
public:
    /// take_recycled() for a message that is sent and delivered at once.
    [[nodiscard]] envelope* take_to_hand_over() noexcept {
        envelope* const taken = take_uncounted();
        if (taken != nullptr) [[likely]]
            handed_.add();
        return taken;
    }
    /// Messages that were sent and delivered at once.
    [[nodiscard]] std::uint64_t handed_count() const noexcept { return handed_.get(); }

    [[nodiscard]] std::uint32_t taken_count() const noexcept {
        return pool::taken_count() + static_cast<std::uint32_t>(handed_.get());  // both may have wrapped
    }
    [[nodiscard]] std::uint32_t free_count() const noexcept { return capacity() - taken_count(); }

private:
    counter handed_;
};

struct shard_core;

/// What every message and every turn needs of a type of isolates: one cache line.
struct alignas(64) type_core {
    std::array<std::uint64_t, 2> first_keys{};  ///< the first of `keys`; 0: none, or observed
    const std::uint64_t* keys = nullptr;        ///< of the messages it accepts
    std::uint32_t key_count = 0;
    bool listed = false;  ///< its bit in the shard's set of ready types is set
    shard_core* owner = nullptr;
    std::uint32_t ready_head = nothing;  ///< slots that are ready to run, oldest first
    std::uint32_t ready_tail = nothing;
    std::uint32_t budget = 0;        ///< activations left in the cycle numbered `budget_cycle`
    std::uint32_t cycle_budget = 0;  ///< activations in each cycle
    std::uint32_t budget_cycle = 0;  ///< numbers wrap: a stale budget costs the type one cycle at most
};
static_assert(sizeof(type_core) == 64);

/// What an activation leaves to be done. Whoever leaves anything says `all`, whatever was there.
enum class cleanup : std::uint8_t {
    none,
    inflow,  ///< only to see whether a channel has more for the isolate that has run
    all,
};

/// What every message needs of a shard.
struct shard_core {
    slot_header* slots = nullptr;
    std::uint32_t slot_count = 0;
    std::uint32_t first_place = 0;  ///< slot_header::place of slot 0
    type_core* type_cores = nullptr;
    std::uint64_t* ready_types = nullptr;  ///< a bit for each type that has ready isolates
    envelope_pool envelopes;
    std::uint32_t pool_waiters = nothing;  ///< deliveries that wait for an envelope: newest, links to the oldest
    std::int64_t time_ns = 0;              ///< 0: not looked at in this cycle
    cleanup cleanup_wanted{};              ///< what an activation leaves to be done when it ends
    std::uint8_t in_runtime = 1;           ///< 0: code of the user's is running, which can be abandoned anywhere
    counter messages_sent;
    counter messages_delivered;
};

/// Appends an isolate to the ready queue of `type`, its own.
[[gnu::always_inline]] inline void queue_ready(shard_core& at, type_core& type, slot_header& slot,
                                               std::uint32_t index) noexcept {
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
/// Appends an isolate to its type's ready queue.
inline void queue_ready(shard_core& at, slot_header& slot, std::uint32_t index) noexcept {
    queue_ready(at, *slot.core, slot, index);
}

/// A constant that is loaded into a register where it is used. Otherwise clang++ 19 loads it once in a handler and
/// keeps it in a register that every activation must save and restore: three instructions more for each message.
[[nodiscard, gnu::always_inline]] inline std::uint64_t loaded_here(std::uint64_t value) noexcept {
    asm("" : "+r"(value));
    return value;
}

/// The type of a slot that often is `own`. The turn of who is made ready begins with what is written to its type, and
/// `own` is known several loads sooner than what the slot says: a branch that is foreseen need not wait for it.
[[nodiscard, gnu::always_inline]] inline type_core& type_of(const slot_header& slot, type_core* own) noexcept {
    type_core* type = slot.core;
    if (type == own) [[likely]] {
        asm("" : "+r"(own));  // or the compiler would know that there is nothing to choose
        type = own;
    }
    return *type;
}

/// Makes an envelope that was just taken the only thing that an isolate holds, under a message that it receives.
[[gnu::always_inline]] inline void put_in_hand(shard_core& at, slot_header& receiver, envelope& taken, handle sender,
                                               std::uint64_t key) noexcept {
    taken.links = {};
    taken.sender = sender;
    taken.key = key;
    receiver.held = at.envelopes.index_of(taken);
}

/// The mark that says: what the runtime knows is being changed, by code that is compiled into the handler. A handler
/// can be abandoned at any instruction while the mark is not set. Who reads it is a signal handler of this thread, so
/// that only the compiler must keep the order. Nothing that is changed here is changed before a question was asked, and
/// no store may be moved up over a question: the beginning needs no fence.
class handler_stretch {
public:
    [[gnu::always_inline]] explicit handler_stretch(slot_header& self) noexcept : at_(self.core->owner) { set(1); }
    handler_stretch(const handler_stretch&) = delete;
    handler_stretch& operator=(const handler_stretch&) = delete;
    [[gnu::always_inline]] ~handler_stretch() {
        std::atomic_signal_fence(std::memory_order_release);
        set(0);
    }

private:
    [[gnu::always_inline]] void set(std::uint8_t mark) const noexcept {
        *const_cast<volatile std::uint8_t*>(&at_->in_runtime) = mark;
    }

    shard_core* at_;
};

/// Reads the ends of what a handler has named, so that a bad address is found before the runtime has changed anything.
template <class T>
[[gnu::always_inline]] inline void touch(const T& content) noexcept {
    const auto* const bytes = reinterpret_cast<const volatile char*>(&content);
    static_cast<void>(bytes[0]);
    if constexpr (sizeof(T) > 1) static_cast<void>(bytes[sizeof(T) - 1]);
}

/// What fits into registers is passed in them: a handler need not keep it in memory, and it is read before it is used.
template <class T>
using copied_if_small = std::conditional_t<(sizeof(T) <= 2 * sizeof(void*)), T, const T&>;

/// What a handler has named, read before the runtime changes anything. What is small is read as a whole: to touch it
/// would have its bytes stored one by one, and who loads them as one soon waits until all those stores are done.
template <class T>
[[nodiscard, gnu::always_inline]] inline copied_if_small<T> read_first(const T& content) noexcept {
    if constexpr (std::is_reference_v<copied_if_small<T>>) {
        touch(content);
        return content;
    } else {
        const T copy = content;
        std::atomic_signal_fence(std::memory_order_acquire);  // nor may the compiler read it later
        return copy;
    }
}

/// Gives a message, which `fill` writes into an envelope, to a handler that waits for nothing but such a one.
/// False: it goes the long way. `Expected` says which of the two poised states; a deadline is left to the caller.
template <slot_state Expected = slot_state::poised, class Fill>
[[nodiscard, gnu::always_inline]] inline bool hand_to_poised(slot_header& self, handle target, std::uint64_t key,
                                                             Fill&& fill) noexcept {
    type_core* const own_type = self.core;
    shard_core& at = *own_type->owner;
    key = loaded_here(key);
    // Not by way of `first_place`: what is to be written to the ready queue then waits for no load. That it is a slot
    // of this shard is told by the slot itself.
    const auto index = static_cast<std::uint32_t>(loaded_here(target.slot()));
    if (index >= at.slot_count) [[unlikely]]
        return false;
    slot_header& slot = at.slots[index];
    if (slot.own_handle() != target || slot.state != Expected) return false;
    if constexpr (waits_in_header(Expected)) {
        if (slot.expected != key) return false;
    } else {
        if (static_cast<const receive_wait*>(slot.wait)->key != key) return false;
    }
    envelope* const taken = at.envelopes.take_to_hand_over();
    if (taken == nullptr) [[unlikely]]
        return false;

    fill(*taken);
    put_in_hand(at, slot, *taken, self.own_handle(), key);
    slot.taken = taken;
    queue_ready(at, type_of(slot, own_type), slot, index);
    return true;
}

/// Starts a receive of one message type without a deadline where nothing is there yet. False: it goes the long way.
/// It changes only what belongs to the isolate, which may be abandoned in it.
[[nodiscard, gnu::always_inline]] inline bool poise(slot_header& self, std::uint64_t key) noexcept {
    const type_core& type = *self.core;
    key = loaded_here(key);
    if (type.first_keys[0] != key && type.first_keys[1] != key) return false;
    if (self.mail_count != 0 || !self.holds_nothing_and_owes_nothing()) return false;
    self.expected = key;
    self.state = slot_state::poised;
    return true;
}

/// Gives back a message that carries nothing and is the only thing its holder holds; all others go the long way.
[[gnu::always_inline]] inline void release_message(slot_header& holder, envelope& taken) noexcept {
    shard_core& at = *holder.core->owner;
    if (taken.links.linked() || taken.carries_something() || at.pool_waiters != nothing) [[unlikely]]
        return release_anyhow(holder, taken);
    // No handler_stretch: who is abandoned in the middle loses one envelope at worst, and nothing is ever there twice.
    holder.held = nothing;
    at.envelopes.give_back(taken);
}

}  // namespace tina::detail
