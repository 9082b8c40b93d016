// SPDX-License-Identifier: Apache-2.0
// The ways in which the isolates of the soak die: those that take a moment, and loops that only their budget ends.
#pragma once

#include <mutex>
#include <span>

namespace soak {

/// Whatever a way needs that others use too.
struct shared_things {
    std::mutex mutex;
};
[[nodiscard]] shared_things& shared();

/// Opens what the loops print to; before the first death.
void prepare_ways();

using way_to_die = void (*)();
/// Faults, and other ends that come at once.
[[nodiscard]] std::span<const way_to_die> quick_ways();
/// Loops, other than that which allocates.
[[nodiscard]] std::span<const way_to_die> slow_ways();
/// A loop that allocates 3 000 bytes a time.
void allocate_for_ever();

}  // namespace soak
