// SPDX-License-Identifier: Apache-2.0
// `deliver`: a send that waits for room instead of being refused. A delivery waits at its target's mailbox, for an
// envelope, for room in a channel, or, as an envelope, at a mailbox of another shard, whose answer comes back by the
// system lane. Works on one shard, on its own thread.
#pragma once

#include "lib/channel.hpp"
#include "lib/shard.hpp"

namespace tina::detail {

/// There is room in a mailbox where deliveries wait.
void admit_deliverers(shard& at, slot_header& slot) noexcept;
/// A handler is about to wait for messages of the types in `mask`: takes the first of them that waits in front of its
/// full mailbox. Its envelope, or `nothing`.
[[nodiscard]] std::uint32_t take_wanted(shard& at, slot_header& slot, std::uint32_t mask) noexcept;
/// An isolate has ended at whose mailbox deliveries wait.
void refuse_deliverers(shard& at, slot_header& slot) noexcept;
/// An envelope is free, for which deliveries wait.
void admit_from_pool(shard& at) noexcept;
/// Tries again the deliveries that wait for room in channels.
void admit_to_channels(shard& at) noexcept;

/// Whether admit_to_channels() would move any.
[[nodiscard]] bool can_admit_to_channels(shard& at) noexcept;

/// A delivery has come from another shard. False if there is no envelope for it: it stays where it is.
[[nodiscard]] bool take_delivery(shard& at, const message_in_transit& arrived, message_key key) noexcept;
/// The other shard says what became of a delivery.
void finish_delivery(shard& at, std::uint32_t from, const notice& answer) noexcept;
/// The other shard takes a delivery back: its deadline has come.
void withdraw_delivery(shard& at, std::uint32_t from, const notice& request) noexcept;

/// The deadline of a delivery of this shard has come.
void expire_delivery(shard& at, slot_header& slot) noexcept;
/// An isolate ends while it waits in a delivery.
void abandon_delivery(shard& at, slot_header& slot) noexcept;

}  // namespace tina::detail
