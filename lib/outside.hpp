// SPDX-License-Identifier: Apache-2.0
// The doors through which threads that are not shards reach isolates: for each shard a ring of messages, and a fixed
// pool of calls that such threads wait in. Owned by the system. A shard never waits here for longer than it takes to
// note something down.
#pragma once

#include <atomic>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "lib/channel.hpp"
#include "tina/detail/message_info.hpp"
#include "tina/error.hpp"
#include "tina/message.hpp"
#include "tina/time.hpp"

namespace tina::detail {

class fabric;
struct call_record;

/// The way from outside to one shard.
struct alignas(128) outside_port {
    std::mutex mutex;                   ///< who holds it is the ring's producer, and may wake the shard
    bool closed = true;                 ///< under the mutex
    ring<message_in_transit> messages;  ///< its consumer is the shard
};

/// A thread that waits for a reply, or did.
struct outside_caller {
    enum class stage : std::uint8_t { waits, answered, left };

    std::atomic<bool> taken{false};
    std::mutex mutex;
    std::condition_variable answer;
    stage at = stage::waits;  ///< under the mutex
};

/// The threads that wait for a reply, each by the index of its call record.
class outside_callers {
public:
    void start(std::uint32_t count);
    /// An index that is free; `nothing` if none is.
    [[nodiscard]] std::uint32_t take() noexcept;
    void give_back(std::uint32_t index) noexcept;
    /// Waits until the record is home. False if `within` has passed: who finds that out later gives the index back.
    [[nodiscard]] bool wait(std::uint32_t index, duration within) noexcept;
    /// The record is home. False if nobody waits any more. Affinity: any shard.
    bool end(std::uint32_t index) noexcept;
    /// Those in use now.
    [[nodiscard]] std::uint32_t taken_count() const noexcept;

private:
    std::unique_ptr<outside_caller[]> callers_;
    std::uint32_t count_ = 0;
    std::atomic<std::uint32_t> next_{0};  ///< where to look first; any value is right
};

/// Puts a message into the ring to its target's shard. `token` is the place of the call that it asks for, if any.
/// Affinity: any thread.
[[nodiscard]] send_result post_from_outside(fabric& shared, handle target, message_key key, const std::byte* bytes,
                                            std::uint32_t token = nothing) noexcept;

/// Sends a request and waits for the reply, which is written to `wanted.reply`. Affinity: any thread but a shard's.
[[nodiscard]] packed_error call_from_outside(fabric& shared, const outside_call& wanted) noexcept;

/// A call from outside has its outcome.
void finish_outside_call(shard& at, const call_record& record) noexcept;
/// Nothing more comes from outside to this shard, and nobody there wakes it any more.
void close_outside(shard& at) noexcept;

}  // namespace tina::detail
