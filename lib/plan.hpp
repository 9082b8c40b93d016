// SPDX-License-Identifier: Apache-2.0
// The plan of a shard: every size resolved and every region of its one mapping placed, from a validated spec, before
// any thread starts. It is the only place where memory is carved, and it can print itself.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "tina/spec.hpp"

namespace tina::detail {

inline constexpr std::size_t guard_bytes = std::size_t{1} << 20;
/// Below each stack. Code of others is not compiled to touch every page of a large frame.
inline constexpr std::size_t stack_guard_bytes = guard_bytes;
inline constexpr std::uint32_t stack_bytes_default = 64 * 1024;

/// A stretch of a shard's mapping: `count` pieces, `stride` bytes apart.
struct region {
    std::string name;
    std::size_t count = 0;
    std::size_t stride = 0;
    std::size_t offset = 0;

    [[nodiscard]] std::size_t bytes() const noexcept { return count * stride; }
};

/// A type of isolates on one shard. Offsets are within a slot's piece of the type's region.
struct type_plan {
    const handler_info* what = nullptr;
    type_options options;
    const message_info* const* accepts = nullptr;
    std::uint32_t accept_count = 0;
    std::uint32_t first_slot = 0;
    std::uint32_t slot_count = 0;  ///< live and draining
    std::size_t frame_bytes = 0;
    std::size_t object_offset = 0;
    std::size_t frame_offset = 0;
    std::size_t nested_offset = 0;
    std::size_t arguments_offset = 0;
    std::size_t arena_offset = 0;
    std::size_t stride = 0;
    std::size_t region_index = 0;
    std::size_t stack_bytes = 0;   ///< of each slot; 0: a coroutine
    std::size_t stack_offset = 0;  ///< of the first one, in the mapping of stacks
};

/// Where the regions that are not of a type stand in `shard_plan::regions`.
enum region_index : std::size_t {
    region_slots,
    region_envelopes,
    region_timers,
    region_descriptors,
    region_buffer_notes,
    region_buffers,
    region_attachments,
    region_calls,
    region_message_timers,
    region_monitors,
    region_watchers,
    region_lease_blocks,
    region_leases,
    region_offloads,
    region_log,
    region_scratch,
    region_members,
    region_first_type,
};

struct shard_plan {
    std::uint32_t index = 0;
    shard_spec spec;  ///< with every automatic size resolved
    recovery_options recovery;
    std::vector<type_plan> types;
    std::vector<region> regions;
    std::uint32_t slot_count = 0;
    std::size_t bytes = 0;  ///< of the whole mapping, guards included
    std::size_t bytes_used = 0;
    std::size_t stacks_bytes = 0;  ///< of the mapping of stacks, guards included
    bool huge_pages = false;
};

/// The bytes of the frame of a handler's root coroutine, found by asking for it without making it.
[[nodiscard]] std::size_t probe_frame_bytes(const handler_info& what);

/// Bytes of a descriptor's record and of a buffer's, for the plan.
extern const std::size_t descriptor_record_bytes;
extern const std::size_t buffer_note_bytes;

/// Plans shard `index` of a valid spec. `descriptors` is what the limit on open files leaves for each shard.
[[nodiscard]] shard_plan plan_shard(const system_spec& spec, const shard_spec& shard, std::uint32_t index,
                                    std::uint32_t descriptors, bool huge_pages);

/// The plan as a table for people.
[[nodiscard]] std::string describe(const shard_plan& plan);

}  // namespace tina::detail
