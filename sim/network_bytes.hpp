// SPDX-License-Identifier: Apache-2.0
// The bytes of one direction of a simulated connection, from when they are written until they are read, by their
// position in the stream. Owned by one end of a connection. An idle one holds little or no memory.
#pragma once

#include <algorithm>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <span>

namespace tina::sim {

class byte_queue {
public:
    [[nodiscard]] std::uint64_t begin() const noexcept { return begin_; }
    [[nodiscard]] std::uint64_t end() const noexcept { return end_; }

    void push(std::span<const std::byte> data) {
        make_room(static_cast<std::size_t>(end_ - begin_) + data.size());
        for_parts(end_, data.size(), [&](std::size_t at, std::size_t from, std::size_t count) {
            std::memcpy(memory_.get() + at, data.data() + from, count);
        });
        end_ += data.size();
    }
    /// Copies what begins at `position`; all of it must be there.
    void copy(std::uint64_t position, std::span<std::byte> out) const {
        for_parts(position, out.size(), [&](std::size_t at, std::size_t to, std::size_t count) {
            std::memcpy(out.data() + to, memory_.get() + at, count);
        });
    }
    /// Replaces bytes that are there.
    void overwrite(std::uint64_t position, std::span<const std::byte> data) {
        for_parts(position, data.size(), [&](std::size_t at, std::size_t from, std::size_t count) {
            std::memcpy(memory_.get() + at, data.data() + from, count);
        });
    }
    /// Forgets what is before `position`.
    void drop_before(std::uint64_t position) {
        begin_ = position;
        if (begin_ == end_ && capacity_ > kept_bytes) {
            memory_.reset();
            capacity_ = 0;
        }
    }
    /// Forgets what is from `position` on.
    void drop_from(std::uint64_t position) noexcept { end_ = position; }

private:
    static constexpr std::size_t least_bytes = 64;
    static constexpr std::size_t kept_bytes = 1024;

    template <class Part>
    void for_parts(std::uint64_t position, std::size_t count, Part part) const {
        if (count == 0) return;
        const std::size_t at = static_cast<std::size_t>(position) & (capacity_ - 1);
        const std::size_t first = std::min(count, capacity_ - at);
        part(at, std::size_t{0}, first);
        if (first < count) part(std::size_t{0}, first, count - first);
    }
    void make_room(std::size_t bytes) {
        if (bytes <= capacity_) return;
        const std::size_t wanted = std::bit_ceil(std::max(bytes, least_bytes));
        auto larger = std::make_unique_for_overwrite<std::byte[]>(wanted);
        for_parts(begin_, static_cast<std::size_t>(end_ - begin_),
                  [&](std::size_t at, std::size_t from, std::size_t count) {
                      const auto position = static_cast<std::size_t>(begin_) + from;
                      const std::size_t to = position & (wanted - 1);
                      const std::size_t first = std::min(count, wanted - to);
                      std::memcpy(larger.get() + to, memory_.get() + at, first);
                      std::memcpy(larger.get(), memory_.get() + at + first, count - first);
                  });
        memory_ = std::move(larger);
        capacity_ = wanted;
    }

    std::unique_ptr<std::byte[]> memory_;
    std::size_t capacity_ = 0;  ///< 0, or a power of two
    std::uint64_t begin_ = 0;
    std::uint64_t end_ = 0;
};

}  // namespace tina::sim
