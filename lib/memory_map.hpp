// SPDX-License-Identifier: Apache-2.0
// One mapping of memory from the system: reserved as a whole with no access, then opened region by region, so that what
// lies between regions stays a guard. Unmapped when it is destroyed. Used at boot only.
#pragma once

#include <cstddef>
#include <string>
#include <utility>

namespace tina::detail {

inline constexpr std::size_t small_page_bytes = 4096;
inline constexpr std::size_t huge_page_bytes = std::size_t{2} << 20;

class memory_map {
public:
    memory_map() = default;
    memory_map(memory_map&& other) noexcept
        : data_(std::exchange(other.data_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    memory_map& operator=(memory_map&& other) noexcept {
        if (this != &other) {
            release();
            data_ = std::exchange(other.data_, nullptr);
            bytes_ = std::exchange(other.bytes_, 0);
        }
        return *this;
    }
    ~memory_map() { release(); }

    /// Reserves address space. Empty, or why the system refused. `huge`: of huge pages, which must be there.
    [[nodiscard]] std::string reserve(std::size_t bytes, bool huge);
    /// Opens a region, zeroed, for reading and writing. Both are multiples of the page's size, but for the end.
    void open(std::size_t offset, std::size_t bytes) noexcept;
    /// Takes the region's memory from the system now, on this thread's NUMA node. Whether the system had it all.
    [[nodiscard]] bool touch(std::size_t offset, std::size_t bytes) noexcept;

    [[nodiscard]] std::byte* data() const noexcept { return data_; }
    [[nodiscard]] std::size_t size() const noexcept { return bytes_; }

private:
    void release() noexcept;

    std::byte* data_ = nullptr;
    std::size_t bytes_ = 0;
};

}  // namespace tina::detail
