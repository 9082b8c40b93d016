// SPDX-License-Identifier: Apache-2.0
// Three machines that keep a log together, over a network that fails. What to watch: `replicated_log_sim explore
// commands --seeds 1..1000` finds nothing; with --double-vote, --commit-alone or --late-lease it finds what that
// breaks.
#include <tina/harness.hpp>

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "machine.hpp"

using namespace std::chrono_literals;
using namespace replicated_log;

namespace {

using machine_list = std::array<tina::sim::machine*, machine_count>;

/// The node of a machine; null before it has started.
[[nodiscard]] const node* node_of(tina::sim::machine& where) {
    const node* found = nullptr;
    where.each<node>([&](const node& each) { found = &each; });
    return found;
}

[[nodiscard]] std::string text_of(const entry& what) {
    return "value " + std::to_string(what.value) + " of term " + std::to_string(what.term);
}

/// What was seen so far: the leader of each term, and what was committed. It outlives each node's forgetting.
class history {
public:
    explicit history(const machine_list& machines) : machines_(machines) {}

    [[nodiscard]] tina::sim::verdict one_leader_a_term() {
        for (std::uint32_t i = 0; i < machine_count; ++i) {
            const node* const each = node_of(*machines_[i]);
            if (each == nullptr || each->place != standing::leader) continue;
            const auto [known, is_new] = leaders_.try_emplace(each->term, i);
            if (known->second == i) continue;
            return "term " + std::to_string(each->term) + " has the leaders " + std::to_string(known->second) +
                   " and " + std::to_string(i);
        }
        return std::nullopt;
    }

    /// Two logs that have an entry of one index and term are alike up to it.
    [[nodiscard]] tina::sim::verdict logs_match() {
        for (std::uint32_t i = 0; i < machine_count; ++i) {
            const node* const one = node_of(*machines_[i]);
            if (one == nullptr || one->log_changes == compared_[i]) continue;
            compared_[i] = one->log_changes;
            for (tina::sim::machine* other : machines_) {
                const node* const two = node_of(*other);
                if (two == nullptr || two == one) continue;
                if (auto differing = compare(*one, *two)) return differing;
            }
        }
        return std::nullopt;
    }

    /// What one node has committed, no node ever commits otherwise.
    [[nodiscard]] tina::sim::verdict committed_entries_agree() {
        for (std::uint32_t i = 0; i < machine_count; ++i) {
            const node* const each = node_of(*machines_[i]);
            if (each == nullptr) continue;
            const state now{each->commit, each->log_changes};
            if (now == seen_[i]) continue;
            seen_[i] = now;
            if (auto differing = compare_committed(i, *each)) return differing;
        }
        return std::nullopt;
    }

    [[nodiscard]] tina::sim::verdict one_lease() {
        std::uint32_t holder = nobody;
        for (std::uint32_t i = 0; i < machine_count; ++i) {
            const node* const each = node_of(*machines_[i]);
            if (each == nullptr || !each->holds_lease(machines_[i]->now())) continue;
            if (holder != nobody) return "both " + std::to_string(holder) + " and " + std::to_string(i) + " hold one";
            holder = i;
        }
        return std::nullopt;
    }

private:
    struct state {
        std::uint32_t commit = 0;
        std::uint32_t log_changes = 0;
        friend bool operator==(const state&, const state&) = default;
    };

    [[nodiscard]] static tina::sim::verdict compare(const node& one, const node& two) {
        std::uint32_t agreed = std::min(one.log_count, two.log_count);
        while (agreed > 0 && one.term_of(agreed) != two.term_of(agreed)) --agreed;
        for (std::uint32_t at = 0; at < agreed; ++at) {
            if (one.log[at] != two.log[at]) return "entry " + std::to_string(at + 1) + " differs";
        }
        return std::nullopt;
    }

    [[nodiscard]] tina::sim::verdict compare_committed(std::uint32_t machine, const node& what) {
        for (std::uint32_t at = 0; at < what.commit; ++at) {
            if (at >= what.log_count) {
                return "machine " + std::to_string(machine) + " has lost entry " + std::to_string(at + 1);
            }
            if (at == committed_.size()) committed_.push_back(what.log[at]);
            if (committed_[at] == what.log[at]) continue;
            return "entry " + std::to_string(at + 1) + ": machine " + std::to_string(machine) + " has " +
                   text_of(what.log[at]) + ", but committed was " + text_of(committed_[at]);
        }
        return std::nullopt;
    }

    machine_list machines_;
    std::map<std::uint32_t, std::uint32_t> leaders_;
    std::vector<entry> committed_;
    std::array<std::uint32_t, machine_count> compared_{};
    std::array<state, machine_count> seen_{};
};

[[nodiscard]] machine_list boot(tina::sim::world& world) {
    machine_list machines{};
    for (std::uint32_t i = 0; i < machine_count; ++i) {
        const std::string number = std::to_string(i);
        machines[i] = &world.machine({.name = "log" + number, .addresses = {"10.0.0." + std::to_string(i + 1)}},
                                     machine_spec({.own = i,
                                                   .votes_twice = world.option("double-vote"),
                                                   .commits_alone = world.option("commit-alone"),
                                                   .counts_late = world.option("late-lease")}));
    }
    return machines;
}

/// Has clients submit `count` values within `span`, and requires that all of them come to be everywhere.
void submit_values(tina::sim::world& world, const machine_list& machines, std::uint32_t count,
                   std::chrono::milliseconds span) {
    auto submitted = std::make_shared<std::array<std::uint32_t, machine_count>>();
    for (std::uint32_t i = 1; i <= count; ++i) {
        const auto where = static_cast<std::uint32_t>(world.choose("client", 0, machine_count - 1));
        const auto value = static_cast<std::uint32_t>(world.choose("value", 0, 999));
        const auto at = world.choose("at, in milliseconds", 0, static_cast<std::uint64_t>(span.count()));
        if (!world.operation("a value is submitted")) continue;
        world.after(std::chrono::milliseconds{at}, [=] {
            const auto client = machines[where]->whereis(client_role);
            if (!client || machines[where]->post(*client, submit{i, value}) != tina::send_result::ok) return;
            ++(*submitted)[where];
        });
    }
    world.eventually(
        "every value is committed everywhere",
        [=] {
            const node* const first = node_of(*machines[0]);
            for (std::uint32_t i = 0; i < machine_count; ++i) {
                std::uint32_t done = 0;
                machines[i]->each<client>([&](const client& each) { done = each.done; });
                const node* const each = node_of(*machines[i]);
                if (done != (*submitted)[i] || each == nullptr) return false;
                if (each->commit != each->log_count || each->log_count != first->log_count) return false;
            }
            return first->log_count > 0;
        },
        5s);
}

void check_safety(tina::sim::world& world, const std::shared_ptr<history>& seen) {
    world.always("a term has one leader", [seen] { return seen->one_leader_a_term(); });
    world.always("logs match", [seen] { return seen->logs_match(); });
    world.always("committed entries agree", [seen] { return seen->committed_entries_agree(); });
}

/// All of them but what stops clocks.
[[nodiscard]] tina::sim::faults network_faults() {
    return {.crash_isolate = {1, 2000, tina::types<acceptor, carrier, inbound>},
            .net_latency = {0us, 20ms},
            .net_loss = {1, 50},
            .net_reset = {1, 1000},
            .net_refuse = {1, 10},
            .net_silence = {1, 20},
            .net_segment = {1, 10},
            .partial_write = {1, 10},
            .net_partition = {1, 60},
            .net_partition_for = {100ms, 2s},
            .net_clog = {1, 60},
            .net_clog_for = {10ms, 500ms}};
}

}  // namespace

TINA_SCENARIO(commands, "values are committed once and alike on three machines, over a network that fails") {
    const machine_list machines = boot(world);
    auto faults = network_faults();
    faults.clock_drift_ppm = 10'000;
    world.faults(faults);
    const auto seen = std::make_shared<history>(machines);
    check_safety(world, seen);
    world.always("one leader holds a lease", [seen] { return seen->one_lease(); });
    submit_values(world, machines, 60, 6s);
    world.run_for(8s);
}

TINA_SCENARIO(leases, "one leader at a time answers for the log, where packets come late and clocks are not alike") {
    const machine_list machines = boot(world);
    world.faults(
        {.net_loss = {1, 100}, .net_partition = {1, 30}, .net_partition_for = {100ms, 1s}, .clock_drift_ppm = 10'000});
    const auto seen = std::make_shared<history>(machines);
    check_safety(world, seen);
    world.always("one leader holds a lease", [seen] { return seen->one_lease(); });
    submit_values(world, machines, 20, 6s);
    world.run_for(8s);
}

TINA_SCENARIO(pauses, "the same where machines stand still for a while, which no lease survives") {
    const machine_list machines = boot(world);
    auto faults = network_faults();
    faults.clock_pause = {1, 50};
    faults.clock_pause_for = {10ms, 1s};
    world.faults(faults);
    check_safety(world, std::make_shared<history>(machines));
    submit_values(world, machines, 60, 6s);
    world.run_for(8s);
}

int main(int argc, char** argv) {
    return tina::harness_main(
        argc, argv,
        {.flags = {{"double-vote", "nodes forget whom they have given their vote in a term"},
                   {"commit-alone", "leaders commit what no majority has"},
                   {"late-lease", "leases run from when they are confirmed, not from when they were asked for"}}});
}
