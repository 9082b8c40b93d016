// SPDX-License-Identifier: Apache-2.0
// What a handler holds: envelopes and receive buffers under lease. The runtime keeps a list of them for each isolate,
// so that nothing is lost when an isolate dies without running its destructors.
#pragma once

#include "lib/attachment.hpp"
#include "lib/ready.hpp"
#include "lib/shard.hpp"
#include "lib/standing.hpp"

namespace tina::detail {

/// In the list of what an isolate holds, a buffer's index has this bit.
inline constexpr std::uint32_t buffer_bit = 0x8000'0000;
/// A standing's number has this one.
inline constexpr std::uint32_t standing_bit = 0x4000'0000;

[[nodiscard]] inline list_links& holding_links(shard& at, std::uint32_t holding) noexcept {
    if ((holding & (buffer_bit | standing_bit)) == 0) [[likely]]
        return at.envelopes[holding].links;
    return (holding & buffer_bit) != 0 ? at.io.notes[holding & ~buffer_bit].links
                                       : standing_at(at, holding & ~standing_bit).holding;
}

inline void hold_envelope(shard& at, slot_header& holder, std::uint32_t index) noexcept {
    list_push(holder.held, index, [&](std::uint32_t i) -> list_links& { return holding_links(at, i); });
}

/// Gives an isolate the first lease on a buffer that has just been filled. `index` is its slot's.
[[gnu::always_inline]] inline void hold_filled_buffer(shard& at, slot_header& holder, std::uint32_t index,
                                                      std::uint16_t buffer) noexcept {
    buffer_note& note = at.io.notes[buffer];
    note.holder = index;
    note.leases = 1;
    note.holder_leases = 1;
    ++holder.leases;
    list_push(holder.held, buffer | buffer_bit, [&](std::uint32_t i) -> list_links& { return holding_links(at, i); });
}

/// Gives an isolate a lease on a buffer.
void hold_buffer(shard& at, slot_header& holder, std::uint16_t buffer) noexcept;

/// Ends a lease on a buffer.
void give_back_buffer(shard& at, slot_header& holder, std::uint16_t buffer) noexcept;
/// Gives back an envelope that an isolate holds.
void release_envelope(shard& at, slot_header& holder, std::uint32_t index) noexcept;
/// A lease on a buffer goes from an isolate into an envelope, or ends there.
void unhold_buffer(shard& at, slot_header& holder, std::uint16_t buffer) noexcept;
void drop_buffer_share(shard& at, std::uint16_t buffer) noexcept;

/// Gives back all that a dead isolate held.
void release_holdings(shard& at, slot_header& holder) noexcept;
/// Ends the calls whose tokens a dead isolate held.
void release_tokens(shard& at, slot_header& holder) noexcept;

/// Gives an envelope back to the pool, where a delivery may wait for it.
void free_envelope(shard& at, std::uint32_t index) noexcept;

/// Gives a buffer back to the reactor if nobody refers to it any more.
void return_buffer_if_unused(shard& at, std::uint16_t buffer) noexcept;

}  // namespace tina::detail
