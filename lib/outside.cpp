// SPDX-License-Identifier: Apache-2.0
// What threads that are not shards do: posting, and waiting for a reply. The record of such a call is used as a call's
// of a shard is; its home is the number behind the last shard's.
#include "lib/outside.hpp"

#include <algorithm>
#include <chrono>
#include <cstring>

#include "lib/calls.hpp"
#include "lib/fault_state.hpp"
#include "lib/shard.hpp"

namespace tina::detail {

namespace {

constexpr duration wait_longest = std::chrono::hours{24 * 365};  ///< so that no sum of times overflows

void fill(message_in_transit& place, handle target, message_key key, const std::byte* bytes,
          std::uint32_t token) noexcept {
    place.tag = static_cast<std::uint32_t>(key);
    place.target = target;
    place.sender = {};
    place.bytes = static_cast<std::uint8_t>(key >> 32);
    place.flags = token == nothing ? transit_flags::none : transit_flags::token;
    place.lease_bytes = 0;
    place.number = token;
    std::memcpy(place.payload, bytes, place.bytes);
}

}  // namespace

void outside_callers::start(std::uint32_t count) {
    callers_ = std::make_unique<outside_caller[]>(count);
    count_ = count;
}

std::uint32_t outside_callers::take() noexcept {
    const std::uint32_t first = next_.fetch_add(1, std::memory_order_relaxed);
    for (std::uint32_t i = 0; i < count_; ++i) {
        const std::uint32_t index = (first + i) % count_;
        std::atomic<bool>& taken = callers_[index].taken;
        // Acquire: partner is the release in give_back(); who had the record before is done with it.
        if (taken.load(std::memory_order_relaxed) || taken.exchange(true, std::memory_order_acquire)) continue;
        callers_[index].at = outside_caller::stage::waits;
        return index;
    }
    return nothing;
}

void outside_callers::give_back(std::uint32_t index) noexcept {
    callers_[index].taken.store(false, std::memory_order_release);  // partner: take()
}

bool outside_callers::wait(std::uint32_t index, duration within) noexcept {
    outside_caller& caller = callers_[index];
    std::unique_lock lock(caller.mutex);
    const auto answered = [&caller] { return caller.at == outside_caller::stage::answered; };
    if (caller.answer.wait_for(lock, std::min(within, wait_longest), answered)) return true;
    caller.at = outside_caller::stage::left;
    return false;
}

bool outside_callers::end(std::uint32_t index) noexcept {
    outside_caller& caller = callers_[index];
    {
        const std::lock_guard lock(caller.mutex);
        if (caller.at != outside_caller::stage::left) {
            caller.at = outside_caller::stage::answered;
            caller.answer.notify_one();
            return true;
        }
    }
    give_back(index);
    return false;
}

std::uint32_t outside_callers::taken_count() const noexcept {
    return static_cast<std::uint32_t>(std::count_if(callers_.get(), callers_.get() + count_,
                                                    [](const outside_caller& each) { return each.taken.load(); }));
}

send_result post_from_outside(fabric& shared, handle target, message_key key, const std::byte* bytes,
                              std::uint32_t token) noexcept {
    if (!target || target.shard() >= shared.shard_count() || shared.stop_requested()) return send_result::stale_handle;
    outside_port& door = shared.from_outside(target.shard());
    // The lock is held until the shard is awake: while it is held the shard does not take its reactor away.
    const std::lock_guard lock(door.mutex);
    if (door.closed) return send_result::stale_handle;
    message_in_transit* const place = door.messages.reserve();
    if (place == nullptr) return send_result::channel_full;
    fill(*place, target, key, bytes, token);
    door.messages.commit();
    // Sequential consistency: partner is the fence in shard::sleep().
    std::atomic_thread_fence(std::memory_order_seq_cst);
    shared.port(target.shard()).wake_if_sleeping();
    return send_result::ok;
}

packed_error call_from_outside(fabric& shared, const outside_call& wanted) noexcept {
    TINA_ASSERT(running_shard() == nullptr,
                "system::call() would hold up a shard: an isolate says co_yield tina::call");
    outside_callers& callers = shared.callers();
    const std::uint32_t index = callers.take();
    if (index == nothing) return errc::no_calls;
    call_record& record = shared.port(shared.shard_count()).calls[index];
    record.error = 0;
    record.place = make_place(shared.shard_count(), index);
    record.event = lane_event::call_ended;
    record.caller = nothing;
    record.key = wanted.reply_key;
    const send_result posted = post_from_outside(shared, wanted.target, wanted.key, wanted.bytes, record.place);
    if (posted != send_result::ok) {
        callers.give_back(index);
        return call_error_of(posted);
    }
    if (!callers.wait(index, wanted.within)) return errc::deadline;
    const packed_error error{record.error};
    if (error.value == 0) std::memcpy(wanted.reply, record.reply, wanted.reply_key >> 32);
    callers.give_back(index);
    return error;
}

void finish_outside_call(shard& at, const call_record& record) noexcept {
    const bool has_reply = record.error == 0;
    const bool awaited = at.shared.callers().end(index_of_place(record.place));
    if (has_reply && !awaited) at.counts.replies_late.add();
}

void close_outside(shard& at) noexcept {
    outside_port& door = at.shared.from_outside(at.index);
    const std::lock_guard lock(door.mutex);
    door.closed = true;
}

}  // namespace tina::detail
