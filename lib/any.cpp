// SPDX-License-Identifier: Apache-2.0
// How several waits begin, and how all but one of them end. What an arm that lost had armed stays with its descriptor,
// and nothing else of it remains.
#include "lib/any.hpp"

#include "lib/calls.hpp"
#include "lib/mailbox.hpp"
#include "lib/ready.hpp"
#include "lib/stream.hpp"

namespace tina::detail {

namespace {

[[nodiscard]] bool has_passed(shard& at, deadline until) noexcept {
    return !until.never() && until.at_ns(at.now_ns()) <= at.now_ns();
}

/// Whether an arm is complete at once: with what is there already, or with an error.
[[nodiscard]] bool take_what_is_there(shard& at, slot_header& self, const arm_plan& plan) noexcept {
    switch (plan.wait->kind) {
    case wait_kind::receive:
        return receive_at_once(at, self, static_cast<receive_wait&>(*plan.wait), plan.types.keys, plan.types.count);
    case wait_kind::call: return static_cast<const call_wait*>(plan.wait)->record == nullptr;
    case wait_kind::sleep: return has_passed(at, plan.until);
    default: return take_at_once(at, self, static_cast<descriptor_wait&>(*plan.wait), plan.from);
    }
}

/// The same, where a deadline that has passed is an error too: no flood of others may put it off for ever.
[[nodiscard]] bool is_ready(shard& at, slot_header& self, const arm_plan& plan) noexcept {
    if (take_what_is_there(at, self, plan)) return true;
    if (plan.wait->kind == wait_kind::call || !has_passed(at, plan.until)) return false;
    plan.wait->error = packed_error{errc::deadline}.value;
    return true;
}

/// Begins to wait in an arm. False, with the error set, if it cannot.
[[nodiscard]] bool begin_arm(shard& at, slot_header& self, const arm_plan& plan, std::uint32_t arm) noexcept {
    if (plan.wait->kind == wait_kind::call) return true;
    if (!arm_timer(at, self, *plan.wait, plan.until, arm)) return false;
    return !is_receiving(*plan.wait) || attach_arm(at, self, static_cast<descriptor_wait&>(*plan.wait), plan.from);
}

/// An arm has lost, if it had begun at all.
void let_go(shard& at, wait_record& arm) noexcept {
    disarm(at, arm);
    if (arm.kind == wait_kind::call) {
        call_record* const record = static_cast<call_wait&>(arm).record;
        if (record != nullptr) abandon_call(at, *record);
    } else if (is_receiving(arm)) {
        leave_descriptor(at, static_cast<descriptor_wait&>(arm));
    }
}

void note_winner(slot_header& slot, any_wait& wait, std::uint32_t winner) noexcept {
    wait.winner = static_cast<std::uint8_t>(winner);
    slot.turn = static_cast<std::uint8_t>(winner + 1) & 7;
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

void begin_any(slot_header& self, any_wait& wait, arm_plan* plans, std::size_t count) noexcept {
    shard& at = owner_of(self);
    wait.set_up(wait_kind::any);
    wait.arm_count = static_cast<std::uint8_t>(count);
    for (std::uint32_t i = 0; i < wait.arm_count; ++i) {
        wait.arms[i] = plans[i].wait;
        if (plans[i].wait->kind != wait_kind::call) continue;
        send_arm(at, self, static_cast<call_wait&>(*plans[i].wait), plans[i], i);
    }
    std::uint32_t arm = self.turn;
    for (std::uint32_t tries = wait.arm_count; tries > 0; --tries, ++arm) {
        if (arm >= wait.arm_count) arm = 0;
        if (is_ready(at, self, plans[arm])) return win_at_once(at, self, wait, plans, arm);
    }
    for (std::uint32_t i = 0; i < wait.arm_count; ++i) {
        if (!begin_arm(at, self, plans[i], i)) return win_at_once(at, self, wait, plans, i);
    }
    suspend(at, self, wait);
}

void settle_any(shard& at, slot_header& slot, const wait_record& winner) noexcept {
    any_wait& wait = any_wait_of(slot);
    for (std::uint32_t i = 0; i < wait.arm_count; ++i) {
        if (wait.arms[i] == &winner) {
            note_winner(slot, wait, i);
        } else {
            let_go(at, *wait.arms[i]);
        }
    }
    slot.wait = wait.arms[wait.winner];
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
