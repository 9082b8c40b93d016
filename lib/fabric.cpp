// SPDX-License-Identifier: Apache-2.0
// Making the channels between shards, and stopping all of them. Runs at boot and at the end only.
#include "lib/fabric.hpp"

#include "lib/call_record.hpp"

namespace tina::detail {

namespace {

/// The next `count` entries of a mapping.
template <class Entry>
[[nodiscard]] std::span<Entry> carve(memory_map& memory, std::size_t& offset, std::size_t count) noexcept {
    auto* const first = reinterpret_cast<Entry*>(memory.data() + offset);
    for (std::size_t i = 0; i < count; ++i) new (&first[i]) Entry;
    offset += count * sizeof(Entry);
    return {first, count};
}

}  // namespace

std::uint32_t channel_capacity(const channel_limits& limits, std::uint32_t from, std::uint32_t to) noexcept {
    for (const channel_override& exception : limits.overrides) {
        if (exception.from == from && exception.to == to) return exception.capacity;
    }
    return limits.capacity;
}

std::string fabric::start(std::uint32_t shard_count, const channel_limits& limits, const outside_options& outside) {
    shard_count_ = shard_count;
    channels_ = std::make_unique<channel[]>(std::size_t{shard_count} * shard_count);
    ports_ = std::make_unique<shard_port[]>(std::size_t{shard_count} + 1);
    outside_ports_ = std::make_unique<outside_port[]>(shard_count);
    outside_callers_.start(outside.calls);

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
    bytes += std::size_t{shard_count} * outside.queue * sizeof(message_in_transit);
    bytes += outside.calls * sizeof(call_record);
    if (bytes == 0) return {};
    if (std::string reason = entries_.reserve(bytes, false); !reason.empty()) return reason;
    entries_.open(0, bytes);

    std::size_t offset = 0;
    for_each_pair([&](std::uint32_t from, std::uint32_t to, std::uint32_t capacity) {
        channel& made = between(from, to);
        made.messages.start(carve<message_in_transit>(entries_, offset, capacity));
        made.lane.start(carve<notice>(entries_, offset, limits.lane_capacity));
        // A withdrawn delivery can have two notices under way, the other shard's deliveries want answers in the same
        // lane.
        made.credit = limits.lane_capacity / 4;
    });
    for (std::uint32_t to = 0; to < shard_count && outside.queue > 0; ++to) {
        outside_ports_[to].messages.start(carve<message_in_transit>(entries_, offset, outside.queue));
        outside_ports_[to].closed = false;
    }
    ports_[shard_count].calls = carve<call_record>(entries_, offset, outside.calls).data();
    return {};
}

void fabric::request_stop(stop_mode how) noexcept {
    if (how == stop_mode::now ? board_.force() : board_.begin()) wake_all();
}

void fabric::wake_all() noexcept {
    for (std::uint32_t shard = 0; shard < shard_count_; ++shard) ports_[shard].wake();
}

bool fabric::request_revival(std::uint32_t shard) noexcept {
    shard_port& port = ports_[shard];
    if (port.status.load(std::memory_order_acquire) != shard_status::quarantined) return false;
    port.revival_wanted.store(true, std::memory_order_release);
    port.wake();
    return true;
}

}  // namespace tina::detail
