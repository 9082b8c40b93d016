// SPDX-License-Identifier: Apache-2.0
// Receiving and sending on connections, accepting and connecting: the state machines between an effect and its
// completion. A receive stays armed when its waiter goes; one buffer or one connection then waits with its descriptor.
// Works on one shard, on its own thread.
#pragma once

#include "lib/descriptor.hpp"
#include "lib/shard.hpp"

namespace tina::detail {

void receive_completed(shard& at, descriptor& record, const completion& what) noexcept;
void accept_completed(shard& at, descriptor& record, std::int32_t result) noexcept;
void send_completed(shard& at, descriptor& record, std::int32_t result) noexcept;
void connect_completed(shard& at, descriptor& record, std::int32_t result) noexcept;

/// The deadline of a wait on a descriptor has come.
void expire_descriptor_wait(shard& at, slot_header& slot) noexcept;
/// A listening socket that had met the limit on open files tries again.
void retry_accept(shard& at, descriptor& record) noexcept;
/// Lets receives that wait for a buffer try, in order, as many as buffers are free. Returns whether any did.
bool feed_starved(shard& at) noexcept;
/// An isolate that waits in accept ends.
void abandon_accept(shard& at, slot_header& slot) noexcept;
/// A record is free, for which an accept may wait.
void feed_starved_accepts(shard& at) noexcept;
/// Nobody will receive on this descriptor any more: forgets who waited, and gives back what has arrived. An operation
/// in flight stays.
void abandon_receiving(shard& at, descriptor& record) noexcept;

}  // namespace tina::detail
