// SPDX-License-Identifier: Apache-2.0
// When each shard of a world is to run its next cycle: a heap in which a shard's time can be moved. Those of the same
// time come in the order in which they were given it. Owned by the world.
#pragma once

#include <cstdint>
#include <vector>

#include "sim/timeline.hpp"

namespace tina::sim {

class shard_queue {
public:
    /// A further shard; its number.
    [[nodiscard]] std::uint32_t add() {
        const auto number = static_cast<std::uint32_t>(items_.size());
        items_.push_back({never_ns, 0, static_cast<std::uint32_t>(heap_.size())});
        heap_.push_back(number);
        return number;
    }
    [[nodiscard]] std::int64_t next_ns() const noexcept { return heap_.empty() ? never_ns : items_[heap_[0]].at_ns; }
    [[nodiscard]] std::uint32_t next() const noexcept { return heap_[0]; }
    [[nodiscard]] std::int64_t time_of(std::uint32_t number) const noexcept { return items_[number].at_ns; }
    void set(std::uint32_t number, std::int64_t at_ns) noexcept {
        item& moved = items_[number];
        if (moved.at_ns == at_ns) return;
        const bool earlier = at_ns < moved.at_ns;
        moved.at_ns = at_ns;
        moved.order = ++orders_;
        earlier ? rise(number) : sink(number);
    }

private:
    struct item {
        std::int64_t at_ns;
        std::uint64_t order;
        std::uint32_t place;
    };
    [[nodiscard]] static bool before(const item& one, const item& other) noexcept {
        return one.at_ns != other.at_ns ? one.at_ns < other.at_ns : one.order < other.order;
    }
    void put(std::uint32_t place, std::uint32_t number) noexcept {
        heap_[place] = number;
        items_[number].place = place;
    }
    /// Moves a shard towards the first, and those that come after it the other way.
    void rise(std::uint32_t number) noexcept {
        const item& moved = items_[number];
        std::uint32_t place = moved.place;
        while (place > 0 && before(moved, items_[heap_[(place - 1) / 2]])) {
            put(place, heap_[(place - 1) / 2]);
            place = (place - 1) / 2;
        }
        if (place != moved.place) put(place, number);
    }
    void sink(std::uint32_t number) noexcept {
        const item& moved = items_[number];
        const auto count = static_cast<std::uint32_t>(heap_.size());
        std::uint32_t place = moved.place;
        for (std::uint32_t child = 2 * place + 1; child < count; child = 2 * place + 1) {
            if (child + 1 < count && before(items_[heap_[child + 1]], items_[heap_[child]])) ++child;
            if (!before(items_[heap_[child]], moved)) break;
            put(place, heap_[child]);
            place = child;
        }
        if (place != moved.place) put(place, number);
    }

    std::vector<item> items_;
    std::vector<std::uint32_t> heap_;
    std::uint64_t orders_ = 0;
};

}  // namespace tina::sim
