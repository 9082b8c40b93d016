// SPDX-License-Identifier: Apache-2.0
// How several waits begin, and how all but one of them end. What an arm that lost had armed stays with its descriptor,
// and nothing else of it remains.
#include "lib/any.hpp"

#include <algorithm>

#include "lib/calls.hpp"
#include "lib/drain.hpp"
#include "lib/mailbox.hpp"
#include "lib/ready.hpp"
#include "lib/stream.hpp"

namespace tina::detail {

namespace {

/// Whether a moment has come. One that has not is kept as an instant, which is sooner compared and armed.
[[nodiscard]] bool has_passed(shard& at, deadline& until) noexcept {
    if (until.never()) return false;
    const std::int64_t now = at.now_ns();
    const std::int64_t moment = until.at_ns(now);
    until = deadline(instant(duration(moment)));
    return moment <= now;
}

/// Whether there is nothing for a receive of one type, as the slot's header tells. False: it is not so simple.
[[nodiscard, gnu::always_inline]] inline bool has_no_message(const slot_header& self, receive_wait& wait,
                                                             const message_types& types) noexcept {
    if (types.count != 1 || self.mail_count != 0 || !self.holds_nothing_and_owes_nothing()) return false;
    const std::uint32_t which = self.core->first_keys[0] == *types.keys ? 0 : 1;
    if (self.core->first_keys[which] != *types.keys) return false;
    wait.mask = std::uint32_t{1} << which;
    return true;
}

/// Whether an arm is complete at once: with what is there already, or with an error. A deadline that has passed is one
/// too: no flood of other things may put it off for ever.
[[nodiscard, gnu::always_inline]] inline bool is_ready(shard& at, slot_header& self, arm_plan& plan) noexcept {
    switch (plan.wait->kind) {
    case wait_kind::receive: {
        auto& wait = static_cast<receive_wait&>(*plan.wait);
        if (has_no_message(self, wait, plan.types)) break;
        if (receive_at_once(at, self, wait, plan.types.keys, plan.types.count)) return true;
        break;
    }
    case wait_kind::call: return static_cast<const call_wait*>(plan.wait)->record == nullptr;
    case wait_kind::sleep: return has_passed(at, plan.until);
    default: {
        auto& wait = static_cast<descriptor_wait&>(*plan.wait);
        if (is_armed_for(at, self, wait, plan.from)) break;
        if (take_at_once(at, self, wait, plan.from)) return true;
    }
    }
    if (!has_passed(at, plan.until)) return false;
    plan.wait->error = packed_error{errc::deadline}.value;
    return true;
}

/// Begins to wait in an arm that is not ready. False, with the error set, if it cannot.
[[nodiscard, gnu::always_inline]] inline bool begin_arm(shard& at, slot_header& self, const arm_plan& plan,
                                                        std::uint32_t arm) noexcept {
    if (!plan.until.never() && !arm_timer(at, self, *plan.wait, plan.until, arm)) return false;
    return !is_receiving(*plan.wait) || attach_arm(at, self, static_cast<descriptor_wait&>(*plan.wait), plan.from);
}

/// An arm has lost, if it had begun at all.
[[gnu::always_inline]] inline void let_go(shard& at, wait_record& arm) noexcept {
    disarm(at, arm);
    if (arm.kind == wait_kind::call) {
        call_record* const record = static_cast<call_wait&>(arm).record;
        if (record != nullptr) abandon_call(at, *record);
    } else if (is_receiving(arm)) {
        leave_descriptor(at, static_cast<descriptor_wait&>(arm));
    }
}

[[gnu::always_inline]] inline void let_others_go(shard& at, const any_wait& wait, std::uint32_t winner) noexcept {
    const std::uint32_t count = wait.arm_count;
    for (std::uint32_t i = 0; i < count; ++i) {
        if (i != winner) let_go(at, *wait.arms[i]);
    }
}

void note_winner(slot_header& slot, any_wait& wait, std::uint32_t winner) noexcept {
    wait.winner = static_cast<std::uint8_t>(winner);
    slot.turn = static_cast<std::uint8_t>(winner + 1) & 3;
}

/// An arm is complete before the isolate had to wait.
void win_at_once(shard& at, slot_header& self, any_wait& wait, const arm_plan* plans, std::uint32_t winner) noexcept {
    note_winner(self, wait, winner);
    disarm(at, *wait.arms[winner]);
    for (std::uint32_t i = 0; i < wait.arm_count; ++i) {
        wait_record& arm = *wait.arms[i];
        if (i != winner) let_go(at, arm);
        // What is not armed never gets ready: an arm that is always ready would keep the others out.
        const bool came = i == winner && arm.error != packed_error{errc::deadline}.value;
        if (is_receiving(arm) && !came) arm_for_later(at, self, static_cast<descriptor_wait&>(arm), plans[i].from);
    }
    complete_at_once(at, self, wait);
}

}  // namespace

void send_calls(slot_header& self, const any_wait& wait, const arm_plan* plans) noexcept {
    const runtime_stretch busy(owner_of(self));
    for (std::uint32_t i = 0; i < wait.arm_count; ++i) {
        if (wait.arms[i]->kind != wait_kind::call) continue;
        // One that is refused is ready when its turn comes.
        send_arm(owner_of(self), self, static_cast<call_wait&>(*wait.arms[i]), plans[i], i);
    }
}

namespace {

/// Whether an isolate that is to be interrupted has an arm for that, which wins then.
[[nodiscard]] bool win_by_interruption(shard& at, slot_header& self, any_wait& wait, const arm_plan* plans) noexcept {
    wait_record* const arm = interruptible_arm(wait);
    if (arm == nullptr || !is_interrupted(at, self)) return false;
    arm->error = packed_error{errc::interrupted}.value;
    win_at_once(at, self, wait, plans,
                static_cast<std::uint32_t>(std::find(wait.arms, wait.arms + wait.arm_count, arm) - wait.arms));
    return true;
}

}  // namespace

void begin_any(slot_header& self, any_wait& wait, arm_plan* plans) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    if (at.drain.begun && win_by_interruption(at, self, wait, plans)) [[unlikely]]
        return;
    const std::uint32_t count = wait.arm_count;
    std::uint32_t arm = self.turn;
    for (std::uint32_t tries = count; tries > 0; --tries, ++arm) {
        if (arm >= count) arm = 0;
        if (is_ready(at, self, plans[arm])) return win_at_once(at, self, wait, plans, arm);
    }
    for (arm = 0; arm < count; ++arm) {
        if (!begin_arm(at, self, plans[arm], arm)) return win_at_once(at, self, wait, plans, arm);
    }
    suspend(at, self, wait);
    if (wait.key != 0 && self.holds_nothing_and_owes_nothing() && at.watcher == nullptr)
        self.state = slot_state::poised_any;
}

void settle_any(shard& at, slot_header& slot, const wait_record& winner) noexcept {
    any_wait& wait = any_wait_of(slot);
    std::uint32_t arm = 0;
    while (wait.arms[arm] != &winner) ++arm;
    note_winner(slot, wait, arm);
    let_others_go(at, wait, arm);
    slot.wait = wait.arms[arm];
}

// As hand_to_poised() does for one who waits for nothing else.
send_place send_to_any(shard& at, slot_header& self, handle target, std::uint64_t key) noexcept {
    slot_header& slot = at.slots[target.slot()];
    any_wait& wait = any_wait_of(slot);
    if (slot.own_handle() != target || slot.held != nothing || wait.key != key) [[unlikely]]
        return send_to_mailbox(at, self, target, key);
    envelope* const taken = at.envelopes.take_to_hand_over();
    if (taken == nullptr) [[unlikely]]
        return send_to_mailbox(at, self, target, key);

    put_in_hand(at, slot, *taken, self.own_handle(), key);
    const std::uint32_t arm = wait.receiver;
    auto& winner = static_cast<receive_wait&>(*wait.arms[arm]);
    note_winner(slot, wait, arm);
    if (winner.timer != nothing) disarm(at, winner);
    let_others_go(at, wait, arm);
    slot.taken = taken;
    queue_ready(at, type_of(slot, self.core), slot, target.slot());
    return {taken->payload, send_result::ok};
}

receive_wait* any_receiver(const slot_header& slot, std::uint32_t which) noexcept {
    const any_wait& wait = any_wait_of(slot);
    std::uint32_t arm = slot.turn;
    for (std::uint32_t tries = wait.arm_count; tries > 0; --tries, ++arm) {
        if (arm >= wait.arm_count) arm = 0;
        if (wait.arms[arm]->kind != wait_kind::receive) continue;
        auto& receive = static_cast<receive_wait&>(*wait.arms[arm]);
        if ((receive.mask >> which & 1) != 0) return &receive;
    }
    return nullptr;
}

void abandon_any(shard& at, slot_header& slot) noexcept {
    const any_wait& wait = any_wait_of(slot);
    for (std::uint32_t i = 0; i < wait.arm_count; ++i) let_go(at, *wait.arms[i]);
}

}  // namespace tina::detail
