// SPDX-License-Identifier: Apache-2.0
// One run: a world is made, the scenario's body is called, and what came of it is told.
#include "sim/run.hpp"

#include <algorithm>
#include <map>

#include "sim/scenario.hpp"
#include "sim/world_state.hpp"

namespace tina::sim {

namespace {

/// The specs of all machines in what decides how they behave, as one number: types, sizes, messages.
[[nodiscard]] std::uint64_t digest_of_specs(sim_world& world) {
    std::uint64_t digest = hash_of("spec");
    for (const auto& machine : world.machines()) {
        digest = combine(digest, hash_of(machine->name()));
        const system_spec& spec = machine->spec();
        for (const type_spec& type : spec.types) {
            digest = combine(digest, hash_of(type.what->name));
            digest = combine(digest, type.options.slots + (std::uint64_t{type.options.mailbox_capacity} << 32));
            for (std::size_t i = 0; i < type.what->accept_count; ++i) {
                digest = combine(digest, type.what->accepts[i]->key());
            }
        }
        digest = combine(digest, spec.shards.each.size());
    }
    return digest;
}

/// All marks of the program, in the order of their names; those of one name are one.
[[nodiscard]] std::map<std::string, mark_outcome> empty_marks() {
    std::map<std::string, mark_outcome> all;
    for (const detail::mark* each = detail::first_mark(); each != nullptr; each = each->next) {
        mark_outcome& out = all[std::string(each->name)];
        out.name = each->name;
        constexpr char letters[] = {'s', 'r', 'u', 'b'};
        out.kind = letters[static_cast<std::size_t>(each->kind)];
    }
    return all;
}

}  // namespace

bool sim_world::is_declared(site what) const {
    // Who asks for a run without faults does not declare any.
    if (request.profile == fault_profile::none) return false;
    // One chance stands for all five; which of them have occasions is a matter of the program.
    for (const site part :
         {site::crash_after_effect, site::crash_between_effects, site::crash_at_start, site::crash_in_restart}) {
        if (what == part) return false;
    }
    if (settings_.of(what).declared) return true;
    return std::any_of(machines_.begin(), machines_.end(),
                       [&](const auto& each) { return each->faults().of(what).declared; });
}

void sim_world::tell(run_outcome& out) {
    out.failed = failed_;
    out.digest = events.digest();
    out.events = events.count();
    out.virtual_ns = time.now_ns();
    out.spec_digest = digest_of_specs(*this);
    out.novelty = std::move(novelty_);
    out.fired_log = choices.log();
    std::map<std::string, mark_outcome> marks = empty_marks();
    for (auto& [name, mark] : marks) {
        for (const detail::mark* each = detail::first_mark(); each != nullptr; each = each->next) {
            const auto found = marks_.find(each);
            if (each->name != name || found == marks_.end()) continue;
            mark.met += found->second.met;
            mark.held += found->second.held;
            for (const std::string_view type : found->second.types) mark.types.emplace_back(type);
        }
        out.marks.push_back(mark);
    }
    for (std::size_t i = 0; i < site_count; ++i) {
        const auto what = static_cast<site>(i);
        if (!info_of(what).is_fault || (choices.asked(what) == 0 && !is_declared(what))) continue;
        out.faults.push_back({what, choices.asked(what), choices.fired_count(what)});
    }
    if (request.keep == recording::none) return;
    out.events_kept = std::move(events.kept());
    out.names = std::move(names.names());
    for (const auto& [tag, info] : payloads.known()) out.messages[tag] = info->name;
    for (const auto& machine : machines_) {
        out.machines.push_back(machine->name());
        out.types.push_back(machine->type_names());
    }
    out.operations = choices.workload();
    out.log = std::move(log_);
}

run_outcome run_scenario(const scenario& what, const run_request& wanted) {
    run_outcome out;
    sim_world state(wanted);
    world shown(state);
    try {
        what.body(shown);
        if (!state.has_run()) { throw unusable_run{"the scenario has not run its world: let it call world.run_for()"}; }
        state.check_structures();
    } catch (const run_over&) {
    } catch (const unusable_run& refused) { out.unusable = refused.reason; } catch (const std::exception& error) {
        state.fail("the scenario threw", error.what());
    } catch (...) { state.fail("the scenario threw", "something that is no std::exception"); }
    if (out.unusable.empty() && !state.payloads.unhashable().empty()) {
        out.unusable = needs_digest(state.payloads.unhashable());
    }
    state.tell(out);
    return out;
}

}  // namespace tina::sim
