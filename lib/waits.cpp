// SPDX-License-Identifier: Apache-2.0
// The effects of time alone, yield and sleep, and the end of any wait by its deadline.
#include "lib/waits.hpp"

#include "lib/any.hpp"
#include "lib/calls.hpp"
#include "lib/delivery.hpp"
#include "lib/drain.hpp"
#include "lib/message_timers.hpp"
#include "lib/opening.hpp"
#include "lib/ready.hpp"
#include "lib/stream.hpp"
#include "lib/supervision.hpp"

namespace tina::detail {

namespace {

/// `arm`: which one, if the isolate waits in any_of.
void expire_wait(shard& at, slot_header& slot, std::uint32_t arm) noexcept {
    TINA_ASSERT(is_suspended(slot.state), "a deadline came for an isolate that does not wait");
    if (slot.wait->kind == wait_kind::any) settle_any(at, slot, *any_wait_of(slot).arms[arm]);
    slot.wait->timer = nothing;
    at.observe(event_kind::timer, at.index_of_slot(slot), static_cast<std::uint32_t>(slot.wait->kind), 0);
    switch (slot.wait->kind) {
    case wait_kind::sleep: return complete(at, slot);
    case wait_kind::receive:
        slot.wait->error = packed_error{errc::deadline}.value;
        if (at.drain.begun) at.drain.waited_out.set(at.index_of_slot(slot));
        return complete(at, slot);
    case wait_kind::deliver: return expire_delivery(at, slot);
    case wait_kind::call: return expire_call(at, slot);
    case wait_kind::offload: return expire_offload(at, slot);
    default: return expire_descriptor_wait(at, slot);
    }
}

}  // namespace

bool expire_timers(shard& at) noexcept {
    if (at.wheel.armed_count() == 0) return false;
    at.wheel.advance(at.now_ns());
    std::uint32_t timer = at.wheel.next_expired();
    if (timer == no_timer) return false;
    for (; timer != no_timer; timer = at.wheel.next_expired()) {
        const timer_node expired = at.wheel.node(timer);
        at.wheel.cancel(timer);
        at.counts.timers_expired.add();
        const std::uint32_t arm = expired.kind >> timer_arm_shift;
        switch (static_cast<timer_kind>(expired.kind & ((1u << timer_arm_shift) - 1))) {
        case timer_kind::wait_deadline: expire_wait(at, at.slots[expired.owner], arm); break;
        case timer_kind::accept_retry: retry_accept(at, at.io.records[expired.owner]); break;
        case timer_kind::message: fire_timer(at, at.message_timers[expired.owner]); break;
        case timer_kind::restart: expire_wait_alone(at, at.slots[expired.owner]); break;
        case timer_kind::group_restart: expire_walk(at, expired.owner); break;
        }
    }
    return true;
}

void begin_yield(slot_header& self, wait_record& wait) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    wait.set_up(wait_kind::yield);
    suspend(at, self, wait);
    self.state = slot_state::ready;
    append_slot(at, at.yielded_head, at.yielded_tail, self);
}

void begin_sleep(slot_header& self, wait_record& wait, deadline until) noexcept {
    const runtime_stretch busy(owner_of(self));
    shard& at = owner_of(self);
    wait.set_up(wait_kind::sleep);
    if (is_interrupted(at, self)) return fail_at_once(at, self, wait, errc::interrupted);
    if (!arm_deadline(at, self, wait, until)) return;
    suspend(at, self, wait);
}

}  // namespace tina::detail
