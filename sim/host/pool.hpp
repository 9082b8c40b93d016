// SPDX-License-Identifier: Apache-2.0
// Some workers that share out families of runs. A worker that dies or hangs is replaced, and the run that it was at has
// that for its outcome. Which worker makes which run is a matter of time; what comes of a run is not.
#pragma once

#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "sim/harness/campaign.hpp"
#include "sim/host/worker.hpp"

namespace tina::sim::host {

struct pool_options {
    unsigned jobs = 1;
    std::int64_t hung_ns = 30'000'000'000;
};

struct pool_hooks {
    std::function<std::optional<family>()> next;  ///< what to run; nothing: there is none at present
    std::function<void(const campaign_run&, run_outcome)> done;
    std::function<bool()> stops;  ///< whether to leave at once, without what is under way
    std::function<void()> tick;   ///< called several times a second
};

class pool {
public:
    pool(runner run, const pool_options& options);

    /// Until nothing is next and nothing is under way, or `stops` says so. Empty, or why it cannot go on.
    [[nodiscard]] std::string run(const pool_hooks& hooks);

private:
    /// A family that a worker has been asked for.
    struct assignment {
        family what;
        std::vector<bool> answered;
        std::size_t left = 0;
    };
    struct seat {
        std::unique_ptr<worker> at;
        std::deque<assignment> asked;
        patience left{};
    };
    [[nodiscard]] std::string fill(seat& one, const pool_hooks& hooks);
    void wait_and_take(const pool_hooks& hooks);
    [[nodiscard]] bool take_from(seat& one, const pool_hooks& hooks);
    void replace(seat& one, run_outcome how, const pool_hooks& hooks);
    [[nodiscard]] bool is_idle() const;

    runner run_;
    pool_options options_;
    std::vector<seat> seats_;
    std::deque<family> again_;  ///< what a dead worker has left undone
};

}  // namespace tina::sim::host
