// SPDX-License-Identifier: Apache-2.0
// The working side: what a forked process does until nobody asks it any more.
#pragma once

#include <sys/types.h>

#include <cstdint>

#include "sim/harness/verdict.hpp"

namespace tina::sim::host {

struct worker_ends {
    int tasks = -1;                 ///< families come from here
    int answers = -1;               ///< outcomes go there
    int said = -1;                  ///< what the runs print goes there
    bool shows = false;             ///< … or stays what it is
    std::uint64_t* beat = nullptr;  ///< for run_request::beat
    pid_t parent = 0;
};

/// Runs what it is asked for. Never returns.
[[noreturn]] void work(const worker_ends& ends, const runner& run);

}  // namespace tina::sim::host
