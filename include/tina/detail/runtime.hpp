// SPDX-License-Identifier: Apache-2.0
// What effects, leases and contexts call in the runtime. Each is one call into the shard that owns the slot; nobody
// else may call them. Implemented in lib/, where the interpreter is.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tina/address.hpp"
#include "tina/detail/slot.hpp"
#include "tina/export.hpp"
#include "tina/shard_status.hpp"
#include "tina/socket_option.hpp"
#include "tina/time.hpp"

namespace tina {
enum class send_result : std::uint8_t;
enum class stop_mode : std::uint8_t;
enum class log_level : std::uint8_t;
}  // namespace tina

namespace tina::detail {

/// A descriptor of a shard, by index and generation: what effects keep of a socket.
struct descriptor_ref {
    std::uint32_t index = nothing;
    std::uint32_t generation = 0;
};

/// Which end of a descriptor an owning type holds.
enum class descriptor_end : std::uint8_t { read, write };

// --- waits ----------------------------------------------------------------------------------------------------------

struct receive_wait : wait_record {
    std::uint32_t mask;  ///< which of the isolate's accepted message types end it
    std::uint64_t key;   ///< while poised_until: the one message type that ends it

    receive_wait() noexcept {}  // NOLINT: set up by begin_receive()
};

/// Where a delivery waits.
enum class delivery_stage : std::uint8_t {
    at_mailbox,  ///< for room in a mailbox of its own shard
    for_pool,    ///< for an envelope of its own shard
    at_channel,  ///< for room in the channel to its target's shard
    in_transit,  ///< for the other shard's answer
};

struct deliver_wait : wait_record {
    delivery_stage stage{};
    std::uint32_t number = 0;  ///< among the deliveries of its shard
    list_links links;
    handle target;
    const std::byte* bytes = nullptr;
    std::uint64_t key = 0;
};

struct call_record;

struct call_wait : wait_record {
    call_record* record = nullptr;
    std::byte* reply = nullptr;  ///< where the bytes of the reply go
};

/// A wait for a child on another shard.
struct spawn_wait : wait_record {
    call_record* record = nullptr;
    handle child;
};

struct offload_record;

/// A wait for a function on a helper thread.
struct offload_wait : wait_record {
    offload_record* record = nullptr;  ///< null: none was taken, or it is abandoned
};

/// A wait on a descriptor.
struct descriptor_wait : wait_record {
    std::uint32_t descriptor;  ///< of an arm that has not begun: `nothing`

    descriptor_wait() noexcept {}  // NOLINT: set when the wait begins
};

struct recv_wait : descriptor_wait {
    std::uint16_t buffer;
    std::uint32_t bytes;  ///< at most so many; afterwards, that came
    std::byte* data;

    recv_wait() noexcept {}  // NOLINT: filled in by the effect, the rest with the result
};

struct recv_into_wait : descriptor_wait {
    std::uint32_t bytes_max = 0;
    std::uint32_t bytes = 0;
    std::byte* data = nullptr;
};

/// An accept or a connect.
struct opening_wait : descriptor_wait {
    descriptor_ref made;
};

struct send_wait : descriptor_wait {
    bool whole;
    const std::byte* data;  ///< what is left
    std::size_t bytes;      ///< to send; afterwards, that went
    std::size_t left;       ///< of these

    send_wait() noexcept {}  // NOLINT: filled in by the effect
};

inline constexpr std::size_t any_arms_max = 4;

/// A wait for whichever of several comes first. Each arm is a wait of its own.
struct any_wait : wait_record {
    std::uint8_t arm_count;
    std::uint8_t winner;    ///< once the wait is complete
    std::uint8_t receiver;  ///< the arm that receives `key`
    std::uint64_t key;      ///< the message type of its one receive; 0: it has none, or for several
    wait_record* arms[any_arms_max];

    any_wait() noexcept {}  // NOLINT: set up by begin_any()
};

// Each sets its wait up, and completes it at once or suspends the isolate in it.

// From here on: what a shared library must show, since handlers call it.
TINA_EXPORT_BEGIN

/// A receive without a deadline. Returns whether it is complete; throws if the isolate's type does not accept one of
/// the message types.
[[nodiscard]] bool receive_anyhow(slot_header& self, const std::uint64_t* keys, std::size_t key_count);
void begin_receive(slot_header& self, receive_wait& wait, const std::uint64_t* keys, std::size_t key_count,
                   deadline until) noexcept;
void begin_deliver(slot_header& self, deliver_wait& wait, deadline until) noexcept;
/// What a call asks, of whom, and what it takes for an answer.
struct call_request {
    handle target;
    std::uint64_t key;
    std::uint64_t reply_key;
    deadline until;
};
/// `wait.reply` is set; the rest is a call_request, in registers. Returns where the request's bytes are to be written
/// at once; null if the call failed. Within a handler_stretch.
[[nodiscard]] std::byte* begin_call(slot_header& self, call_wait& wait, handle target, std::uint64_t key,
                                    std::uint64_t reply_key, deadline until) noexcept;
/// Whom to start on which shard; `pack` is trivially copyable and copied at once.
struct spawn_order {
    const handler_info* what;
    std::uint32_t shard;
    std::uint8_t restart;
    void* pack;
};
void begin_spawn(slot_header& self, spawn_wait& wait, const spawn_order& order) noexcept;
inline constexpr std::size_t offload_result_bytes_max = 96;
inline constexpr std::size_t offload_result_alignment_max = 32;

/// The types of an offloaded function, as data.
struct offload_info {
    /// Calls `function`; its result is built at `result`. May throw.
    void (*run)(void (*function)(), std::byte* arguments, std::byte* result);
    void (*destroy)(std::byte* result) noexcept;
    std::size_t argument_bytes;
};
/// What is to be done elsewhere; `arguments` are trivially copyable and copied at once.
struct offload_order {
    const offload_info* info;
    void (*function)();
    const void* arguments;
    deadline until;
};
void begin_offload(slot_header& self, offload_wait& wait, const offload_order& order) noexcept;
/// Where the result is; throws what the function threw.
[[nodiscard]] std::byte* take_offloaded(offload_wait& wait);
/// The result was taken, or is not wanted any more.
void release_offload(slot_header& self, offload_wait& wait) noexcept;
/// What a thread that is not a shard asks, of whom, and where it wants the reply.
struct outside_call {
    handle target;
    const std::byte* bytes;
    std::uint64_t key;
    std::byte* reply;
    std::uint64_t reply_key;
    duration within;
};
/// The message types of a receive.
struct message_types {
    const std::uint64_t* keys;
    std::size_t count;
};

/// An arm as begin_any() needs it: a wait that is set up but not begun, and what begin_...() would have been told.
struct arm_plan {
    wait_record* wait;
    deadline until;
    const std::byte* request_bytes;  ///< of a call
    union {
        message_types types;
        descriptor_ref from;
        call_request request;
    };

    arm_plan() noexcept {}  // NOLINT: filled in by the arm
};
/// Makes the calls among the arms, whatever else is ready.
void send_calls(slot_header& self, const any_wait& wait, const arm_plan* plans) noexcept;
/// The first arm that is ready, in turn, wins at once. `wait.arms` are set, and the calls among them are made.
void begin_any(slot_header& self, any_wait& wait, arm_plan* plans) noexcept;
void begin_yield(slot_header& self, wait_record& wait) noexcept;
void begin_sleep(slot_header& self, wait_record& wait, deadline until) noexcept;
void begin_accept(slot_header& self, opening_wait& wait, descriptor_ref from, deadline until) noexcept;
void begin_connect(slot_header& self, opening_wait& wait, const address& peer, deadline until) noexcept;
/// `wait.bytes` is set.
void begin_recv(slot_header& self, recv_wait& wait, descriptor_ref from, deadline until) noexcept;
/// `wait.data` and `wait.bytes_max` are set.
void begin_recv_into(slot_header& self, recv_into_wait& wait, descriptor_ref from, deadline until) noexcept;
/// `wait.whole`, `wait.data` and `wait.bytes` are set.
void begin_send(slot_header& self, send_wait& wait, descriptor_ref to, deadline until) noexcept;
void begin_close(slot_header& self, descriptor_wait& wait, descriptor_ref what, deadline until) noexcept;

// --- what completes at once -----------------------------------------------------------------------------------------

/// Where the bytes of a message that was accepted are to be written; null if it was not.
struct send_place {
    std::byte* payload;
    send_result answer;
};
/// Within a handler_stretch, as all sends, set_timer() and what answers a call.
[[nodiscard]] send_place send_anyhow(slot_header& self, handle target, std::uint64_t key) noexcept;

void release_anyhow(slot_header& holder, envelope& taken) noexcept;

// Timers and monitors, by their names; an error as in packed_error, or 0.

/// Where the bytes of a timer's message are to be written; null if it was not set.
struct timer_answer {
    std::byte* payload;
    std::uint64_t name;
    std::int32_t error;
};
[[nodiscard]] timer_answer set_timer(slot_header& self, duration span, bool periodic, std::uint64_t key) noexcept;
bool cancel_timer(slot_header& self, std::uint64_t name) noexcept;
[[nodiscard]] bool rearm_timer(slot_header& self, std::uint64_t name, duration span) noexcept;
struct monitor_answer {
    std::uint64_t name;
    std::int32_t error;
};
/// A monitor; or a link, which needs no name.
[[nodiscard]] monitor_answer set_monitor(slot_header& self, handle target, bool link) noexcept;
bool withdraw_monitor(slot_header& self, std::uint64_t name) noexcept;
[[nodiscard]] send_result stop_isolate(slot_header& self, handle target) noexcept;

/// Who has a role, on one shard or, where `shard` is `nothing`, on this one before any other.
struct role_answer {
    handle who;
    std::int32_t error;
};
[[nodiscard]] role_answer find_role(const slot_header& self, std::uint32_t tag, std::uint32_t shard) noexcept;

// Attachments. A `paper` is the index of the envelope that proves who holds one.

/// How a call is answered.
struct reply_place {
    std::byte* bytes;  ///< where the reply is to be written at once; null if nobody takes it
    bool answered;     ///< there was a call to answer
};
/// Answers the call whose token a paper stands for.
[[nodiscard]] reply_place reply_to(slot_header& self, std::uint32_t paper, std::uint64_t key) noexcept;
/// Answers the call whose request a message is, unless it is none, or was answered, or its token was taken.
[[nodiscard]] reply_place reply_to_message(slot_header& self, const envelope& request, std::uint64_t key) noexcept;
/// Whether reply_to_message() would answer a call.
[[nodiscard]] bool awaits_reply(slot_header& self, const envelope& request) noexcept;
/// Takes what a message carries out of it. Null data if it carries nothing of the kind.
struct taken_attachment {
    std::byte* data;
    std::uint32_t bytes;
    std::uint32_t paper;  ///< `nothing`: there was none
};
[[nodiscard]] taken_attachment take_attachment(slot_header& holder, envelope& carrier, attachment_kind kind) noexcept;
/// Gives back something that was taken out of a message, or allocated.
void release_paper(slot_header& holder, std::uint32_t paper) noexcept;
/// A send of what a paper stands for. Only where the answer is ok has the paper been used up.
[[nodiscard]] send_place send_with_paper(slot_header& self, handle target, std::uint64_t key,
                                         std::uint32_t paper) noexcept;
/// A send of one more share of what a paper stands for.
[[nodiscard]] send_place send_share(slot_header& self, handle target, std::uint64_t key, std::uint32_t paper) noexcept;
/// A send of a lease on received bytes. Only where the answer is ok has the lease been used up.
[[nodiscard]] send_place send_with_buffer(slot_header& self, handle target, std::uint64_t key, std::uint16_t buffer,
                                          const std::byte* data, std::uint32_t bytes) noexcept;
/// Allocates a lease; an error as in packed_error, or 0.
struct allocated_lease {
    taken_attachment lease;
    std::int32_t error;
};
[[nodiscard]] allocated_lease allocate_lease(slot_header& self, std::size_t bytes) noexcept;
/// Makes a lease shared, under the same paper; or takes one more share of it.
[[nodiscard]] allocated_lease share_lease(slot_header& holder, std::uint32_t paper) noexcept;
[[nodiscard]] allocated_lease copy_share(slot_header& holder, std::uint32_t paper) noexcept;
void resize_lease(slot_header& holder, std::uint32_t paper, std::uint32_t bytes) noexcept;
void release_buffer(slot_header& holder, std::uint16_t buffer) noexcept;

/// Starts an isolate; `arguments` is a pack that the handler's `start` moves from. Returns its handle, or an error.
struct spawn_answer {
    handle child;
    std::int32_t error;
};
[[nodiscard]] spawn_answer spawn(slot_header& parent, const handler_info& what, std::uint8_t restart,
                                 void* arguments) noexcept;

/// Memory for the coroutine frame of the isolate in this slot. Null while probing, when only the size is noted.
[[nodiscard]] void* allocate_frame(slot_header& self, std::size_t bytes) noexcept;

/// What the fiber of a stackful handler runs.
using fiber_entry = void (*)(slot_header& self, void* what) noexcept;

/// Puts a new fiber on the stack of the slot, to begin with its first turn.
void start_fiber(slot_header& self, fiber_entry run, void* what) noexcept;
/// Runs the slot's fiber until it pauses. Returns whether it has ended instead.
[[nodiscard]] bool run_fiber(slot_header& self) noexcept;
/// On the slot's fiber: goes back to where it was run, until it is run again.
void pause_fiber(slot_header& self) noexcept;
/// Forgets the slot's fiber, wherever it is. Nothing on its stack is destroyed.
void drop_fiber(slot_header& self) noexcept;

/// Notes the exception in flight as the reason of the isolate's end.
void note_exception(slot_header& self) noexcept;
void note_crash(slot_header& self, std::string_view why) noexcept;

void adopt_descriptor(slot_header& owner, descriptor_ref what, descriptor_end end) noexcept;
void drop_descriptor(shard& owner, descriptor_ref what, descriptor_end end) noexcept;
void split_descriptor(shard& owner, descriptor_ref what) noexcept;
[[nodiscard]] std::int32_t shutdown_descriptor(shard& owner, descriptor_ref what, bool receiving,
                                               bool sending) noexcept;
[[nodiscard]] std::int32_t set_descriptor_option(shard& owner, descriptor_ref what, socket_option option,
                                                 std::int32_t value) noexcept;
[[nodiscard]] std::int32_t get_descriptor_option(shard& owner, descriptor_ref what, socket_option option,
                                                 std::int32_t& value) noexcept;
[[nodiscard]] std::int32_t descriptor_address(shard& owner, descriptor_ref what, bool peer, address& out) noexcept;
[[nodiscard]] shard& shard_of(slot_header& self) noexcept;

[[nodiscard]] handle self_handle(const slot_header& self) noexcept;
[[nodiscard]] instant current_time(slot_header& self) noexcept;
[[nodiscard]] std::uint64_t next_random(slot_header& self) noexcept;
/// Nanoseconds since 1970.
[[nodiscard]] std::int64_t wall_time_ns(slot_header& self) noexcept;
[[nodiscard]] std::uint32_t shard_count(const slot_header& self) noexcept;
[[nodiscard]] shard_status status_of_shard(const slot_header& self, std::uint32_t shard) noexcept;
void request_stop(slot_header& self, stop_mode how) noexcept;

[[nodiscard]] void* working_arena(slot_header& self) noexcept;
[[nodiscard]] void* scratch_arena(slot_header& self) noexcept;

/// Reserves room for one log entry and returns where its text goes, or null if it is filtered or dropped.
struct log_place {
    char* text;
    std::size_t capacity;
};
[[nodiscard]] log_place begin_log(slot_header& self, log_level level) noexcept;
void end_log(slot_header& self, std::size_t text_bytes) noexcept;

TINA_EXPORT_END

}  // namespace tina::detail
