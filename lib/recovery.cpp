// SPDX-License-Identifier: Apache-2.0
// Recovery of a shard. A quarantined shard goes on with its cycles: it has no isolates, so that whatever comes in from
// peers meets the dead, is counted as that, and fails calls and spawns on the way on which they always fail.
#include "lib/recovery.hpp"

#include <unistd.h>

#include <cstdio>
#include <cstdlib>

#include "lib/supervision.hpp"

namespace tina::detail {

namespace {

[[nodiscard]] restart_budget budget_of(const shard& at) noexcept {
    return {.restarts = at.plan.recovery.restarts, .within = at.plan.recovery.within};
}

[[nodiscard]] long long within_ms(const shard& at) noexcept {
    return static_cast<long long>(at.plan.recovery.within.count() / 1'000'000);
}

/// Ends the process. What the log still has comes out first.
[[noreturn]] void give_up(shard& at) noexcept {
    at.log.flush();
    char report[160];
    const int bytes = std::snprintf(report, sizeof report,
                                    "tina: shard %u failed more than %u times within %lld ms; recovery.then is abort\n",
                                    at.index, at.plan.recovery.restarts, within_ms(at));
    if (bytes > 0) {
        [[maybe_unused]] const auto wrote = write(STDERR_FILENO, report, static_cast<std::size_t>(bytes));
    }
    std::abort();
}

void quarantine(shard& at) noexcept {
    at.quarantined = true;
    end_for_good(at);
    at.counts.shard_quarantines.add();
    at.counts.quarantined.set(1);
    at.log.write(log_level::error, {}, 0, "the shard has failed too often and is quarantined until it is revived");
    at.port.revival_wanted.store(false, std::memory_order_relaxed);  // of an earlier quarantine, come too late
    at.port.status.store(shard_status::quarantined, std::memory_order_release);
}

}  // namespace

void prepare_recovery(shard& at) { open_window(at, at.recovery, budget_of(at)); }

void shard_failed(shard& at) noexcept {
    if (!spend(at, at.recovery, budget_of(at))) {
        return at.plan.recovery.then == last_resort::abort ? give_up(at) : quarantine(at);
    }
    at.counts.shard_restarts.add();
    start_anew(at);
}

void revive_shard(shard& at) noexcept {
    at.port.revival_wanted.store(false, std::memory_order_relaxed);
    at.quarantined = false;
    at.recovery.count = 0;
    at.counts.quarantined.set(0);
    at.log.write(log_level::info, {}, 0, "the shard is revived");
    at.port.status.store(shard_status::running, std::memory_order_release);
    at.counts.shard_revivals.add();  // after the status, for those who wait for the one and look at the other
    start_anew(at);
    serve_waiting(at);
}

}  // namespace tina::detail
