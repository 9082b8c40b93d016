// SPDX-License-Identifier: Apache-2.0
// The worlds that a conformance case runs in, behind one interface: the kernel's loopback, through each of the reactors
// of the host, and the simulated network. Owned by the run of one case.
#pragma once

#include <cstdint>
#include <memory>

#include "reactor/reactor.hpp"
#include "sim/network.hpp"

namespace conformance {

class arm {
public:
    arm() = default;
    arm(const arm&) = delete;
    arm& operator=(const arm&) = delete;
    virtual ~arm() = default;

    /// The reactor of a side, 0 or 1.
    [[nodiscard]] virtual std::unique_ptr<tina::detail::reactor> make(int side,
                                                                      const tina::detail::reactor_options& options) = 0;
    /// The address at which the other side reaches this one.
    [[nodiscard]] virtual tina::address address_of(int side) = 0;
    [[nodiscard]] virtual std::int64_t now_ns() = 0;
    /// Lets something happen, until `deadline_ns` at the latest; false: nothing will.
    virtual bool pass(tina::detail::reactor& waiting, std::int64_t deadline_ns) = 0;
    /// Closes a descriptor whose reactor has ended.
    virtual void close_left(int descriptor) = 0;
};

/// `io` says which reactor; `automatic`: the one that a system would have here.
[[nodiscard]] std::unique_ptr<arm> real_arm(tina::io_backend io);

/// How many machines the two sides are on.
enum class layout { one_machine, two_machines };
[[nodiscard]] std::unique_ptr<arm> simulated_arm(layout where, tina::sim::mutant planted);

}  // namespace conformance
