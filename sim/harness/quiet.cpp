// SPDX-License-Identifier: Apache-2.0
// From a run to its quiet form.
#include "sim/harness/quiet.hpp"

#include <algorithm>

namespace tina::sim {

namespace {

/// Whether both bases draw this alike, so that it is no edit unless it was one already.
[[nodiscard]] bool is_drawn_alike(site what) noexcept {
    return what == site::random || what == site::workload || what == site::swarm;
}

[[nodiscard]] bool is_edited(const run_request& request, const fired& what) {
    return std::any_of(request.edits.edits.begin(), request.edits.edits.end(), [&](const edit& each) {
        return each.what == what.what && each.entity == what.entity && each.ordinal == what.ordinal;
    });
}

}  // namespace

bool is_simplification(const edit& what) noexcept {
    return what.what == site::operation || what.what == site::workload;
}

std::vector<fired> fired_until_failure(const run_request& request, const run_outcome& outcome) {
    const std::uint64_t last = outcome.failed && outcome.failed->event != 0 ? outcome.failed->event : UINT64_MAX;
    std::vector<fired> kept;
    for (const fired& each : outcome.fired_log) {
        if (each.event > last) continue;
        if (is_drawn_alike(each.what) && !is_edited(request, each)) continue;
        kept.push_back(each);
    }
    return kept;
}

quiet_rewrite to_quiet(const runner& run, const run_request& request, const run_outcome& outcome) {
    quiet_rewrite made;
    made.request = request;
    made.request.from = base::quiet;
    const std::vector<fired> all = fired_until_failure(request, outcome);
    made.request.edits.edits.assign(all.begin(), all.end());
    made.outcome = run(made.request);
    made.same = made.outcome.unusable.empty() && outcome.failed && signature_of(made.outcome) == signature_of(outcome);
    return made;
}

}  // namespace tina::sim
