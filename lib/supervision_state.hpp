// SPDX-License-Identifier: Apache-2.0
// The supervision tree at run time: plain data of a shard. The tree is flattened in start order, so that a group with
// all that is nested in it is a stretch of children and a stretch of groups. Made at boot; nothing grows afterwards.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "tina/detail/slot.hpp"
#include "tina/restart.hpp"
#include "tina/spec.hpp"

namespace tina::detail {

/// A child of the tree: what to start, and start again.
struct child_state {
    std::uint16_t type = 0;
    restart mode{};
    bool due = false;        ///< to be started, when those before it have been
    bool placed = false;     ///< while due: it is still counted among its type's live ones
    bool displaced = false;  ///< while due: others have taken its place, and it waits for one, alone
    std::uint32_t group = 0;
    std::uint32_t slot = nothing;                ///< of its isolate; of a dead one whose successor waits alone
    std::atomic<std::uint64_t>* role = nullptr;  ///< the word that says who has its role here
    alignas(16) std::array<std::byte, argument_bytes_max> arguments{};
    std::vector<listening_options> listening;
};

/// The times of the last restarts of something that has a budget of them.
struct restart_window {
    std::uint32_t first = 0;  ///< in `shard::spent_ns`, as many as the budget has restarts
    std::uint32_t next = 0;   ///< where the next one goes, the oldest of them
    std::uint32_t count = 0;
};

/// A group at run time.
struct group_state {
    strategy how{};
    restart_budget budget{};
    restart_backoff backoff{};
    std::uint32_t parent = nothing;
    std::uint32_t first_child = 0;  ///< its children and those of groups in it are from here to `end_child`
    std::uint32_t end_child = 0;
    std::uint32_t end_group = 0;      ///< groups in it are from the next one to here
    std::uint32_t dynamic = nothing;  ///< its spawned members: newest, links to the oldest
    restart_window window{};
    std::uint32_t waits = 0;  ///< waits in succession, for the back-off
    std::int64_t last_end_ns = 0;
    std::uint32_t walk_child = nothing;  ///< the walk: the next child to look at; `nothing`: none is under way
    std::uint32_t walk_end = 0;
    std::uint32_t walk_timer = nothing;  ///< its back-off, while it waits for that
    bool walk_blocked = false;           ///< it waits for a slot
    bool ending = false;                 ///< its members are being ended, none may join
};

/// How an isolate stands to its supervisor.
enum class member_stage : std::uint8_t {
    none,  ///< no isolate, or dead for good
    alive,
    // From here on the slot is kept for a successor.
    pending,  ///< dead; its successor waits for a slot
    delayed,  ///< dead; its successor waits for its back-off
    kept,     ///< dead; its group starts it again when its turn comes. Spawned ones only
};

/// What supervision knows of a slot. While it is pending, delayed or kept the slot stays, for the arguments in it. Its
/// size is a power of two: each spawn and each end finds several of them, the neighbours in the group's list too.
struct alignas(32) member_note {
    list_links siblings;  ///< among the spawned members of its group
    list_links waiting;   ///< among its type's pending ones
    std::uint32_t group = 0;
    std::uint32_t timer = nothing;
    member_stage stage{};
};
static_assert(sizeof(member_note) == 32);

}  // namespace tina::detail
