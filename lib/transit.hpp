// SPDX-License-Identifier: Apache-2.0
// What crosses from one shard to another: messages in the rings, the runtime's notices in the system lanes, and the
// wake-up of shards that sleep. Works on one shard, on its own thread.
#pragma once

#include "lib/shard.hpp"
#include "tina/message.hpp"

namespace tina::detail {

/// A send whose target is on another shard.
[[nodiscard]] send_place send_across(shard& at, slot_header& self, handle target, message_key key) noexcept;
/// The same for a message that carries something, which is not a lease on a receive buffer.
[[nodiscard]] send_place send_attached_across(shard& at, slot_header& self, handle target, message_key key,
                                              const attachment& carried) noexcept;
/// A stop whose target is on another shard.
[[nodiscard]] send_result stop_across(shard& at, slot_header& self, handle target) noexcept;
/// Counts a send that was refused.
void count_refusal(shard& at, send_result answer, handle target, message_key key) noexcept;

/// Notes that a shard was sent something, so that publish() tells it.
void mark_dirty(shard& at, std::uint32_t to) noexcept;
/// Sends a notice that was paid for.
void send_notice(shard& at, std::uint32_t to, notice_kind kind, handle target, handle sender, std::uint32_t number,
                 std::int32_t error) noexcept;

/// Goes through what arrived from other shards. Returns whether there was anything.
bool take_inbound(shard& at) noexcept;
/// Goes on with a channel that take_inbound() left off, if what it waited for has come about.
void resume_inflow(shard& at) noexcept;
/// Whether take_inbound() would find something that it could take.
[[nodiscard]] bool has_inbound(shard& at) noexcept;
/// Whether anything has arrived, be it that it cannot be taken for want of an envelope.
[[nodiscard]] bool has_unread(shard& at) noexcept;
/// Lets the last message that was sent to each shard be seen there. One that looks sees it from now on; one that sleeps
/// is woken by publish().
void commit_sent(shard& at) noexcept;
/// Shows other shards what was sent to them, and wakes those that sleep.
void publish(shard& at) noexcept;
/// The same where all shards are of one thread.
void publish_alone(shard& at) noexcept;
/// Counts what is still on its way to this shard as dropped. Only after all shards have stopped.
void drop_inbound(shard& at) noexcept;
/// Takes home what others have given back. Only after all shards have called drop_inbound().
void drop_lane(shard& at) noexcept;

}  // namespace tina::detail
