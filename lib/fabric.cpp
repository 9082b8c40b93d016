// SPDX-License-Identifier: Apache-2.0
// Making the channels between shards, and stopping all of them. Runs at boot and at the end only.
#include "lib/fabric.hpp"

namespace tina::detail {

std::uint32_t channel_capacity(const channel_limits& limits, std::uint32_t from, std::uint32_t to) noexcept {
    for (const channel_override& exception : limits.overrides) {
        if (exception.from == from && exception.to == to) return exception.capacity;
    }
    return limits.capacity;
}

std::string fabric::start(std::uint32_t shard_count, const channel_limits& limits) {
    shard_count_ = shard_count;
    channels_ = std::make_unique<channel[]>(std::size_t{shard_count} * shard_count);
    ports_ = std::make_unique<shard_port[]>(shard_count);

    std::size_t bytes = 0;
    const auto for_each_pair = [&](auto&& what) {
        for (std::uint32_t from = 0; from < shard_count; ++from) {
            for (std::uint32_t to = 0; to < shard_count; ++to) {
                if (from != to) what(from, to, channel_capacity(limits, from, to));
            }
        }
    };
    for_each_pair([&](std::uint32_t, std::uint32_t, std::uint32_t capacity) {
        bytes += capacity * sizeof(message_in_transit) + limits.lane_capacity * sizeof(notice);
    });
    if (bytes == 0) return {};
    if (std::string reason = entries_.reserve(bytes, false); !reason.empty()) return reason;
    entries_.open(0, bytes);

    std::size_t offset = 0;
    for_each_pair([&](std::uint32_t from, std::uint32_t to, std::uint32_t capacity) {
        channel& made = between(from, to);
        auto* const messages = reinterpret_cast<message_in_transit*>(entries_.data() + offset);
        for (std::uint32_t i = 0; i < capacity; ++i) new (&messages[i]) message_in_transit;
        offset += capacity * sizeof(message_in_transit);
        auto* const notices = reinterpret_cast<notice*>(entries_.data() + offset);
        for (std::uint32_t i = 0; i < limits.lane_capacity; ++i) new (&notices[i]) notice;
        offset += limits.lane_capacity * sizeof(notice);
        made.messages.start({messages, capacity});
        made.lane.start({notices, limits.lane_capacity});
        // A withdrawn delivery can have two notices under way, the other shard's deliveries want answers in the same
        // lane.
        made.credit = limits.lane_capacity / 4;
    });
    return {};
}

void fabric::request_stop() noexcept {
    // Release: partner is the acquire in stop_requested().
    stop_.store(true, std::memory_order_release);
    for (std::uint32_t shard = 0; shard < shard_count_; ++shard) ports_[shard].wake();
}

}  // namespace tina::detail
