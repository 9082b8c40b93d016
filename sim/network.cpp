// SPDX-License-Identifier: Apache-2.0
// The network as the world sees it.
#include "sim/network.hpp"

#include "sim/network_core.hpp"
#include "sim/network_links.hpp"
#include "sim/network_tcp.hpp"

namespace tina::sim {

const std::string& host::name() const noexcept { return state_of(*this).name; }
std::uint16_t host::machine() const noexcept { return state_of(*this).machine; }
bool host::is_up() const noexcept { return state_of(*this).up; }

network::network(timeline& time, decisions& choices, event_log& log) {
    core_ = std::make_unique<network_core>(network_core{time, choices, log, {}, {}, {}, {}});
    links_ = std::make_unique<links>(*core_, [this](host_state& from, host_state& to) { tcp_->joined(from, to); });
    tcp_ = std::make_unique<tcp>(*core_, *links_);
}

network::~network() = default;

host& network::add_host(std::string_view name, std::uint16_t machine, std::vector<address> addresses) {
    auto made = std::make_unique<host_state>();
    made->name = name;
    made->machine = machine;
    made->index = static_cast<std::uint32_t>(core_->hosts.size());
    for (const address& each : addresses) made->addresses.push_back(canonical(each));
    core_->hosts.push_back(std::move(made));
    links_->host_added();
    return *core_->hosts.back();
}

void network::set_options(const network_options& wanted) { core_->options = wanted; }

void network::set_faults(const faults& wanted) {
    core_->faults = wanted;
    links_->faults_changed();
}

void network::set_faults(host& of, const faults& wanted) {
    state_of(of).faults = wanted;
    links_->faults_changed();
}

void network::power_off(host& what) { tcp_->power_off(state_of(what)); }
void network::power_on(host& what) { tcp_->power_on(state_of(what)); }
void network::cut(const host& from, const host& to) { links_->cut(state_of(from), state_of(to)); }
void network::join(const host& from, const host& to) { links_->join(state_of(from), state_of(to)); }
void network::heal() {
    links_->heal([](const host&) { return true; });
}
void network::heal(const std::function<bool(const host&)>& is_in_core) { links_->heal(is_in_core); }
void network::thaw() { links_->thaw(); }
bool network::at_rest() const noexcept { return tcp_->at_rest(); }
std::size_t network::connection_count() const noexcept { return tcp_->connection_count(); }
void network::plant(mutant which) noexcept { core_->planted = which; }

void network::set_name_listener(std::function<void(std::uint64_t, std::string_view)> listener) {
    core_->on_name = std::move(listener);
}

}  // namespace tina::sim
