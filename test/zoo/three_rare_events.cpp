// SPDX-License-Identifier: Apache-2.0
// A writer has three replicas and writes each record to the first that takes it; one that refuses is left alone for a
// while. Refusals are rare. The bug: where all three are being left alone, the record is counted as written all the
// same. The cure: then it waits for one.
#include "zoo.hpp"

using namespace std::chrono_literals;

namespace zoo::three_rare_events {

struct plan {
    bool is_fixed = false;
    std::uint64_t written = 0;
    std::uint64_t taken = 0;
};
struct record {
    std::uint64_t number;
};

constexpr tina::role replica_role{"replica"};

struct replica {
    using accepts = tina::messages<record>;
    tina::isolate run(tina::context) {
        for (;;) static_cast<void>(co_yield tina::receive<record>());
    }
};

tina::isolate writer(tina::context self, plan* known) {
    constexpr std::uint64_t left_alone_for = 150;
    std::array<std::uint64_t, 3> left_alone_until{};
    static_cast<void>(co_yield tina::sleep(1ms));
    for (std::uint64_t number = 1; number <= 1000; ++number) {
        bool is_taken = false;
        for (std::uint32_t i = 0; i < 3 && !is_taken; ++i) {
            const auto target = self.whereis(replica_role, i + 1);
            if (number < left_alone_until[i] || !target) continue;
            is_taken = self.send(*target, record{number}) == tina::send_result::ok;
            if (!is_taken) left_alone_until[i] = number + left_alone_for;
        }
        if (!is_taken && known->is_fixed) {
            left_alone_until = {};
            --number;
            static_cast<void>(co_yield tina::sleep(1ms));
            continue;
        }
        known->taken += is_taken ? 1 : 0;
        ++known->written;
        static_cast<void>(co_yield tina::sleep(20us));
    }
}

void play(tina::sim::world& world, bool is_fixed) {
    plan known{.is_fixed = is_fixed};
    const auto child = tina::child<replica>(tina::permanent).role(replica_role);
    world.machine("store", system({tina::type<writer>({.slots = 1}), tina::type<replica>({.slots = 1})},
                                  {shard({tina::child<writer>(tina::transient, &known)}), shard({child}),
                                   shard({child}), shard({child})}));
    world.faults({.channel_full = {1, 1000, tina::types<writer>}});
    world.always("what is written was taken", [&] { return known.written == known.taken; });
    world.run_for(100ms);
}

ZOO_ANIMAL(three_rare_events, "three rare events in a row lose a record")

}  // namespace zoo::three_rare_events
