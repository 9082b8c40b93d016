// SPDX-License-Identifier: Apache-2.0
// Descriptors: who owns them, how they close, and which of the reactor's completions belongs to which. What is received
// and sent on them is in stream.cpp. Works on one shard, on its own thread.
#pragma once

#include <string>

#include "lib/descriptor.hpp"
#include "lib/shard.hpp"
#include "tina/socket.hpp"

namespace tina::detail {

/// The record that a name stands for; null if it has been closed.
[[nodiscard]] descriptor* find_descriptor(shard& at, descriptor_ref what) noexcept;
[[nodiscard]] inline descriptor_ref ref_of(const shard& at, const descriptor& record) noexcept {
    return {at.io.records.index_of(record), record.generation};
}

/// A free record for a descriptor to be; null if all are in use.
[[nodiscard]] descriptor* take_record(shard& at, descriptor_kind kind) noexcept;
/// Gives back a record that has no operation in flight. Its names become stale.
void free_record(shard& at, descriptor& record) noexcept;
/// Makes an isolate the owner of both ends.
void own(shard& at, slot_header& owner, descriptor& record) noexcept;

/// Opens a listening socket of the tree; empty, or why not.
[[nodiscard]] std::string open_listener(shard& at, const listening_options& options, listener& opened);

/// Closes a descriptor: what is in flight on it is cancelled, and the record is free with the last completion.
void close_record(shard& at, descriptor& record, bool reset) noexcept;
/// Closes what was given up in this activation; with a reset what was given up while an exception passed, if `crashed`.
void close_dropped(shard& at, bool crashed) noexcept;
/// Closes all that a dead isolate owned.
void close_owned(shard& at, slot_header& owner, bool reset) noexcept;
/// Closes everything, listening sockets too.
void close_all(shard& at) noexcept;

/// An operation begins, which owes a completion.
inline void count_submitted(shard& at, descriptor& record) noexcept {
    ++record.operations;
    ++at.io.operations;
}
/// Hands an operation to the reactor.
void submit(shard& at, descriptor& record, operation what) noexcept;
/// Asks that an operation of a descriptor ends early. What became of it, its own completion says.
void cancel(shard& at, const descriptor& record, token_kind kind) noexcept;
/// Takes completions from the reactor. Returns whether there were any.
bool take_completions(shard& at) noexcept;

}  // namespace tina::detail
