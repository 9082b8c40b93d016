// SPDX-License-Identifier: Apache-2.0
// Events and log lines as lines of text, aligned over a whole run. Owned by who writes them; they must never be wider
// than a long name makes them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "sim/run.hpp"

namespace tina::sim {

/// How wide the columns of a run are.
struct line_columns {
    std::size_t number = 0;
    std::size_t time = 0;
    std::size_t place = 0;
    std::size_t who = 0;
};
[[nodiscard]] line_columns columns_of(const run_outcome& run);

/// "!!  88 190  12.417000000  bank/0  bank/0/teller/3  crashes before its handler goes on   <- 88 189"
[[nodiscard]] std::string event_line(const run_outcome& run, const event_record& what, const line_columns& columns);

/// A line of a system's log, and when it was written.
struct timed_line {
    std::int64_t at_ns = 0;
    std::string_view text;  ///< without the time; in the outcome
    std::size_t order = 0;  ///< of those of the same time
};
/// Lines of an outcome begin with the virtual time in nanoseconds and a blank; one that does not is of the time of the
/// one before it.
[[nodiscard]] std::vector<timed_line> timed_log_of(const run_outcome& run);
/// A line of the log, to stand between events.
[[nodiscard]] std::string log_line(const timed_line& line, const line_columns& columns);

/// The isolates that are alive after an event, by name.
[[nodiscard]] std::vector<std::string> alive_after(const run_outcome& run, std::uint64_t event);

}  // namespace tina::sim
