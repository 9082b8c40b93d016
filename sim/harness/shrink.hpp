// SPDX-License-Identifier: Apache-2.0
// Makes a failing run small: takes faults away, then unusual orders, then operations of the workload, then makes values
// smaller, as long as the same property fails; until each that is left is needed. Owns nothing; pure but for the
// runner and the functions that it is given. It must never accept another failure than the one it began with.
#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "sim/harness/verdict.hpp"
#include "sim/run.hpp"

namespace tina::sim {

/// How large a failing run is: what must happen for it to fail.
struct run_size {
    std::uint64_t faults = 0;
    std::uint64_t orders = 0;      ///< unusual orders and delays
    std::uint64_t operations = 0;  ///< of the workload, that take place before the failure

    friend bool operator==(const run_size&, const run_size&) = default;
};

struct shrink_progress {
    std::uint64_t runs = 0;
    run_size left;
};

struct shrink_limits {
    std::uint64_t runs_max = 20'000;
    std::function<bool()> stops{};                              ///< asked before each run; may be empty
    std::function<void(const shrink_progress&)> on_progress{};  ///< after each run; may be empty
};

struct shrink_result {
    std::string reason;   ///< why there is nothing to shrink; empty: what follows holds
    run_request request;  ///< what is left
    run_outcome outcome;  ///< of it, with `recording::all`
    run_size before;
    run_size after;
    std::uint64_t operations_left_out = 0;
    std::uint64_t runs = 0;
    bool from_quiet = true;  ///< false: from the quiet base it does not fail, so the base is still the seed
    bool complete = true;    ///< without any one of its edits it would not fail; false: a limit came first
};

[[nodiscard]] shrink_result shrink(const runner& run, const run_request& failing, const shrink_limits& limits);

/// What has to happen for it to fail, in order, in plain sentences.
[[nodiscard]] std::string story_of(const shrink_result& result);

}  // namespace tina::sim
