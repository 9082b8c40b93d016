// SPDX-License-Identifier: Apache-2.0
// Items of one size that are found by a number: a pool and a table of chains, in memory that is mapped once and costs
// nothing until it is touched. Owned by a reactor. It must never allocate after map(), and never move an item.
#pragma once

#include <algorithm>
#include <bit>
#include <cstdint>

#include "reactor/mapping.hpp"
#include "tina/assert.hpp"

namespace tina::detail {

inline constexpr std::uint32_t no_item = ~std::uint32_t{0};

/// `Item` has the members `std::uint64_t key` and `std::uint32_t chain`, which belong to the pool. Its memory is zero
/// when it is first added, and as it was left when it is added again.
template <class Item>
class hashed_pool {
public:
    /// Makes room for `count` items. 0 or -errno.
    [[nodiscard]] int map(std::uint32_t count) noexcept {
        count = std::max(count, 1U);
        const std::uint32_t head_count = std::bit_ceil(count);
        int error = item_memory_.map(std::size_t{count} * sizeof(Item));
        if (error >= 0) { error = head_memory_.map(std::size_t{head_count} * sizeof(std::uint32_t)); }
        items_ = static_cast<Item*>(item_memory_.start());
        heads_ = static_cast<std::uint32_t*>(head_memory_.start());
        mask_ = head_count - 1;
        capacity_ = count;
        return error;
    }

    /// The index of the item with this key, or no_item.
    [[nodiscard]] std::uint32_t find(std::uint64_t key) const noexcept {
        std::uint32_t found = heads_[place_of(key)];
        while (found != 0 && items_[found - 1].key != key) { found = items_[found - 1].chain; }
        return found - 1;
    }

    /// Adds an item. There must be room.
    [[nodiscard]] std::uint32_t add(std::uint64_t key) noexcept {
        std::uint32_t index = free_ - 1;
        if (free_ != 0) {
            free_ = items_[index].chain;
        } else {
            TINA_ASSERT(touched_ < capacity_, "a table of the reactor is full; more than operations_max operations are "
                                              "in flight, or descriptors are closed behind its back");
            index = touched_++;
        }
        std::uint32_t& head = heads_[place_of(key)];
        items_[index].key = key;
        items_[index].chain = head;
        head = index + 1;
        ++size_;
        return index;
    }

    void remove(std::uint32_t index) noexcept {
        std::uint32_t* link = &heads_[place_of(items_[index].key)];
        while (*link != index + 1) { link = &items_[*link - 1].chain; }
        *link = items_[index].chain;
        items_[index].chain = free_;
        free_ = index + 1;
        --size_;
    }

    [[nodiscard]] Item& operator[](std::uint32_t index) noexcept { return items_[index]; }
    [[nodiscard]] std::uint32_t size() const noexcept { return size_; }
    [[nodiscard]] std::uint32_t capacity() const noexcept { return capacity_; }

private:
    /// Tokens and descriptors are mostly dense, and this spreads whatever differs in any bit.
    [[nodiscard]] std::uint32_t place_of(std::uint64_t key) const noexcept {
        return static_cast<std::uint32_t>((key * 0x9e37'79b9'7f4a'7c15) >> 32) & mask_;
    }

    mapping item_memory_;
    mapping head_memory_;
    Item* items_ = nullptr;
    std::uint32_t* heads_ = nullptr;  ///< indexes plus 1, as all links here, so that memory begins as it is mapped
    std::uint32_t mask_ = 0;
    std::uint32_t capacity_ = 0;
    std::uint32_t touched_ = 0;
    std::uint32_t free_ = 0;
    std::uint32_t size_ = 0;
};

}  // namespace tina::detail
