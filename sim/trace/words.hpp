// SPDX-License-Identifier: Apache-2.0
// Numbers, times, names and events in words, the same in all that the harness prints. Owned by nobody, plain functions
// on integers; they must never ask a locale.
#pragma once

#include <cstdint>
#include <string>

#include "sim/harness/text.hpp"
#include "sim/run.hpp"

namespace tina::sim {

/// A moment to the millisecond, or as much finer as it needs: "12.418 s", "0.000040 s", "0.000016384 s".
[[nodiscard]] std::string moment(std::int64_t at_ns);
/// A moment with all nine digits and no unit, for columns: "12.418000000".
[[nodiscard]] std::string column_moment(std::int64_t at_ns);
/// A span of time in the unit that suits it: "212 ms", "16.384 us".
[[nodiscard]] std::string span(std::int64_t span_ns);

/// What a choice of a site does to `whom`, to come after that name, with the value in it.
[[nodiscard]] std::string sentence_of(site what, std::int64_t value, std::string_view whom = {});

/// The name of an entity; a number in base 16 where it has none.
[[nodiscard]] std::string name_of(const run_outcome& run, std::uint64_t who);
/// Whom an event concerns: an isolate, a machine, a connection, or "world".
[[nodiscard]] std::string whom(const run_outcome& run, const event_record& what);
/// Where it happened: "bank/0", the machine and the shard.
[[nodiscard]] std::string place_of(const run_outcome& run, const event_record& what);
/// What happened, to come after `whom`: "took transfer_request (24 bytes)".
[[nodiscard]] std::string deed_of(const run_outcome& run, const event_record& what);
/// What does not hold, and in what way: "money is conserved: 99 990.00 instead of 100 000.00".
[[nodiscard]] std::string verdict_of(const failure& failed);

/// Whether the event is a fault that fired.
[[nodiscard]] bool is_fault(const event_record& what) noexcept;
/// Whether the event is of a world rather than of one of its shards.
[[nodiscard]] bool is_of_world(const event_record& what) noexcept;

}  // namespace tina::sim
