// SPDX-License-Identifier: Apache-2.0
// A boss hands jobs to a worker that was made known to it. The bug: who starts the worker makes it known, once; its
// successor after a crash is known to nobody. The cure: a worker makes itself known in each of its lives.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::lost_registration {

struct plan {
    bool is_fixed = false;
    std::uint64_t jobs_done = 0;
};
struct here_is {
    tina::handle worker;
};
struct tick {};
struct job {
    std::uint64_t number;
};
struct finished {
    std::uint64_t number;
};

constexpr tina::role boss_role{"boss"};

struct boss {
    using accepts = tina::messages<here_is, tick, finished>;

    tina::isolate run(tina::context self, plan* known) {
        tina::handle worker;
        if (!self.set_periodic_timer(1ms, tick{})) co_yield tina::crash("no timer");
        while (known->jobs_done < 20) {
            const auto told = co_yield tina::receive<here_is, tick, finished>();
            if (const auto* found = told.get<here_is>()) worker = found->worker;
            if (const auto* ended = told.get<finished>()) known->jobs_done = ended->number;
            if (told.get<tick>() != nullptr) static_cast<void>(self.send(worker, job{known->jobs_done + 1}));
        }
    }
};
struct worker {
    using accepts = tina::messages<job>;

    tina::isolate run(tina::context self, const plan* known) {
        if (known->is_fixed) co_yield tina::deliver(boss_role, here_is{self.handle()}).within(1s).or_crash();
        for (;;) {
            const auto given = co_yield tina::receive<job>();
            static_cast<void>(self.send(boss_role, finished{given->number}));
        }
    }
};
tina::isolate starter(tina::context self, const plan* known) {
    static_cast<void>(co_yield tina::sleep(1ms));
    const auto child = self.spawn<worker>(tina::permanent, known);
    if (child) static_cast<void>(self.send(boss_role, here_is{*child}));
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    const auto types = {tina::type<boss>({.slots = 1}), tina::type<worker>({.slots = 1}),
                        tina::type<starter>({.slots = 1})};
    world.machine("host", system(types, {shard({tina::child<boss>(tina::transient, told).role(boss_role)}),
                                         shard({tina::child<starter>(tina::transient, told)})}));
    world.faults({.crash_isolate = {1, 100, tina::types<worker>}});
    world.eventually("all jobs are done", [&] { return known.jobs_done == 20; }, 1s);
    world.run_for(30ms);
}

ZOO_ANIMAL(lost_registration, "a child that was started again is known to nobody")

}  // namespace zoo::lost_registration
