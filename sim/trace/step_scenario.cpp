// SPDX-License-Identifier: Apache-2.0
// Makes the run that is stepped through. It stands apart so that stepping itself knows nothing of worlds.
#include <algorithm>

#include "sim/trace/trace.hpp"

namespace tina::sim {

int step_through(const scenario& what, run_request wanted, const step_options& options) {
    wanted.keep = recording::all;
    if (options.to != 0) wanted.stop_at_event = std::min(wanted.stop_at_event, options.to);
    return step_through(run_scenario(what, wanted), options);
}

}  // namespace tina::sim
