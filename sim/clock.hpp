// SPDX-License-Identifier: Apache-2.0
// The clocks of a machine, as functions of the world's time: a monotonic one, which may drift and stand still, and a
// wall clock, which may be off and jump besides. Integers only. Owned by the machine.
#pragma once

#include <algorithm>
#include <cstdint>
#include <utility>

#include "sim/wide.hpp"

namespace tina::sim {

class machine_clock {
public:
    /// What the monotonic clock says at `world_ns`; it began at 1 s.
    [[nodiscard]] std::int64_t monotonic_ns(std::int64_t world_ns) const noexcept {
        if (world_ns <= world_base_ns_) return local_base_ns_;  // it stands still until then
        if (drift_ppb_ == 0) return local_base_ns_ + (world_ns - world_base_ns_);
        return local_base_ns_ + scale(world_ns - world_base_ns_, billion + drift_ppb_, billion);
    }
    /// The first moment of the world at which the monotonic clock says at least `local_ns`.
    [[nodiscard]] std::int64_t world_ns(std::int64_t local_ns) const noexcept {
        const std::int64_t ahead = local_ns - local_base_ns_;
        if (ahead <= 0) return world_base_ns_;
        if (drift_ppb_ == 0) return add(world_base_ns_, ahead);
        const std::int64_t rate = billion + drift_ppb_;
        std::int64_t at = add(world_base_ns_, scale(ahead, billion, rate));
        while (at < INT64_MAX - 1 && monotonic_ns(at) < local_ns) ++at;
        return at;
    }
    [[nodiscard]] std::int64_t wall_ns(std::int64_t world_ns) const noexcept {
        return wall_base_ns + monotonic_ns(world_ns) - monotonic_begin_ns + offset_ns_;
    }
    /// It begins to run at `world_ns`, with a drift and an offset that are its own and no faults.
    void start(std::int64_t world_ns, std::int32_t ppb, std::int64_t offset_ns) noexcept {
        set_drift(world_ns, ppb);
        step_wall(offset_ns);
        own_ = {world_ns, ppb, offset_ns};
    }
    /// Sets how many parts in a billion it runs too fast, from `world_ns` on. If it stands still it does so on.
    void set_drift(std::int64_t world_ns, std::int32_t ppb) noexcept {
        local_base_ns_ = monotonic_ns(world_ns);
        world_base_ns_ = std::max(world_base_ns_, world_ns);
        drift_ppb_ = ppb;
    }
    void step_wall(std::int64_t by_ns) noexcept { offset_ns_ += by_ns; }
    /// Its wall clock is off by a fault, instead of by what was said so before; jumps stay.
    void set_fault_offset(std::int64_t ns) noexcept { step_wall(ns - std::exchange(fault_offset_ns_, ns)); }
    /// Ends all that befell it: it goes on, drifts as is its own, and its wall clock says what it would say had it
    /// never been off. What its monotonic clock has counted it has counted.
    void set_right(std::int64_t world_ns) noexcept {
        local_base_ns_ = monotonic_ns(world_ns);
        world_base_ns_ = world_ns;
        drift_ppb_ = own_.drift_ppb;
        fault_offset_ns_ = 0;
        const std::int64_t ran_ns = scale(world_ns - own_.began_ns, billion + own_.drift_ppb, billion);
        offset_ns_ = own_.began_ns + ran_ns + own_.offset_ns - (local_base_ns_ - monotonic_begin_ns);
    }
    /// From `world_ns` until `until_ns` no time passes for it.
    void stand_still(std::int64_t world_ns, std::int64_t until_ns) noexcept {
        local_base_ns_ = monotonic_ns(world_ns);
        world_base_ns_ = until_ns;
    }
    [[nodiscard]] std::int32_t drift_ppb() const noexcept { return drift_ppb_; }

private:
    struct own_ways {
        std::int64_t began_ns = 0;
        std::int32_t drift_ppb = 0;
        std::int64_t offset_ns = 0;
    };
    static constexpr std::int64_t billion = 1'000'000'000;
    static constexpr std::int64_t monotonic_begin_ns = billion;
    static constexpr std::int64_t wall_base_ns = 1'767'225'600 * billion;  ///< 2026-01-01T00:00:00Z
    [[nodiscard]] static std::int64_t scale(std::int64_t value, std::int64_t up, std::int64_t down) noexcept {
        const auto wide = static_cast<wide_signed>(value) * up / down;
        return wide > INT64_MAX ? INT64_MAX : static_cast<std::int64_t>(wide);
    }
    [[nodiscard]] static std::int64_t add(std::int64_t one, std::int64_t other) noexcept {
        std::int64_t sum = 0;
        return __builtin_add_overflow(one, other, &sum) ? INT64_MAX : sum;
    }

    std::int64_t world_base_ns_ = 0;
    std::int64_t local_base_ns_ = monotonic_begin_ns;
    std::int64_t offset_ns_ = 0;
    std::int64_t fault_offset_ns_ = 0;  ///< a part of it
    own_ways own_;
    std::int32_t drift_ppb_ = 0;
};

}  // namespace tina::sim
