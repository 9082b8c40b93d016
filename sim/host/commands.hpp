// SPDX-License-Identifier: Apache-2.0
// The commands of the harness but explore: each takes what the command line said, does it, prints, and returns the exit
// status of the program.
#pragma once

#include <cstdint>
#include <string>

#include "sim/host/target.hpp"

namespace tina::sim::host {

inline constexpr int passed_status = 0;
inline constexpr int failed_status = 1;
inline constexpr int usage_status = 2;
inline constexpr int interrupted_status = 130;
inline constexpr int outcome_lost_status = 125;  ///< of a process of --twice, whose outcome could not be written

/// Prints why a command cannot be done, and returns the status for it.
int refuse(const common_options& options, const std::string& reason);

[[nodiscard]] int list_command();

struct run_options {
    std::string scenario;
    std::string trace;  ///< where a trace goes; empty: nowhere
    bool twice = false;
    bool log = false;
    bool every_tick = false;
    bool here = false;       ///< in this process, for debuggers
    std::string outcome_to;  ///< for --twice itself: the whole outcome goes to this file, and nothing to the screen
    std::uint8_t memory_fill = 0;
    std::uint64_t before_it = 0;  ///< likewise: a seed that is run first; 0: none
};
[[nodiscard]] int run_command(const common_options& options, const run_options& wanted);

struct replay_options {
    std::string target;
    std::uint64_t to = 0;
    bool step = false;
    bool back = false;
    bool log = false;
    bool here = false;
};
[[nodiscard]] int replay_command(const common_options& options, const replay_options& wanted);

struct shrink_options {
    std::string target;
    std::string output;  ///< empty: the name of the file, with ".min" in it
    std::uint64_t runs_max = 20'000;
    std::int64_t for_ns = 0;
};
[[nodiscard]] int shrink_command(const common_options& options, const shrink_options& wanted);

[[nodiscard]] int diff_command(const common_options& options, const std::string& one, const std::string& other);

struct trace_options {
    std::string target;
    std::string format = "text";
    std::string output;  ///< empty: the standard output
};
[[nodiscard]] int trace_command(const common_options& options, const trace_options& wanted);

/// Writes a trace in the format that the name of the file asks for. Empty, or why it cannot be.
[[nodiscard]] std::string save_trace(const target& of, const run_outcome& outcome, const common_options& options,
                                     const std::string& path);

/// Runs a scenario in two processes that have nothing in common but the program, and compares all events.
[[nodiscard]] int run_twice(const target& what, const common_options& options);

}  // namespace tina::sim::host
