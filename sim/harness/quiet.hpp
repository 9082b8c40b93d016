// SPDX-License-Identifier: Apache-2.0
// A failing run written anew: from the quiet base, with every choice that came out otherwise as an edit. Only so can
// one of them be taken away without another one being summoned in its place. Pure but for the runner that it is given.
#pragma once

#include <vector>

#include "sim/harness/verdict.hpp"
#include "sim/run.hpp"

namespace tina::sim {

struct quiet_rewrite {
    run_request request;
    run_outcome outcome;
    bool same = false;  ///< it fails as the run that it was made from did
};

/// One run more, of what `outcome` says of `request`.
[[nodiscard]] quiet_rewrite to_quiet(const runner& run, const run_request& request, const run_outcome& outcome);

/// What fired up to the failure, as edits can repeat it; all, if it did not fail.
[[nodiscard]] std::vector<fired> fired_until_failure(const run_request& request, const run_outcome& outcome);

/// A choice that makes a run smaller, and is not what makes it fail: what the workload does, and with which values.
[[nodiscard]] bool is_simplification(const edit& what) noexcept;

}  // namespace tina::sim
