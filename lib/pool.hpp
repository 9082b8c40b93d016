// SPDX-License-Identifier: Apache-2.0
// A fixed pool of indexes: free ones are handed out last-in first-out, those never used before come after, so that memory
// nobody needed is never touched. Owned by one shard.
#pragma once

#include <cstdint>
#include <new>
#include <span>

#include "tina/assert.hpp"
#include "tina/detail/slot.hpp"

namespace tina::detail {

/// `Item` has a member `list_links links`, whose `next` belongs to the pool while the item is free.
template <class Item>
class pool {
public:
    /// `items` outlive the pool; none is touched before it is first taken.
    void start(std::span<Item> items) noexcept {
        items_ = items.data();
        capacity_ = static_cast<std::uint32_t>(items.size());
        free_count_ = capacity_;
    }

    [[nodiscard]] Item& operator[](std::uint32_t index) noexcept { return items_[index]; }
    [[nodiscard]] const Item& operator[](std::uint32_t index) const noexcept { return items_[index]; }
    [[nodiscard]] std::uint32_t index_of(const Item& item) const noexcept {
        return static_cast<std::uint32_t>(&item - items_);
    }

    /// A free index, or `nothing`.
    [[nodiscard]] std::uint32_t take() noexcept {
        std::uint32_t index = free_head_;
        if (index != nothing) {
            free_head_ = items_[index].links.next;
        } else {
            if (watermark_ == capacity_) return nothing;
            index = watermark_++;
            new (&items_[index]) Item{};
        }
        --free_count_;
        return index;
    }
    void give_back(std::uint32_t index) noexcept {
        TINA_DEBUG_ASSERT(index < watermark_, "an index was given back that was never taken");
        items_[index].links.next = free_head_;
        free_head_ = index;
        ++free_count_;
    }

    [[nodiscard]] std::uint32_t free_count() const noexcept { return free_count_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }
    /// Indexes from here on have never been taken.
    [[nodiscard]] std::uint32_t watermark() const noexcept { return watermark_; }

private:
    Item* items_ = nullptr;
    std::uint32_t capacity_ = 0;
    std::uint32_t watermark_ = 0;
    std::uint32_t free_head_ = nothing;
    std::uint32_t free_count_ = 0;
};

}  // namespace tina::detail
