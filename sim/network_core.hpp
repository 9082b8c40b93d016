// SPDX-License-Identifier: Apache-2.0
// What the parts of the simulated network share: the hosts, the settings, and the world's time, choices and events.
// Owned by the network.
#pragma once

#include <array>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "sim/network.hpp"

namespace tina::sim {

struct tcp_listener;

struct host_state final : host {
    std::string name;
    std::uint16_t machine = 0;
    std::uint32_t index = 0;  ///< among the hosts of the network
    bool up = true;
    std::uint32_t boots = 1;
    std::vector<address> addresses;
    std::optional<sim::faults> faults;
    std::vector<std::unique_ptr<tcp_listener>> listeners;
    std::map<std::string, std::uint32_t, std::less<>> opened;  ///< connections begun so far, by owner
    std::set<std::uint16_t> ports;                             ///< of connections that begin here
    std::uint16_t next_port = 0;

    [[nodiscard]] bool has(const address& what) const noexcept;
};

[[nodiscard]] inline host_state& state_of(host& what) noexcept { return static_cast<host_state&>(what); }
[[nodiscard]] inline const host_state& state_of(const host& what) noexcept {
    return static_cast<const host_state&>(what);
}

struct network_core {
    timeline& time;
    decisions& choices;
    event_log& log;
    network_options options;
    sim::faults faults;
    std::vector<std::unique_ptr<host_state>> hosts;
    std::function<void(std::uint64_t, std::string_view)> on_name;
    mutant planted = mutant::none;

    [[nodiscard]] const sim::faults& faults_of(const host_state& what) const noexcept {
        return what.faults ? *what.faults : faults;
    }
    [[nodiscard]] entity named(std::string name) const {
        entity made;
        made.id = hash_of(name);
        made.name = std::move(name);
        if (on_name) on_name(made.id, made.name);
        return made;
    }
    /// Enters a fault that has fired.
    std::uint64_t record_fault(site what, const entity& whom, std::uint64_t value, const host_state& where,
                               std::uint64_t cause = 0) {
        return log.record({.cause = cause,
                           .who = whom.id,
                           .value = static_cast<std::int64_t>(value),
                           .detail = static_cast<std::uint32_t>(what),
                           .machine = where.machine,
                           .kind = event_kind::net_fault});
    }
};

[[nodiscard]] inline ratio ratio_of(chance what) noexcept { return {what.numerator, what.denominator}; }
[[nodiscard]] inline std::uint64_t nanoseconds(duration what) noexcept {
    return what.count() > 0 ? static_cast<std::uint64_t>(what.count()) : 0;
}

}  // namespace tina::sim
