// SPDX-License-Identifier: Apache-2.0
// Accepting and connecting: the state machines between an effect that ends in a new socket and its completion. Works on
// one shard, on its own thread.
#pragma once

#include "lib/descriptor.hpp"
#include "lib/shard.hpp"

namespace tina::detail {

/// Asks the kernel for one connection; without a free record for it the listening socket waits for one.
void arm_accept(shard& at, descriptor& record) noexcept;
/// The record that an accept has to wait on; null if it is complete: a connection was there, or an error.
[[nodiscard]] descriptor* take_connection(shard& at, slot_header& self, opening_wait& wait,
                                          descriptor_ref from) noexcept;

void accept_completed(shard& at, descriptor& record, std::int32_t result) noexcept;
void connect_completed(shard& at, descriptor& record, std::int32_t result) noexcept;

/// A listening socket that had met the limit on open files tries again.
void retry_accept(shard& at, descriptor& record) noexcept;
/// A record is free, for which an accept may wait.
void feed_starved_accepts(shard& at) noexcept;

}  // namespace tina::detail
