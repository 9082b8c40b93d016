// SPDX-License-Identifier: Apache-2.0
// A shard on a thread of its own: pinned, started in step with the others, stopped, and taken apart only when no other
// shard can still reach it. Owned by the system.
#pragma once

#include <pthread.h>

#include <atomic>
#include <barrier>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "lib/host/fault_signals.hpp"
#include "lib/host/log_writer.hpp"
#include "lib/host/offload_threads.hpp"
#include "lib/host/watchdog.hpp"
#include "lib/shard.hpp"

namespace tina::detail {

/// What the log says where io_uring is refused, for `reason`, and epoll taken.
[[nodiscard]] std::string say_second_best(std::string reason);

/// What the threads of one system share.
struct shard_group {
    explicit shard_group(std::ptrdiff_t count) : prepared(count + 1), stopped(count) {}
    shard_group(const shard_group&) = delete;
    shard_group& operator=(const shard_group&) = delete;
    ~shard_group();

    fabric shared;
    std::unique_ptr<offload_threads> offloads;  ///< null: the spec wants none
    std::barrier<> prepared;                    ///< all shards have started or failed; the system's thread waits too
    std::barrier<> stopped;                     ///< no shard runs any more
    std::mutex waking;  ///< held by foreign threads while they wake shards, and by a shard that takes its reactor away
    std::atomic<bool> failed{false};
    std::atomic<std::uint32_t> running{0};
    watchdog dog;
    int stopped_event = -1;  ///< an eventfd, readable when the last shard has stopped
};

class shard_thread {
public:
    struct options {
        memory_mode memory{};
        std::uint64_t seed = 0;
        log_options log;
        int cpu = -1;  ///< -1: not pinned
        io_backend io = io_backend::automatic;
        bool contain_faults = false;
        fault_options faults;
    };

    shard_thread(shard_group& group, shard_plan plan, const options& wanted);

    /// Texts for this shard's log, to be written when it starts. Before launch().
    void advise(std::vector<std::string> advice) { advice_ = std::move(advice); }
    /// Starts the thread; if the system refuses one, that is its failure.
    void launch();
    void join();
    /// Why it did not start; empty if it did. After `prepared`.
    [[nodiscard]] const std::string& failure() const noexcept { return failure_; }
    [[nodiscard]] const shard& owned() const noexcept { return *shard_; }
    /// For the watchdog, while the thread lives.
    [[nodiscard]] watchdog::charge charge() const noexcept { return {shard_.get(), thread_}; }

private:
    void main() noexcept;
    [[nodiscard]] std::string prepare();

    shard_group* group_;
    shard_plan plan_;
    options options_;
    log_writer writer_;
    std::unique_ptr<shard> shard_;
    std::string failure_;
    std::vector<std::string> advice_;
    pthread_t thread_{};
    bool launched_ = false;
};

}  // namespace tina::detail
