// SPDX-License-Identifier: Apache-2.0
// The table of descriptors: ownership, closing, completions. A record is reused only when the kernel has let go of it:
// after the last completion of its last operation.
#include "lib/descriptors.hpp"

#include <cerrno>
#include <cstring>
#include <exception>

#include "lib/holdings.hpp"
#include "lib/opening.hpp"
#include "lib/ready.hpp"
#include "lib/slots.hpp"
#include "lib/stream.hpp"

namespace tina::detail {

const std::size_t descriptor_record_bytes = sizeof(descriptor);
const std::size_t buffer_note_bytes = sizeof(buffer_note);

namespace {

[[nodiscard]] list_links& end_links(shard& at, std::uint32_t end) noexcept {
    return at.io.records[end / 2].ends[end % 2].links;
}

[[nodiscard]] auto end_list(shard& at) noexcept {
    return [&at](std::uint32_t end) -> list_links& { return end_links(at, end); };
}

[[nodiscard]] std::uint32_t end_index(const shard& at, const descriptor& record, descriptor_end end) noexcept {
    return at.io.records.index_of(record) * 2 + static_cast<std::uint32_t>(end);
}

void unlink_end(shard& at, descriptor& record, descriptor_end which) noexcept {
    owned_end& end = record.end(which);
    if (end.owner == nothing) return;
    list_remove(at.slots[end.owner].descriptors, end_index(at, record, which), end_list(at));
    end.owner = nothing;
}

void link_end(shard& at, descriptor& record, descriptor_end which, slot_header& owner) noexcept {
    unlink_end(at, record, which);
    record.end(which).owner = at.index_of_slot(owner);
    list_push(owner.descriptors, end_index(at, record, which), end_list(at));
}

/// One half of a split connection is given up, the other stays.
void drop_half(shard& at, descriptor& record, descriptor_end end) noexcept {
    if (end == descriptor_end::write) {
        record.ended_sending = true;
        static_cast<void>(at.io_reactor->shutdown(record.fd, false, true));
    } else {
        abandon_receiving(at, record);
        if (record.receiving == receive_state::armed) cancel(at, record, token_kind::receive);
    }
}

[[gnu::noinline]] void finish_close(shard& at, descriptor& record) noexcept {
    at.counts.connections_closed.add(record.kind == descriptor_kind::stream ? 1 : 0);
    free_record(at, record);
}

[[gnu::noinline]] void opening_completed(shard& at, descriptor& record, token_kind kind, std::int32_t result) noexcept {
    if (kind == token_kind::connect) connect_completed(at, record, result);
    if (kind == token_kind::accept) accept_completed(at, record, result);
}

// Flattened: the two ends of every request are compiled into this loop step.
[[gnu::flatten]] void complete_operation(shard& at, const completion& what) noexcept {
    descriptor& record = at.io.records[index_of(what.token)];
    const bool was_in_flight = record.operations-- != 0;
    TINA_ASSERT(was_in_flight, "a completion came for a descriptor that has nothing in flight");
    at.observe(event_kind::completion, record.end(descriptor_end::read).owner, index_of(what.token), what.result);
    const token_kind kind = kind_of(what.token);
    if (kind == token_kind::receive) {
        receive_completed(at, record, what);
    } else if (kind == token_kind::send) {
        send_completed(at, record, what.result);
    } else {
        opening_completed(at, record, kind, what.result);
    }
    if (record.closing && record.operations == 0) finish_close(at, record);
}

}  // namespace

descriptor* find_descriptor(shard& at, descriptor_ref what) noexcept {
    if (what.index >= at.io.records.capacity()) return nullptr;
    descriptor& record = at.io.records[what.index];
    if (record.generation != what.generation || record.kind == descriptor_kind::unused) return nullptr;
    return record.closing || record.close_queued ? nullptr : &record;
}

descriptor* take_record(shard& at, descriptor_kind kind) noexcept {
    const std::uint32_t index = at.io.records.take();
    if (index == nothing) return nullptr;
    descriptor& record = at.io.records[index];
    const std::uint32_t generation = record.generation;
    record = descriptor{};
    record.generation = generation;
    record.kind = kind;
    return &record;
}

void free_record(shard& at, descriptor& record) noexcept {
    record.kind = descriptor_kind::unused;
    record.fd = -1;
    ++record.generation;
    at.io.records.give_back(at.io.records.index_of(record));
    if (at.io.starved_for_descriptor != nothing) feed_starved_accepts(at);
}

void own(shard& at, slot_header& owner, descriptor& record) noexcept {
    for (const descriptor_end end : {descriptor_end::read, descriptor_end::write}) {
        record.end(end).open = true;
        link_end(at, record, end, owner);
    }
}

void adopt_descriptor(slot_header& owner, descriptor_ref what, descriptor_end end) noexcept {
    const runtime_stretch busy(owner_of(owner));
    shard& at = owner_of(owner);
    descriptor* const record = find_descriptor(at, what);
    if (record != nullptr && record->end(end).open) link_end(at, *record, end, owner);
}

void split_descriptor(shard& at, descriptor_ref what) noexcept {
    const runtime_stretch busy(at);
    if (descriptor* const record = find_descriptor(at, what)) record->split = true;
}

void drop_descriptor(shard& at, descriptor_ref what, descriptor_end end) noexcept {
    const runtime_stretch busy(at);
    descriptor* const record = find_descriptor(at, what);
    if (record == nullptr || !record->end(end).open) return;
    record->end(end).open = false;
    unlink_end(at, *record, end);
    const bool unwinding = std::uncaught_exceptions() > 0;
    const bool other_open = record->end(descriptor_end::read).open || record->end(descriptor_end::write).open;
    if (other_open && !record->split) return;  // the second end of a whole socket follows at once
    if (other_open && !unwinding) return drop_half(at, *record, end);
    // What is to be done is known at the end of the activation, when it is clear whether the isolate has crashed.
    record->close_queued = !other_open;
    record->unwinding = record->unwinding || unwinding;
    if (record->listed) return;
    record->listed = true;
    record->next_closing = at.io.closing;
    at.io.closing = at.io.records.index_of(*record);
    at.cleanup_wanted = cleanup::all;
}

void close_dropped(shard& at, bool crashed) noexcept {
    while (at.io.closing != nothing) {
        descriptor& record = at.io.records[at.io.closing];
        at.io.closing = record.next_closing;
        record.listed = false;
        const bool reset = crashed && record.unwinding;
        record.unwinding = false;
        if (record.close_queued || reset) {
            record.close_queued = false;
            close_record(at, record, reset);
        } else {
            const bool reading_dropped = !record.end(descriptor_end::read).open;
            drop_half(at, record, reading_dropped ? descriptor_end::read : descriptor_end::write);
        }
    }
}

void close_owned(shard& at, slot_header& owner, bool reset) noexcept {
    while (owner.descriptors != nothing) {
        descriptor& record = at.io.records[owner.descriptors / 2];
        const auto which = static_cast<descriptor_end>(owner.descriptors % 2);
        record.end(which).open = false;
        unlink_end(at, record, which);
        if (!record.end(descriptor_end::read).open && !record.end(descriptor_end::write).open) {
            close_record(at, record, reset);
        } else if (reset) {
            // A half that crashes breaks the connection off: the peer must not take a part of a message for a whole
            // one.
            close_record(at, record, true);
        } else if (record.split) {
            drop_half(at, record, which);
        }
    }
}

void close_record(shard& at, descriptor& record, bool reset) noexcept {
    TINA_ASSERT(!record.closing, "a descriptor was closed twice");
    abandon_receiving(at, record);
    for (const descriptor_end end : {descriptor_end::read, descriptor_end::write}) {
        record.end(end).open = false;
        unlink_end(at, record, end);
    }
    if (record.operations == 0) {
        if (reset) at.io_reactor->reset_on_close(record.fd);
        at.io_reactor->close_now(record.fd);
        finish_close(at, record);
        return;
    }
    if (reset) at.io_reactor->reset_on_close(record.fd);
    record.closing = true;
    submit(at, record, {.kind = operation_kind::close, .token = make_token(token_kind::close, ref_of(at, record))});
}

void close_all(shard& at) noexcept {
    close_dropped(at, false);
    for (std::uint32_t index = 0; index < at.io.records.watermark(); ++index) {
        descriptor& record = at.io.records[index];
        if (record.kind > descriptor_kind::reserved && !record.closing) close_record(at, record, false);
    }
}

std::string open_listener(shard& at, const listening_options& options, listener& opened) {
    const std::string where = std::string(options.address) + " port " + std::to_string(options.port);
    const auto local = parse_ip(options.address, options.port);
    if (!local) return "cannot listen on " + where + ": the address is not a numeric IPv4 or IPv6 address";
    descriptor* const record = take_record(at, descriptor_kind::listening);
    if (record == nullptr) return "cannot listen on " + where + ": raise shard_limits::descriptors";
    const int fd = at.io_reactor->listen({.local = *local,
                                          .backlog = options.backlog,
                                          .reuse_port = options.reuse_port,
                                          .no_delay = options.no_delay,
                                          .only_ip6 = options.only_ip6,
                                          .receive_buffer_bytes = options.receive_buffer_bytes,
                                          .send_buffer_bytes = options.send_buffer_bytes});
    if (fd < 0) {
        free_record(at, *record);
        const char* cure = "";
        if (fd == -EADDRINUSE)
            cure = "; stop what listens there, choose another port, or set reuse_port on every shard";
        if (fd == -EADDRNOTAVAIL) cure = "; no interface of this machine has that address";
        if (fd == -EACCES) cure = "; ports below 1024 need CAP_NET_BIND_SERVICE";
        if (fd == -EMFILE) cure = "; raise the limit on open files (ulimit -n)";
        return "cannot listen on " + where + ": " + std::strerror(-fd) + cure;
    }
    record->fd = fd;
    opened = listener(at, ref_of(at, *record));
    return {};
}

void submit(shard& at, descriptor& record, operation what) noexcept {
    what.descriptor = record.fd;
    count_submitted(at, record);
    at.io_reactor->submit(what);
}

void cancel(shard& at, const descriptor& record, token_kind kind) noexcept {
    at.io_reactor->submit({.kind = operation_kind::cancel, .target = make_token(kind, ref_of(at, record))});
}

bool take_completions(shard& at) noexcept {
    if (!at.io_reactor->has_events()) return false;
    const std::size_t count = at.io_reactor->collect(at.io.completions);
    at.io.operations -= static_cast<std::uint32_t>(count);
    at.io.operations_ended += count;
    // Who is woken is likely to begin a wait with a deadline. Where there are any the cycle looks at the clock anyway.
    if (count > 0 && at.wheel.armed_count() > 0) static_cast<void>(at.now_ns());
    for (std::size_t i = 0; i < count; ++i) complete_operation(at, at.io.completions[i]);
    if (at.io.closing != nothing) close_dropped(at, false);
    return count > 0;
}

std::int32_t shutdown_descriptor(shard& at, descriptor_ref what, bool receiving, bool sending) noexcept {
    const runtime_stretch busy(at);
    descriptor* const record = find_descriptor(at, what);
    if (record == nullptr) return packed_error{errc::bad_descriptor}.value;
    record->ended_sending = record->ended_sending || sending;
    return at.io_reactor->shutdown(record->fd, receiving, sending);
}

std::int32_t set_descriptor_option(shard& at, descriptor_ref what, socket_option option, std::int32_t value) noexcept {
    const runtime_stretch busy(at);
    descriptor* const record = find_descriptor(at, what);
    if (record == nullptr) return packed_error{errc::bad_descriptor}.value;
    return at.io_reactor->set_option(record->fd, option, value);
}

std::int32_t get_descriptor_option(shard& at, descriptor_ref what, socket_option option, std::int32_t& value) noexcept {
    const runtime_stretch busy(at);
    descriptor* const record = find_descriptor(at, what);
    if (record == nullptr) return packed_error{errc::bad_descriptor}.value;
    return at.io_reactor->get_option(record->fd, option, value);
}

std::int32_t descriptor_address(shard& at, descriptor_ref what, bool peer, address& out) noexcept {
    const runtime_stretch busy(at);
    descriptor* const record = find_descriptor(at, what);
    if (record == nullptr) return packed_error{errc::bad_descriptor}.value;
    return peer ? at.io_reactor->peer_address(record->fd, out) : at.io_reactor->local_address(record->fd, out);
}

shard& shard_of(slot_header& self) noexcept { return owner_of(self); }

}  // namespace tina::detail
