// SPDX-License-Identifier: Apache-2.0
// The helper threads of a system, and the bounded queue in front of them. Owned by the system. They run nothing but
// what isolates offload, and touch of a shard nothing but its inbox.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "lib/offload.hpp"
#include "tina/spec.hpp"

namespace tina::detail {

class offload_threads final : public offload_queue {
public:
    /// `shared` outlives it.
    offload_threads(fabric& shared, const offload_options& wanted);
    ~offload_threads() override;

    /// Starts the threads. Empty, or why not.
    [[nodiscard]] std::string start();
    [[nodiscard]] bool submit(offload_record& record) noexcept override;
    /// Sends home what waits, and returns when what runs has gone home too. After all isolates have ended, and while
    /// the shards can still be woken. Affinity: any thread.
    void close() noexcept;
    /// Closes, and waits for the threads to end.
    void join() noexcept;

private:
    void main(std::uint32_t number) noexcept;
    /// Waits for work; null when there will be none any more.
    [[nodiscard]] offload_record* next() noexcept;
    [[nodiscard]] offload_record* take_oldest() noexcept;

    fabric* shared_;
    std::mutex mutex_;  ///< of all below
    std::condition_variable work_;
    std::condition_variable at_rest_;
    std::vector<offload_record*> waiting_;  ///< a ring
    std::size_t oldest_ = 0;
    std::size_t count_ = 0;
    std::uint32_t running_ = 0;
    bool closed_ = false;
    std::uint32_t thread_count_;
    std::vector<std::thread> threads_;
};

}  // namespace tina::detail
