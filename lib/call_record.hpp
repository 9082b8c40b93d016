// SPDX-License-Identifier: Apache-2.0
// The records behind calls and leases. Each lives in its home shard's memory and belongs to whoever holds the token or
// the lease, wherever that is; it goes home by the system lane, as an entry of it.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "lib/lane.hpp"
#include "tina/detail/slot.hpp"

namespace tina::detail {

/// An outstanding call. Its home keeps `caller`; all else belongs to the holder of the token until it comes home, which
/// it does exactly once, so that no generation is needed. A caller that does not wait any more leaves the record
/// behind.
struct alignas(128) call_record : lane_entry {
    std::int32_t error = 0;  ///< as in packed_error; 0: the reply is there
    std::uint32_t place = nothing;
    std::uint32_t caller = nothing;  ///< the slot that waits; `nothing`: nobody any more
    std::uint64_t key = 0;           ///< message_key of the reply that it takes
    alignas(32) std::byte reply[message_bytes_max];

    /// For a new call.
    void set_up(std::uint32_t waits, std::uint64_t reply_key) noexcept {
        event = lane_event::call_ended;
        caller = waits;
        key = reply_key;
    }
};
static_assert(sizeof(call_record) == 128);

/// What the runtime knows of a transfer buffer.
struct alignas(64) lease_block : lane_entry {
    std::atomic<std::uint32_t> references{0};
    std::uint32_t place = nothing;
    std::uint32_t bytes = 0;     ///< those in use
    std::uint32_t capacity = 0;  ///< those there are
    std::byte* data = nullptr;
};
static_assert(sizeof(lease_block) == 64);

}  // namespace tina::detail
