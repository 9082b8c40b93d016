// SPDX-License-Identifier: Apache-2.0
// The faults of a scenario as they are at work in one run: those declared, and of these the part that the run's seed
// takes. Owned by the world, one for itself and one for each machine that has its own.
#pragma once

#include <array>
#include <cstdint>

#include "sim/decisions.hpp"
#include "sim/entities.hpp"
#include "sim/run.hpp"
#include "tina/simulation.hpp"

namespace tina::sim {

/// One fault kind in a run.
struct fault_setting {
    bool declared = false;  ///< it is asked for, so that its ordinals are those of every other run
    ratio how_likely{};     ///< in this run
    std::uint64_t low = 1;  ///< of the value it takes where it happens
    std::uint64_t high = 1;
    isolate_chance faults::* scope = nullptr;  ///< null: whatever it is asked for
};

class fault_settings {
public:
    fault_settings() = default;
    fault_settings(const faults& declared, fault_profile profile, std::uint64_t seed);

    [[nodiscard]] const fault_setting& of(site what) const noexcept { return all_[static_cast<std::size_t>(what)]; }
    /// Whether a fault may strike isolates of a type.
    [[nodiscard]] bool strikes(site what, const tina::detail::handler_info& type) const noexcept;
    /// As declared, with chances and spans of this run.
    [[nodiscard]] const faults& effective() const noexcept { return effective_; }
    /// Whether anything is decided from moment to moment.
    [[nodiscard]] bool has_moments() const noexcept;

private:
    void set(site what, chance how, std::uint64_t low = 1, std::uint64_t high = 1);
    void set(site what, isolate_chance faults::* how);
    void set_span(site what, span_range& span);
    [[nodiscard]] ratio swarmed(site what, std::uint32_t numerator, std::uint32_t denominator) const noexcept;

    faults effective_{};
    fault_profile profile_ = fault_profile::declared;
    std::uint64_t seed_ = 0;
    std::array<fault_setting, site_count> all_{};
};

}  // namespace tina::sim
