// SPDX-License-Identifier: Apache-2.0
// The errors of tina, as std::error_code with a category of their own. Errors of the kernel keep std::system_category.
#pragma once

#include <cstdint>
#include <system_error>
#include <type_traits>

#include "tina/export.hpp"

namespace tina {

/// Why an effect or a call of the context did not do what was asked.
enum class errc : std::uint8_t {
    end_of_stream = 1,  ///< the peer has sent its last byte
    deadline,           ///< the deadline came first
    interrupted,        ///< the system is shutting down
    no_buffers,         ///< this isolate already holds as many buffer leases as it may
    no_timers,          ///< every timer of the shard is in use: raise `shard_limits::timers`, or its `message_timers`
    no_descriptors,     ///< every descriptor of the shard is open: raise `shard_limits::descriptors`
    no_slots,           ///< every slot of the type is taken: raise `type_options::slots`
    unknown_type,       ///< the handler is not among the spec's types
    mailbox_full,       ///< the target's mailbox is full
    channel_full,       ///< the channel to the target's shard is full
    pool_exhausted,     ///< the shard has no free envelope
    stale_handle,       ///< the target has ended
    not_accepted,       ///< the target's type does not accept this message
    bad_descriptor,     ///< the socket is empty, closed, or belongs to another shard
    busy,               ///< another isolate or effect is already waiting for this direction of the socket
    empty,              ///< there was nothing to send
    target_gone,        ///< the target of the call has ended, or ended before it answered
    unanswered,         ///< the call was received and dropped without an answer
    unexpected_reply,   ///< the call was answered with another type of message than it waits for
    no_calls,           ///< every call record of the shard is in use: raise `shard_limits::calls`; outside:
                        ///< `outside_options::calls`
    no_leases,          ///< every transfer buffer of the shard is in use: raise `shard_limits::leases`
    too_large,          ///< more bytes than one transfer buffer holds: raise `shard_limits::lease_bytes`
    no_monitors,        ///< every monitor of the shard is in use: raise `shard_limits::monitors`
    restarting,         ///< who has the role has ended and is being started again
    quarantined,        ///< that shard has failed too often, and starts nothing until it is revived
    unknown_role,       ///< nobody has that role, or its child has ended for good
    too_long,           ///< a line or a frame is longer than its reader can hold
    no_such_shard,      ///< the system has no shard of that number
    offload_full,       ///< too much offloaded work waits already: raise `offload_options::queue`
    no_offload,         ///< the system has no helper threads: raise `offload_options::threads`
    listener_closed,    ///< nothing is accepted any more: the system is shutting down
};

/// The category of `errc`; its name is "tina".
[[nodiscard]] TINA_EXPORT const std::error_category& tina_category() noexcept;

/// What makes a `std::error_code` of an `errc`, so that the two compare.
[[nodiscard]] TINA_EXPORT std::error_code make_error_code(errc value) noexcept;

}  // namespace tina

template <>
struct std::is_error_code_enum<tina::errc> : std::true_type {};
