// SPDX-License-Identifier: Apache-2.0
// A producer sends bursts to a consumer on another shard, whose mailbox has room for one burst. The bug: it goes by the
// clock; where one burst is late the next meets it there, and what does not fit is dropped, which nobody is told. The
// cure: it waits until the last of a burst was taken.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::silent_overflow {

struct plan {
    bool is_fixed = false;
    std::uint64_t taken = 0;
};
struct item {};

constexpr tina::role consumer_role{"consumer"};
constexpr std::uint64_t burst_size = 6;
constexpr std::uint64_t burst_count = 10;

struct consumer {
    using accepts = tina::messages<item>;

    tina::isolate run(tina::context, plan* known) {
        for (;;) {
            const auto given = co_yield tina::receive<item>();
            ++known->taken;
            static_cast<void>(co_yield tina::sleep(100us));  // it is worked on
            if (given.awaits_reply()) given.reply(done{});
        }
    }
};
tina::isolate producer(tina::context self, const plan* known) {
    for (std::uint64_t burst = 0; burst < burst_count; ++burst) {
        static_cast<void>(co_yield tina::sleep(2ms));
        for (std::uint64_t i = 1; i < burst_size; ++i) static_cast<void>(self.send(consumer_role, item{}));
        if (!known->is_fixed) {
            static_cast<void>(self.send(consumer_role, item{}));
        } else {
            static_cast<void>(co_yield tina::call<done>(consumer_role, item{}).within(1s));
        }
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    world.machine(
        "host", system({tina::type<consumer>({.slots = 1, .mailbox_capacity = 8}), tina::type<producer>({.slots = 1})},
                       {shard({tina::child<producer>(tina::transient, told)}),
                        shard({tina::child<consumer>(tina::permanent, told).role(consumer_role)})}));
    world.faults({.channel_delay = {0us, 4ms}});
    world.eventually("all items are taken", [&] { return known.taken == burst_size * burst_count; }, 1s);
    world.run_for(50ms);
}

ZOO_ANIMAL(silent_overflow, "a mailbox overflows and drops silently")

}  // namespace zoo::silent_overflow
