// SPDX-License-Identifier: Apache-2.0
// The list of scenarios, filled before main() begins.
#include "sim/scenario.hpp"

#include <algorithm>

#include "tina/harness.hpp"

namespace tina::sim {

namespace {

/// Filled by static initialisers in whatever order the linker has them; kept by name.
[[nodiscard]] std::vector<scenario>& declared() {
    static std::vector<scenario> list;
    return list;
}

}  // namespace

const std::vector<scenario>& all_scenarios() { return declared(); }

const scenario* scenario_named(std::string_view name) {
    for (const scenario& each : declared()) {
        if (each.name == name) return &each;
    }
    return nullptr;
}

bool detail::declare_scenario(std::string_view name, std::string_view description, void (*body)(world&)) {
    std::vector<scenario>& list = declared();
    const auto place = std::upper_bound(list.begin(), list.end(), name,
                                        [](std::string_view one, const scenario& other) { return one < other.name; });
    list.insert(place, {name, description, body});
    return true;
}

}  // namespace tina::sim
