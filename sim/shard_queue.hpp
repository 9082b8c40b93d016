// SPDX-License-Identifier: Apache-2.0
// When each shard of a world is to run its next cycle: a heap in which a shard's time can be moved. Those of the same
// time come in the order in which they were given it. Owned by the world.
#pragma once

#include <cstdint>
#include <utility>
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
        earlier ? rise(moved.place) : sink(moved.place);
    }

private:
    struct item {
        std::int64_t at_ns;
        std::uint64_t order;
        std::uint32_t place;
    };
    [[nodiscard]] bool before(std::uint32_t one, std::uint32_t other) const noexcept {
        const item& a = items_[heap_[one]];
        const item& b = items_[heap_[other]];
        return a.at_ns != b.at_ns ? a.at_ns < b.at_ns : a.order < b.order;
    }
    void swap_places(std::uint32_t one, std::uint32_t other) noexcept {
        std::swap(heap_[one], heap_[other]);
        items_[heap_[one]].place = one;
        items_[heap_[other]].place = other;
    }
    void rise(std::uint32_t place) noexcept {
        while (place > 0 && before(place, (place - 1) / 2)) {
            swap_places(place, (place - 1) / 2);
            place = (place - 1) / 2;
        }
    }
    void sink(std::uint32_t place) noexcept {
        for (;;) {
            std::uint32_t first = place;
            for (std::uint32_t child = 2 * place + 1; child <= 2 * place + 2 && child < heap_.size(); ++child) {
                if (before(child, first)) first = child;
            }
            if (first == place) return;
            swap_places(place, first);
            place = first;
        }
    }

    std::vector<item> items_;
    std::vector<std::uint32_t> heap_;
    std::uint64_t orders_ = 0;
};

}  // namespace tina::sim
