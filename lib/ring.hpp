// SPDX-License-Identifier: Apache-2.0
// A bounded ring from one thread to one other. Each slot carries the number of the entry that it holds, so that both
// sides share a line only where an entry passes and, once in a while, where slots are given back. Owned by the system;
// the producer's and the consumer's members may each be touched by that side only.
// Source: the sequence-numbered slots are those of Vyukov's bounded queues, reduced to one producer and one consumer.
#pragma once

#include <atomic>
#include <cstdint>
#include <span>

#include "tina/assert.hpp"

namespace tina::detail {

/// `Entry` has a member `std::atomic<std::uint32_t> sequence`, 0 at first.
template <class Entry>
class ring {
public:
    /// `entries` are zeroed, a power of two of them, and outlive the ring.
    void start(std::span<Entry> entries) noexcept {
        TINA_ASSERT(!entries.empty() && (entries.size() & (entries.size() - 1)) == 0,
                    "a ring's capacity must be a power of two");
        entries_ = entries.data();
        mask_ = static_cast<std::uint32_t>(entries.size()) - 1;
        give_back_mask_ = entries.size() >= 16 ? static_cast<std::uint32_t>(entries.size() / 8) - 1 : 0;
    }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return mask_ + 1; }

    // --- producer ---------------------------------------------------------------------------------------------------

    /// The next free slot, to be filled in and then committed; null if the ring is full. An earlier slot that was
    /// reserved and not committed is committed first.
    [[nodiscard]] Entry* reserve() noexcept {
        commit();
        if (tail_ - head_seen_ > mask_) {
            // Acquire: partner is give_back(); the consumer has read the slot before we write it again.
            head_seen_ = head_.load(std::memory_order_acquire);
            if (tail_ - head_seen_ > mask_) return nullptr;
        }
        reserved_ = &entries_[tail_ & mask_];
        ++tail_;
        return reserved_;
    }
    /// Makes the reserved slot visible to the consumer.
    void commit() noexcept {
        if (reserved_ == nullptr) return;
        // Release: partner is the acquire in front(); the entry is written before its number.
        reserved_->sequence.store(tail_, std::memory_order_release);
        reserved_ = nullptr;
    }
    /// Whether reserve() would succeed.
    [[nodiscard]] bool has_room() noexcept {
        if (tail_ - head_seen_ <= mask_) return true;
        head_seen_ = head_.load(std::memory_order_acquire);  // as in reserve()
        return tail_ - head_seen_ <= mask_;
    }
    [[nodiscard]] std::uint32_t produced() const noexcept { return tail_; }
    /// Takes the entry after the next one out of the consumer's cache before its turn comes, if it is free and will be
    /// as long as `bytes`: stores wait for one another, so that each would wait for its own line.
    void claim_ahead(std::size_t bytes) const noexcept {
        constexpr std::uint32_t ahead = 1;  // of the next one; as good up to 32
        if (tail_ + ahead - head_seen_ > mask_) return;
        claim(line_of(tail_ + ahead, 0));
        if (bytes > cache_line) claim(line_of(tail_ + ahead, cache_line));
    }

    // --- consumer ---------------------------------------------------------------------------------------------------

    /// The oldest entry; null if there is none.
    [[nodiscard]] Entry* front() noexcept {
        Entry* const entry = &entries_[next_ & mask_];
        // Acquire: partner is the release in commit().
        return entry->sequence.load(std::memory_order_acquire) == next_ + 1 ? entry : nullptr;
    }
    /// Whether front() would find an entry; touches nothing that front() would not.
    [[nodiscard]] bool has_entry() const noexcept {
        // Relaxed: a hint; front() loads again with acquire.
        return entries_[next_ & mask_].sequence.load(std::memory_order_relaxed) == next_ + 1;
    }
    /// The entry `offset` places behind the oldest; null if there is none yet.
    [[nodiscard]] Entry* peek(std::uint32_t offset) noexcept {
        Entry* const entry = &entries_[(next_ + offset) & mask_];
        return entry->sequence.load(std::memory_order_acquire) == next_ + offset + 1 ? entry
                                                                                     : nullptr;  // as in front()
    }
    /// Has the entry behind the oldest on its way when its turn comes, if it is as long as `bytes`: where an isolate
    /// runs in between, the processor does not look ahead that far. Its first cache line needs no help, and what is
    /// asked for further ahead is taken away from a producer that is about to write there.
    void expect_entry(std::size_t bytes) const noexcept {
        if (bytes > cache_line) __builtin_prefetch(line_of(next_ + 1, cache_line));
    }
    /// Done with the oldest entry. Slots go back to the producer in batches, and by give_back().
    void pop() noexcept {
        ++next_;
        if ((next_ & give_back_mask_) == 0) give_back();
    }
    void give_back() noexcept {
        if (given_back_ == next_) return;
        given_back_ = next_;
        // Release: partner is the acquire in reserve(); our reads of the slots come before.
        head_.store(next_, std::memory_order_release);
    }
    [[nodiscard]] std::uint32_t consumed() const noexcept { return next_; }

    // --- a producer that waits for room -----------------------------------------------------------------------------

    /// Producer: whether the consumer should wake it after giving slots back. Partner: wants_room(), each with a fence
    /// of sequential consistency between this flag and the ring's other side.
    void set_wants_room(bool wanted) noexcept { wants_room_.store(wanted, std::memory_order_relaxed); }
    /// Consumer.
    [[nodiscard]] bool wants_room() const noexcept { return wants_room_.load(std::memory_order_relaxed); }

private:
    static constexpr std::size_t cache_line = 64;

    [[nodiscard]] const std::byte* line_of(std::uint32_t number, std::size_t offset) const noexcept {
        return reinterpret_cast<const std::byte*>(&entries_[number & mask_]) + offset;
    }
    static void claim(const std::byte* line) noexcept {
#ifdef __x86_64__
        // Without -mprfchw the builtin only reads ahead. Who does not know the instruction takes it for a nop.
        asm volatile("prefetchw %0" : : "m"(*line));
#else
        __builtin_prefetch(line, 1);
#endif
    }

    // Both sides read these, nobody writes them after start().
    Entry* entries_ = nullptr;
    std::uint32_t mask_ = 0;
    std::uint32_t give_back_mask_ = 0;
    // Producer.
    alignas(128) Entry* reserved_ = nullptr;
    std::uint32_t tail_ = 0;
    std::uint32_t head_seen_ = 0;
    std::atomic<bool> wants_room_{false};
    // Consumer.
    alignas(128) std::uint32_t next_ = 0;
    std::uint32_t given_back_ = 0;
    // From the consumer to the producer.
    alignas(128) std::atomic<std::uint32_t> head_{0};
};

}  // namespace tina::detail
