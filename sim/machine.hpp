// SPDX-License-Identifier: Apache-2.0
// A simulated machine: a spec booted, its shards moved by the world one cycle at a time, and its clocks. Owned by the
// world. What it was before a loss of power is gone but for its name, its addresses and the ordinals of its choices.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lib/fabric.hpp"
#include "lib/log_ring.hpp"
#include "lib/offload.hpp"
#include "lib/plan.hpp"
#include "lib/shard.hpp"
#include "sim/clock.hpp"
#include "sim/fault_settings.hpp"
#include "sim/shard_director.hpp"
#include "sim/sim_reactor.hpp"
#include "sim/timeline.hpp"
#include "tina/simulation.hpp"

namespace tina::sim {

class sim_world;
class host;
class sim_machine;

/// A shard of a machine as the world sees it: its time in the world's queue, and its reactor's way home.
class sim_shard final : public tina::detail::log_sink, public reactor_machine {
public:
    sim_shard(sim_machine& machine, std::uint32_t index);
    ~sim_shard() override;

    /// Makes it; then starts its tree, when all of its machine are made. Empty, or why not.
    [[nodiscard]] std::string boot(const tina::detail::shard_plan& plan);
    [[nodiscard]] std::string start();
    /// Runs one cycle, and says in the world's queue when the next one is due.
    void turn();
    /// Something is there for it now.
    void due() noexcept override;
    /// It is to run at `at_ns` at the latest.
    void expect_turn(std::int64_t at_ns);
    /// It does not run before.
    void put_off(std::int64_t until_ns);
    /// Takes it apart: power is lost, or the world ends.
    void take_down();
    /// Frees what was taken apart.
    void forget() {
        director_.reset();
        shard_.reset();
    }

    [[nodiscard]] tina::detail::shard& runtime() noexcept { return *shard_; }
    [[nodiscard]] bool is_up() const noexcept { return shard_ != nullptr; }
    [[nodiscard]] bool has_stopped() const noexcept { return stopped_; }
    [[nodiscard]] shard_director& director() noexcept { return *director_; }
    [[nodiscard]] sim_machine& on() const noexcept { return machine_; }
    [[nodiscard]] std::uint32_t index() const noexcept { return index_; }
    [[nodiscard]] std::uint32_t place() const noexcept { return place_; }
    /// Its root group fails, as if over its budget.
    void fail();
    /// Its cycles take so many times as long.
    void slow_down(std::uint64_t factor) noexcept { slowness_ = factor; }

    std::size_t write(std::span<const char> lines) noexcept override;
    std::int64_t wall_ns() noexcept override;
    std::int64_t now_ns() noexcept override;
    void woken() noexcept override { due(); }
    std::uint32_t shard() const noexcept override { return index_; }
    void completion_cause(std::uint64_t event) noexcept override { director_->completion_cause(event); }
    std::string_view owner() const noexcept override;

private:
    friend class sim_machine;
    void rest();
    void set_turn(std::int64_t at_ns);
    [[nodiscard]] std::int64_t cost_of_cycle(std::uint64_t activations);

    sim_machine& machine_;
    std::uint32_t index_;
    std::uint32_t place_;  ///< in the world's queue
    std::int64_t busy_until_ns_ = 0;
    std::int64_t due_ns_ = never_ns;  ///< when it has something to do; idle ticks may come before
    std::uint64_t slowness_ = 1;
    bool in_cycle_ = false;
    bool stopped_ = false;
    std::unique_ptr<tina::detail::shard> shard_;
    std::unique_ptr<shard_director> director_;
    std::string line_;
};

/// The helper threads of a machine: what is offloaded is done at once, and comes home a decided time later.
class sim_offloads final : public tina::detail::offload_queue, private due_target {
public:
    explicit sim_offloads(sim_machine& machine) : machine_(machine) {}
    bool submit(tina::detail::offload_record& record) noexcept override;
    /// Whatever is still under way comes home now.
    void finish_all();
    [[nodiscard]] bool has_work() const noexcept { return !waiting_.empty(); }

private:
    void on_due(std::uint64_t) override;

    sim_machine& machine_;
    std::vector<tina::detail::offload_record*> waiting_;  ///< oldest first
    std::uint32_t limit_ = 256;
};

class sim_machine {
public:
    sim_machine(sim_world& world, std::uint16_t index, machine_options options, system_spec spec);
    ~sim_machine();

    /// Empty, or all that is wrong with the spec.
    [[nodiscard]] std::vector<std::string> check();
    /// Empty, or why it did not boot.
    [[nodiscard]] std::string boot();
    /// Power is lost.
    void power_off();
    /// Stops everything without noise; the world ends.
    void take_apart();
    /// Frees what was taken apart.
    void forget();
    [[nodiscard]] bool is_up() const noexcept { return up_; }
    void stand_still(std::int64_t until_ns);
    /// It does not stand still any more.
    void go_on();
    /// If it stands still, it does so until thaw(), and as long as it would have after that.
    void freeze();
    void thaw();
    void start_clock();

    [[nodiscard]] const std::string& name() const noexcept { return options_.name; }
    [[nodiscard]] std::uint16_t index() const noexcept { return index_; }
    [[nodiscard]] std::uint32_t shard_count() const noexcept {
        return static_cast<std::uint32_t>(spec_.shards.each.size());
    }
    [[nodiscard]] sim_world& world() noexcept { return world_; }
    [[nodiscard]] sim_shard& shard(std::uint32_t index) noexcept { return *shards_[index]; }
    [[nodiscard]] shard_director& director(std::uint32_t shard) noexcept { return shards_[shard]->director(); }
    [[nodiscard]] entity& shard_entity(std::uint32_t shard) noexcept { return shards_[shard]->director().self(); }
    [[nodiscard]] const entity* name_of(std::uint32_t shard, std::uint32_t slot) noexcept {
        return director(shard).name_of(slot);
    }
    [[nodiscard]] const fault_settings& faults() const noexcept { return *faults_; }
    /// It has faults of its own. The world is to make them felt.
    void set_faults(const sim::faults& wanted);
    /// The faults are others now, its own or the world's.
    void refresh_faults();
    [[nodiscard]] machine_clock& clock() noexcept { return clock_; }
    [[nodiscard]] std::int64_t now_ns() const noexcept;
    [[nodiscard]] tina::detail::fabric& shared() noexcept { return *shared_; }
    [[nodiscard]] const system_spec& spec() const noexcept { return spec_; }
    [[nodiscard]] sim::machine& handle() noexcept { return public_; }
    [[nodiscard]] entity& self() noexcept { return *self_; }
    [[nodiscard]] const machine_options& options() const noexcept { return options_; }
    [[nodiscard]] sim::host* network_host() noexcept { return host_; }
    void give_address(std::string text) { options_.addresses.push_back(std::move(text)); }
    void set_host(sim::host& at) noexcept { host_ = &at; }
    [[nodiscard]] const sim_offloads& offloads() const noexcept { return *offloads_; }
    [[nodiscard]] std::int64_t still_until_ns() const noexcept { return still_until_ns_; }

    [[nodiscard]] std::vector<std::string> type_names() const {
        std::vector<std::string> names;
        if (plans_.empty()) return names;
        for (const tina::detail::type_plan& each : plans_.front().types) names.emplace_back(each.what->name);
        return names;
    }
    [[nodiscard]] std::string_view type_name(std::uint32_t shard, std::uint32_t type) const {
        return shard < plans_.size() && type < plans_[shard].types.size() ? plans_[shard].types[type].what->name
                                                                          : std::string_view{};
    }
    /// A message that is on its way to a shard cannot be seen before `at_ns`, and is to be then.
    void expect_message(std::uint32_t to, std::int64_t at_ns);
    /// Whether nothing is on its way in it, and nobody is ready to run.
    [[nodiscard]] bool is_at_rest();

private:
    sim_world& world_;
    std::uint16_t index_;
    machine_options options_;
    system_spec spec_;
    sim::machine public_{*this};
    entity* self_;
    machine_clock clock_;
    bool up_ = false;
    const fault_settings* faults_;  ///< its own or the world's
    fault_settings own_;
    sim::host* host_ = nullptr;
    std::int64_t still_until_ns_ = 0;
    std::int64_t frozen_for_ns_ = 0;  ///< what was left of its standing still when it froze
    std::unique_ptr<tina::detail::fabric> shared_;
    std::unique_ptr<sim_offloads> offloads_;
    std::vector<tina::detail::shard_plan> plans_;
    std::vector<std::unique_ptr<sim_shard>> shards_;
};

}  // namespace tina::sim
