// SPDX-License-Identifier: Apache-2.0
// Two holders share a lease of a second that an arbiter gives out; each machine has its own clock. A holder counts from
// before it asked. The bug: it counts to the last moment, though its clock may be slow; only where clocks differ do
// both believe that they hold it. The cure: a margin for what clocks may be off.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::lease_without_margin {

struct plan {
    bool is_fixed = false;
    tina::address arbiter{};
    tina::instant leased_until{};  ///< by the arbiter's clock, and its own
};

tina::isolate desk(tina::context self, tina::socket holder, plan* known) {
    while (co_yield tina::recv(holder, 1)) {
        const bool is_free = known->leased_until <= self.now();
        if (is_free) known->leased_until = self.now() + 1s;
        if (auto sent = co_yield tina::send_all(holder, is_free ? "y" : "n"); !sent) break;
    }
}
tina::isolate arbiter(tina::context self, tina::listener from, plan* known) {
    for (;;) {
        auto holder = co_yield tina::accept(from);
        if (holder) static_cast<void>(self.spawn<desk>(std::move(*holder), known));
    }
}

struct holder {
    std::int64_t until_ns = 0;  ///< it believes that it holds the lease, by its own clock

    tina::isolate run(tina::context self, const plan* known) {
        const auto margin = known->is_fixed ? 100ms : 0ms;
        auto desk = co_yield tina::connect(known->arbiter).within(1s).or_crash();
        for (;;) {
            const auto asked = self.now();
            co_yield tina::send_all(desk, "?").or_crash();
            const auto answer = co_yield tina::recv(desk, 1).or_crash();
            if (answer.text() == "n") {
                co_yield tina::sleep(5ms).or_crash();
                continue;
            }
            const auto until = asked + 1s - margin;
            until_ns = until.time_since_epoch().count();
            co_yield tina::sleep_until(until).or_crash();
            co_yield tina::sleep(300ms).or_crash();  // it is the other's turn
        }
    }
};

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    auto& giving = world.machine(
        "arbiter", system({tina::type<arbiter>({.slots = 1}), tina::type<desk>({.slots = 4})},
                          {shard({tina::child<arbiter>(tina::permanent, tina::listening({.port = 9000}), told)})}));
    known.arbiter = giving.at(9000);
    const auto spec = system({tina::type<holder>({.slots = 1})}, {shard({tina::child<holder>(tina::permanent, told)})});
    const std::array<tina::sim::machine*, 2> holders{&world.machine("one", spec), &world.machine("other", spec)};
    world.faults({.clock_drift_ppm = 20'000});
    world.always("at most one holds the lease", [holders] {
        int believers = 0;
        for (tina::sim::machine* each : holders) {
            const std::int64_t now_ns = each->now().time_since_epoch().count();
            each->each<holder>([&](const holder& what) { believers += what.until_ns > now_ns ? 1 : 0; });
        }
        return believers <= 1;
    });
    world.run_for(4s);
}

ZOO_ANIMAL(lease_without_margin, "a lease is held by two, where clocks differ only")

}  // namespace zoo::lease_without_margin
