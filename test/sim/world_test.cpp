// SPDX-License-Identifier: Apache-2.0
// A world as a whole: the same seed is the same run, what is added in one place moves nothing in another, time jumps,
// and what must hold is looked at when it must.
#include <algorithm>
#include <map>
#include <set>
#include <tuple>
#include <utility>

#include "lib/fault_state.hpp"
#include "lib/shard.hpp"
#include "sim_stage.hpp"

using namespace sim_test;
using tina::sim::base;
using tina::sim::recording;
using tina::sim::run_outcome;
using tina::sim::run_request;
using tina::sim::site;

namespace {

void play(tina::sim::world& world) {
    world.machine("court", court());
    world.faults(troubles());
    world.run_for(500ms);
}

/// Sends one message that has nothing to do with the game.
tina::isolate stranger(tina::context self) {
    std::ignore = co_yield tina::sleep(3ms);
    std::ignore = self.send(wall_role, ball{1'000'000});
    std::ignore = co_yield tina::sleep(1s);
}

tina::isolate sleeper(tina::context, std::uint64_t days, std::uint64_t* woken) {
    std::ignore = co_yield tina::sleep(std::chrono::hours(24) * days);
    *woken = 1;
}

/// Says in the runtime's name that a message is queued which is not.
tina::isolate forger(tina::context) {
    std::ignore = co_yield tina::sleep(3ms);
    tina::detail::running_shard()->counts.messages_queued.add();
}

tina::isolate yielder(tina::context self) {
    const auto begin = self.now();
    while (self.now() < begin + 1ms) co_yield tina::yield();
}

}  // namespace

namespace sim_test {

struct padded {
    std::uint8_t one;
    std::uint32_t two;
};

}  // namespace sim_test

namespace {

struct reader_of_padded {
    using accepts = tina::messages<padded>;
    tina::isolate run(tina::context) { std::ignore = co_yield tina::receive<padded>(); }
};

tina::isolate work(tina::context self, std::uint64_t* sum) {
    for (std::uint64_t i = 0; i < 10; ++i) {
        auto done = co_yield tina::offload([](std::uint64_t number) { return number * number; }, i).within(1s);
        if (done) *sum += *done;
    }
    std::ignore = self;
}

tina::system_spec alone(tina::type_spec type, tina::child_spec child) {
    tina::system_spec spec{.types = {type}, .log = {.level = tina::log_level::error}};
    spec.shards.each.push_back({.tree = tina::one_for_one({.restarts = 1000, .within = 10s}, {child})});
    return spec;
}

}  // namespace

BOOST_AUTO_TEST_SUITE(worlds)

BOOST_AUTO_TEST_CASE(the_same_seed_is_the_same_run) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const run_outcome first = run(play, {.seed = seed});
        require_passed(first);
        const run_outcome second = run(play, {.seed = seed});
        BOOST_TEST(first.digest == second.digest);
        BOOST_TEST(first.events == second.events);
    }
}

BOOST_AUTO_TEST_CASE(other_seeds_are_other_runs) {
    std::set<std::uint64_t> digests;
    for (std::uint64_t seed = 1; seed <= 10; ++seed) digests.insert(run(play, {.seed = seed}).digest);
    BOOST_TEST(digests.size() == 10u);
}

BOOST_AUTO_TEST_CASE(what_is_recorded_changes_nothing) {
    BOOST_TEST(run(play, {.seed = 3}).digest == run(play, {.seed = 3, .keep = recording::all}).digest);
}

BOOST_AUTO_TEST_CASE(what_memory_held_before_changes_nothing) {
    BOOST_TEST(run(play, {.seed = 3}).digest == run(play, {.seed = 3, .memory_fill = 0xa5}).digest);
}

BOOST_AUTO_TEST_CASE(a_run_written_as_quiet_and_edits_is_the_same_run) {
    for (std::uint64_t seed = 1; seed <= 30; ++seed) {
        const run_outcome seeded = run(play, {.seed = seed});
        const run_outcome quiet = run(play, quiet_form(seeded, seed));
        BOOST_TEST(seeded.digest == quiet.digest, "seed " << seed);
    }
}

BOOST_AUTO_TEST_CASE(no_idle_tick_changes_anything) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        BOOST_TEST(run(play, {.seed = seed}).digest == run(play, {.seed = seed, .every_tick = true}).digest,
                   "seed " << seed);
    }
}

BOOST_AUTO_TEST_CASE(ten_seconds_have_one_digest_with_jumps_and_without) {
    const auto long_play = [](tina::sim::world& world) {
        world.machine("court", court(3, 400));
        world.faults(troubles());
        world.run_for(10s);
    };
    const run_outcome jumps = run(long_play, {.seed = 7});
    const run_outcome ticks = run(long_play, {.seed = 7, .every_tick = true});
    BOOST_TEST(jumps.digest == ticks.digest);
    BOOST_TEST(jumps.virtual_ns >= 10'000'000'000);
}

BOOST_AUTO_TEST_CASE(one_message_more_moves_no_decision_elsewhere) {
    using key = std::tuple<site, std::string, std::uint64_t>;
    const auto decisions_of = [](bool with_stranger) {
        std::map<key, std::uint64_t> made;
        const run_outcome of = run(
            [&](tina::sim::world& world) {
                tina::system_spec spec = court();
                spec.types.push_back(tina::type<stranger>({.slots = 1}));
                if (with_stranger) spec.shards.each[1].tree.children.push_back(tina::child<stranger>(tina::temporary));
                world.machine("court", spec);
                world.faults({.channel_full = {1, 4}, .channel_delay = {1us, 300us}});
                world.advance(200ms);
            },
            {.seed = 11, .profile = tina::sim::fault_profile::declared});
        for (const auto& each : of.fired_log) {
            const bool is_pick = each.what == site::ready_pick || each.what == site::shard_pick;
            if (!is_pick && each.entity.find("stranger") == std::string::npos) {
                made[{each.what, each.entity, each.ordinal}] = each.value;
            }
        }
        return made;
    };
    const auto without = decisions_of(false);
    const auto with = decisions_of(true);
    int compared = 0;
    int changed = 0;
    for (const auto& [what, value] : without) {
        const auto found = with.find(what);
        if (compared == 64) break;
        ++compared;
        changed += found == with.end() || found->second != value;
    }
    BOOST_TEST(compared == 64);
    BOOST_TEST(changed == 0);
}

BOOST_AUTO_TEST_CASE(a_timer_of_30_days_takes_five_cycles) {
    std::uint64_t woken = 0;
    std::uint64_t cycles = 0;
    const run_outcome of = run([&](tina::sim::world& world) {
        auto& machine = world.machine("bed", alone(tina::type<sleeper>({.slots = 1}),
                                                   tina::child<sleeper>(tina::temporary, std::uint64_t{30}, &woken)));
        world.advance(1s);
        const std::uint64_t before = machine.counters()["cycles"];
        BOOST_TEST(world.advance_until([&] { return woken == 1; }, std::chrono::hours(24) * 31));
        cycles = machine.counters()["cycles"] - before;
    });
    require_passed(of);
    BOOST_TEST(cycles <= 5u);
    BOOST_TEST(of.virtual_ns >= std::chrono::nanoseconds(std::chrono::hours(24) * 30).count());
}

BOOST_AUTO_TEST_CASE(a_handler_that_only_yields_does_not_stop_the_clock) {
    require_passed(run([](tina::sim::world& world) {
        auto& machine =
            world.machine("mill", alone(tina::type<yielder>({.slots = 1}), tina::child<yielder>(tina::temporary)));
        world.eventually("it ends", [&] { return machine.count<yielder>() == 0; }, 10ms);
        world.run_for(1us);
    }));
}

BOOST_AUTO_TEST_CASE(offloaded_work_comes_home_in_virtual_time) {
    std::uint64_t sum = 0;
    require_passed(run([&](tina::sim::world& world) {
        auto& machine =
            world.machine("desk", alone(tina::type<work>({.slots = 1}), tina::child<work>(tina::temporary, &sum)));
        world.eventually("it is done", [&] { return machine.count<work>() == 0; }, 1s);
        world.run_for(1us);
    }));
    BOOST_TEST(sum == 285u);
}

BOOST_AUTO_TEST_CASE(a_message_with_padding_is_refused_with_its_cure) {
    const run_outcome of = run([](tina::sim::world& world) {
        world.machine(
            "box", alone(tina::type<reader_of_padded>({.slots = 1}), tina::child<reader_of_padded>(tina::temporary)));
        world.run_for(1ms);
    });
    BOOST_TEST(of.unusable.find("has padding") != std::string::npos);
    BOOST_TEST(of.unusable.find("tina_digest") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_spec_that_is_refused_says_why) {
    const run_outcome of = run([](tina::sim::world& world) {
        world.machine("nothing", {});
        world.run_for(1ms);
    });
    BOOST_TEST(of.unusable.find("the spec of machine \"nothing\" is refused") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(a_scenario_that_runs_nothing_says_so) {
    const run_outcome of = run([](tina::sim::world& world) { world.machine("court", court()); });
    BOOST_TEST(of.unusable.find("has not run its world") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(what_must_always_hold_ends_the_run_where_it_does_not) {
    const run_outcome of = run([](tina::sim::world& world) {
        auto& machine = world.machine("court", court());
        world.always("the wall is hit less than three times", [&]() -> tina::sim::verdict {
            std::uint64_t hits = 0;
            machine.each<wall>([&](const wall& each) { hits = each.hits; });
            if (hits < 3) return std::nullopt;
            return std::to_string(hits) + " hits";
        });
        world.run_for(1s);
        BOOST_ERROR("the run went on");
    });
    BOOST_REQUIRE(of.failed);
    BOOST_TEST(of.failed->property == "the wall is hit less than three times");
    BOOST_TEST(of.failed->detail == "3 hits");
    BOOST_TEST(of.failed->event < of.events);
}

BOOST_AUTO_TEST_CASE(a_short_run_is_looked_at_in_the_end) {
    const auto forge = [](bool settles) {
        return run([&](tina::sim::world& world) {
            static_cast<void>(
                world.machine("desk", alone(tina::type<forger>({.slots = 1}), tina::child<forger>(tina::temporary))));
            settles ? world.run_for(10ms) : world.advance(10ms);
        });
    };
    for (const bool settles : {true, false}) {
        const run_outcome of = forge(settles);
        BOOST_REQUIRE(of.failed);
        BOOST_TEST(of.failed->property == "the runtime's own invariants");
        BOOST_TEST(of.events < 4096u);
    }
}

BOOST_AUTO_TEST_CASE(a_goal_that_starves_is_named) {
    const run_outcome of = run([](tina::sim::world& world) {
        auto& machine = world.machine("court", court(1, 1'000'000));
        world.eventually("the game is over", [&] { return machine.count<player>() == 0; }, 100ms);
        world.run_for(10ms);
    });
    BOOST_REQUIRE(of.failed);
    BOOST_TEST(of.failed->property == "the game is over");
    BOOST_TEST(of.failed->detail.find("not within 100 ms") != std::string::npos);
}

BOOST_AUTO_TEST_CASE(at_rest_is_looked_at_when_nothing_is_on_its_way) {
    int looked = 0;
    require_passed(run([&](tina::sim::world& world) {
        auto& machine = world.machine("court", court());
        world.at_rest("no ball flies", [&] {
            ++looked;
            int flying = 0;
            machine.each_message<ball>([&](const ball&) { ++flying; });
            return flying == 0;
        });
        world.run_for(100ms);
    }));
    BOOST_TEST(looked > 10);
}

BOOST_AUTO_TEST_CASE(an_event_checker_sees_names_and_types) {
    std::set<std::string> starters;
    require_passed(run([&](tina::sim::world& world) {
        world.on_event("starts", [&](const tina::sim::event_view& what) -> tina::sim::verdict {
            if (what.kind == "spawn") starters.insert(std::string(what.who));
            return std::nullopt;
        });
        world.machine("court", court());
        world.run_for(10ms);
    }));
    const std::set<std::string> expected{"court/0/wall", "court/1/asker/0", "court/1/player/0", "court/1/player/1"};
    BOOST_TEST(starters == expected, boost::test_tools::per_element());
}

BOOST_AUTO_TEST_CASE(faults_of_every_kind_that_was_declared_fire) {
    std::set<site> fired;
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
        for (const auto& each : run(play, {.seed = seed}).faults) {
            if (each.fired > 0) fired.insert(each.what);
        }
    }
    for (const site each :
         {site::crash_before, site::crash_after_effect, site::crash_between_effects, site::crash_at_start,
          site::crash_in_restart, site::channel_full, site::mailbox_full, site::no_timers, site::no_calls}) {
        BOOST_TEST(fired.contains(each), tina::sim::info_of(each).name << " never fired");
    }
}

BOOST_AUTO_TEST_CASE(a_run_without_faults_declares_none) {
    BOOST_TEST(run(play, {.seed = 1, .profile = tina::sim::fault_profile::none}).faults.empty());
    BOOST_TEST(!run(play, {.seed = 1, .profile = tina::sim::fault_profile::declared}).faults.empty());
}

BOOST_AUTO_TEST_CASE(faults_strike_only_the_types_in_their_scope) {
    for (std::uint64_t seed = 1; seed <= 10; ++seed) {
        const run_outcome of = run(
            [](tina::sim::world& world) {
                world.machine("court", court());
                world.faults({.crash_isolate = {1, 5, tina::types<wall>, tina::types<asker>}});
                world.run_for(200ms);
            },
            {.seed = seed});
        for (const auto& each : of.fired_log) {
            if (!tina::sim::info_of(each.what).is_fault) continue;
            BOOST_TEST(each.entity.find("player") == std::string::npos, each.entity << " crashed");
        }
    }
}

BOOST_AUTO_TEST_CASE(a_shard_that_fails_starts_its_tree_anew) {
    run_outcome of;
    std::uint64_t restarts = 0;
    for (std::uint64_t seed = 1; seed <= 20 && restarts == 0; ++seed) {
        of = run(
            [&](tina::sim::world& world) {
                auto& machine = world.machine("court", court());
                world.faults({.crash_shard = {1, 10}});
                world.run_for(2s);
                restarts = machine.counters()["shard_restarts"];
            },
            {.seed = seed});
        require_passed(of);
    }
    BOOST_TEST(restarts > 0u);
}

BOOST_AUTO_TEST_CASE(a_machine_that_loses_power_boots_again) {
    require_passed(run([](tina::sim::world& world) {
        auto& machine = world.machine("court", court());
        world.advance(10ms);
        machine.crash();
        BOOST_TEST(!machine.is_up());
        BOOST_TEST(machine.count<wall>() == 0u);
        world.advance(10ms);
        machine.restart();
        BOOST_TEST(machine.count<wall>() == 1u);
        world.eventually("they play again", [&] { return machine.count<player>() == 0; }, 1s);
        world.settle();
    }));
}

BOOST_AUTO_TEST_CASE(clocks_never_go_back_whatever_befalls_them) {
    for (std::uint64_t seed = 1; seed <= 20; ++seed) {
        std::int64_t last = 0;
        require_passed(run(
            [&](tina::sim::world& world) {
                auto& machine = world.machine("court", court(2, 1000));
                world.faults({.clock_drift_ppm = 100'000, .clock_step = {1, 3}, .clock_pause = {1, 2}});
                world.always("time goes on", [&] {
                    const std::int64_t before = std::exchange(last, machine.now().time_since_epoch().count());
                    return last >= before;
                });
                world.run_for(3s);
            },
            {.seed = seed}));
    }
}

BOOST_AUTO_TEST_CASE(clocks_drift_and_stand_still_as_declared) {
    const auto reading = [](const tina::sim::machine_options& options) {
        std::int64_t said = 0;
        require_passed(run([&](tina::sim::world& world) {
            auto& machine = world.machine(options, court());
            const auto begin = machine.now();
            world.advance(1s);
            said = (machine.now() - begin).count();
        }));
        return said;
    };
    BOOST_TEST(reading({.name = "court"}) == 1'000'000'000);
    BOOST_TEST(reading({.name = "court", .clock_drift_ppb = 100'000}) == 1'000'100'000);
    BOOST_TEST(reading({.name = "court", .clock_drift_ppb = -100'000}) == 999'900'000);
}

BOOST_AUTO_TEST_CASE(several_worlds_fit_in_one_process_one_after_the_other) {
    const run_outcome before = run(play, {.seed = 5});
    for (int i = 0; i < 5; ++i) std::ignore = run(play, {.seed = 6});
    BOOST_TEST(run(play, {.seed = 5}).digest == before.digest);
}

BOOST_AUTO_TEST_SUITE_END()
