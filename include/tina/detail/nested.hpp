// SPDX-License-Identifier: Apache-2.0
// The memory for the frames of an isolate's nested tasks: a region of its slot from which the last frame taken is the
// first given back. It never grows. Touched by the isolate that runs, and by who tears it down.
#pragma once

#include <cstddef>
#include <cstring>

#include "tina/assert.hpp"
#include "tina/detail/slot.hpp"
#include "tina/export.hpp"

namespace tina::detail {

/// Stands at the beginning of the region; the frames follow it.
struct alignas(16) nested_region {
    std::byte* top;        ///< the end of the last frame
    std::byte* end;        ///< of the region
    std::byte* peak_seen;  ///< the highest top that the type is known to need

    [[nodiscard]] std::byte* frames() noexcept { return reinterpret_cast<std::byte*>(this + 1); }
    [[nodiscard]] std::size_t left() const noexcept { return static_cast<std::size_t>(end - top); }
};

/// What a frame takes of a region: itself, and behind it where its region is, which nothing else tells at its end.
[[nodiscard]] constexpr std::size_t nested_frame_bytes(std::size_t frame_bytes) noexcept {
    return (frame_bytes + sizeof(nested_region*) + 15) / 16 * 16;
}

/// Memory for the frame of a nested task; null if there is not enough left.
[[nodiscard]] TINA_EXPORT void* allocate_nested_frame(slot_header& self, std::size_t frame_bytes) noexcept;
/// Ends an isolate for whose nested task there was no memory.
[[noreturn]] TINA_EXPORT void throw_nested_exhausted(slot_header& self);

inline void release_nested_frame(void* frame, std::size_t frame_bytes) noexcept {
    std::byte* const end = static_cast<std::byte*>(frame) + nested_frame_bytes(frame_bytes);
    nested_region* region = nullptr;
    std::memcpy(&region, end - sizeof region, sizeof region);
    TINA_ASSERT(region->top == end,
                "a nested task ended before one that was made after it: await each in the expression that makes it");
    region->top = static_cast<std::byte*>(frame);
}

}  // namespace tina::detail
