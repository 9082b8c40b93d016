// SPDX-License-Identifier: Apache-2.0
// The thread that looks whether shards make progress. One that does not is asked by a signal how long its activation
// has taken; the answer, and what follows from it, is its own. A shard that sleeps or works costs a look at a few
// words.
#pragma once

#include <pthread.h>

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <span>
#include <thread>
#include <vector>

#include "lib/shard.hpp"
#include "tina/fault_options.hpp"

namespace tina::detail {

class watchdog {
public:
    watchdog() = default;
    watchdog(const watchdog&) = delete;
    watchdog& operator=(const watchdog&) = delete;
    ~watchdog() { stop(); }

    struct charge {
        shard* who;
        pthread_t thread;
    };
    /// Watches over shards from now on, each until forget().
    void start(const fault_options& limits, std::vector<charge> charges);
    /// The thread of a shard is about to end, or may wait from now on. Affinity: that thread.
    void forget(const shard& who) noexcept;
    void stop();

private:
    struct watched {
        charge of;
        std::uint64_t cycles = 0;
        std::uint64_t activations = 0;
        std::int64_t still_ns = 0;  ///< since it last made progress, without times at which the process was stopped
    };

    void run() noexcept;
    /// Returns whether the shard must be looked at again soon.
    [[nodiscard]] bool look_at(watched& one, std::int64_t passed_ns) noexcept;

    std::vector<watched> all_;
    std::int64_t period_ns_ = 0;
    std::int64_t stall_ns_ = 0;
    std::mutex changing_;  ///< held by the rounds, so that no thread ends in the middle of one
    std::vector<const shard*> forgotten_;
    std::condition_variable stop_asked_;
    bool stop_ = false;
    std::thread thread_;
};

}  // namespace tina::detail
