// SPDX-License-Identifier: Apache-2.0
// Calls: a request that carries a token, and the one answer that the token allows. Whatever happens to the token, it
// comes home as the call's one outcome. Works on one shard, on its own thread.
#pragma once

#include "lib/shard.hpp"
#include "tina/error.hpp"
#include "tina/message.hpp"

namespace tina::detail {

/// How a call ends whose request was refused.
[[nodiscard]] errc call_error_of(send_result answer) noexcept;
/// Makes a call that is an arm of an any_of, without waiting. False, with the error set and without a record, if it was
/// refused.
bool send_arm(shard& at, slot_header& self, call_wait& wait, const arm_plan& plan, std::uint32_t arm) noexcept;
/// A token was given up without an answer: the call ends with `why`.
void end_call(shard& at, std::uint32_t place, errc why) noexcept;
/// A token was dropped by an isolate that runs: the call ends when it is clear whether the isolate ends too.
void drop_token(shard& at, std::uint32_t place) noexcept;
/// Ends the calls whose tokens were dropped in this activation.
void settle_dropped_calls(shard& at, errc why) noexcept;

/// Ends the calls of threads outside that were answered in this activation.
void finish_outside_replies(shard& at) noexcept;

/// A call of this shard has its outcome.
void finish_call(shard& at, call_record& record) noexcept;
/// The deadline of a call has come.
void expire_call(shard& at, slot_header& caller) noexcept;
/// A caller ends, or goes on, without waiting for the outcome.
void abandon_call(shard& at, call_record& record) noexcept;

/// Sends an entry home, or to where it is wanted. Not to this shard itself.
void send_entry(shard& at, std::uint32_t to, lane_entry& entry) noexcept;
/// Takes in what has arrived on the system lane. Returns whether there was anything.
bool take_lane(shard& at) noexcept;

}  // namespace tina::detail
