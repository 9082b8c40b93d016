// SPDX-License-Identifier: Apache-2.0
// A sender counts what it sends to a receiver on another shard. The bug: what the channel refuses is counted as sent.
// The cure: it looks at the answer, and tries again.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::counted_drop {

struct plan {
    bool is_fixed = false;
    std::uint64_t sent = 0;
    std::uint64_t received = 0;
};
struct item {};

constexpr tina::role receiver_role{"receiver"};

struct receiver {
    using accepts = tina::messages<item>;

    tina::isolate run(tina::context, plan* known) {
        for (;;) {
            static_cast<void>(co_yield tina::receive<item>());
            ++known->received;
        }
    }
};
tina::isolate sender(tina::context self, plan* known) {
    while (known->sent < 50) {
        static_cast<void>(co_yield tina::sleep(100us));
        const auto answer = self.send(receiver_role, item{});
        if (answer == tina::send_result::channel_full && known->is_fixed) continue;
        if (answer != tina::send_result::stale_handle) ++known->sent;
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    plan* const told = &known;
    world.machine("host", system({tina::type<receiver>({.slots = 1}), tina::type<sender>({.slots = 1})},
                                 {shard({tina::child<sender>(tina::transient, told)}),
                                  shard({tina::child<receiver>(tina::permanent, told).role(receiver_role)})}));
    world.faults({.channel_full = {1, 100, tina::types<sender>}});
    world.eventually("what was sent is received", [&] { return known.sent == 50 && known.received == 50; }, 1s);
    world.run_for(20ms);
}

ZOO_ANIMAL(counted_drop, "a drop is counted as done")

}  // namespace zoo::counted_drop
