// SPDX-License-Identifier: Apache-2.0
// The zoo of planted bugs: which there are, how long it may take to find each, and how small it must get; and the small
// systems that they live in. A scenario has the name of the bug, its twin without it that name and `_fixed`.
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string_view>
#include <utility>
#include <vector>

#include <tina/harness.hpp>
#include <tina/tina.hpp>

namespace zoo {

struct animal {
    std::string_view id;
    std::uint32_t seeds_max = 0;  ///< among the seeds from 1 to this one explore must find it
    std::uint32_t edits_max = 0;  ///< and shrink must come to this many edits or fewer
    bool is_guided = false;       ///< explore may learn from one seed for the next
};

inline constexpr std::array animals{
    animal{"answer_destroyed", 100, 2},   animal{"counted_drop", 50, 1},          animal{"crossed_calls", 100, 1},
    animal{"deadline_as_failure", 20, 1}, animal{"double_apply", 20, 1},          animal{"early_reply", 50, 1},
    animal{"endless_election", 100, 1},   animal{"half_close_forgotten", 100, 1}, animal{"half_transfer", 50, 1},
    animal{"late_alarm", 100, 2},         animal{"lease_without_margin", 20, 1},  animal{"lost_registration", 50, 1},
    animal{"lost_update", 100, 1},        animal{"order_across_channels", 20, 1}, animal{"partial_read", 50, 2},
    animal{"silent_overflow", 50, 1},     animal{"slot_as_key", 100, 1},          animal{"stale_handle", 50, 1},
    animal{"stale_replica", 50, 1},       animal{"three_rare_events", 500, 3},
};

/// A shard with these children, which may be started again as often as it takes.
[[nodiscard]] inline tina::shard_spec shard(std::initializer_list<tina::tree_node> children) {
    return {.tree = tina::one_for_one({.restarts = tina::unlimited}, children),
            .limits = {.messages = 512,
                       .messages_reserved = 64,
                       .message_timers = 64,
                       .monitors = 64,
                       .descriptors = 64,
                       .buffers = 32,
                       .buffer_bytes = 1024,
                       .calls = 64,
                       .leases = 8,
                       .lease_bytes = 256,
                       .log_bytes = 8192,
                       .scratch_bytes = 1024}};
}

[[nodiscard]] inline tina::system_spec system(std::vector<tina::type_spec> types,
                                              std::vector<tina::shard_spec> shards) {
    return {.types = std::move(types), .shards = std::move(shards), .memory = tina::memory_mode::development};
}

/// An answer with nothing to say.
struct done {};

}  // namespace zoo

/// Declares a scenario and its twin, given `void play(tina::sim::world&, bool is_fixed)`.
#define ZOO_ANIMAL(name, description)                                                                                  \
    TINA_SCENARIO(name, description) { play(world, false); }                                                           \
    TINA_SCENARIO(name##_fixed, "its twin without the bug: " description) { play(world, true); }
