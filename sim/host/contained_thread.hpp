// SPDX-License-Identifier: Apache-2.0
// Containment of faults on a thread that runs many shards by turns, as a simulation does. What it sets up is the
// process's and the thread's, and stays for their lives: a world is made and gone many times.
#pragma once

#include <string>

#include "lib/fault_state.hpp"

namespace tina::sim {

/// Has faults in handlers of a shard contained while this thread runs it. Empty, or why they cannot be.
[[nodiscard]] std::string contain_faults(tina::detail::fault_state& state);

}  // namespace tina::sim
