// SPDX-License-Identifier: Apache-2.0
// The reactor of a simulated shard: the reactor's rings, as Linux's io_uring behaves towards sockets, on top of the
// sockets of a simulated host. Owned by its shard; it must never advance time, and never be used after its host has
// lost power other than to take operations back and to be destroyed.
#pragma once

#include <cstdint>
#include <memory>
#include <string_view>

#include "reactor/reactor.hpp"
#include "sim/network.hpp"

namespace tina::sim {

/// What a reactor asks of, and tells, the machine that it is on.
class reactor_machine {
public:
    /// The machine's monotonic clock.
    [[nodiscard]] virtual std::int64_t now_ns() noexcept = 0;
    /// collect() has something: the shard is to run. Also called from within the reactor's own calls.
    virtual void due() noexcept = 0;
    /// wake() was called.
    virtual void woken() noexcept = 0;
    [[nodiscard]] virtual std::uint32_t shard() const noexcept = 0;
    /// The event that a completion follows from; called for each that collect() writes, in that order.
    virtual void completion_cause(std::uint64_t event) noexcept = 0;
    /// The name of who runs on the shard at the moment, with the machine's in front, for the names of what it opens;
    /// may be empty.
    [[nodiscard]] virtual std::string_view owner() const noexcept { return {}; }

protected:
    ~reactor_machine() = default;
};

struct sim_reactor_options {
    tina::detail::reactor_options reactor;
    reactor_machine* machine = nullptr;
};

/// Makes a reactor on a host that is up. One that is destroyed closes what is open, as the end of a process does.
///
/// Lifetime: the network, the host and the machine outlive it.
[[nodiscard]] std::unique_ptr<tina::detail::reactor> make_sim_reactor(network& on, host& at,
                                                                      const sim_reactor_options& options);

}  // namespace tina::sim
