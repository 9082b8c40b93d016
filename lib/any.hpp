// SPDX-License-Identifier: Apache-2.0
// Waiting for several things at once. Whatever is about to end such a wait first makes the arm that it ends the only
// wait that is left, and goes on as with any wait. Works on one shard, on its own thread.
#pragma once

#include "lib/shard.hpp"
#include "tina/assert.hpp"

namespace tina::detail {

/// An arm of an isolate that waits in any_of is about to be complete: from here on it waits in that arm alone.
void settle_any(shard& at, slot_header& slot, const wait_record& winner) noexcept;
/// The arm whose turn it is among those that receive a type of message; null if there is none.
[[nodiscard]] receive_wait* any_receiver(const slot_header& slot, std::uint32_t which) noexcept;
/// A send to an isolate of this shard that is poised in an any_of. `target` has a slot's number.
[[nodiscard]] send_place send_to_any(shard& at, slot_header& self, handle target, std::uint64_t key) noexcept;
/// An isolate that waits in any_of ends.
void abandon_any(shard& at, slot_header& slot) noexcept;

[[nodiscard]] inline any_wait& any_wait_of(const slot_header& slot) noexcept {
    return static_cast<any_wait&>(*slot.wait);
}

[[nodiscard]] inline bool is_receiving(const wait_record& wait) noexcept {
    return wait.kind == wait_kind::recv || wait.kind == wait_kind::accept;
}

/// Whether a wait is ended with errc::interrupted when the system ends.
[[nodiscard]] inline bool is_interruptible(wait_kind kind) noexcept {
    return kind == wait_kind::recv || kind == wait_kind::recv_into || kind == wait_kind::accept ||
           kind == wait_kind::sleep;
}
/// The arm that an interruption ends, the first one as they are written; null if there is none.
[[nodiscard]] inline wait_record* interruptible_arm(const any_wait& wait) noexcept {
    for (std::uint32_t arm = 0; arm < wait.arm_count; ++arm) {
        if (is_interruptible(wait.arms[arm]->kind)) return wait.arms[arm];
    }
    return nullptr;
}

/// settle_any() with the one arm for which `matches` holds, if the isolate waits in any_of at all.
template <class Matches>
void settle_if_any(shard& at, slot_header& slot, Matches&& matches) noexcept {
    if (slot.wait->kind != wait_kind::any) [[likely]]
        return;
    const any_wait& wait = any_wait_of(slot);
    std::uint32_t arm = 0;
    while (arm < wait.arm_count && !matches(*wait.arms[arm])) ++arm;
    TINA_ASSERT(arm < wait.arm_count, "something came for an arm of any_of that does not wait for it");
    settle_any(at, slot, *wait.arms[arm]);
}

inline void settle_on_descriptor(shard& at, slot_header& slot, const descriptor& record) noexcept {
    settle_if_any(at, slot, [&](const wait_record& arm) {
        return is_receiving(arm) &&
               static_cast<const descriptor_wait&>(arm).descriptor == at.io.records.index_of(record);
    });
}

inline void settle_on_call(shard& at, slot_header& slot, const call_record& record) noexcept {
    settle_if_any(at, slot, [&record](const wait_record& arm) {
        return arm.kind == wait_kind::call && static_cast<const call_wait&>(arm).record == &record;
    });
}

}  // namespace tina::detail
