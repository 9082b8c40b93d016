// SPDX-License-Identifier: Apache-2.0
// The network as a part of the world: which host a machine is, and how its shards' reactors come home.
#include <algorithm>

#include "sim/network.hpp"
#include "sim/sim_reactor.hpp"
#include "sim/world_state.hpp"

namespace tina::sim {

namespace {

[[nodiscard]] std::string nth_address(std::uint16_t index) {
    const unsigned number = index + 1u;
    return "10.0." + std::to_string(number / 256) + "." + std::to_string(number % 256);
}

}  // namespace

std::unique_ptr<network> sim_world::make_network() {
    auto made = std::make_unique<network>(time, choices, events);
    if (request.keep == recording::all) {
        made->set_name_listener([this](std::uint64_t id, std::string_view name) { names.names()[id] = name; });
    }
    return made;
}

network& sim_world::net() {
    if (network_ == nullptr) network_ = make_network();
    return *network_;
}

void sim_world::join_network(sim_machine& machine) {
    if (machine.options().addresses.empty()) machine.give_address(nth_address(machine.index()));
    std::vector<address> addresses;
    for (const std::string& text : machine.options().addresses) {
        const std::optional<address> parsed = parse_ip(text, 0);
        if (!parsed) {
            throw unusable_run{"machine \"" + machine.name() + "\": \"" + text +
                               "\" is no numeric address; give it one like 10.0.0.1 or fd00::1"};
        }
        for (const auto& other : machines_) {
            const auto& theirs = other->options().addresses;
            if (other.get() != &machine && std::find(theirs.begin(), theirs.end(), text) != theirs.end()) {
                throw unusable_run{"machines \"" + other->name() + "\" and \"" + machine.name() +
                                   "\" have the same address " + text};
            }
        }
        addresses.push_back(*parsed);
    }
    machine.set_host(net().add_host(machine.name(), machine.index(), std::move(addresses)));
    net().set_faults(*machine.network_host(), machine.faults().effective());
}

std::unique_ptr<tina::detail::reactor> sim_world::make_reactor(sim_shard& shard) {
    return make_sim_reactor(net(), *shard.on().network_host(),
                            {.reactor = shard.runtime().reactor_needs(), .machine = &shard});
}

void sim_world::power_network(sim_machine& machine, bool on) {
    host& at = *machine.network_host();
    if (on && !at.is_up()) net().power_on(at);
    if (!on && at.is_up()) net().power_off(at);
}

void sim_world::tell_network_of_faults() {
    if (network_ == nullptr) return;
    net().set_faults(settings_.effective());
    for (const auto& each : machines_) net().set_faults(*each->network_host(), each->faults().effective());
}

void sim_world::set_network(const network_options& wanted) { net().set_options(wanted); }

void sim_world::cut(std::string_view from, std::string_view to, bool off) {
    const auto host_named = [this](std::string_view name) -> host& {
        for (const auto& each : machines_) {
            if (each->name() == name) return *each->network_host();
        }
        throw unusable_run{"there is no machine named \"" + std::string(name) + "\""};
    };
    off ? net().cut(host_named(from), host_named(to)) : net().join(host_named(from), host_named(to));
}

void sim_world::heal_network() {
    if (network_ == nullptr) return;
    net().heal([this](const host& each) { return is_in_core(*machines_[each.machine()]); });
}

void sim_world::thaw_network() {
    if (network_ != nullptr) net().thaw();
}

bool sim_world::network_at_rest() { return network_ == nullptr || net().at_rest(); }

}  // namespace tina::sim
