// SPDX-License-Identifier: Apache-2.0
// The world and its machines as scenarios see them.
#include <algorithm>

#include "sim/inspection.hpp"
#include "sim/world_state.hpp"

namespace tina::sim {

// --- machine ---------------------------------------------------------------------------------------------------------

void machine::visit_objects(const tina::detail::handler_info& what,
                            const std::function<void(const std::byte*)>& visit) {
    sim::visit_objects(*state_, what, visit);
}
std::size_t machine::count_of(const tina::detail::handler_info& what) { return count_isolates(*state_, what); }
void machine::visit_messages(std::uint64_t key, const std::function<void(const std::byte*)>& visit) {
    sim::visit_messages(*state_, key, visit);
}
send_result machine::post_bytes(handle target, std::uint64_t key, const std::byte* bytes) {
    if (!state_->is_up()) return send_result::stale_handle;
    return tina::detail::post_from_outside(state_->shared(), target, key, bytes);
}
result<handle> machine::whereis(const role& who) { return find_role(*state_, who.tag(), tina::detail::nothing); }
result<handle> machine::whereis(const role& who, std::uint32_t shard) { return find_role(*state_, who.tag(), shard); }

std::string_view machine::name() const { return state_->name(); }
address machine::at(std::uint16_t port) const {
    address first = *parse_ip(state_->options().addresses.front(), port);
    first.port = port;
    return first;
}
bool machine::is_up() const { return state_->is_up(); }
std::uint32_t machine::shard_count() const { return state_->shard_count(); }
counter_snapshot machine::counters() const { return counters_of(*state_); }
instant machine::now() const { return instant{duration{state_->now_ns()}}; }
void machine::crash() { state_->world().crash_machine(*state_); }
void machine::restart() { state_->world().restart_machine(*state_); }
void machine::request_stop(stop_mode how) {
    if (state_->is_up()) state_->shared().request_stop(how);
}
void machine::faults(const sim::faults& wanted) { state_->world().set_faults(*state_, wanted); }

// --- world -----------------------------------------------------------------------------------------------------------

machine& world::machine(const machine_options& options, system_spec spec) {
    return state_->add_machine(options, std::move(spec)).handle();
}
void world::faults(const sim::faults& wanted) { state_->set_faults(wanted); }
void world::network(const network_options& wanted) { state_->set_network(wanted); }
void world::cut(const sim::machine& from, const sim::machine& to) { state_->cut(from.name(), to.name(), true); }
void world::join(const sim::machine& from, const sim::machine& to) { state_->cut(from.name(), to.name(), false); }

void world::on_event(std::string name, std::function<verdict(const event_view&)> checker) {
    state_->add_checker({std::move(name), std::move(checker)});
}
void world::add_always(std::string name, std::function<verdict()> predicate) {
    state_->always.push_back({std::move(name), std::move(predicate)});
    state_->events.mark_runs_unusual();
}
void world::add_at_rest(std::string name, std::function<verdict()> predicate) {
    state_->at_rest.push_back({std::move(name), std::move(predicate)});
}
void world::add_eventually(std::string name, std::function<verdict()> predicate, duration within) {
    goal added;
    added.name = std::move(name);
    added.holds = std::move(predicate);
    added.within = within;
    state_->goals.push_back(std::move(added));
}
void world::fail(std::string property, std::string detail) {
    state_->fail(std::move(property), std::move(detail));
    throw run_over{};
}

void world::run_for(duration span) {
    advance(span);
    settle();
}
void world::advance(duration span) { state_->advance_to(state_->time.now_ns() + span.count()); }
bool world::advance_until(const std::function<bool()>& reached, duration within) {
    return state_->advance_until(reached, state_->time.now_ns() + within.count());
}
void world::settle() { state_->settle(); }
void world::core(const std::vector<const sim::machine*>& machines) {
    std::vector<std::string_view> names;
    for (const sim::machine* const each : machines) names.push_back(each->name());
    state_->set_core(names);
}
void world::after(duration span, std::function<void()> what) { state_->call_after(span.count(), std::move(what)); }

std::uint64_t world::choose(std::string_view what, std::uint64_t low, std::uint64_t high) {
    entity& whom = state_->names.named("workload/" + std::string(what));
    return low + state_->choices.draw(site::workload, whom, high - low + 1);
}
bool world::operation(std::string_view what) {
    entity& whom = state_->names.named("workload/" + std::string(what));
    const bool kept = state_->choices.keeps_operation(whom);
    state_->events.record({.who = whom.id, .value = kept ? 1 : 0, .kind = event_kind::operation});
    return kept;
}
bool world::option(std::string_view name) const {
    const std::vector<std::string>& given = state_->request.options;
    return std::find(given.begin(), given.end(), name) != given.end();
}
std::uint64_t world::seed() const { return state_->choices.seed(); }
instant world::now() const { return instant{duration{state_->time.now_ns()}}; }

}  // namespace tina::sim
