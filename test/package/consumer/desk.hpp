// SPDX-License-Identifier: Apache-2.0
// A desk that hands out numbers, and a visitor who takes some. The handlers are compiled once: hello.cpp runs them for
// real, hello_sim.cpp in simulation.
#pragma once

#include <tina/tina.hpp>

#include <cstdint>

namespace desk {

/// What visitors have seen. Whoever runs the system owns it.
struct tally {
    std::uint64_t numbers = 0;
    std::uint64_t last = 0;
    std::uint64_t out_of_order = 0;
};

/// A clerk, and a visitor who takes so many numbers and then has the system stop; with `careless` also somebody who
/// writes to address 0.
tina::system_spec spec(tally* seen, std::uint64_t wanted, bool careless);

}  // namespace desk
