// SPDX-License-Identifier: Apache-2.0
// Work that leaves the shard: a record takes the arguments to a helper thread and comes home, by the system lane, with
// the result. Between the two nobody on the shard touches it, but for the word that says that nobody waits any more.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <exception>

#include "lib/lane.hpp"
#include "tina/detail/handler_info.hpp"
#include "tina/detail/runtime.hpp"

namespace tina::detail {

class fabric;

/// Work on its way out, being done, or on its way home. Its shard keeps `caller` and `index`; all else belongs to who
/// has the record. It stays the caller's from when it is home until the caller has taken the result.
struct alignas(64) offload_record : lane_entry {
    std::uint32_t home = nothing;  ///< its shard
    std::uint32_t index = nothing;
    std::uint32_t caller = nothing;  ///< the slot that waits; `nothing`: nobody any more
    bool has_result = false;
    std::atomic<bool> is_abandoned{false};
    const offload_info* info = nullptr;
    void (*function)() = nullptr;
    std::exception_ptr failure;  ///< what the function threw
    alignas(16) std::byte arguments[argument_bytes_max];
    alignas(offload_result_alignment_max) std::byte result[offload_result_bytes_max];
};
static_assert(sizeof(offload_record) == 256);

/// Where the work of all shards of a system waits for a helper thread.
class offload_queue {
public:
    offload_queue() = default;
    offload_queue(const offload_queue&) = delete;
    offload_queue& operator=(const offload_queue&) = delete;
    virtual ~offload_queue() = default;
    /// False if there is no room. Affinity: any shard.
    [[nodiscard]] virtual bool submit(offload_record& record) noexcept = 0;
};

/// Calls the function, unless nobody waits for its result any more. Affinity: a helper thread.
void run_offload(offload_record& record) noexcept;
/// Sends a record home, whether its function was called or not. Affinity: any thread.
void send_offload_home(fabric& shared, offload_record& record) noexcept;

/// A record is home.
void finish_offload(shard& at, offload_record& record) noexcept;
/// The deadline of a wait for offloaded work has come.
void expire_offload(shard& at, slot_header& caller) noexcept;
/// An isolate has ended. Where nothing has unwound it, the result that it did not take is still there.
void drop_results(shard& at, const slot_header& dead) noexcept;
/// A caller ends, or goes on, without waiting for the result.
void abandon_offload(offload_wait& wait) noexcept;

}  // namespace tina::detail
