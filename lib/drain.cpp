// SPDX-License-Identifier: Apache-2.0
// Draining a shard. Each of its isolates is told once: by the message tina::shutdown where its type accepts that, else
// by an interruption. Then the shard goes on as ever, and each time that it has nothing to do it looks whether an
// isolate is left that is at something. docs/decisions/0009 tells how all shards together find out that none is.
#include "lib/drain.hpp"

#include <algorithm>
#include <cstdio>
#include <cstring>

#include "lib/any.hpp"
#include "lib/descriptors.hpp"
#include "lib/mailbox.hpp"
#include "lib/ready.hpp"
#include "lib/standing.hpp"
#include "lib/stream.hpp"
#include "lib/supervision.hpp"
#include "lib/transit.hpp"
#include "lib/turns.hpp"
#include "tina/detail/message_info.hpp"
#include "tina/shutdown.hpp"

namespace tina::detail {

namespace {

[[nodiscard]] bool is_alive(const slot_header& slot) noexcept { return slot.state >= slot_state::running; }

template <class Visit>
void for_each_live(shard& at, Visit&& visit) noexcept {
    for (const type_state& type : at.types) {
        for (std::uint32_t i = 0; i < type.never_used; ++i) {
            slot_header& slot = at.slots[type.first_slot + i];
            if (is_alive(slot)) visit(slot);
        }
    }
}

// --- telling
// ----------------------------------------------------------------------------------------------------------

/// Writes the one envelope of all messages tina::shutdown of this shard; nobody gives it back.
void write_notice(shard& at) noexcept {
    envelope& notice = *new (&at.envelopes[notice_envelope(at)]) envelope;
    notice.key = message_key_of<shutdown>;
    const shutdown content{instant(duration(at.drain.deadline_ns))};
    std::memcpy(notice.payload, &content, sizeof content);
    at.drain.notice_arrival = ++at.arrivals;
    for (type_state& type : at.types) {
        const auto index = static_cast<std::uint16_t>(&type - at.types.data());
        type.notice_index = accept_index(at, index, notice.key);
    }
}

/// Ends the wait of an isolate with errc::interrupted, if it is one of those that can be.
[[nodiscard]] bool interrupt_wait(shard& at, slot_header& slot) noexcept {
    if (slot.state != slot_state::waiting && slot.state != slot_state::poised_any) return false;
    if (slot.wait->kind == wait_kind::any) {
        wait_record* const arm = interruptible_arm(any_wait_of(slot));
        if (arm == nullptr) return false;
        settle_any(at, slot, *arm);
    }
    wait_record& wait = *slot.wait;
    if (!is_interruptible(wait.kind)) return false;
    if (wait.kind != wait_kind::sleep) leave_descriptor(at, static_cast<descriptor_wait&>(wait));
    wait.error = packed_error{errc::interrupted}.value;
    complete(at, slot);
    return true;
}

/// Tells an isolate, if it waits in something that lets it know.
void tell_isolate(shard& at, slot_header& slot) noexcept {
    const bool by_message = at.types[slot.type].notice_index != nothing;
    const bool told = by_message ? hand_over_notice(at, slot) : interrupt_wait(at, slot);
    if (told) at.drain.owed.clear(at.index_of_slot(slot));
}

/// New connections are refused: those in the backlog see a reset.
void close_listeners(shard& at) noexcept {
    for (std::uint32_t index = 0; index < at.io.records.watermark(); ++index) {
        descriptor& record = at.io.records[index];
        if (record.kind == descriptor_kind::listening && !record.closing) close_record(at, record, false);
    }
}

void begin_drain(shard& at) noexcept {
    const std::int64_t now = at.io_reactor->now_ns();
    const std::int64_t span = at.shared.drain_max.count();
    at.drain.deadline_ns = at.shared.board().agree_on_deadline(now + span);
    at.drain.begun = true;
    at.take_long_way();
    forget_restarts(at);
    write_notice(at);
    for_each_live(at, [&](slot_header& slot) { owe_notice(at, slot); });
    for_each_live(at, [&](slot_header& slot) { tell_isolate(at, slot); });
    close_listeners(at);
    if (at.index == 0) at.log.write(log_level::info, {}, 0, "the system stops: what has begun may come to its end");
}

// --- finding out that nothing is left
// ---------------------------------------------------------------------------------

/// Whether a receive can do without its deadline: it is later than the end, or the isolate has seen one come already
/// and waits again.
[[nodiscard]] bool has_idle_deadline(const shard& at, const slot_header& slot, const wait_record& wait) noexcept {
    if (at.drain.waited_out.test(at.index_of_slot(slot))) return true;
    return at.wheel.node(wait.timer).deadline_ns >= at.drain.deadline_ns;
}

/// Whether a wait can only be ended by a message.
[[nodiscard]] bool is_idle_wait(const shard& at, const slot_header& slot, const wait_record& wait) noexcept {
    if (wait.kind != wait_kind::receive) return false;
    return wait.timer == nothing || has_idle_deadline(at, slot, wait);
}

/// Whether an isolate is at something: it runs, is about to, or waits for anything but messages.
[[nodiscard]] bool is_draining(const shard& at, const slot_header& slot) noexcept {
    if (!is_alive(slot) || waits_in_header(slot.state)) return false;
    if (!is_suspended(slot.state)) return true;
    if (slot.wait->kind != wait_kind::any) return !is_idle_wait(at, slot, *slot.wait);
    const any_wait& wait = any_wait_of(slot);
    return !std::all_of(wait.arms, wait.arms + wait.arm_count,
                        [&](const wait_record* arm) { return is_idle_wait(at, slot, *arm); });
}

/// Whether an isolate of this shard is at something. The search goes on where it has found one the last time, so that
/// isolates which come to their end one after the other are not gone through again for each.
[[nodiscard]] bool find_draining(shard& at) noexcept {
    drain_state& drain = at.drain;
    for (std::size_t left = at.types.size() + 1; left > 0; --left) {
        const type_state& type = at.types[drain.witness_type];
        for (; drain.witness_slot < type.never_used; ++drain.witness_slot) {
            if (is_draining(at, at.slots[type.first_slot + drain.witness_slot])) return true;
        }
        drain.witness_slot = 0;
        if (++drain.witness_type == at.types.size()) drain.witness_type = 0;
    }
    return false;
}

// --- ending
// -----------------------------------------------------------------------------------------------------------

[[nodiscard]] const char* to_string(wait_kind kind) noexcept {
    switch (kind) {
    case wait_kind::none: return "nothing";
    case wait_kind::receive: return "receive";
    case wait_kind::deliver: return "deliver";
    case wait_kind::call: return "call";
    case wait_kind::spawn: return "spawn_on";
    case wait_kind::offload: return "offload";
    case wait_kind::yield: return "yield";
    case wait_kind::sleep: return "sleep";
    case wait_kind::accept: return "accept";
    case wait_kind::connect: return "connect";
    case wait_kind::recv: return "recv";
    case wait_kind::recv_into: return "recv_into";
    case wait_kind::send: return "send";
    case wait_kind::close: return "close";
    case wait_kind::any: return "any_of";
    }
    return "?";
}

void report_forced(shard& at, const slot_header& slot) noexcept {
    char text[64];
    const bool waits = is_suspended(slot.state);
    const wait_kind kind = slot.state >= slot_state::poised_until ? wait_kind::receive
                           : waits                                ? slot.wait->kind
                                                                  : wait_kind::none;
    const int bytes = waits ? std::snprintf(text, sizeof text, "ended by force: it waits in %s", to_string(kind))
                            : std::snprintf(text, sizeof text, "ended by force: it was about to run");
    at.log.write(log_level::warning, at.types[slot.type].plan->what->name, at.index_of_slot(slot),
                 {text, static_cast<std::size_t>(bytes)});
}

}  // namespace

bool follow_board(shard& at) noexcept {
    at.drain.seen = at.shared.board().word();
    switch (stop_board::stage_of(at.drain.seen)) {
    case stop_stage::running: return true;
    case stop_stage::draining: break;
    case stop_stage::drained:
    case stop_stage::forced: return false;
    }
    if (!at.drain.begun) begin_drain(at);
    if (at.io_reactor->now_ns() < at.drain.deadline_ns) return true;
    at.shared.request_stop(stop_mode::now);
    return false;
}

bool vote_if_quiet(shard& at) noexcept {
    drain_state& drain = at.drain;
    // The word comes first: what others had sent before they voted in the last round is seen by what comes after.
    const std::uint64_t seen = at.shared.board().word();
    if (seen != drain.seen) return true;
    if (drain.voted == seen) return false;
    if (has_ready(at) || !at.dirty.empty() || has_unread(at) || find_draining(at)) return false;
    const bool still = std::exchange(drain.still, true);
    drain.voted = seen;
    if (!at.shared.board().vote(seen, still, at.shared.shard_count())) return false;
    at.shared.wake_all();
    return true;
}

void owe_notice(shard& at, const slot_header& slot) noexcept {
    at.drain.owed.set(at.index_of_slot(slot));
    at.drain.waited_out.clear(at.index_of_slot(slot));
}

bool take_interruption(shard& at, const slot_header& self) noexcept {
    const std::uint32_t index = at.index_of_slot(self);
    if (!at.drain.owed.test(index) || at.types[self.type].notice_index != nothing) return false;
    at.drain.owed.clear(index);
    return true;
}

bool is_owed_message(const shard& at, const slot_header& slot) noexcept {
    return at.drain.owed.test(at.index_of_slot(slot)) && at.types[slot.type].notice_index != nothing;
}

void report_end(shard& at) noexcept {
    const stop_stage stage = at.shared.board().stage();
    if (stage == stop_stage::forced) {
        for_each_live(at, [&](const slot_header& slot) {
            if (!is_draining(at, slot)) return;
            at.counts.isolates_forced.add();
            if (at.shared.board().may_report()) report_forced(at, slot);
        });
    }
    if (at.index != 0) return;
    if (stage == stop_stage::drained) at.log.write(log_level::info, {}, 0, "the system has drained");
    if (stage == stop_stage::forced) at.log.write(log_level::warning, {}, 0, "the system was stopped by force");
}

}  // namespace tina::detail
