// SPDX-License-Identifier: Apache-2.0
// What the shards of one system share: a channel for each ordered pair, and each shard's port, at which others see
// whether it sleeps. Owned by the system; made before the shards start, gone after they have stopped.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "lib/channel.hpp"
#include "lib/lane.hpp"
#include "lib/memory_map.hpp"
#include "lib/outside.hpp"
#include "lib/role_directory.hpp"
#include "lib/stop_board.hpp"
#include "reactor/reactor.hpp"
#include "tina/shard_status.hpp"
#include "tina/shutdown.hpp"
#include "tina/spec.hpp"

namespace tina::detail {

struct call_record;
struct lease_block;

/// The place of a record in the tables of all shards: shard and index in 32 bits, as in a handle.
inline constexpr std::uint32_t place_index_bits = 22;
[[nodiscard]] constexpr std::uint32_t make_place(std::uint32_t shard, std::uint32_t index) noexcept {
    return (shard << place_index_bits) | index;
}
[[nodiscard]] constexpr std::uint32_t shard_of_place(std::uint32_t place) noexcept { return place >> place_index_bits; }
[[nodiscard]] constexpr std::uint32_t index_of_place(std::uint32_t place) noexcept {
    return place & ((1u << place_index_bits) - 1);
}

/// How others wake a shard. Partner of every access: another shard's publish() or a foreign thread's request.
struct alignas(128) shard_port {
    std::atomic<std::uint32_t> sleeping{0};
    std::atomic<reactor*> waker{nullptr};
    // Set when the shard is prepared, before any shard runs.
    call_record* calls = nullptr;
    lease_block* lease_blocks = nullptr;
    // Release by the shard, acquire by whoever asks: what it did before is seen by who learns of it here.
    std::atomic<shard_status> status{shard_status::running};
    // Release by who asks for it, acquire by the shard.
    std::atomic<bool> revival_wanted{false};
    alignas(128) lane_inbox lane;

    /// Wakes the shard if it sleeps. The caller has published what it is woken for, and a fence of sequential
    /// consistency, which pairs with the one in shard::sleep(): either we see `sleeping`, or it sees what we published.
    bool wake_if_sleeping() noexcept {
        if (sleeping.load(std::memory_order_relaxed) == 0) return false;
        if (sleeping.exchange(0, std::memory_order_relaxed) == 0) return false;
        wake();
        return true;
    }
    /// wake_if_sleeping() where the shard is of the caller's own thread.
    bool wake_alone() noexcept {
        if (sleeping.load(std::memory_order_relaxed) == 0) return false;
        sleeping.store(0, std::memory_order_relaxed);
        wake();
        return true;
    }
    void wake() noexcept {
        // Acquire: partner is the release store when the shard's reactor was made.
        if (reactor* const to = waker.load(std::memory_order_acquire)) to->wake();
    }
};

class offload_queue;

class fabric {
public:
    /// Makes the channels of `shard_count` shards. Empty, or why not.
    [[nodiscard]] std::string start(std::uint32_t shard_count, const channel_limits& limits,
                                    const outside_options& outside);

    [[nodiscard]] std::uint32_t shard_count() const noexcept { return shard_count_; }
    /// The channel of an ordered pair of different shards.
    [[nodiscard]] channel& between(std::uint32_t from, std::uint32_t to) noexcept {
        return channels_[from * shard_count_ + to];
    }
    /// A shard's port; behind the last shard's is one for what is outside, which has call records only.
    [[nodiscard]] shard_port& port(std::uint32_t shard) noexcept { return ports_[shard]; }
    [[nodiscard]] outside_port& from_outside(std::uint32_t shard) noexcept { return outside_ports_[shard]; }
    [[nodiscard]] outside_callers& callers() noexcept { return outside_callers_; }

    /// Asks every shard to stop. Affinity: any thread, also a signal handler's.
    void request_stop(stop_mode how = stop_mode::drain) noexcept;
    [[nodiscard]] bool stop_requested() const noexcept { return board_.stage() != stop_stage::running; }
    [[nodiscard]] stop_board& board() noexcept { return board_; }
    [[nodiscard]] const stop_board& board() const noexcept { return board_; }
    /// Has every shard look at the stop board. Affinity: as request_stop().
    void wake_all() noexcept;

    /// Asks a shard that is quarantined to start its tree anew. False if it is not. Affinity: any thread.
    bool request_revival(std::uint32_t shard) noexcept;

    offload_queue* offloads = nullptr;                 ///< null: there is none. Set before the shards start
    duration drain_max = shutdown_options{}.deadline;  ///< likewise
    role_directory roles;

private:
    std::uint32_t shard_count_ = 0;
    std::unique_ptr<channel[]> channels_;
    std::unique_ptr<shard_port[]> ports_;
    std::unique_ptr<outside_port[]> outside_ports_;
    outside_callers outside_callers_;
    memory_map entries_;
    stop_board board_;
};

/// The capacity of the ring of messages from one shard to another.
[[nodiscard]] std::uint32_t channel_capacity(const channel_limits& limits, std::uint32_t from,
                                             std::uint32_t to) noexcept;

}  // namespace tina::detail
