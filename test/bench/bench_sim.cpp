// SPDX-License-Identifier: Apache-2.0
// What the simulator costs: messages between the shards of a simulated machine, digest on, beside the bare loop that
// they are divided by; and how much virtual time passes in real time while a bank is at work and meets faults. It must
// measure runs as the harness makes them, and nothing of how a machine boots.
#include <benchmark/benchmark.h>
#include <tina/harness.hpp>
#include <tina/tina.hpp>

#include <chrono>
#include <cstdint>
#include <tuple>

#include "limits.hpp"
#include "sim/run.hpp"
#include "sim/scenario.hpp"

using namespace std::chrono_literals;

namespace bench_sim {

struct ball {
    std::uint64_t hits;
};
struct deposit {
    std::uint64_t amount;
};
struct balance {
    std::uint64_t amount;
};

}  // namespace bench_sim

namespace {

using bench_sim::balance;
using bench_sim::ball;
using bench_sim::deposit;
using wall = std::chrono::steady_clock;

/// One run: how much it is to do, what it has done, and how long it took. One at a time, as benchmarks run.
struct measurement {
    std::uint32_t pairs = 1;
    std::uint64_t messages = 0;
    std::uint64_t done = 0;
    std::int64_t virtual_ns = 0;
    double ns = 0;
};
measurement now_measured;

constexpr std::uint32_t pairs_max = 1000;

// --- pairs of isolates, one on each shard, that send a message to and fro
// -----------------------------------------------

struct player {
    using accepts = tina::messages<ball>;
    tina::isolate run(tina::context self) {
        for (;;) {
            const auto received = co_yield tina::receive<ball>();
            ++now_measured.done;
            // There is room for all messages: one that is refused would end its pair's game, and the count be short.
            std::ignore = self.send(received.sender(), ball{received->hits + 1});
        }
    }
};

struct opener {
    using accepts = tina::messages<ball>;
    tina::isolate run(tina::context self) {
        const auto other = co_yield tina::spawn_on<player>(1);
        if (!other) co_return;
        std::ignore = self.send(*other, ball{1});
        for (;;) {
            const auto received = co_yield tina::receive<ball>();
            ++now_measured.done;
            std::ignore = self.send(received.sender(), ball{received->hits + 1});
        }
    }
};

tina::isolate open_all(tina::context self, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) std::ignore = self.spawn<opener>();
    co_return;
}
tina::isolate stay_away(tina::context) { co_return; }

/// Runs the world until so much is done, and takes the time of what is done after the first tenth.
void run_and_measure(tina::sim::world& world) {
    constexpr auto long_enough = std::chrono::hours{10};
    const std::uint64_t begin = now_measured.messages / 10;
    std::ignore = world.advance_until([&] { return now_measured.done >= begin; }, long_enough);
    const std::uint64_t done_before = now_measured.done;
    const auto real = wall::now();
    const tina::instant virtually = world.now();
    std::ignore = world.advance_until([&] { return now_measured.done >= now_measured.messages; }, long_enough);
    now_measured.ns = std::chrono::duration<double, std::nano>(wall::now() - real).count();
    now_measured.virtual_ns = (world.now() - virtually).count();
    now_measured.done -= done_before;
}

void court(tina::sim::world& world) {
    const std::uint32_t pairs = now_measured.pairs;
    tina::system_spec spec{
        .types = {tina::type<player>({.slots = pairs_max}), tina::type<opener>({.slots = pairs_max}),
                  tina::type<&open_all>({.slots = 1}), tina::type<&stay_away>({.slots = 1})},
        .shards = {{.tree = tina::one_for_one({}, {tina::child<&open_all>(tina::temporary, pairs)})},
                   {.tree = tina::one_for_one({}, {tina::child<&stay_away>(tina::temporary)})}},
        .log = {.level = tina::log_level::error},
    };
    spec.channels.capacity = 2048;
    world.machine("court", spec);
    run_and_measure(world);
}

// --- a bank: clerks on one shard that call an account on the other, think, and meet faults
// --------------------------------

struct account {
    using accepts = tina::messages<deposit>;
    tina::isolate run(tina::context) {
        std::uint64_t total = 0;
        for (;;) {
            auto asked = co_yield tina::receive<deposit>();
            total += asked->amount;
            asked.reply(balance{total});
        }
    }
};

constexpr tina::role the_account{"account"};

tina::isolate clerk(tina::context self) {
    for (;;) {
        std::ignore = co_yield tina::sleep(std::chrono::microseconds{self.random() % 2000});
        const deposit paid{self.random() % 100};
        const auto answered = co_yield tina::call<balance>(the_account, paid).within(5ms);
        if (answered) ++now_measured.done;
    }
}

tina::isolate employ(tina::context self, std::uint32_t count) {
    for (std::uint32_t i = 0; i < count; ++i) std::ignore = self.spawn<&clerk>(tina::permanent);
    co_yield tina::sleep(std::chrono::hours{100}).or_crash();
}

void bank(tina::sim::world& world) {
    constexpr std::uint32_t clerks = 20;
    world.faults({.crash_isolate = {1, 10'000}, .channel_full = {1, 1000}, .channel_delay = {0us, 50us}});
    world.machine("bank",
                  {
                      .types = {tina::type<account>({.slots = 1}), tina::type<&clerk>({.slots = clerks + 1}),
                                tina::type<&employ>({.slots = 1})},
                      .shards = {{.tree = tina::one_for_one({.restarts = tina::unlimited, .within = 1s},
                                                            {tina::child<account>(tina::permanent).role(the_account)})},
                                 {.tree = tina::one_for_one({.restarts = tina::unlimited, .within = 1s},
                                                            {tina::child<&employ>(tina::permanent, clerks)})}},
                      .log = {.level = tina::log_level::error},
                  });
    run_and_measure(world);
}

// --- the measurements as benchmarks
// -------------------------------------------------------------------------------------

void run(benchmark::State& state, void (*body)(tina::sim::world&), tina::sim::fault_profile profile) {
    const tina::sim::scenario what{"bench", "", body};
    tina::sim::run_request request;
    request.profile = profile;
    const tina::sim::run_outcome came = tina::sim::run_scenario(what, request);
    if (!came.unusable.empty()) state.SkipWithError(came.unusable.c_str());
    if (came.failed) state.SkipWithError(came.failed->property.c_str());
}

void measure(benchmark::State& state, const measurement& wanted, void (*body)(tina::sim::world&),
             tina::sim::fault_profile profile) {
    double total = 0;
    double passed = 0;
    for ([[maybe_unused]] auto turn : state) {
        now_measured = wanted;
        run(state, body, profile);
        const double ns_per_op = now_measured.ns / static_cast<double>(now_measured.done);
        state.SetIterationTime(now_measured.ns * 1e-9);
        total += ns_per_op;
        passed += static_cast<double>(now_measured.virtual_ns) / now_measured.ns;
    }
    state.counters["ns_per_op"] = total / static_cast<double>(state.iterations());
    state.counters["virtual_per_real"] = passed / static_cast<double>(state.iterations());
}

void add(const char* name, const measurement& wanted, void (*body)(tina::sim::world&),
         tina::sim::fault_profile profile = tina::sim::fault_profile::none) {
    benchmark::RegisterBenchmark(name, [=](benchmark::State& state) { measure(state, wanted, body, profile); })
        ->UseManualTime()
        ->Iterations(1);
}

}  // namespace

int main(int argc, char** argv) {
    tina::bench::register_limits();
    add("sim/pair", {.pairs = 1, .messages = 2'000'000}, &court);
    add("sim/pairs/1000", {.pairs = pairs_max, .messages = 4'000'000}, &court);
    add("sim/bank", {.messages = 100'000}, &bank, tina::sim::fault_profile::declared);
    benchmark::Initialize(&argc, argv);
    if (benchmark::ReportUnrecognizedArguments(argc, argv)) return 2;
    benchmark::RunSpecifiedBenchmarks();
    return 0;
}
