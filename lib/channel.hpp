// SPDX-License-Identifier: Apache-2.0
// The channel from one shard to one other: a ring of messages, and beside it the system lane, a ring of the runtime's
// own notices. A notice may only be sent by who has taken a credit for it beforehand, so the lane can never be full.
// Owned by the system; each side belongs to one shard's thread.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>

#include "lib/ring.hpp"
#include "tina/detail/slot.hpp"
#include "tina/handle.hpp"

namespace tina::detail {

enum class transit_flags : std::uint8_t {
    // A message with or without something that it carries: numbers as in attachment_kind.
    none = 0,
    lease = 1,         ///< carries a lease on the block at place `number`
    shared_lease = 2,  ///< carries a share of a lease on the block at place `number`
    token = 4,         ///< carries the token of the call at place `number`
    // What is more, or less, than a message.
    answer_wanted,  ///< the sender waits in `deliver` and must be told what became of it
    withdrawn,      ///< the sender's deadline came first; to be skipped
    stop,           ///< no message: ends its target
};

[[nodiscard]] constexpr attachment_kind kind_carried(transit_flags flags) noexcept {
    return flags <= transit_flags::token ? static_cast<attachment_kind>(flags) : attachment_kind::none;
}
static_assert(kind_carried(transit_flags::lease) == attachment_kind::lease &&
              kind_carried(transit_flags::shared_lease) == attachment_kind::shared_lease &&
              kind_carried(transit_flags::token) == attachment_kind::token);

/// So that a lease of a usual size can change shards without a look at its block, which the other shard has in its
/// cache.
inline constexpr std::uint16_t lease_bytes_in_block = 0xffff;

/// A message on its way to another shard. A small one travels in one cache line.
struct alignas(128) message_in_transit {
    std::atomic<std::uint32_t> sequence{0};
    std::uint32_t tag = 0;
    handle target;
    handle sender;
    std::uint8_t bytes = 0;
    transit_flags flags = transit_flags::none;
    std::uint16_t lease_bytes = 0;  ///< of the lease that it carries; `lease_bytes_in_block` if that many or more
    std::uint32_t number = 0;       ///< of a delivery, among those of its shard; or the place of what it carries
    alignas(32) std::byte payload[message_bytes_max];
};
static_assert(sizeof(message_in_transit) == 128 && offsetof(message_in_transit, payload) == 32);

/// How long an entry with so many bytes of message is.
[[nodiscard]] constexpr std::size_t transit_bytes(std::size_t message_bytes) noexcept {
    return offsetof(message_in_transit, payload) + message_bytes;
}

/// Copies a message's bytes between two places for one: in whole pieces, so that no call is made for it.
inline void copy_payload(std::byte* to, const std::byte* from, std::size_t bytes) noexcept {
    constexpr std::size_t piece = 32;
    static_assert(message_bytes_max % piece == 0);
    to = std::assume_aligned<piece>(to);
    from = std::assume_aligned<piece>(from);
    for (std::size_t done = 0; done < bytes; done += piece) std::memcpy(to + done, from + done, piece);
}

enum class notice_kind : std::uint32_t {
    delivery_answer,    ///< to who waits in `deliver`: what became of its message
    withdraw_delivery,  ///< from who waits in `deliver`: its deadline has come
};

/// An entry of the system lane.
struct alignas(32) notice {
    std::atomic<std::uint32_t> sequence{0};
    notice_kind kind{};
    handle target;
    handle sender;
    std::int32_t error = 0;
    std::uint32_t number = 0;  ///< of the delivery
};
static_assert(sizeof(notice) == 32);

/// From one shard to one other.
struct channel {
    ring<message_in_transit> messages;
    ring<notice> lane;
    /// Producer: deliveries that may still be in transit at once; each may need one notice in either direction.
    std::uint32_t credit = 0;
    /// Producer: deliveries that wait for room or credit, as list of slots; newest, links to the oldest.
    std::uint32_t deliverers = nothing;
};

}  // namespace tina::detail
