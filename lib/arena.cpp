// SPDX-License-Identifier: Apache-2.0
// Taking pieces from an arena, and the report when it is full.
#include <algorithm>
#include <cstdint>
#include <cstdio>

#include "tina/marks.hpp"
#include "tina/memory.hpp"

namespace tina {

arena_exhausted::arena_exhausted(const char* arena, const char* option, std::size_t wanted, std::size_t left) noexcept {
    std::snprintf(text_, sizeof text_, "the %s is full: %zu bytes asked for, %zu left; raise %s", arena, wanted, left,
                  option);
}

void* arena::do_allocate(std::size_t bytes, std::size_t alignment) {
    const auto base = reinterpret_cast<std::uintptr_t>(memory_);
    const std::uintptr_t at = (base + used_ + alignment - 1) / alignment * alignment;
    const std::size_t offset = at - base;
    const bool refused = sim::detail::this_thread_marks != nullptr && sim::detail::this_thread_marks->exhausts_arena();
    if (offset > capacity_ || bytes > capacity_ - offset || refused) {
        throw arena_exhausted(name_, option_, bytes, capacity_ - std::min(offset, capacity_));
    }
    used_ = offset + bytes;
    used_peak_ = std::max(used_peak_, used_);
    return memory_ + offset;
}

void arena::do_deallocate(void* memory, std::size_t bytes, std::size_t) noexcept {
    auto* const piece = static_cast<std::byte*>(memory);
    if (piece + bytes == memory_ + used_) used_ = static_cast<std::size_t>(piece - memory_);
}

}  // namespace tina
