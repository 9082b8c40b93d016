// SPDX-License-Identifier: Apache-2.0
// The replay harness: a program declares scenarios and gets a command line that runs, explores, replays, shrinks,
// compares and shows them.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "tina/export.hpp"
#include "tina/marks.hpp"
#include "tina/simulation.hpp"

namespace tina {

namespace sim::detail {

/// Enters a scenario in the program's list. At static initialisation only.
TINA_EXPORT bool declare_scenario(std::string_view name, std::string_view description, void (*body)(world&));

}  // namespace sim::detail

/// A flag of the program's own, on the command line of all commands that run a scenario; kept in replay files.
struct harness_flag {
    std::string name;         ///< "buggy", given as --buggy
    std::string description;  ///< for --help
};

/// What a program adds to the command line.
struct harness_options {
    std::vector<harness_flag> flags{};  ///< its own flags; world::option() tells which were given
};

/// The program: list, run, explore, replay, shrink, diff, trace.
///
/// Yields: the exit status for main(): 0 passed, 1 a property failed, 2 bad usage or an unreadable file.
[[nodiscard]] TINA_EXPORT int harness_main(int argc, char** argv, const harness_options& options = {});

}  // namespace tina

/// Declares a scenario; its body follows, with `world`, a tina::sim::world&.
#define TINA_SCENARIO(name, description)                                                                               \
    static void tina_scenario_##name(::tina::sim::world& world);                                                       \
    [[maybe_unused]] static const bool tina_scenario_##name##_declared =                                               \
        ::tina::sim::detail::declare_scenario(#name, description, &tina_scenario_##name);                              \
    static void tina_scenario_##name([[maybe_unused]] ::tina::sim::world& world)
