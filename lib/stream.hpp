// SPDX-License-Identifier: Apache-2.0
// Receiving and sending on connections: the state machines between an effect and its completion. A receive stays armed
// when its waiter goes; one buffer or one connection then waits with its descriptor. Works on one shard, on its own
// thread.
#pragma once

#include "lib/descriptor.hpp"
#include "lib/shard.hpp"

namespace tina::detail {

void receive_completed(shard& at, descriptor& record, const completion& what) noexcept;
void send_completed(shard& at, descriptor& record, std::int32_t result) noexcept;

/// The deadline of a wait on a descriptor has come.
void expire_descriptor_wait(shard& at, slot_header& slot) noexcept;
/// Lets receives that wait for a buffer try, in order, as many as buffers are free. Returns whether any did.
bool feed_starved(shard& at) noexcept;
/// Gives a recv or an accept what it can have at once: what waits with the descriptor, or an error. False if it must
/// wait.
[[nodiscard]] bool take_at_once(shard& at, slot_header& self, descriptor_wait& wait, descriptor_ref from) noexcept;
/// Whether a recv waits for what its descriptor has asked for already, so that it can have nothing at once. False: it
/// is not so simple.
[[nodiscard]] inline bool is_armed_for(const shard& at, const slot_header& self, const descriptor_wait& wait,
                                       descriptor_ref from) noexcept {
    if (wait.kind != wait_kind::recv || from.index >= at.io.records.capacity()) return false;
    const descriptor& record = at.io.records[from.index];
    return record.generation == from.generation && record.kind == descriptor_kind::stream &&
           record.ends[static_cast<std::size_t>(descriptor_end::read)].owner == at.index_of_slot(self) &&
           record.receiver == nothing && record.receiving == receive_state::armed &&
           static_cast<const recv_wait&>(wait).bytes > 0 && self.leases < at.plan.spec.limits.leases_per_isolate;
}
/// Begins to wait in a recv or an accept that is an arm of an any_of, and could have nothing at once. False, with the
/// error set, if another arm waits there.
[[nodiscard]] bool attach_arm(shard& at, slot_header& self, descriptor_wait& wait, descriptor_ref from) noexcept;
/// Arms a recv or an accept for which nobody waits: what it brings waits with the descriptor.
void arm_for_later(shard& at, slot_header& self, descriptor_wait& wait, descriptor_ref from) noexcept;
/// A recv or an accept goes on, or ends, without a result; also one that has not begun.
void leave_descriptor(shard& at, const descriptor_wait& wait) noexcept;
/// Nobody will receive on this descriptor any more: forgets who waited, and gives back what has arrived. An operation
/// in flight stays.
void abandon_receiving(shard& at, descriptor& record) noexcept;

}  // namespace tina::detail
