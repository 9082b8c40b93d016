// SPDX-License-Identifier: Apache-2.0
// The regions for frames of nested tasks: one is set up with each isolate whose type has any, and what they need is
// noted for the type. Works on one shard, on its own thread.
#include "lib/nested.hpp"

#include <cstdio>

#include "tina/detail/awaiter.hpp"

namespace tina::detail {

namespace {

[[nodiscard]] nested_region& nested_region_of(shard& at, const slot_header& slot) noexcept {
    return *reinterpret_cast<nested_region*>(at.slot_memory(slot) + at.types[slot.type].plan->nested_offset);
}

[[gnu::cold, gnu::noinline]] void note_peak(type_state& type, nested_region& region) noexcept {
    region.peak_seen = region.top;
    const auto used = static_cast<std::uint64_t>(region.top - region.frames());
    if (used > type.nested_peak.get()) type.nested_peak.set(used);
}

}  // namespace

void start_nested_region(shard& at, const slot_header& slot) noexcept {
    const type_state& type = at.types[slot.type];
    const std::uint32_t bytes = type.plan->options.nested_bytes;
    nested_region& region = nested_region_of(at, slot);
    new (&region) nested_region{region.frames(), region.frames() + bytes, region.frames() + type.nested_peak.get()};
}

void check_nested_region(shard& at, const slot_header& slot) noexcept {
    nested_region& region = nested_region_of(at, slot);
    TINA_ASSERT(region.top == region.frames(), "an isolate has ended, but one of its nested tasks has not");
}

void* allocate_nested_frame(slot_header& self, std::size_t frame_bytes) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    type_state& type = at.types[self.type];
    const std::size_t bytes = nested_frame_bytes(frame_bytes);
    nested_region* const region = &nested_region_of(at, self);
    if (type.plan->options.nested_bytes == 0 || bytes > region->left()) [[unlikely]] {
        type.nested_asked = bytes;
        return nullptr;
    }
    std::byte* const frame = region->top;
    region->top = frame + bytes;
    std::memcpy(region->top - sizeof region, &region, sizeof region);
    if (region->top > region->peak_seen) [[unlikely]]
        note_peak(type, *region);
    return frame;
}

void throw_nested_exhausted(slot_header& self) {
    shard& at = owner_of(self);
    const type_state& type = at.types[self.type];
    const std::uint32_t bytes = type.plan->options.nested_bytes;
    const std::size_t left = bytes == 0 ? 0 : nested_region_of(at, self).left();
    char text[160];
    std::snprintf(text, sizeof text,
                  "a nested task needs %zu bytes, %zu of %u are left: raise type_options::nested_bytes of \"%.*s\"",
                  type.nested_asked, left, bytes, static_cast<int>(type.plan->what->name.size()),
                  type.plan->what->name.data());
    note_crash(self, text);
    throw crash_signal{};
}

}  // namespace tina::detail
