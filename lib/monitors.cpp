// SPDX-License-Identifier: Apache-2.0
// The way of a monitor: to its target's shard, into the list of who watches, home with the reason. One that is not
// wanted any more is followed by its withdrawal on the same way; lanes keep their order, so that what comes home last
// is the withdrawal, whatever happens to the target meanwhile.
#include "lib/monitors.hpp"

#include <cstdio>
#include <cstring>

#include "lib/calls.hpp"
#include "lib/exit_note.hpp"
#include "lib/mailbox.hpp"
#include "lib/ready.hpp"
#include "lib/slots.hpp"
#include "lib/standing.hpp"
#include "tina/detail/message_info.hpp"

namespace tina::detail {

namespace {

[[nodiscard]] monitor_record*& watchers_of(shard& at, handle target) noexcept {
    return at.watchers[target.slot() & (at.watcher_heads - 1)];
}

void link_watcher(shard& at, slot_header& target, monitor_record& record) noexcept {
    monitor_record*& head = watchers_of(at, record.target);
    record.next_watcher = head;
    record.previous_watcher = nullptr;
    if (head != nullptr) head->previous_watcher = &record;
    head = &record;
    record.watching = true;
    target.watched = 1;
}

void unlink_watcher(shard& at, monitor_record& record) noexcept {
    (record.previous_watcher == nullptr ? watchers_of(at, record.target) : record.previous_watcher->next_watcher) =
        record.next_watcher;
    if (record.next_watcher != nullptr) record.next_watcher->previous_watcher = record.previous_watcher;
    record.watching = false;
}

[[nodiscard]] down down_of_nobody(handle target) noexcept { return {.who = target, .reason = exit_reason::gone}; }

void go_home(shard& at, monitor_record& record) noexcept {
    const std::uint32_t home = shard_of_place(record.place);
    if (home == at.index) return finish_watch(at, record);
    record.event = lane_event::monitor_ended;
    send_entry(at, home, record);
}

void free_monitor(shard& at, monitor_record& record) noexcept { at.monitors.give_back(index_of_place(record.place)); }

/// The other end of a link has ended.
void break_link(shard& at, slot_header& slot, exit_reason reason, handle other) noexcept {
    const bool crashed = is_crash(reason);
    if (!doom(at, slot, crashed)) return;
    at.counts.links_broken.add();
    if (!crashed) return;
    char text[96];
    const int bytes = std::snprintf(text, sizeof text, "crashed: linked isolate %u/%u.%u crashed", other.shard(),
                                    other.slot(), other.generation());
    at.log.write(log_level::warning, at.types[slot.type].plan->what->name, at.index_of_slot(slot),
                 {text, static_cast<std::size_t>(bytes)});
}

/// Nobody waits at home any more: takes the record out of the list of watchers, if it still is in it.
void stop_watch(shard& at, monitor_record& record) noexcept {
    if (!record.watching) return;
    unlink_watcher(at, record);
    if (record.link) break_link(at, at.slots[record.target.slot()], record.home_reason, record.watcher);
}

monitor_answer refuse_monitor(shard& at, errc why) noexcept {
    at.counts.monitors_refused.add();
    return {0, packed_error{why}.value};
}

void send_down(shard& at, monitor_record& record) noexcept {
    const std::uint32_t number = number_of(at, record);
    std::memcpy(at.envelopes[envelope_of(at, number)].payload, &record.told, sizeof record.told);
    send_standing(at, record, number, record.target);
}

void send_off(shard& at, monitor_record& record) noexcept {
    const std::uint32_t there = record.target.shard();
    record.away = true;
    record.withdrawn = false;
    record.watching = false;
    if (there == at.index) return begin_watch(at, record);
    if (!record.target || there >= at.shared.shard_count()) {
        record.told = down_of_nobody(record.target);
        return finish_watch(at, record);
    }
    record.event = lane_event::monitor_set;
    send_entry(at, there, record);
}

}  // namespace

monitor_answer set_monitor(slot_header& self, handle target, bool link) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    if (link && target == self.own_handle()) return {0, 0};
    if (!link && accept_index(at, self.type, message_key_of<down>) == nothing)
        return refuse_monitor(at, errc::not_accepted);
    const std::uint32_t index = at.monitors.take();
    if (index == nothing) return refuse_monitor(at, errc::no_monitors);
    monitor_record& record = at.monitors[index];
    record.place = make_place(at.index, index);
    record.link = link;
    record.watcher = self.own_handle();
    record.target = target;
    begin_standing(at, self, number_of(at, record), message_key_of<down>);
    at.counts.monitors_set.add();
    const std::uint64_t name = standing_name(index, record.use);
    send_off(at, record);
    return {name, 0};
}

bool withdraw_monitor(slot_header& self, std::uint64_t name) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    monitor_record* const record = find_standing(at.monitors, name, at.index_of_slot(self));
    if (record == nullptr || record->message == message_stage::held) return false;
    if (record->message == message_stage::queued) take_back(at, *record, number_of(at, *record));
    end_monitor(at, *record);
    return true;
}

void begin_watch(shard& at, monitor_record& record) noexcept {
    slot_header* const target = at.live(record.target);
    if (target != nullptr) return link_watcher(at, *target, record);
    record.told = down_of_nobody(record.target);
    go_home(at, record);
}

void tell_watchers(shard& at, slot_header& slot) noexcept {
    if (slot.watched == 0) return;
    slot.watched = 0;
    const down told = describe_end(slot);
    monitor_record* next = nullptr;
    for (monitor_record* each = watchers_of(at, slot.own_handle()); each != nullptr; each = next) {
        next = each->next_watcher;
        if (each->target != slot.own_handle()) continue;
        unlink_watcher(at, *each);
        each->told = told;
        go_home(at, *each);
    }
}

void finish_watch(shard& at, monitor_record& record) noexcept {
    if (record.withdrawn) return;  // its withdrawal comes behind it
    record.away = false;
    at.counts.monitors_ended.add();
    if (!record.link) return send_down(at, record);
    slot_header& owner = at.slots[record.owner];
    const exit_reason reason = record.told.reason;
    const handle other = record.target;
    end_monitor(at, record);
    break_link(at, owner, reason, other);
}

void take_withdrawal(shard& at, monitor_withdrawal& arrived) noexcept {
    monitor_record& record = *arrived.of;
    const std::uint32_t home = shard_of_place(record.place);
    if (home == at.index) return free_monitor(at, record);
    stop_watch(at, record);
    send_entry(at, home, arrived);
}

void end_monitor(shard& at, monitor_record& record) noexcept {
    record.home_reason = reason_of(at.slots[record.owner]);
    leave_owner(at, record, number_of(at, record));
    if (!record.away) return free_monitor(at, record);
    record.away = false;
    at.counts.monitors_withdrawn.add();
    if (record.target.shard() == at.index) {
        stop_watch(at, record);
        return free_monitor(at, record);
    }
    record.withdrawn = true;
    record.withdrawal.event = lane_event::monitor_withdrawn;
    record.withdrawal.of = &record;
    send_entry(at, record.target.shard(), record.withdrawal);
}

}  // namespace tina::detail
