// SPDX-License-Identifier: Apache-2.0
// Accepting and connecting: the ways in which a connection begins. The record of a connection is taken before the
// kernel is asked for one, so that what it accepts is never turned away here.
#include "lib/opening.hpp"

#include <cerrno>

#include "lib/any.hpp"
#include "lib/descriptors.hpp"
#include "lib/drain.hpp"
#include "lib/ready.hpp"
#include "lib/receiver.hpp"

namespace tina::detail {

namespace {

constexpr std::int64_t accept_retry_ns = 100'000'000;  ///< after the process had no descriptor left
constexpr std::uint8_t accept_failures_max = 16;       ///< in a row, before accept pauses as if it had none left

void give_connection(shard& at, slot_header& self, descriptor& record, opening_wait& wait) noexcept {
    descriptor& made = at.io.records[record.held_index];
    made.kind = descriptor_kind::stream;
    own(at, self, made);
    wait.made = ref_of(at, made);
    record.receiving = receive_state::idle;
    at.counts.connections_accepted.add();
}

[[nodiscard]] bool is_out_of_descriptors(std::int32_t error) noexcept {
    return error == -EMFILE || error == -ENFILE || error == -ENOBUFS || error == -ENOMEM;
}

/// Errors that belong to one connection that went away, not to the listening socket. Source: accept(2).
[[nodiscard]] bool is_of_one_connection(std::int32_t error) noexcept {
    switch (-error) {
    case ECONNABORTED:
    case EINTR:
    case EAGAIN:
    case EPROTO:
    case EPERM:
    case ENETDOWN:
    case ENOPROTOOPT:
    case EHOSTDOWN:
    case ENONET:
    case EHOSTUNREACH:
    case ENETUNREACH: return true;
    default: return false;
    }
}

void postpone_accept(shard& at, descriptor& record) noexcept {
    at.counts.accepts_postponed.add();
    record.receiving = receive_state::starved;
    record.failures = 0;
    ++at.timers_max;
    record.retry = at.wheel.arm(at.now_ns() + accept_retry_ns, at.io.records.index_of(record),
                                static_cast<std::uint32_t>(timer_kind::accept_retry));
    TINA_ASSERT(record.retry != nothing, "the timer of a listening socket, which is set aside for it, was not there");
}

}  // namespace

void arm_accept(shard& at, descriptor& record) noexcept {
    // The record of the connection is taken beforehand: what the kernel accepts is never turned away here.
    descriptor* const made = take_record(at, descriptor_kind::reserved);
    if (made == nullptr) {
        at.counts.accepts_postponed.add();
        record.receiving = receive_state::starved;
        ring_append(at.io.starved_for_descriptor, at.io.records.index_of(record), record_links(at));
        return;
    }
    record.receiving = receive_state::armed;
    record.held_index = at.io.records.index_of(*made);
    submit(at, record, {.kind = operation_kind::accept, .token = token_of(at, record, token_kind::accept)});
}

descriptor* take_connection(shard& at, slot_header& self, opening_wait& wait, descriptor_ref from) noexcept {
    descriptor* const record = find_to_receive(at, self, wait, from);
    if (record == nullptr) {
        if (at.drain.begun && find_descriptor(at, from) == nullptr)
            wait.error = packed_error{errc::listener_closed}.value;
        return nullptr;
    }
    if (record->kind != descriptor_kind::listening) {
        wait.error = packed_error{errc::bad_descriptor}.value;
    } else if (record->receiving == receive_state::held) {
        give_connection(at, self, *record, wait);
    } else if (record->receiving == receive_state::finished) {
        wait.error = record->finish_error;
    } else {
        return record;
    }
    return nullptr;
}

void begin_accept(slot_header& self, opening_wait& wait, descriptor_ref from, deadline until) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    wait.set_up(wait_kind::accept);
    if (is_interrupted(at, self)) return fail_at_once(at, self, wait, errc::interrupted);
    descriptor* const record = take_connection(at, self, wait, from);
    if (record == nullptr) return complete_at_once(at, self, wait);
    if (!arm_deadline(at, self, wait, until)) return;
    attach_receiver(at, self, *record, wait);
    if (record->receiving == receive_state::idle) arm_accept(at, *record);
}

void begin_connect(slot_header& self, opening_wait& wait, const address& peer, deadline until) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    wait.set_up(wait_kind::connect);
    descriptor* const record = take_record(at, descriptor_kind::connecting);
    if (record == nullptr) return fail_at_once(at, self, wait, errc::no_descriptors);
    const int fd = at.io_reactor->open_stream(peer.family);
    if (fd < 0) {
        free_record(at, *record);
        return fail_at_once(at, self, wait, packed_error{fd});
    }
    record->fd = fd;
    if (!arm_deadline(at, self, wait, until)) return close_record(at, *record, false);
    own(at, self, *record);
    record->sending = true;
    record->sender = at.index_of_slot(self);
    wait.descriptor = at.io.records.index_of(*record);
    suspend(at, self, wait);
    submit(at, *record,
           {.kind = operation_kind::connect, .token = token_of(at, *record, token_kind::connect), .peer = &peer});
}

void accept_completed(shard& at, descriptor& record, std::int32_t result) noexcept {
    descriptor& made = at.io.records[record.held_index];
    if (result >= 0) {
        made.fd = result;
        if (record.closing) return close_record(at, made, true);
        record.failures = 0;
        record.receiving = receive_state::held;
        if (record.receiver == nothing) return;
        slot_header& self = at.slots[record.receiver];
        settle_on_descriptor(at, self, record);
        record.receiver = nothing;
        give_connection(at, self, record, *static_cast<opening_wait*>(self.wait));
        return complete(at, self);
    }
    record.receiving = receive_state::idle;
    free_record(at, made);
    if (record.closing) return;
    const bool again = is_of_one_connection(result);
    if (is_out_of_descriptors(result) || (again && ++record.failures >= accept_failures_max)) {
        return postpone_accept(at, record);
    }
    if (again) return arm_accept(at, record);
    finish_receiving(record, packed_error{result});
    if (record.receiver == nothing) return;
    slot_header& self = at.slots[record.receiver];
    settle_on_descriptor(at, self, record);
    record.receiver = nothing;
    self.wait->error = result;
    complete(at, self);
}

void connect_completed(shard& at, descriptor& record, std::int32_t result) noexcept {
    record.sending = false;
    if (record.closing) return;
    slot_header& self = at.slots[record.sender];
    record.sender = nothing;
    auto& wait = *static_cast<opening_wait*>(self.wait);
    if (result >= 0 && !wait.expired) {
        record.kind = descriptor_kind::stream;
        wait.made = ref_of(at, record);
        at.counts.connections_opened.add();
    } else {
        wait.error = wait.expired ? packed_error{errc::deadline}.value : result;
        close_record(at, record, false);
    }
    complete(at, self);
}

void retry_accept(shard& at, descriptor& record) noexcept {
    record.retry = nothing;
    --at.timers_max;
    record.receiving = receive_state::idle;
    arm_accept(at, record);
}

void feed_starved_accepts(shard& at) noexcept {
    const std::uint32_t first = at.io.records[at.io.starved_for_descriptor].links.next;
    ring_remove(at.io.starved_for_descriptor, first, record_links(at));
    arm_accept(at, at.io.records[first]);
}

}  // namespace tina::detail
