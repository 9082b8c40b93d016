// SPDX-License-Identifier: Apache-2.0
// What a command is asked to run: a replay file, or a scenario and a seed. Resolved before anything runs, so that a
// mistake is told at once, with what would be right.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "sim/harness/verdict.hpp"
#include "sim/scenario.hpp"

namespace tina::sim::host {

/// What all commands that run something share.
struct common_options {
    std::string program;  ///< as it was typed
    std::vector<std::string> known_flags;
    std::vector<std::string> flags;  ///< those that were given
    std::optional<std::uint64_t> seed;
    fault_profile profile = fault_profile::swarm;
    std::string edits;         ///< a file with edits; empty: none
    bool other_build = false;  ///< a file of another build is run all the same
    std::int64_t hung_ns = 30'000'000'000;
};

struct target {
    std::string reason;  ///< why there is none; empty: it is complete
    const scenario* what = nullptr;
    run_request request;
    std::optional<replay_file> expected;  ///< where it came from a file
    std::string file;                     ///< that file
};

/// A file, "scenario", or "scenario:seed".
[[nodiscard]] target resolve(const std::string& text, const common_options& options);
/// `scenario` alone, with the seed of the options or 1.
[[nodiscard]] target resolve_scenario(const std::string& name, const common_options& options);
/// Why the outcome cannot be held against the file; empty: it can.
[[nodiscard]] std::string other_build_reason(const target& from, const run_outcome& outcome,
                                             const common_options& options);
[[nodiscard]] runner runner_of(const target& from);
[[nodiscard]] inline invocation invocation_of(const target& from, const common_options& options) {
    return {options.program, std::string(from.what->name)};
}

}  // namespace tina::sim::host
