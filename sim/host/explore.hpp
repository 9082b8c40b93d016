// SPDX-License-Identifier: Apache-2.0
// Exploring: many runs of one scenario in many processes, with what is found saved as it is found.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sim/harness/verdict.hpp"
#include "sim/host/pool.hpp"

namespace tina::sim::host {

struct explore_options {
    std::uint64_t first_seed = 1;
    std::uint64_t last_seed = 1000;
    pool_options workers;
    std::int64_t for_ns = 0;  ///< real time after which no run is begun; 0: none
    std::string corpus;       ///< empty: none
    bool guided = false;
    bool canary = false;           ///< some of the runs that pass are made again, and must come out the same
    bool partial = false;          ///< what a whole campaign must have shown is not asked for
    std::vector<runner> others{};  ///< the program's other scenarios: what only they reach is not asked for
};

/// Runs like `model` with other seeds. Returns the exit status.
[[nodiscard]] int explore(const runner& run, const invocation& by, const run_request& model,
                          const explore_options& options);

}  // namespace tina::sim::host
