// SPDX-License-Identifier: Apache-2.0
// A run made by hand, for tests of what reads runs: two machines, a transfer between shards, a crash, a failure.
// Nothing in it was simulated.
#pragma once

#include <cstdint>

#include "sim/run.hpp"

namespace tina::test {

/// Numbers of events of the example.
inline constexpr std::uint64_t example_crash = 9;
inline constexpr std::uint64_t example_failure = 14;

[[nodiscard]] sim::run_outcome example_run();
/// `count` events among `isolates`, each of which wakes the next; it passes.
[[nodiscard]] sim::run_outcome long_run(std::uint64_t count, std::uint32_t isolates);

}  // namespace tina::test
