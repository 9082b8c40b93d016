// SPDX-License-Identifier: Apache-2.0
// Two nodes get jobs, and each needs the other's help for its own. The bug: both call, and neither helps while it
// waits; jobs that come at the same time wait for each other. The cure: an order among them; only one of them calls,
// and the other passes its jobs on.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::crossed_calls {

struct plan {
    bool is_fixed = false;
    std::uint64_t jobs_done = 0;
};
struct job {};
struct help {};

constexpr std::array node_roles{tina::role{"low"}, tina::role{"high"}};

struct node {
    using accepts = tina::messages<job, help>;

    tina::isolate run(tina::context self, plan* known, std::uint32_t me) {
        for (;;) {
            const auto wanted = co_yield tina::receive<job, help>();
            const tina::role& other = node_roles[1 - me];
            if (wanted.get<help>() != nullptr) {
                wanted.reply(done{});
            } else if (me == 1 && known->is_fixed) {
                static_cast<void>(self.send(other, job{}));
            } else {
                static_cast<void>(co_yield tina::sleep(500us));
                const auto helped = co_yield tina::call<done>(other, help{}).within(1h);
                if (helped) ++known->jobs_done;
            }
        }
    }
};
tina::isolate driver(tina::context self) {
    for (std::size_t i = 0; i < 10; ++i) {
        static_cast<void>(co_yield tina::sleep(2ms));
        static_cast<void>(self.send(node_roles[i % 2], job{}));
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    world.machine("host", system({tina::type<node>({.slots = 1}), tina::type<driver>({.slots = 1})},
                                 {shard({tina::child<driver>(tina::transient)}),
                                  shard({tina::child<node>(tina::permanent, told, 0u).role(node_roles[0])}),
                                  shard({tina::child<node>(tina::permanent, told, 1u).role(node_roles[1])})}));
    world.faults({.channel_delay = {0us, 3ms}});
    world.eventually("all jobs are done", [&] { return known.jobs_done == 10; }, 1s);
    world.run_for(50ms);
}

ZOO_ANIMAL(crossed_calls, "two calls wait for each other")

}  // namespace zoo::crossed_calls
