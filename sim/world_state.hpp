// SPDX-License-Identifier: Apache-2.0
// A world from the inside: time, choices, events, machines, and what must hold. One object is one run; it is made and
// used on one thread, and keeps nothing outside itself.
#pragma once

#include <algorithm>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "sim/decisions.hpp"
#include "sim/entities.hpp"
#include "sim/event_log.hpp"
#include "sim/fault_settings.hpp"
#include "sim/machine.hpp"
#include "sim/payload.hpp"
#include "sim/run.hpp"
#include "sim/shard_queue.hpp"
#include "sim/timeline.hpp"
#include "tina/marks.hpp"
#include "tina/simulation.hpp"

namespace tina::sim {

/// Thrown by the world to leave a scenario: the run is over. Never through a shard.
struct run_over {};
/// Thrown to leave a scenario that cannot be run.
struct unusable_run {
    std::string reason;
};

/// Something that must hold.
struct property {
    std::string name;
    std::function<verdict()> holds;
    std::uint64_t checked = 0;
};
struct goal : property {
    duration within{};
    bool met = false;
};
struct event_checker {
    std::string name;
    std::function<verdict(const event_view&)> check;
};

class network;

class sim_world final : public detail::mark_sink, private due_target {
public:
    explicit sim_world(const run_request& wanted);
    ~sim_world();

    timeline time;
    decisions choices;
    event_log events;
    entities names;
    sim::payloads payloads;
    shard_queue queue;
    const run_request& request;

    // --- machines
    sim_machine& add_machine(const machine_options& options, system_spec spec);
    [[nodiscard]] std::vector<std::unique_ptr<sim_machine>>& machines() noexcept { return machines_; }
    [[nodiscard]] std::uint32_t add_shard(sim_shard& shard);
    void set_faults(const sim::faults& wanted);
    void set_faults(sim_machine& machine, const sim::faults& wanted);
    [[nodiscard]] const fault_settings& faults() const noexcept { return settings_; }
    [[nodiscard]] fault_settings settle_settings(const sim::faults& declared) const;
    [[nodiscard]] std::uint64_t next_child(const std::string& stem) { return children_[hash_of(stem)]++; }
    [[nodiscard]] run_order order() const noexcept { return order_; }
    [[nodiscard]] std::uint64_t change_every() const noexcept { return change_every_; }
    void crash_machine(sim_machine& machine);
    [[nodiscard]] std::unique_ptr<tina::detail::reactor> make_reactor(sim_shard& shard);
    void restart_machine(sim_machine& machine);

    // --- running
    void set_network(const network_options& wanted);
    void cut(std::string_view from, std::string_view to, bool off);
    void advance_to(std::int64_t end_ns);
    bool advance_until(const std::function<bool()>& reached, std::int64_t end_ns);
    void settle();
    /// What must hold of the runtime at any time is looked at.
    void check_structures();
    /// Machines that settle() heals; none: all.
    void set_core(const std::vector<std::string_view>& wanted);
    void call_after(std::int64_t span_ns, std::function<void()> what);
    /// Ends the run: a property does not hold. The first one counts.
    void fail(std::string property, std::string detail);
    [[nodiscard]] bool has_failed() const noexcept { return failed_.has_value(); }
    /// An isolate is about to run: what must always hold is looked at.
    void before_activation() {
        if (!always.empty()) check_always();
    }
    [[nodiscard]] bool is_at_rest();
    [[nodiscard]] bool has_run() const noexcept { return has_run_; }

    // --- what must hold
    std::vector<property> always;
    std::vector<property> at_rest;
    std::vector<goal> goals;
    void add_checker(event_checker added) {
        checkers_.push_back(std::move(added));
        listen(0);
    }

    // --- what is told of the run
    void note_novelty(std::uint64_t hash);
    void add_log(const sim_shard& from, std::string_view line);
    [[nodiscard]] event_view view_of(const event_record& what);
    /// Ends all machines, and checks that nothing is left.
    void take_apart();
    void tell(run_outcome& out);

    bool pass(const detail::mark& which, bool held) noexcept override;
    bool exhausts_arena() noexcept override;

private:
    struct mark_count {
        std::uint64_t met = 0;
        std::uint64_t held = 0;
        std::vector<std::string_view> types;  ///< of the isolates that passed it
    };

    void on_due(std::uint64_t argument) override;
    [[nodiscard]] bool is_declared(site what) const;
    [[nodiscard]] std::int64_t decide_off(site what, sim_machine& machine);
    void feel_faults();
    void set_clock_faults(sim_machine& machine);
    void heal_machine(sim_machine& machine);
    void power_returns(sim_machine& machine);
    void thaw();
    [[nodiscard]] bool is_in_core(const sim_machine& machine) const;
    [[nodiscard]] bool decide_buggify(const detail::mark& which);
    [[nodiscard]] const entity* running_isolate() noexcept;
    static void note_type(mark_count& of);
    std::uint64_t strike(site what, entity& whom, sim_machine& machine);
    // The network, in world_network.cpp.
    [[nodiscard]] std::unique_ptr<network> make_network();
    [[nodiscard]] network& net();
    void join_network(sim_machine& machine);
    void power_network(sim_machine& machine, bool on);
    void tell_network_of_faults();
    void heal_network();
    void thaw_network();
    [[nodiscard]] bool network_at_rest();
    [[nodiscard]] std::int64_t next_ns() const noexcept { return std::min(time.next_ns(), queue.next_ns()); }
    void step(std::int64_t next_ns);
    void after_step();
    void heard(const event_record& what);
    /// Has heard() called from an event on.
    void listen(std::uint64_t from);
    void check_always();
    void check_rest();
    void begin_moments();
    void moment();
    void moment_of(sim_machine& machine);
    void require_goals();
    void choose_order();
    void phase(std::uint32_t which);

    std::unique_ptr<network> network_;  ///< made with the first machine
    fault_settings settings_;
    sim::faults declared_{};
    std::vector<event_checker> checkers_;
    std::vector<std::unique_ptr<sim_machine>> machines_;
    std::vector<sim_shard*> shards_;
    std::vector<std::uint16_t> core_;          ///< machines by index; none: all are in it
    std::vector<sim_machine*> power_is_owed_;  ///< their time without power is over, but for the frozen phase
    std::unordered_map<std::uint64_t, std::uint64_t> children_;
    std::unordered_map<const detail::mark*, mark_count> marks_;
    std::unordered_set<std::uint64_t> novelty_seen_;
    std::vector<std::uint64_t> novelty_;
    std::uint64_t last_kinds_ = 0;
    std::vector<std::function<void()>> calls_;
    std::vector<std::uint32_t> free_calls_;
    std::optional<failure> failed_;
    run_order order_ = run_order::fifo;
    std::uint64_t change_every_ = 0;
    std::uint64_t last_rest_ = 0;  ///< events when at_rest was last looked at
    std::uint64_t structure_due_ = 0;
    bool moments_on_ = false;
    bool has_run_ = false;
    bool stopped_early_ = false;
    bool in_predicate_ = false;
    std::vector<std::string> log_;
};

/// What must hold of a machine's runtime between two cycles. Empty, or what does not.
[[nodiscard]] std::string check_structure(sim_machine& machine);

}  // namespace tina::sim
