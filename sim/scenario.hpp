// SPDX-License-Identifier: Apache-2.0
// The scenarios that a program declares, in the order of their names.
#pragma once

#include <string_view>
#include <vector>

namespace tina::sim {

class world;

struct scenario {
    std::string_view name;
    std::string_view description;
    void (*body)(world&) = nullptr;
};

/// All scenarios of this program, by name.
[[nodiscard]] const std::vector<scenario>& all_scenarios();
[[nodiscard]] const scenario* scenario_named(std::string_view name);

}  // namespace tina::sim
