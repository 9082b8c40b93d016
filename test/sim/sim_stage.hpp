// SPDX-License-Identifier: Apache-2.0
// What tests of the simulator share: a body run once as a scenario, and a few isolates that are easy to follow. Owned
// by the test that makes it.
#pragma once

#include <boost/test/unit_test.hpp>

#include <chrono>
#include <cstdint>
#include <functional>
#include <string>
#include <utility>

#include "sim/run.hpp"
#include "sim/scenario.hpp"
#include "tina/harness.hpp"
#include "tina/tina.hpp"

namespace sim_test {

using namespace std::chrono_literals;

/// Runs a body as a scenario. One at a time on a thread: a scenario's body is a plain function.
[[nodiscard]] inline tina::sim::run_outcome run(const std::function<void(tina::sim::world&)>& body,
                                                tina::sim::run_request wanted = {}) {
    static thread_local const std::function<void(tina::sim::world&)>* now = nullptr;
    now = &body;
    const tina::sim::scenario what{"test", "a test", [](tina::sim::world& world) { (*now)(world); }};
    return tina::sim::run_scenario(what, wanted);
}

/// The request that runs a failing or passing run again from the quiet base.
[[nodiscard]] inline tina::sim::run_request quiet_form(const tina::sim::run_outcome& of, std::uint64_t seed) {
    tina::sim::run_request wanted;
    wanted.seed = seed;
    wanted.from = tina::sim::base::quiet;
    for (const tina::sim::fired& each : of.fired_log) wanted.edits.edits.push_back(each);
    return wanted;
}

/// Fails with why a run could not be made, or what did not hold.
inline void require_passed(const tina::sim::run_outcome& of) {
    BOOST_REQUIRE_EQUAL(of.unusable, "");
    if (of.failed) BOOST_FAIL(of.failed->property + ": " + of.failed->detail);
}

struct ball {
    std::uint64_t hits;
};
struct question {
    std::uint64_t number;
};
struct answer {
    std::uint64_t number;
};

inline constexpr tina::role wall_role{"wall"};

/// Returns every ball, and answers questions.
struct wall {
    using accepts = tina::messages<ball, question>;
    std::uint64_t hits = 0;

    tina::isolate run(tina::context self) {
        for (;;) {
            auto message = co_yield tina::receive<ball, question>();
            if (const auto* got = message.get<ball>()) {
                ++hits;
                std::ignore = self.send(message.sender(), ball{got->hits + 1});
            } else if (const auto* asked = message.get<question>()) {
                message.reply(answer{asked->number + 1});
            }
        }
    }
};

/// Plays a ball against the wall, then rests, `rounds` times.
struct player {
    using accepts = tina::messages<ball>;
    std::uint64_t hits = 0;

    tina::isolate run(tina::context self, std::uint32_t rounds) {
        for (std::uint32_t i = 0; i < rounds; ++i) {
            std::ignore = self.send(wall_role, ball{hits});
            auto back = co_yield tina::receive<ball>().within(20ms);
            if (back) hits = back->get<ball>()->hits;
            std::ignore = co_yield tina::sleep(1ms);
        }
    }
};

/// Asks the wall `count` questions.
inline tina::isolate asker(tina::context, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) {
        auto told = co_yield tina::call<answer>(wall_role, question{i}).within(10ms);
        if (!told) std::ignore = co_yield tina::sleep(1ms);
    }
}

/// The wall on shard 0, `players` and an asker on shard 1.
[[nodiscard]] inline tina::system_spec court(std::uint32_t players = 2, std::uint32_t rounds = 50) {
    const tina::restart_budget often{.restarts = tina::unlimited, .within = 10s};
    tina::system_spec spec{
        .types = {tina::type<wall>({.slots = 1}), tina::type<player>({.slots = 16}), tina::type<asker>({.slots = 4})},
        .log = {.level = tina::log_level::error}};
    tina::group_spec crowd = tina::one_for_one(often, {tina::child<asker>(tina::transient, std::uint32_t{20})});
    for (std::uint32_t i = 0; i < players; ++i) {
        crowd.children.push_back(tina::child<player>(tina::transient, rounds));
    }
    spec.shards.each.push_back(
        {.tree = tina::one_for_one(often, {tina::child<wall>(tina::permanent).role(wall_role)})});
    spec.shards.each.push_back({.tree = crowd});
    return spec;
}

/// Faults of all kinds that strike a court.
[[nodiscard]] inline tina::sim::faults troubles() {
    tina::sim::faults all;
    all.crash_isolate = {1, 60};
    all.channel_full = {1, 40};
    all.mailbox_full = {1, 100};
    all.no_timers = {1, 100};
    all.no_calls = {1, 50};
    all.channel_delay = {0us, 300us};
    all.cycle_cost = {0us, 20us};
    return all;
}

}  // namespace sim_test
