// SPDX-License-Identifier: Apache-2.0
// The records of timers and monitors. A timer's never leaves its shard. A monitor's travels: it goes to its target's
// shard by the system lane, waits there until the target ends, and comes home by the lane with the reason.
#pragma once

#include <cstdint>

#include "lib/lane.hpp"
#include "tina/detail/core.hpp"
#include "tina/detail/slot.hpp"
#include "tina/monitor.hpp"

namespace tina::detail {

/// Where the message of a standing is.
enum class message_stage : std::uint8_t {
    unsent,
    queued,  ///< in its owner's mailbox
    held,    ///< in its owner's hands
};

/// What timers and monitors have in common.
struct standing {
    list_links holding;     ///< in the list of what its owner holds
    std::uint64_t use = 1;  ///< goes up with each use of the record
    std::uint32_t owner = nothing;
    message_stage message{};
};

struct message_timer : standing {
    list_links links;              ///< in the pool
    std::uint32_t node = nothing;  ///< of the wheel, while it is armed
    std::int64_t due_ns = 0;
    std::int64_t period_ns = 0;  ///< 0: it fires once
};

struct monitor_record;

/// Goes after a monitor that is not wanted any more, and comes home when the monitor is.
struct monitor_withdrawal : lane_entry {
    monitor_record* of = nullptr;
};

/// A monitor or a link. It is free when neither it nor its withdrawal is away.
struct monitor_record : lane_entry, standing {
    // Written at home before the record, or its withdrawal, leaves.
    std::uint32_t place = nothing;
    bool link = false;
    bool away = false;       ///< with its target, or on its way; only home looks at it
    bool withdrawn = false;  ///< likewise
    exit_reason home_reason{};
    handle watcher;
    handle target;
    monitor_withdrawal withdrawal;
    // Written at the target's shard.
    bool watching = false;
    down told;
    monitor_record* next_watcher = nullptr;  ///< among those whose targets' slots hash alike
    monitor_record* previous_watcher = nullptr;
};

}  // namespace tina::detail
