// SPDX-License-Identifier: Apache-2.0
// Mailboxes: what the send, receive and deliver of one shard's isolates do. A mailbox keeps one queue for each message
// type that its isolate accepts, so that a receive of some types never looks at a message of another.
#pragma once

#include "lib/attachment.hpp"
#include "lib/shard.hpp"
#include "tina/message.hpp"

namespace tina::detail {

/// Which of a type's accepted messages a key is; `nothing` if none.
[[nodiscard]] inline std::uint32_t accept_index(const shard& at, std::uint16_t type, message_key key) noexcept {
    const type_core& core = at.type_cores[type];
    if (core.first_keys[0] == key) [[likely]]
        return 0;
    for (std::uint32_t i = 0; i < core.key_count; ++i) {
        if (core.keys[i] == key) return i;
    }
    return nothing;
}

/// Whether an isolate waits for messages of several types, without a deadline, and a key is one of them.
[[nodiscard]] inline bool expects_among_some(const shard& at, const slot_header& slot, message_key key) noexcept {
    if (slot.state != slot_state::expecting_some) return false;
    const std::uint32_t which = accept_index(at, slot.type, key);
    return which != nothing && (slot.expected >> which & 1) != 0;
}

/// Makes the queues of a slot empty, before its first tenant.
void clear_mailbox(shard& at, slot_header& slot) noexcept;

/// Takes an envelope for a user's message; null where only the runtime's reserve is left.
[[nodiscard]] inline envelope* take_envelope(shard& at) noexcept {
    const std::uint32_t index = at.envelopes.take();
    return index == nothing ? nullptr : &at.envelopes[index];
}

/// What became of a message that arrived, or that was sent within the shard.
struct placement {
    std::byte* payload;  ///< null unless ok
    send_result answer;
};
/// Gives a message to an isolate of this shard: to its handler if that waits for such a message, else to its mailbox.
[[nodiscard]] placement place_message(shard& at, handle target, message_key key, handle sender) noexcept;

/// The same for a message that carries something. Where the answer is not ok, it still is the caller's.
[[nodiscard]] placement place_attached(shard& at, handle target, message_key key, handle sender,
                                       const attachment& carried) noexcept;
/// A send, within the shard or across, of a message that carries something. Where the answer is not ok, it still is the
/// caller's.
[[nodiscard]] send_place send_attached(shard& at, slot_header& self, handle target, message_key key,
                                       const attachment& carried) noexcept;
/// A send, within the shard, the longest way.
[[nodiscard, gnu::noinline]] send_place send_to_mailbox(shard& at, slot_header& self, handle target,
                                                        message_key key) noexcept;
/// send_attached(), to one who waits for nothing else by the short way of all messages.
[[nodiscard, gnu::always_inline]] inline send_place send_carrying(shard& at, slot_header& self, handle target,
                                                                  message_key key, const attachment& carried) noexcept {
    std::byte* payload = nullptr;
    const auto fill = [&](envelope& taken) {
        attach(at, taken, carried);
        payload = taken.payload;
    };
    if (hand_to_poised(self, target, key, fill)) return {payload, send_result::ok};
    return send_attached(at, self, target, key, carried);
}

/// Gives a receive what it can have at once: the oldest message of its types, or an error. False if it must wait; then
/// its mask is set.
[[nodiscard]] bool receive_at_once(shard& at, slot_header& self, receive_wait& wait, const message_key* keys,
                                   std::size_t key_count) noexcept;
/// Whether a message of an accepted type would go to the handler at once.
[[nodiscard]] bool would_hand_over(const shard& at, const slot_header& slot, std::uint32_t which) noexcept;
/// Puts an envelope that waited in front of a mailbox into it, also where it is full.
void place_parked(shard& at, slot_header& slot, std::uint32_t index) noexcept;

/// Gives an isolate that waits for it the message tina::shutdown. False if it does not wait for that.
[[nodiscard]] bool hand_over_notice(shard& at, slot_header& slot) noexcept;

/// Calls `visit` for each message in one of a slot's queues, the oldest first. For checkers.
void visit_queue(shard& at, slot_header& slot, std::uint32_t which, void (*visit)(const envelope&, void*), void* with);

/// An isolate has ended: its mailbox is emptied, and who waited for room in it is told.
void close_mailbox(shard& at, slot_header& slot) noexcept;
}  // namespace tina::detail
