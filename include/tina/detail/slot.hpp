// SPDX-License-Identifier: Apache-2.0
// What the runtime knows of one isolate (its header, one cache line), of one message in a mailbox (an envelope), and of
// one wait. Owned by the isolate's shard and touched by that shard's thread only. Public code sees these types through
// references it must never look into; they are here because frames, leases and contexts hold pointers to them.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

#include "tina/fwd.hpp"
#include "tina/handle.hpp"

namespace tina::detail {

struct type_core;

inline constexpr std::uint32_t nothing = 0xffff'ffff;  ///< the index of no slot, envelope, descriptor or buffer
inline constexpr std::size_t message_bytes_max = 96;

enum class slot_state : std::uint8_t {
    vacant,          ///< no isolate
    probing,         ///< not a slot at all: a frame's size is being asked for
    draining,        ///< dead; the kernel still holds memory of the slot, or its parts are being taken back
    unqueued,        ///< dead; it was queued to run, and has left the queue in this activation
    ended,           ///< its handler has returned or crashed in this activation
    running,         ///< its handler is on the stack; from here on it is alive
    ready,           ///< queued to run
    waiting,         ///< suspended in an effect
    poised_any,      ///< as waiting, in an any_of with one receive, of one type, holding nothing: a shorter way
    poised_until,    ///< as waiting, in a receive of one type with a deadline, holding nothing: a shorter way
    expecting_some,  ///< suspended in a receive of several types without deadline; no record of it in the frame
    expecting,       ///< the same, of one type
    poised,          ///< as expecting, holding nothing: the short way for a message
};

[[nodiscard]] constexpr bool is_suspended(slot_state state) noexcept { return state >= slot_state::waiting; }
/// Whether all that an isolate waits for is in its header: a message, of one type or of several.
[[nodiscard]] constexpr bool waits_in_header(slot_state state) noexcept { return state >= slot_state::expecting_some; }

/// Links of a list through envelopes, buffers or waits.
struct list_links {
    std::uint32_t next = nothing;
    std::uint32_t previous = nothing;

    /// Whether there is another item beside this one, in a list with two ends. One comparison for both links.
    [[nodiscard]] bool linked() const noexcept { return std::bit_cast<std::uint64_t>(*this) != ~std::uint64_t{0}; }
};

/// Two lists of a slot whose emptiness every receive asks for.
struct slot_lists {
    std::uint32_t held = nothing;        ///< envelopes and buffers that the handler holds
    std::uint32_t deliverers = nothing;  ///< who waits for room in its mailbox: newest, links to the oldest

    [[nodiscard]] bool holds_nothing_and_owes_nothing() const noexcept {
        return held == nothing && deliverers == nothing;
    }
};

/// The header of a slot.
struct alignas(64) slot_header : slot_lists {
    type_core* core = nullptr;  ///< its type's, which knows the shard
    void* frame = nullptr;      ///< the innermost coroutine's, to be resumed; while probing: the size asked for
    union {
        wait_record* wait = nullptr;  ///< suspended: what the isolate waits for, inside the frame
        std::uint64_t expected;  ///< where waits_in_header(): the message type that ends the wait, or a mask of them
        envelope* taken;         ///< a receive is complete: the message, until the handler has it
    };
    std::uint32_t generation = 0;
    std::uint32_t place = 0;              ///< shard and slot, as in a handle, whose other half is the generation
    std::uint32_t next = nothing;         ///< in the ready queue, or in the list of free slots
    std::uint32_t mail_tail = nothing;    ///< newest envelope of the first accepted type; links to the oldest
    std::uint32_t descriptors = nothing;  ///< the descriptor ends it owns
    std::uint32_t child = nothing;        ///< its place in the tree, and what is to happen when it ends
    std::uint16_t mail_count = 0;
    std::uint16_t type = 0;
    slot_state state = slot_state::vacant;
    std::uint8_t in_flight = 0;      ///< operations that name memory of the slot
    std::uint8_t leases = 0;         ///< buffers among `held`
    std::uint8_t crashed : 1 = 0;    ///< ended with an exception, or because one it was linked to did
    std::uint8_t stopped : 1 = 0;    ///< ended by another's will
    std::uint8_t doomed : 1 = 0;     ///< to be ended when this activation is over
    std::uint8_t by_link : 1 = 0;    ///< its crash is another's, and was logged
    std::uint8_t watched : 1 = 0;    ///< there may be monitors of it
    std::uint8_t turn : 2 = 0;       ///< the arm that its next any_of looks at first
    std::uint8_t abandoned : 1 = 0;  ///< by a fault: its frame and object are not to be touched any more

    [[nodiscard]] handle own_handle() const noexcept {
        return handle::from_bits((std::uint64_t{place} << 32) | generation);
    }
};
static_assert(sizeof(slot_header) == 64);

/// The bit of envelope::arrival which says that the envelope carries something besides its message. It is set, cleared
/// and asked for as part of its byte: who loads eight bytes soon after one of them was stored waits for the store.
inline constexpr std::uint64_t attached_mark = std::uint64_t{1} << 63;

/// A message in a pool of the receiving shard. A small message touches only the first cache line.
struct alignas(128) envelope {
    list_links links;
    std::uint64_t arrival = 0;  ///< order of arrival on the shard, and `attached_mark`
    handle sender;
    std::uint64_t key = 0;  ///< message_key: what it is, and how many bytes
    alignas(32) std::byte payload[message_bytes_max];

    [[nodiscard]] bool carries_something() const noexcept {
        return (reinterpret_cast<const unsigned char*>(&arrival)[mark_place] & mark_in_byte) != 0;
    }
    void set_carries_something(bool carries) noexcept {
        unsigned char& byte = reinterpret_cast<unsigned char*>(&arrival)[mark_place];
        byte = static_cast<unsigned char>(carries ? byte | mark_in_byte : byte & ~mark_in_byte);
    }
    [[nodiscard]] std::uint32_t tag() const noexcept { return static_cast<std::uint32_t>(key); }
    [[nodiscard]] std::uint32_t bytes() const noexcept { return static_cast<std::uint32_t>(key >> 32); }

private:
    static constexpr std::size_t mark_place = 7;  ///< little-endian
    static constexpr unsigned char mark_in_byte = attached_mark >> 8 * mark_place;
};
static_assert(sizeof(envelope) == 128);
static_assert(std::endian::native == std::endian::little, "the mark is in the last byte of `arrival`");

enum class attachment_kind : std::uint8_t {
    none,
    lease,         ///< one on a block of a transfer pool, exclusive
    shared_lease,  ///< one of several on such a block
    buffer,        ///< one on a receive buffer of this shard
    token,         ///< the right to answer a call
};

enum class attachment_stage : std::uint8_t {
    with_message,  ///< in the message, which is queued or held
    taken,         ///< taken out of the message, which is still held
    alone,         ///< held without a message
};

/// What an envelope carries besides its message.
struct attachment {
    std::uint32_t id = nothing;  ///< place of the block or of the call record; index of the buffer
    std::uint32_t bytes = 0;     ///< of a lease
    std::uint32_t offset = 0;    ///< in the block or buffer
    attachment_kind kind = attachment_kind::none;
    attachment_stage stage = attachment_stage::with_message;
};
static_assert(sizeof(attachment) == 16);

enum class wait_kind : std::uint8_t {
    none,
    receive,
    deliver,
    call,
    spawn,
    offload,
    yield,
    sleep,
    accept,
    connect,
    recv,
    recv_into,
    send,
    close,
    any,
};

/// The first eight bytes of a wait, which are set up with one store. In pieces, compilers write over the first byte of
/// `error` a second time, and who reads it soon waits until both stores are done.
struct wait_outcome {
    wait_kind kind;
    bool done;           ///< the effect is complete; nothing to wait for
    bool expired;        ///< its deadline came, and the operation is being cancelled
    std::uint8_t spare;  ///< no padding
    std::int32_t error;  ///< as in packed_error
};
static_assert(std::endian::native == std::endian::little, "the kind of a wait is the lowest byte of its outcome");

/// The part that all waits share. It lives in the awaiter, so in the coroutine's frame, and is filled in by the
/// interpreter before the isolate is made ready. The effect's begin_...() sets it up: a receive would pay for it twice.
struct wait_record : wait_outcome {
    std::uint32_t timer;  ///< of its deadline

    void set_up(wait_kind what, std::uint32_t armed = nothing) noexcept {
        static_cast<wait_outcome&>(*this) = std::bit_cast<wait_outcome>(static_cast<std::uint64_t>(what));
        timer = armed;
    }

    wait_record() noexcept {}  // NOLINT: see above
    wait_record(const wait_record&) = delete;
    wait_record& operator=(const wait_record&) = delete;
};

}  // namespace tina::detail
