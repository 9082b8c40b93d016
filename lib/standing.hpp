// SPDX-License-Identifier: Apache-2.0
// What an isolate has set up to be sent a message later, by the runtime: a timer or a monitor. Each is numbered, has an
// envelope of its own beyond those of `shard_limits::messages`, and is among what its owner holds until it is over, so
// that its message can always be sent and nothing is left when its owner dies. Works on one shard, on its own thread.
#pragma once

#include <cstdint>

#include "lib/shard.hpp"

namespace tina::detail {

// Standings are numbered through: timers, then monitors. Their envelopes follow those of users' messages. Behind them
// is one that has no record: that of tina::shutdown, which all who are told of it share.

[[nodiscard]] inline bool is_standing(const shard& at, std::uint32_t envelope_index) noexcept {
    return envelope_index >= at.envelopes.capacity();
}
[[nodiscard]] inline standing& standing_at(shard& at, std::uint32_t number) noexcept {
    const std::uint32_t timers = at.message_timers.capacity();
    if (number < timers) return at.message_timers[number];
    return at.monitors[number - timers];
}
[[nodiscard]] inline std::uint32_t number_of(const shard& at, const message_timer& timer) noexcept {
    return at.message_timers.index_of(timer);
}
[[nodiscard]] inline std::uint32_t number_of(const shard& at, const monitor_record& monitor) noexcept {
    return at.message_timers.capacity() + at.monitors.index_of(monitor);
}
[[nodiscard]] inline std::uint32_t envelope_of(const shard& at, std::uint32_t number) noexcept {
    return at.envelopes.capacity() + number;
}

[[nodiscard]] inline std::uint32_t notice_envelope(const shard& at) noexcept {
    return envelope_of(at, at.message_timers.capacity() + at.monitors.capacity());
}

/// What an isolate knows a standing by: its index in its pool, and which of that index's uses it is.
[[nodiscard]] constexpr std::uint64_t standing_name(std::uint32_t index, std::uint64_t use) noexcept {
    return (std::uint64_t{index} << 42) | (use & ((std::uint64_t{1} << 42) - 1));
}
/// The item of a pool that a name of `owner` stands for; null if it is over, or another's.
template <class Item>
[[nodiscard]] Item* find_standing(pool<Item>& items, std::uint64_t name, std::uint32_t owner) noexcept {
    const auto index = static_cast<std::uint32_t>(name >> 42);
    if (index >= items.watermark()) return nullptr;
    Item& found = items[index];
    return found.owner == owner && standing_name(index, found.use) == name ? &found : nullptr;
}

/// Makes an isolate the owner of a standing whose message, if there is one, is of the type `key`.
void begin_standing(shard& at, slot_header& owner, std::uint32_t number, std::uint64_t key) noexcept;
/// A standing has no owner any more. Its name is stale from here on.
void leave_owner(shard& at, standing& what, std::uint32_t number) noexcept;

/// Puts the message into its owner's mailbox, or hands it over.
void send_standing(shard& at, standing& what, std::uint32_t number, handle sender) noexcept;
/// Takes back a message that waits in its owner's mailbox. Cost: the length of that queue.
void take_back(shard& at, standing& what, std::uint32_t number) noexcept;
/// The message is in nobody's hands any more.
void note_dropped(shard& at, std::uint32_t number) noexcept;

/// Its owner has ended: nothing comes of it any more. What is being read is over when it is dropped.
void end_standings(shard& at, slot_header& owner) noexcept;
/// The last of a standing whose owner is dead.
void forget_standing(shard& at, std::uint32_t number) noexcept;

}  // namespace tina::detail
