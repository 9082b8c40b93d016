// SPDX-License-Identifier: Apache-2.0
// The receiving and sending sides of a descriptor. Three rules hold throughout: at most one receive and one send are in
// flight on a descriptor; only an operation's own completion says that the kernel has let go; a byte or a connection
// that has arrived is either with its descriptor or with its isolate.
#include "lib/stream.hpp"

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>

#include "lib/any.hpp"
#include "lib/descriptors.hpp"
#include "lib/drain.hpp"
#include "lib/holdings.hpp"
#include "lib/opening.hpp"
#include "lib/ready.hpp"
#include "lib/receiver.hpp"
#include "lib/slots.hpp"

namespace tina::detail {

namespace {

/// Of one operation. The kernel moves a send that has waited for room very often to a thread of its own (seen with
/// Linux 6.18 after about 128 waits); in pieces of this size it does not come to that.
constexpr std::size_t send_bytes_max = std::size_t{256} << 10;

// --- who waits -------------------------------------------------------------------------------------------------------

/// The receiver goes on without a result. What is armed stays armed, unless so much stays armed for nobody that the
/// buffers which it may come to hold would be missing elsewhere.
void detach_receiver(shard& at, descriptor& record) noexcept {
    record.receiver = nothing;
    if (record.kind != descriptor_kind::stream) return;
    if (record.receiving == receive_state::starved) {
        ring_remove(at.io.starved_for_buffer, at.io.records.index_of(record), record_links(at));
        record.receiving = receive_state::idle;
    }
    if (record.receiving != receive_state::armed) return;
    set_unattended(at, record, true);
    if (at.io.unattended > at.io.buffer_count / 2) cancel(at, record, token_kind::receive);
}

/// Whether `what` names a stream of which this isolate, whose slot is `index`, owns that end. Only a stream's end that
/// is open has an owner.
[[nodiscard, gnu::always_inline]] inline bool owns_end(shard& at, std::uint32_t index, descriptor_ref what,
                                                       descriptor_end end) noexcept {
    if (what.index >= at.io.records.capacity()) return false;
    descriptor& record = at.io.records[what.index];
    return record.generation == what.generation && record.end(end).owner == index;
}

// --- receiving -------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline void arm_receive(shard& at, descriptor& record) noexcept {
    record.receiving = receive_state::armed;
    count_submitted(at, record);
    at.io_reactor->submit_receive(record.fd, record.wanted_bytes, token_of(at, record, token_kind::receive));
}

[[gnu::cold, gnu::noinline]] void starve_receive(shard& at, descriptor& record) noexcept {
    at.counts.receives_postponed.add();
    record.receiving = receive_state::starved;
    ring_append(at.io.starved_for_buffer, at.io.records.index_of(record), record_links(at));
}

void start_receive(shard& at, descriptor& record) noexcept {
    // Behind others that wait for a buffer already.
    if (at.io.starved_for_buffer != nothing) {
        starve_receive(at, record);
    } else {
        arm_receive(at, record);
    }
}

/// Whether a wait may get a lease on a buffer; if not it has failed.
[[nodiscard]] bool may_hold_more(const shard& at, const slot_header& self) noexcept {
    return self.leases < at.plan.spec.limits.leases_per_isolate;
}

/// Gives held bytes to a recv.
void give_lease(shard& at, slot_header& self, descriptor& record, recv_wait& wait) noexcept {
    const auto buffer = static_cast<std::uint16_t>(record.held_index);
    wait.buffer = buffer;
    wait.data = at.io.buffers + std::size_t{buffer} * at.io.buffer_bytes + record.held_offset;
    wait.bytes = std::min(wait.bytes, record.held_bytes);
    record.held_offset += wait.bytes;
    record.held_bytes -= wait.bytes;
    hold_buffer(at, self, buffer);
    if (record.held_bytes > 0) return;
    at.io.notes[buffer].held = false;
    record.receiving = receive_state::idle;
}

/// Copies held bytes to a recv_into.
void give_copy(shard& at, descriptor& record, recv_into_wait& wait) noexcept {
    const auto buffer = static_cast<std::uint16_t>(record.held_index);
    const std::byte* const data = at.io.buffers + std::size_t{buffer} * at.io.buffer_bytes + record.held_offset;
    wait.bytes = std::min(wait.bytes_max, record.held_bytes);
    std::memcpy(wait.data, data, wait.bytes);
    record.held_offset += wait.bytes;
    record.held_bytes -= wait.bytes;
    if (record.held_bytes > 0) return;
    at.io.notes[buffer].held = false;
    record.receiving = receive_state::idle;
    return_buffer_if_unused(at, buffer);
}

void give_held(shard& at, slot_header& self, descriptor& record, wait_record& wait) noexcept {
    if (wait.kind == wait_kind::recv) {
        give_lease(at, self, record, static_cast<recv_wait&>(wait));
    } else {
        give_copy(at, record, static_cast<recv_into_wait&>(wait));
    }
    set_unattended(at, record, record.receiving == receive_state::held);
}

void discard_held(shard& at, descriptor& record) noexcept {
    if (record.receiving != receive_state::held || record.kind != descriptor_kind::stream) return;
    const auto buffer = static_cast<std::uint16_t>(record.held_index);
    at.io.notes[buffer].held = false;
    record.receiving = receive_state::idle;
    return_buffer_if_unused(at, buffer);
}

/// The record that a wait has to wait on; null if it is complete: bytes were there, or an error.
[[nodiscard]] descriptor* take_bytes(shard& at, slot_header& self, descriptor_wait& wait, descriptor_ref from,
                                     std::uint32_t bytes_max) noexcept {
    descriptor* const record = bytes_max == 0 ? nullptr : find_to_receive(at, self, wait, from);
    if (record == nullptr) {
        if (bytes_max == 0) wait.error = -EINVAL;
        return nullptr;
    }
    if (wait.kind == wait_kind::recv && !may_hold_more(at, self)) {
        wait.error = packed_error{errc::no_buffers}.value;
    } else if (record->receiving == receive_state::held) {
        give_held(at, self, *record, wait);
    } else if (record->receiving == receive_state::finished) {
        wait.error = record->finish_error;
    } else {
        return record;
    }
    return nullptr;
}

void begin_receiving(shard& at, slot_header& self, descriptor_wait& wait, descriptor_ref from, std::uint32_t bytes_max,
                     deadline until) noexcept {
    if (is_interrupted(at, self)) return fail_at_once(at, self, wait, errc::interrupted);
    descriptor* const record = take_bytes(at, self, wait, from, bytes_max);
    if (record == nullptr) return complete_at_once(at, self, wait);
    if (!arm_deadline(at, self, wait, until)) return;
    attach_receiver(at, self, *record, wait);
    if (record->receiving != receive_state::idle) return;
    record->wanted_bytes = std::min(bytes_max, at.io.buffer_bytes);
    start_receive(at, *record);
}

/// Bytes that arrive while a connection is being closed with `tina::close` are thrown away.
void linger_on(shard& at, descriptor& record) noexcept {
    discard_held(at, record);
    if (record.receiving == receive_state::idle) {
        record.wanted_bytes = at.io.buffer_bytes;
        start_receive(at, record);
    }
}

void finish_lingering(shard& at, descriptor& record, packed_error error) noexcept {
    slot_header& self = at.slots[record.receiver];
    record.receiver = nothing;
    self.wait->error = error.value;
    close_record(at, record, false);
    complete(at, self);
}

/// What a receive has brought, or how it ended, is with the record: the waiter gets it.
void serve_receiver(shard& at, descriptor& record) noexcept {
    if (record.receiver == nothing) {
        set_unattended(at, record, record.receiving == receive_state::held);
        return;
    }
    slot_header& self = at.slots[record.receiver];
    if (self.wait->kind == wait_kind::close) {
        if (record.receiving == receive_state::finished) return finish_lingering(at, record, {});
        return linger_on(at, record);
    }
    if (record.receiving == receive_state::idle) return start_receive(at, record);
    settle_on_descriptor(at, self, record);
    record.receiver = nothing;
    if (record.receiving == receive_state::held) {
        give_held(at, self, record, *self.wait);
    } else {
        self.wait->error = record.finish_error;
    }
    complete(at, self);
}

void note_received(shard& at, descriptor& record, const completion& what) noexcept {
    at.counts.bytes_received.add(static_cast<std::uint64_t>(what.result));
    record.receiving = receive_state::held;
    record.held_index = what.buffer;
    record.held_offset = 0;
    record.held_bytes = static_cast<std::uint32_t>(what.result);
    at.io.notes[what.buffer].held = true;
}

/// The usual end of a receive: somebody waits in a recv, and takes all that came. False if it is not so.
[[nodiscard, gnu::always_inline]] inline bool give_all(shard& at, descriptor& record, const completion& what) noexcept {
    const std::uint32_t index = record.receiver;
    if (index == nothing || what.result <= 0) return false;
    slot_header& self = at.slots[index];
    auto& wait = static_cast<recv_wait&>(*self.wait);
    const auto bytes = static_cast<std::uint32_t>(what.result);
    if (wait.kind != wait_kind::recv || bytes > wait.bytes) return false;
    TINA_ASSERT(self.state == slot_state::waiting, "only a waiting isolate's wait can end");
    at.counts.bytes_received.add(bytes);
    ++at.io.buffers_in_use;
    record.receiver = nothing;
    record.receiving = receive_state::idle;
    wait.buffer = what.buffer;
    wait.bytes = bytes;
    wait.data = at.io.buffers + std::size_t{what.buffer} * at.io.buffer_bytes;
    hold_filled_buffer(at, self, index, what.buffer);
    complete_waiting(at, self, index, wait);
    return true;
}

// --- sending ---------------------------------------------------------------------------------------------------------

[[gnu::always_inline]] inline void submit_send(shard& at, descriptor& record, const send_wait& wait,
                                               std::uint64_t token) noexcept {
    count_submitted(at, record);
    at.io_reactor->submit_send(record.fd, {wait.data, std::min(wait.left, send_bytes_max)}, wait.whole, token);
}

/// Starts the send for which an isolate, whose slot is `index`, is suspended already.
[[gnu::always_inline]] inline void start_send(shard& at, slot_header& self, std::uint32_t index, send_wait& wait,
                                              descriptor_ref to) noexcept {
    descriptor& record = at.io.records[to.index];
    record.sending = true;
    record.sender = index;
    wait.descriptor = to.index;
    wait.left = wait.bytes;
    ++self.in_flight;
    submit_send(at, record, wait, make_token(token_kind::send, to));
}

[[nodiscard]] bool is_passing(std::int32_t error) noexcept { return error == -EINTR || error == -EAGAIN; }

void finish_sending(shard& at, descriptor& record, send_wait& wait, packed_error error) noexcept {
    slot_header& self = at.slots[record.sender];
    record.sending = false;
    record.sender = nothing;
    wait.bytes -= wait.left;
    wait.error = error.value;
    complete(at, self);
    operation_ended(at, self);
}

/// Not all went: sends the rest, unless that was not wanted or cannot be.
void send_on(shard& at, descriptor& record, send_wait& wait, std::int32_t result) noexcept {
    const bool more = wait.whole || wait.left == wait.bytes;
    if (!record.closing && !wait.expired && more && (result > 0 || is_passing(result))) {
        return submit_send(at, record, wait, token_of(at, record, token_kind::send));
    }
    packed_error error;
    if (more) {
        const bool cut = result >= 0 || result == -ECANCELED || is_passing(result);
        error = !cut ? packed_error{result} : wait.expired ? packed_error{errc::deadline} : packed_error{-ECONNRESET};
    }
    finish_sending(at, record, wait, error);
}

/// Asks the kernel for what an arm of an any_of waits for. Out of line: usually it is armed already.
[[gnu::noinline]] void start_arm(shard& at, descriptor& record, const descriptor_wait& wait) noexcept {
    if (wait.kind == wait_kind::accept) return arm_accept(at, record);
    const std::uint32_t bytes_max = static_cast<const recv_wait&>(wait).bytes;
    if (bytes_max == 0) return;
    record.wanted_bytes = std::min(bytes_max, at.io.buffer_bytes);
    start_receive(at, record);
}

// --- the long way ----------------------------------------------------------------------------------------------------

[[gnu::noinline]] void begin_recv_anyhow(slot_header& self, recv_wait& wait, descriptor_ref from,
                                         deadline until) noexcept {
    const runtime_stretch busy(owner_of(self), 0);
    wait.set_up(wait_kind::recv);
    begin_receiving(owner_of(self), self, wait, from, wait.bytes, until);
}

[[gnu::noinline]] void begin_send_anyhow(slot_header& self, send_wait& wait, descriptor_ref to,
                                         deadline until) noexcept {
    shard& at = owner_of(self);
    const runtime_stretch busy(at, 0);
    const std::size_t bytes = wait.bytes;
    wait.set_up(wait_kind::send);
    wait.bytes = 0;
    const descriptor* const record = find_descriptor(at, to);
    if (record == nullptr || !owns_end(at, at.index_of_slot(self), to, descriptor_end::write)) {
        return fail_at_once(at, self, wait, errc::bad_descriptor);
    }
    if (record->sending) return fail_at_once(at, self, wait, errc::busy);
    if (bytes == 0) return fail_at_once(at, self, wait, wait.whole ? packed_error{} : packed_error{errc::empty});
    if (!arm_deadline(at, self, wait, until)) return;
    wait.bytes = bytes;
    suspend(at, self, wait);
    start_send(at, self, at.index_of_slot(self), wait, to);
}

/// A send has ended with a part of its bytes, or none, or after its isolate has died.
[[gnu::noinline]] void send_otherwise(shard& at, descriptor& record, std::int32_t result) noexcept {
    const std::size_t went = result > 0 ? static_cast<std::size_t>(result) : 0;
    at.counts.bytes_sent.add(went);
    slot_header& self = at.slots[record.sender];
    if (!is_suspended(self.state)) {
        record.sending = false;
        record.sender = nothing;
        return operation_ended(at, self);
    }
    auto& wait = *static_cast<send_wait*>(self.wait);
    wait.data += went;
    wait.left -= went;
    if (wait.left == 0) return finish_sending(at, record, wait, {});
    send_on(at, record, wait, result);
}

/// What a receive of nothing means. The kernel tells of a reset once: a send that was in flight can have been told, and
/// the receive then sees what looks like a clean end (Linux 6.18). A connection that is gone has no peer; one whose
/// peer has only stopped sending has, unless this side had stopped before.
[[nodiscard]] packed_error end_of_stream_or_reset(shard& at, const descriptor& record) noexcept {
    address peer;
    const bool gone = !record.ended_sending && at.io_reactor->peer_address(record.fd, peer) == -ENOTCONN;
    return gone ? packed_error{-ECONNRESET} : packed_error{errc::end_of_stream};
}

/// What a receive has brought goes to the record first; or it brought nothing.
[[gnu::noinline]] void receive_otherwise(shard& at, descriptor& record, const completion& what) noexcept {
    if (record.closing || !record.end(descriptor_end::read).open) {
        if (what.buffer != no_buffer) return_buffer_if_unused(at, what.buffer);
        if (record.receiving == receive_state::armed) record.receiving = receive_state::idle;
        return;
    }
    if (what.result > 0) {
        note_received(at, record, what);
    } else if (what.buffer != no_buffer) {
        return_buffer_if_unused(at, what.buffer);
    }
    if (what.result == 0) finish_receiving(record, end_of_stream_or_reset(at, record));
    if (what.result == -ENOBUFS) return starve_receive(at, record);
    if (what.result == -ECANCELED || is_passing(what.result)) {
        record.receiving = receive_state::idle;
    } else if (what.result < 0) {
        finish_receiving(record, packed_error{what.result});
    }
    serve_receiver(at, record);
}

}  // namespace

void begin_recv(slot_header& self, recv_wait& wait, descriptor_ref from, deadline until) noexcept {
    shard& at = owner_of(self);
    enter_runtime(at);
    const std::uint32_t index = at.index_of_slot(self);
    if (!owns_end(at, index, from, descriptor_end::read)) return begin_recv_anyhow(self, wait, from, until);
    descriptor& record = at.io.records[from.index];
    const bool usual = record.receiving == receive_state::idle && record.receiver == nothing && wait.bytes > 0 &&
                       may_hold_more(at, self) && at.io.starved_for_buffer == nothing;
    if (!usual || !suspend_at_once(at, self, index, wait, wait_kind::recv, until))
        return begin_recv_anyhow(self, wait, from, until);
    wait.descriptor = from.index;
    record.receiver = index;
    record.wanted_bytes = std::min(wait.bytes, at.io.buffer_bytes);
    record.receiving = receive_state::armed;
    count_submitted(at, record);
    at.io_reactor->submit_receive(record.fd, record.wanted_bytes, make_token(token_kind::receive, from));
}

void begin_recv_into(slot_header& self, recv_into_wait& wait, descriptor_ref from, deadline until) noexcept {
    const runtime_stretch busy(owner_of(self));
    wait.set_up(wait_kind::recv_into);
    begin_receiving(owner_of(self), self, wait, from, wait.bytes_max, until);
}

void begin_close(slot_header& self, descriptor_wait& wait, descriptor_ref what, deadline until) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    wait.set_up(wait_kind::close);
    descriptor* const record = find_to_receive(at, self, wait, what);
    if (record == nullptr) return complete_at_once(at, self, wait);
    if (record->sending) return fail_at_once(at, self, wait, errc::busy);
    if (!arm_deadline(at, self, wait, until)) return close_record(at, *record, false);
    record->ended_sending = true;
    static_cast<void>(at.io_reactor->shutdown(record->fd, false, true));
    attach_receiver(at, self, *record, wait);
    if (record->receiving == receive_state::starved) return;
    serve_receiver(at, *record);
}

void begin_send(slot_header& self, send_wait& wait, descriptor_ref to, deadline until) noexcept {
    shard& at = owner_of(self);
    enter_runtime(at);
    const std::uint32_t index = at.index_of_slot(self);
    const bool usual =
        owns_end(at, index, to, descriptor_end::write) && !at.io.records[to.index].sending && wait.bytes > 0;
    if (!usual || !suspend_at_once(at, self, index, wait, wait_kind::send, until))
        return begin_send_anyhow(self, wait, to, until);
    start_send(at, self, index, wait, to);
}

void receive_completed(shard& at, descriptor& record, const completion& what) noexcept {
    if (what.buffer != no_buffer) {
        const buffer_note& note = at.io.notes[what.buffer];
        TINA_ASSERT(note.leases == 0 && !note.held, "the reactor filled a buffer that was in use");
        if (give_all(at, record, what)) [[likely]]
            return;
        ++at.io.buffers_in_use;
    }
    receive_otherwise(at, record, what);
}

void send_completed(shard& at, descriptor& record, std::int32_t result) noexcept {
    const std::uint32_t index = record.sender;
    slot_header& self = at.slots[index];
    if (self.state != slot_state::waiting) [[unlikely]]
        return send_otherwise(at, record, result);
    auto& wait = *static_cast<send_wait*>(self.wait);
    // An error is more than any send takes.
    if (static_cast<std::size_t>(std::int64_t{result}) != wait.left) [[unlikely]]
        return send_otherwise(at, record, result);
    TINA_ASSERT(self.in_flight > 0, "a send ended that its isolate had not in flight");
    at.counts.bytes_sent.add(wait.left);
    record.sending = false;
    record.sender = nothing;
    --self.in_flight;
    // What the wait says already is how it ended: all bytes, no error.
    complete_waiting(at, self, index, wait);
}

void expire_descriptor_wait(shard& at, slot_header& self) noexcept {
    descriptor& record = at.io.records[static_cast<descriptor_wait*>(self.wait)->descriptor];
    switch (self.wait->kind) {
    case wait_kind::send:
    case wait_kind::connect: {
        self.wait->expired = true;
        const token_kind kind = self.wait->kind == wait_kind::send ? token_kind::send : token_kind::connect;
        return cancel(at, record, kind);
    }
    case wait_kind::close: return finish_lingering(at, record, errc::deadline);
    default: break;
    }
    detach_receiver(at, record);
    self.wait->error = packed_error{errc::deadline}.value;
    complete(at, self);
}

bool take_at_once(shard& at, slot_header& self, descriptor_wait& wait, descriptor_ref from) noexcept {
    if (wait.kind == wait_kind::accept) {
        return take_connection(at, self, static_cast<opening_wait&>(wait), from) == nullptr;
    }
    return take_bytes(at, self, wait, from, static_cast<const recv_wait&>(wait).bytes) == nullptr;
}

bool attach_arm(shard& at, slot_header& self, descriptor_wait& wait, descriptor_ref from) noexcept {
    descriptor& record = at.io.records[from.index];
    if (record.receiver != nothing) {
        wait.error = packed_error{errc::busy}.value;
        return false;
    }
    set_receiver(at, self, record, wait);
    if (record.receiving == receive_state::idle) start_arm(at, record, wait);
    return true;
}

void arm_for_later(shard& at, slot_header& self, descriptor_wait& wait, descriptor_ref from) noexcept {
    descriptor* const record = find_readable(at, self, from);
    if (record == nullptr || record->receiver != nothing || record->receiving != receive_state::idle) return;
    start_arm(at, *record, wait);
    detach_receiver(at, *record);
}

void leave_descriptor(shard& at, const descriptor_wait& wait) noexcept {
    if (wait.descriptor != nothing) detach_receiver(at, at.io.records[wait.descriptor]);
}

bool feed_starved(shard& at) noexcept {
    // One try for each buffer that is free: more would only meet a dry ring again.
    std::uint32_t tries = at.io.buffer_count - at.io.buffers_in_use;
    bool any = false;
    while (at.io.starved_for_buffer != nothing && tries-- > 0) {
        const std::uint32_t first = at.io.records[at.io.starved_for_buffer].links.next;
        ring_remove(at.io.starved_for_buffer, first, record_links(at));
        arm_receive(at, at.io.records[first]);
        any = true;
    }
    return any;
}

void abandon_receiving(shard& at, descriptor& record) noexcept {
    set_unattended(at, record, false);
    if (record.receiver != nothing && is_suspended(at.slots[record.receiver].state)) {
        // It owns the read half of a connection that the owner of the other half has broken off; or it accepts, and the
        // system has begun to stop.
        slot_header& receiver = at.slots[record.receiver];
        settle_on_descriptor(at, receiver, record);
        const bool accepts = record.kind == descriptor_kind::listening;
        receiver.wait->error = accepts ? packed_error{errc::listener_closed}.value : -ECONNRESET;
        complete(at, receiver);
    }
    record.receiver = nothing;
    if (record.receiving == receive_state::starved) {
        record.receiving = receive_state::idle;
        if (record.retry != nothing) {
            at.wheel.cancel(record.retry);
            record.retry = nothing;
            --at.timers_max;
        } else {
            const bool for_buffer = record.kind != descriptor_kind::listening;
            ring_remove(for_buffer ? at.io.starved_for_buffer : at.io.starved_for_descriptor,
                        at.io.records.index_of(record), record_links(at));
        }
    }
    discard_held(at, record);
    if (record.kind == descriptor_kind::listening && record.receiving == receive_state::held) {
        record.receiving = receive_state::idle;
        close_record(at, at.io.records[record.held_index], true);
    }
}

}  // namespace tina::detail
