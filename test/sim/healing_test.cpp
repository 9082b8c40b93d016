// SPDX-License-Identifier: Apache-2.0
// What ends when faults end, and what does not: clocks, machines that stand still or have no power, and the core of a
// world, which alone is healed.
#include <cstdlib>

#include "sim_stage.hpp"

using namespace sim_test;
using tina::sim::fault_profile;

namespace {

constexpr std::int64_t year_2026_ns = 1'767'225'600'000'000'000;
constexpr std::int64_t hour_ns = 3'600'000'000'000;
constexpr std::int64_t glance_ns = 3'000'000;  ///< a dial shows what was a little while ago

/// Shows what the wall clock says.
struct dial {
    std::int64_t wall_ns = 0;

    tina::isolate run(tina::context self) {
        for (;;) {
            wall_ns = self.wall_time().time_since_epoch().count();
            std::ignore = co_yield tina::sleep(1ms);
        }
    }
};

[[nodiscard]] tina::system_spec tower() {
    tina::system_spec spec{.types = {tina::type<dial>({.slots = 1})}, .log = {.level = tina::log_level::error}};
    const tina::restart_budget often{.restarts = tina::unlimited, .within = 10s};
    spec.shards.each.push_back({.tree = tina::one_for_one(often, {tina::child<dial>(tina::permanent)})});
    return spec;
}

/// By how much the wall clock of a machine is ahead of the world.
[[nodiscard]] std::int64_t off_ns(tina::sim::world& world, tina::sim::machine& machine) {
    world.advance(10ms);
    std::int64_t said = 0;
    machine.each<dial>([&](const dial& each) { said = each.wall_ns; });
    return said - year_2026_ns - world.now().time_since_epoch().count();
}

/// A passing run of a seed with all faults that are declared.
void pass(std::uint64_t seed, const std::function<void(tina::sim::world&)>& body) {
    require_passed(run(body, {.seed = seed, .profile = fault_profile::declared}));
}

}  // namespace

BOOST_AUTO_TEST_SUITE(healing)

BOOST_AUTO_TEST_CASE(a_healed_clock_drifts_as_its_machine_says) {
    pass(1, [](tina::sim::world& world) {
        auto& machine = world.machine({.name = "tower", .clock_drift_ppb = 100'000}, tower());
        world.faults({.clock_drift_ppm = 50'000});
        world.run_for(1s);
        world.faults({});
        const auto begin = machine.now();
        world.advance(1s);
        BOOST_TEST((machine.now() - begin).count() == 1'000'100'000);
    });
}

BOOST_AUTO_TEST_CASE(clocks_do_not_drift_when_that_is_no_longer_declared) {
    pass(1, [](tina::sim::world& world) {
        auto& machine = world.machine("tower", tower());
        world.faults({.clock_drift_ppm = 50'000});
        world.advance(1s);
        world.faults({});
        const auto begin = machine.now();
        world.advance(1s);
        BOOST_TEST((machine.now() - begin).count() == 1'000'000'000);
    });
}

BOOST_AUTO_TEST_CASE(a_healed_wall_clock_is_off_as_its_machine_says) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        pass(seed, [](tina::sim::world& world) {
            auto& machine = world.machine({.name = "tower", .clock_offset = 30s}, tower());
            world.faults({.clock_drift_ppm = 50'000,
                          .clock_offset = 1h,
                          .clock_step = {1, 3},
                          .clock_step_by = 1h,
                          .clock_pause = {1, 3}});
            world.run_for(5s);
            world.faults({});
            BOOST_TEST(std::abs(off_ns(world, machine) - 30'000'000'000) <= glance_ns);
        });
    }
}

BOOST_AUTO_TEST_CASE(an_offset_declared_anew_replaces_the_one_before) {
    for (std::uint64_t seed = 1; seed <= 3; ++seed) {
        pass(seed, [](tina::sim::world& world) {
            auto& machine = world.machine("tower", tower());
            for (int i = 0; i < 50; ++i) {
                world.faults({.clock_offset = 1h});
                BOOST_TEST(std::abs(off_ns(world, machine)) <= hour_ns + glance_ns);
            }
            world.faults({});
            BOOST_TEST(std::abs(off_ns(world, machine)) <= glance_ns);
        });
    }
}

BOOST_AUTO_TEST_CASE(a_healed_machine_goes_on_at_once) {
    pass(1, [](tina::sim::world& world) {
        auto& machine = world.machine("tower", tower());
        world.faults({.clock_pause = {1, 1}, .clock_pause_for = {24h, 24h}});
        world.advance(500ms);
        world.settle();
        world.faults({});
        BOOST_TEST(std::abs(off_ns(world, machine)) <= glance_ns);
    });
}

BOOST_AUTO_TEST_CASE(a_machine_that_stands_still_does_so_when_its_clock_begins_to_drift) {
    pass(1, [](tina::sim::world& world) {
        auto& machine = world.machine("tower", tower());
        world.faults({.clock_pause = {1, 1}, .clock_pause_for = {1s, 1s}});
        world.advance(150ms);
        const auto begin = machine.now();
        world.faults({.clock_drift_ppm = 1000});
        world.advance(500ms);
        BOOST_TEST((machine.now() - begin).count() == 0);
    });
}

BOOST_AUTO_TEST_CASE(a_machine_that_stands_still_is_not_let_go_by_a_shorter_pause) {
    pass(1, [](tina::sim::world& world) {
        auto& machine = world.machine("tower", tower());
        world.faults({.clock_pause = {1, 1}, .clock_pause_for = {1s, 1s}});
        world.advance(150ms);
        const auto begin = machine.now();
        world.faults({.clock_pause = {1, 1}, .clock_pause_for = {1ms, 1ms}});
        world.advance(500ms);
        BOOST_TEST((machine.now() - begin).count() == 0);
    });
}

BOOST_AUTO_TEST_CASE(faults_of_one_machine_strike_it_alone) {
    pass(1, [](tina::sim::world& world) {
        auto& one = world.machine("one", tower());
        auto& other = world.machine("other", tower());
        one.faults({.crash_shard = {1, 2}, .clock_offset = 1h});
        world.advance(2s);
        BOOST_TEST(one.counters()["shard_restarts"] > 0u);
        BOOST_TEST(other.counters()["shard_restarts"] == 0u);
        BOOST_TEST(std::abs(off_ns(world, one)) > glance_ns);
        BOOST_TEST(std::abs(off_ns(world, other)) <= glance_ns);
    });
}

BOOST_AUTO_TEST_CASE(faults_of_each_moment_come_again_after_healing) {
    pass(1, [](tina::sim::world& world) {
        static_cast<void>(world.machine("tower", tower()));
        int struck = 0;
        world.on_event("strikes", [&](const tina::sim::event_view& what) -> tina::sim::verdict {
            if (what.kind == "clock_fault") ++struck;
            return std::nullopt;
        });
        world.faults({.clock_step = {1, 1}});
        // So that a moment passes in which nothing may strike.
        const tina::instant later = world.now() + 1500ms;
        world.eventually("time goes on", [&] { return world.now() >= later; }, 1s);
        world.run_for(1s);
        BOOST_TEST(struck == 10);
        world.advance(1s);
        BOOST_TEST(struck == 20);
    });
}

BOOST_AUTO_TEST_CASE(outside_the_core_power_stays_off_until_the_goals_are_met) {
    pass(1, [](tina::sim::world& world) {
        auto& one = world.machine("one", tower());
        auto& other = world.machine("other", tower());
        world.core({&one});
        world.faults({.crash_machine = {1, 1}, .machine_down_for = {500ms, 500ms}});
        world.advance(150ms);
        BOOST_TEST(!one.is_up());
        const tina::instant later = world.now() + 2s;
        world.always("nobody outside boots", [&] { return world.now() >= later || !other.is_up(); });
        world.eventually("time goes on", [&] { return world.now() >= later; }, 3s);
        world.eventually("the core is up", [&] { return one.is_up(); }, 1ms);
        world.settle();
        BOOST_TEST(other.is_up());
    });
}

BOOST_AUTO_TEST_CASE(outside_the_core_who_stands_still_does_so_until_the_goals_are_met) {
    pass(1, [](tina::sim::world& world) {
        auto& one = world.machine("one", tower());
        auto& other = world.machine("other", tower());
        world.core({&one});
        world.faults({.clock_pause = {1, 1}, .clock_pause_for = {500ms, 500ms}});
        world.advance(150ms);
        world.faults({});
        const tina::instant begin = other.now();
        const tina::instant later = world.now() + 2s;
        world.eventually("time goes on", [&] { return world.now() >= later; }, 3s);
        world.settle();
        BOOST_TEST((other.now() - begin).count() == 0);
        BOOST_TEST((one.now() - begin).count() > 1'000'000'000);
        world.advance(1s);
        // 450 ms were left of it.
        BOOST_TEST((other.now() - begin).count() == 550'000'000);
    });
}

BOOST_AUTO_TEST_CASE(outside_the_core_a_clock_stays_wrong) {
    pass(1, [](tina::sim::world& world) {
        auto& one = world.machine("one", tower());
        auto& other = world.machine("other", tower());
        world.core({&one});
        world.faults({.clock_offset = 1h});
        world.run_for(1s);
        BOOST_TEST(std::abs(off_ns(world, one)) <= glance_ns);
        BOOST_TEST(std::abs(off_ns(world, other)) > glance_ns);
    });
}

BOOST_AUTO_TEST_SUITE_END()
