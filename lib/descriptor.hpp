// SPDX-License-Identifier: Apache-2.0
// The record of one descriptor: who owns its ends, who waits, and what the kernel is doing with it. One receive and one
// send are in flight at most. A receive (or an accept) stays armed when its waiter has gone, and what it brings waits
// here, so that a lost race loses nothing. A record is reused only after the last completion of its last operation.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "reactor/reactor.hpp"
#include "tina/detail/core.hpp"
#include "tina/detail/runtime.hpp"
#include "tina/detail/slot.hpp"

namespace tina::detail {

enum class descriptor_kind : std::uint8_t {
    unused,
    reserved,  ///< for a connection that is still to be accepted
    connecting,
    stream,
    listening,
};

/// The receiving side: of bytes, or of connections for a listening socket.
enum class receive_state : std::uint8_t {
    idle,      ///< no operation
    armed,     ///< an operation is in flight
    held,      ///< what came waits for somebody to take it
    starved,   ///< the operation waits for a free buffer, for a free descriptor, or for its timer
    finished,  ///< the end of the stream or an error; stays
};

/// One end of a descriptor, and its place in its owner's list of ends.
struct owned_end {
    std::uint32_t owner = nothing;  ///< slot
    list_links links;               ///< in the owner's list: index * 2 + end
    bool open = false;
};

struct descriptor {
    list_links links;  ///< of a free record, or of one that is starved
    int fd = -1;
    std::uint32_t generation = 1;
    descriptor_kind kind = descriptor_kind::unused;
    receive_state receiving = receive_state::idle;
    bool split = false;           ///< the ends have owners of their own
    bool sending = false;         ///< a send or connect is in flight
    bool ended_sending = false;   ///< this side has said that it sends no more
    bool sender_gone = false;     ///< who sent has died; its slot drains
    bool closing = false;         ///< nobody owns it any more; free when `operations` is 0
    bool listed = false;          ///< among what was given up in this activation
    bool close_queued = false;    ///< all of it was given up: to be closed at the end of this activation
    bool unwinding = false;       ///< given up while an exception was passing through its owner
    bool unattended = false;      ///< armed or held with nobody waiting; counted
    std::uint8_t operations = 0;  ///< in flight

    owned_end ends[2];
    std::uint32_t receiver = nothing;  ///< slot that waits for `receiving`
    std::uint32_t sender = nothing;    ///< slot that waits for its send or connect
    std::uint32_t next_closing = nothing;
    std::uint8_t failures = 0;      ///< of accept in a row
    std::uint32_t retry = nothing;  ///< the timer of an accept that met the limit on open files

    // What is held: bytes of a buffer, or for a listening socket the record of a connection.
    std::uint32_t held_offset = 0;
    std::uint32_t held_bytes = 0;
    std::uint32_t held_index = nothing;
    std::uint32_t wanted_bytes = 0;  ///< of the operation that is armed or starved
    std::int32_t finish_error = 0;   ///< as packed_error, once `finished`

    [[nodiscard]] owned_end& end(descriptor_end which) noexcept { return ends[static_cast<std::size_t>(which)]; }
};

/// What the runtime knows of a receive buffer.
struct buffer_note {
    list_links links;                 ///< in its holder's list of what it holds
    std::uint32_t holder = nothing;   ///< the slot in whose list it is
    std::uint16_t leases = 0;         ///< that refer to it
    std::uint16_t holder_leases = 0;  ///< of these, the holder's
    bool held = false;                ///< some of its bytes wait with their socket
};

inline constexpr std::uint32_t descriptors_per_shard_max = 1u << 22;

/// What an operation's completion is for.
enum class token_kind : std::uint8_t { receive = 1, send, connect, accept, close };

inline constexpr std::uint32_t token_kind_shift = 24;
static_assert(descriptors_per_shard_max <= 1u << token_kind_shift);

/// The name of a descriptor as it lies in a register, with the kind above the index: what has the one has the other.
[[nodiscard]] constexpr std::uint64_t make_token(token_kind kind, descriptor_ref what) noexcept {
    return (std::uint64_t{what.generation} << 32) | what.index |
           (std::uint64_t{static_cast<std::uint8_t>(kind)} << token_kind_shift);
}
[[nodiscard]] constexpr token_kind kind_of(std::uint64_t token) noexcept {
    return static_cast<token_kind>(static_cast<std::uint8_t>(token >> token_kind_shift));
}
[[nodiscard]] constexpr std::uint32_t index_of(std::uint64_t token) noexcept {
    return static_cast<std::uint32_t>(token) & ((1u << token_kind_shift) - 1);
}

/// The descriptors and buffers of a shard.
struct io_state {
    pool<descriptor> records;
    std::byte* buffers = nullptr;
    buffer_note* notes = nullptr;
    std::uint32_t buffer_count = 0;
    std::uint32_t buffer_bytes = 0;
    std::uint32_t buffers_in_use = 0;
    std::uint32_t unattended = 0;
    std::uint32_t operations = 0;  ///< in flight, as of the last batch of completions
    std::uint64_t operations_ended = 0;
    std::uint32_t starved_for_buffer = nothing;      ///< newest, links to the oldest
    std::uint32_t starved_for_descriptor = nothing;  ///< likewise
    std::uint32_t closing = nothing;                 ///< to be closed at the end of this activation
    std::array<completion, 256> completions;         ///< here, since on the stack each cycle would pay to clear it
};

}  // namespace tina::detail
